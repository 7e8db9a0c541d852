/** In SQL what `src/ids.ts` does with ids. */
import { type AnyColumn, type SQL, sql } from 'drizzle-orm'
import { DEFAULT_EXPERIMENT } from '../ids.ts'

export const hexId = (id: SQL | AnyColumn): SQL => sql`replace(${id}::text, '-', '')`

export const experimentId = (id: SQL | AnyColumn): SQL =>
  sql`(case when ${id} = ${DEFAULT_EXPERIMENT}::uuid then '0' else ${hexId(id)} end)`
