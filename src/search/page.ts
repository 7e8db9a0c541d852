/** Pages of rows that come whole: no more of them than an answer of the database holds, but one in any case. */
import { type SQL, sql } from 'drizzle-orm'
import { writeCursor } from './cursor.ts'
import type { OrderKey } from './sql.ts'
import { after, cursorOf, orderBy } from './sql.ts'

/**
 * The largest page, in bytes: an answer of the database has to hold it, Neon's limit is 10 MiB, and a quote in a text is
 * twice as long there.
 */
const MAX_PAGE_BYTES = 4 * 1024 * 1024

/** How many rows are read before it is looked whether the page is full; then four times as many, and so on. */
const FIRST_WAVE = 128

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

/** The statement of a page whose rows are a JSON value each: as `wholeRows`. */
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
  const found = sql`
    select ${key} as key, ${cursorOf(order)} as cursor
    from ${from} where ${all.length === 0 ? sql`true` : sql.join(all, sql` and `)}
    order by ${orderBy(order)} limit ${limit + 1}::int`
  return wholeRows({
    found,
    columns: sql`${row} as row`,
    read,
    size: sql`octet_length(page.row::text)`,
    limit,
  })
}

/**
 * The statement of a page: one row more than `limit` when there is another page, or fewer and one, whose `cut` is true,
 * when more of them would be too much for one answer. Rows are found first and read then, so that what is not on the
 * page is not put together: of many that are large, no more than some waves of them.
 *
 * @param found gives `key` and `cursor` of no more than `limit` + 1 rows in order
 * @param columns what is read of a row, and `read` where: a join of `placed`, which has its key
 * @param size the bytes of a row of `page`, which has the columns
 */
export function wholeRows({
  found,
  columns,
  read,
  size,
  limit,
}: {
  found: SQL
  columns: SQL
  read: SQL
  size: SQL
  limit: number
}): SQL {
  const names: SQL[] = []
  const waves: SQL[] = []
  for (let begin = 0, length = FIRST_WAVE; begin <= limit; begin += length, length *= 4) {
    const name = sql.raw(`wave_${waves.length}`)
    const total = sql.join(
      names.map((before) => sql`(select coalesce(sum(bytes), 0) from ${before})`),
      sql` + `,
    )
    waves.push(sql`${name} as materialized (
      select page.*, ${size} as bytes
      from (
        select ${columns}, placed.cursor, placed.place from placed join ${read}
        where placed.place > ${begin}::int and placed.place <= ${begin + length}::int
          ${names.length === 0 ? sql`` : sql`and ${total} <= ${MAX_PAGE_BYTES}::int`}
        -- Keeps it a query of its own: else what a row is made of is put together once more to see how large it is.
        offset 0
      ) as page
    )`)
    names.push(name)
  }
  return sql`
    with found as materialized (${found}),
    placed as materialized (select *, row_number() over () as place from found),
    ${sql.join(waves, sql`, `)},
    sized as (
      select *, sum(bytes) over (order by place) > ${MAX_PAGE_BYTES}::int and place > 1 as cut
      from (${sql.join(
        names.map((name) => sql`select * from ${name}`),
        sql` union all `,
      )}) as page
    )
    select * from sized where not cut or place = (select min(place) from sized where cut) order by place`
}

/** The rows that a page keeps, and the cursor of the page after it, if there is one. */
export function pageOf<Row extends Placed>(rows: Row[], limit: number) {
  const kept = rows.filter(({ cut }) => !cut).slice(0, limit)
  const last = kept.at(-1)
  return { kept, next: last && kept.length < rows.length ? writeCursor(last.cursor) : undefined }
}
