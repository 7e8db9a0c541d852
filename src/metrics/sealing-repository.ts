import { sql } from 'drizzle-orm'
import type { Db } from '../db/database.ts'
import type { Chunk, ChunkRow } from './chunk.ts'
import { CHUNK_COLUMNS, column, columnsOf, pack } from './packing.ts'

/** A chunk that waits to be merged, with its key. */
export interface WaitingRow extends ChunkRow {
  series_id: string
  last_step: string
  id: string
  arrived: string
}

/** Lazy statements of sealing, which is done for all workspaces alike and shows nothing of what it moves. */
export class SealingRepository {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /**
   * Chunks of some series that wait to be merged, of fewer than `below` points each where that is given: as many of
   * them, in order, as take `bytes` on their way here.
   */
  waiting(seriesIds: string[], bytes: number, below?: number) {
    return this.#db.execute<WaitingRow>(sql`
      select series_id, last_step, id, arrived, ${CHUNK_COLUMNS}
      from (
        select *, sum(
          -- Keys and numbers, and bytes as base64.
          200 + 1.4 * (octet_length(values) + coalesce(octet_length(steps), 0) + coalesce(octet_length(times), 0))
        ) over (order by series_id, last_step, id) as total
        from chunks
        where series_id = any(${sql.param(seriesIds)}::bigint[]) and not sealed
          ${below === undefined ? sql`` : sql`and count < ${below}::int`}
      ) as chunks
      where total <= ${bytes}::int
      order by series_id, last_step, id`)
  }

  /**
   * Series whose waiting chunks are to be merged, those with the most of them first: there are `many`, or nothing has
   * come for five minutes and it is worth it: what would be added to the largest of them is an eighth of it, or it is
   * `full` itself. After an hour, or a day where the points are `few`, what is left is sealed as it is (`quiet`).
   */
  due({ many, few, full }: { many: number; few: number; full: number }, points: number) {
    return this.#db.execute<{ series_id: string; quiet: boolean }>(sql`
      with waiting as (
        select series_id, count(*) as chunks, sum(count) as points, max(count) as largest,
          extract(epoch from now()) * 1000 - max(arrived) as age
        from chunks
        where not sealed group by series_id
      ),
      judged as (
        select *, age > case when points < ${few}::int then 86_400_000 else 3_600_000 end as quiet from waiting
      ),
      due as (
        select series_id, quiet, points, sum(points) over (order by chunks desc, series_id) as total
        from judged
        where quiet or chunks >= ${many}::int
          or age > 300_000 and ((points - largest) * 8 >= largest or largest >= ${full}::int)
      )
      select series_id, quiet from due where total <= ${points}::int or total = points`)
  }

  /** How much waits to be merged: chunks, and series that have such. */
  state() {
    return this.#db.execute<{ waiting_chunks: number; waiting_series: number }>(sql`
      select count(*)::int as waiting_chunks, count(distinct series_id)::int as waiting_series
      from chunks where not sealed`)
  }

  /** What a point takes on disk, index and free space included. Looks at every series. */
  bytesPerPoint() {
    return this.#db.execute<{ bytes_per_point: number | null }>(sql`
      select round(pg_total_relation_size('chunks') / nullif(sum(count), 0), 1)::float8 as bytes_per_point from series`)
  }

  /**
   * Puts chunks in the place of others that hold the same points, series by series, where nobody else has done so
   * in the meantime. Gives one row: for how many series it was done.
   */
  replace(old: WaitingRow[], come: { seriesId: string; arrived: number; sealed: boolean; chunk: Chunk }[]) {
    const chunks = come.map(({ chunk }) => chunk)
    const form = columnsOf(chunks)
    const { starts, packed } = pack(chunks)
    return this.#db.execute<{ replaced: string }>(sql`
      select replaced from replace_chunks(
        ${column(old, ({ series_id }) => series_id)}, ${column(old, ({ last_step }) => last_step)},
        ${column(old, ({ id }) => id)},
        ${column(come, ({ seriesId }) => seriesId)}, ${column(come, ({ arrived }) => arrived)},
        ${column(come, ({ sealed }) => sealed)},
        ${form.counts}, ${form.firstSteps}, ${form.lastSteps}, ${form.strides},
        ${form.earliests}, ${form.latests}, ${form.timeStrides},
        ${form.nodeBits}, ${form.summaryCounts}, ${form.nodeCounts}, ${form.stepWidths}, ${form.timeWidths}, ${starts}, ${packed}
      )`)
  }
}
