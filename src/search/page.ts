/** Pages of rows that come whole: no more of them than an answer of the database holds. */
import { type SQL, sql } from 'drizzle-orm'
import { writeCursor } from './cursor.ts'
import type { OrderKey } from './sql.ts'
import { after, cursorOf, orderBy } from './sql.ts'

/** The largest page, in bytes: an answer of the database has to hold it, and Neon's limit is 10 MiB. */
export const MAX_PAGE_BYTES = 6 * 1024 * 1024

/** What a row of a page has beside: the cursor of what follows it, and whether it is there only to say that it does. */
export interface Placed {
  cursor: (string | null)[]
  cut: boolean
}

export interface PageQuery {
  /** The key of a row, under its name in the table. */
  key: SQL
  /** The table, and what is joined to it to find and order its rows. */
  from: SQL
  conditions: SQL[]
  order: OrderKey[]
  /** The values of the keys of the last row before the page. */
  after?: (string | null)[] | undefined
  limit: number
  /** A row as one JSON value, and where it is read once it is found: `placed` has its `key`. */
  row: SQL
  read: SQL
}

/**
 * The statement of a page: one row more than `limit` when there is another page, or fewer and one, whose `cut` is true,
 * when more of them would be too much for one answer. Rows are found first and read then, so that what is not on the
 * page is not put together.
 */
export function pageStatement({
  key,
  from,
  conditions,
  order,
  after: values,
  limit,
  row,
  read,
}: PageQuery): SQL {
  const all = values === undefined ? conditions : [...conditions, after(order, values)]
  return sql`
    with found as materialized (
      select ${key} as key, ${cursorOf(order)} as cursor
      from ${from} where ${all.length === 0 ? sql`true` : sql.join(all, sql` and `)}
      order by ${orderBy(order)} limit ${limit + 1}::int
    ),
    placed as (select *, row_number() over () as place from found),
    page as materialized (select ${row} as row, placed.cursor, placed.place from placed join ${read}),
    sized as (
      select *, sum(octet_length(page.row::text)) over (order by place) > ${MAX_PAGE_BYTES}::int and place > 1 as cut
      from page
    )
    select * from sized where not cut or place = (select min(place) from sized where cut) order by place`
}

/** The rows that a page keeps, and the cursor of the page after it, if there is one. */
export function pageOf<Row extends Placed>(rows: Row[], limit: number) {
  const kept = rows.filter(({ cut }) => !cut).slice(0, limit)
  const last = kept.at(-1)
  return { kept, next: last && kept.length < rows.length ? writeCursor(last.cursor) : undefined }
}
