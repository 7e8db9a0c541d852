import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/database.ts'
import { series } from '../db/schema.ts'
import type { SeriesOfCall } from './call.ts'
import { byteLength, type Chunk, type ChunkRow, summaryCount, writeChunk } from './chunk.ts'
import { doubleText } from './double.ts'

/** Where a page of series begins: after this one. */
export interface SeriesCursor {
  name: string
  rank: number
}

/** A chunk that waits to be merged, with its key. */
export interface WaitingRow extends ChunkRow {
  series_id: string
  last_step: string
  id: string
  arrived: string
}

/** Lazy statements on series and their points; a batch or a unit of work sends them. */
export class MetricRepository {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** The summaries of a run's series, by name, then rank. */
  summaries(runId: string, { after, limit }: { after?: SeriesCursor | undefined; limit: number }) {
    const name = sql`${series.name} collate "C"`
    return this.#db
      .select()
      .from(series)
      .where(
        and(
          eq(series.runId, runId),
          after && sql`(${name}, ${series.rank}) > (${after.name}, ${after.rank}::int)`,
        ),
      )
      .orderBy(name, series.rank)
      .limit(limit)
  }

  /** How many points a metric has in each of some runs, of rank 0. */
  counts(runIds: string[], name: string) {
    return this.#db
      .select({ runId: series.runId, count: series.count })
      .from(series)
      .where(
        and(
          sql`${series.runId} = any(${sql.param(runIds)}::uuid[])`,
          eq(series.name, name),
          eq(series.rank, 0),
        ),
      )
  }

  /** The series of one metric and rank, if there is one. */
  find(runId: string, name: string, rank: number) {
    return this.#db
      .select({ id: series.id })
      .from(series)
      .where(and(eq(series.runId, runId), eq(series.name, name), eq(series.rank, rank)))
  }

  /**
   * Stores the points of a call, each once, whatever else is stored at the same time. Gives one row, or none where there
   * is no such run: how many points were `stored`, and the series that are `due` to be merged, with commas between them;
   * null when the run is in the trash (`deleted`), or does not meet the condition. All of it is the function
   * `log_points`: why, its migration says.
   */
  log(runId: string, call: SeriesOfCall[], condition: SQL = sql`runs.deleted_at is null`) {
    const of = <T>(value: (series: SeriesOfCall) => T) => column(call, value)
    const chunks = call.map(({ chunk }) => chunk)
    const form = columnsOf(chunks)
    const tails = call.map(({ timed }) => (typeof timed === 'boolean' ? NOTHING : timed))
    const { starts, packed } = pack(chunks, tails)
    return this.#db.execute<{ deleted: boolean; logged: [stored: number, due: string | null] | null }>(sql`
      select runs.deleted_at is not null as deleted, case when ${condition} then (
        select json_build_array(stored, array_to_string(due, ',')) from log_points(
        ${runId}, ${of(({ name }) => name)}, ${of(({ rank }) => rank)},
        ${of(({ timed }) => (typeof timed === 'boolean' ? Number(timed) : 2))},
        ${form.counts}, ${form.firstSteps}, ${form.lastSteps}, ${form.strides},
        ${form.earliests}, ${form.latests}, ${form.timeStrides},
        ${of(({ chunk }) => doubleText(chunk.all.last.value))}, ${of(({ chunk }) => chunk.all.last.time)},
        ${of(({ chunk }) => chunk.all.min?.step)},
        ${of(({ chunk: { all } }) => all.min && doubleText(all.min.value))},
        ${of(({ chunk }) => chunk.all.min?.time)},
        ${of(({ chunk }) => chunk.all.max?.step)},
        ${of(({ chunk: { all } }) => all.max && doubleText(all.max.value))},
        ${of(({ chunk }) => chunk.all.max?.time)},
        ${form.nodeBits}, ${form.summaryCounts}, ${form.nodeCounts}, ${form.stepWidths}, ${form.timeWidths}, ${starts}, ${packed}
      )) end as logged
      from runs where runs.id = ${runId}::uuid`)
  }

  /**
   * The chunks that a page of the points of a series comes from: those that begin no later than a step up to which
   * there are more than `limit` points in chunks that lie wholly behind the page's beginning.
   */
  history(
    runId: string,
    name: string,
    rank: number,
    { from, to, limit }: { from: bigint; to: bigint; limit: number },
  ) {
    return this.#db.execute<ChunkRow>(sql`
      with of_series as materialized (
        select id from series
        where run_id = ${runId}::uuid and name = ${name} and rank = ${rank}::int
      ),
      reach as materialized (
        select last_step from (
          select last_step, sum(count) over (order by last_step, id) as points
          from chunks
          where series_id = (select id from of_series) and first_step > ${from} and first_step <= ${to}
            -- follows from the above, and lets the index skip what lies before
            and last_step > ${from}
        ) as ahead
        where points > ${limit}::int order by last_step limit 1
      )
      select ${CHUNK_COLUMNS}
      from chunks
      where series_id = (select id from of_series) and last_step >= ${from}
        and first_step <= least((select last_step from reach), ${to}::bigint)
      order by last_step, id`)
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

const NOTHING = new Uint8Array(0)

/** One value of each item as one array parameter; Drizzle would make a parameter of each element. */
const column = <Item, T>(items: Item[], value: (item: Item) => T) =>
  sql.param(items.map((item) => value(item) ?? null))

/** What the database has to know of chunks beside their bytes, one array parameter each. */
const columnsOf = (chunks: Chunk[]) => ({
  counts: column(chunks, ({ all }) => all.count),
  firstSteps: column(chunks, ({ all }) => all.first.step),
  lastSteps: column(chunks, ({ all }) => all.last.step),
  strides: column(chunks, ({ stride }) => stride),
  earliests: column(chunks, ({ all }) => all.earliest),
  latests: column(chunks, ({ all }) => all.latest),
  timeStrides: column(chunks, ({ timeStride }) => timeStride),
  nodeBits: column(chunks, ({ nodeBits }) => nodeBits),
  summaryCounts: column(chunks, summaryCount),
  nodeCounts: column(chunks, ({ nodes }) => nodes.length),
  stepWidths: column(chunks, ({ stepWidth }) => stepWidth),
  timeWidths: column(chunks, ({ timeWidth }) => timeWidth),
})

/**
 * The bytes of chunks one after another, each followed by its tail, as base64; and where each begins, counted from 1
 * as Postgres does.
 */
function pack(chunks: Chunk[], tails: Uint8Array[] = []): { starts: SQL; packed: string } {
  const lengths = chunks.map((chunk, i) => byteLength(chunk) + (tails[i]?.length ?? 0))
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  const view = new DataView(bytes.buffer)
  const starts: number[] = []
  let start = 0
  for (const [i, chunk] of chunks.entries()) {
    starts.push(start + 1)
    writeChunk(chunk, view, start)
    const tail = tails[i] ?? NOTHING
    start += lengths[i] ?? 0
    bytes.set(tail, start - tail.length)
  }
  return { starts: sql`${sql.param(starts)}`, packed: bytes.toBase64() }
}

/** What `readChunk` reads. */
export const CHUNK_COLUMNS = sql.raw(
  `count, first_step, stride, earliest, latest, time_stride, encode(steps, 'base64') as steps,
   encode(times, 'base64') as times, encode(values, 'base64') as values`,
)
