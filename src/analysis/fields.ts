/** The names of what the runs of an experiment have. */
import { type SQL, sql } from 'drizzle-orm'
import type { Scope } from '../db/database.ts'
import { contains } from '../search/sql.ts'

export const FIELD_KINDS = ['metrics', 'params', 'tags'] as const
export type FieldKind = (typeof FIELD_KINDS)[number]

/** Of how many runs params and tags are looked at, the newest first: each run has them all in one value. */
export const RUNS_READ = 1_000

export interface FieldQuery {
  experimentId: string
  kind: FieldKind
  /** What the name contains. */
  q?: string | undefined
  /** The last name of the page before. */
  after?: string | undefined
  limit: number
}

/** Names by their bytes; one row more than `limit` when there is a next page. */
export function listFields({ db, workspace }: Scope, query: FieldQuery) {
  const { experimentId, kind, q, after, limit } = query
  const own = (table: string) =>
    sql`${sql.raw(table)}.workspace_id = ${workspace} and ${sql.raw(table)}.experiment_id = ${experimentId}::uuid`
  return db.execute<{ name: string }>(sql`
    with recursive ${kind === 'metrics' ? metricNames(own('series')) : namedOf(kind, own('runs'))}
    select name from names
    where name is not null ${q === undefined ? sql`` : sql`and ${contains(sql`name`, q)}`}
      ${after === undefined ? sql`` : sql`and name collate "C" > ${after}::text`}
    order by name collate "C" limit ${limit + 1}::int`)
}

/**
 * Each name is found behind the one before it in the index `series_metric_idx`, so that series are not counted: 12,000 names
 * take as long with 20 million series as with as many as names. The order of the index is that of the database, which need
 * not be that of bytes: all names are gone through for each page.
 */
const metricNames = (own: SQL) => sql`names (name) as (
  (select name::text from series where ${own} and rank = 0 and newest order by series.name limit 1)
  union all
  select (
    select series.name::text from series where ${own} and rank = 0 and newest and series.name > names.name
    order by series.name limit 1
  )
  from names where names.name is not null
)`

const namedOf = (kind: 'params' | 'tags', own: SQL) => sql`names (name) as (
  select distinct name
  from (
    select ${sql.raw(kind)} as named from runs where ${own} and deleted_at is null
    order by started_at desc, id desc limit ${RUNS_READ}::int
  ) as newest
  cross join lateral jsonb_object_keys(named) as name
)`
