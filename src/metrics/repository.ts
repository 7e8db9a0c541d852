import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/database.ts'
import { runs, series } from '../db/schema.ts'
import { INT64_MIN } from '../http/schemas.ts'
import type { Call, Chunk, Gain } from './chunk.ts'
import { doubleText } from './double.ts'

/** Where a page of series begins: after this one. */
export interface SeriesCursor {
  name: string
  rank: number
}

/** The sort key of a point within its series: total, so that a page can begin after any point. */
export interface PointCursor {
  step: bigint
  /** Epoch milliseconds. */
  time: number
  /** The IEEE 754 bits of the value, in hexadecimal. */
  bits: string
}

export interface PointRow extends Record<string, unknown> {
  /** int64 in decimal. */
  step: string
  value: number
  /** Epoch milliseconds, in decimal. */
  time: string
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

  /** The series of one metric and rank, if there is one. */
  find(runId: string, name: string, rank: number) {
    return this.#db
      .select({ id: series.id })
      .from(series)
      .where(and(eq(series.runId, runId), eq(series.name, name), eq(series.rank, rank)))
  }

  /**
   * The statements that store the points of a call, each once, whatever else is stored at the same time; to be sent
   * in one transaction, in this order. The last one gives one row: how many points were `stored`, and whether the run
   * is `known`.
   *
   * Two calls with the same series take its lock in turn, so the later one sees what the earlier one stored. Every
   * multi-row lock is taken in order of name and rank: in any other order, writers with the same names in different
   * orders deadlock. A run that does not exist violates the foreign key of its first series.
   */
  store(runId: string, { gains, chunks: parts }: Call) {
    const names = column(gains, ({ name }) => name)
    const ranks = column(gains, ({ rank }) => rank)
    const insertSeries = this.#db.execute(sql`
      insert into series (run_id, name, rank)
      select ${runId}::uuid, call.name, call.rank
      from unnest(${names}::text[], ${ranks}::int[]) as call (name, rank)
      where not exists (
        select from series where run_id = ${runId}::uuid and series.name = call.name and series.rank = call.rank
      )
      order by call.name collate "C", call.rank
      on conflict (run_id, name, rank) do nothing`)
    const lockSeries = this.#db.execute(sql`
      select from series
      join unnest(${names}::text[], ${ranks}::int[]) as call (name, rank)
        on series.name = call.name and series.rank = call.rank
      where series.run_id = ${runId}::uuid
      order by call.name collate "C", call.rank
      for no key update of series`)
    return [insertSeries, lockSeries, this.#insertPoints(runId, gains, parts)] as const
  }

  /**
   * Stores points of series that are there and locked. A series whose points all lie behind its end gains chunks and
   * a summary as the Worker made them, and Postgres looks at no point. The points of the others are taken apart and
   * compared with those of the chunks that they reach into.
   */
  #insertPoints(runId: string, gains: Gain[], parts: Chunk[]) {
    const ofGain = <T extends string | number | bigint | null>(value: (gain: Gain) => T) =>
      column(gains, value)
    const ofPart = <T extends string | number | bigint | boolean | null>(value: (part: Chunk) => T) =>
      column(parts, value)
    return this.#db.execute<{ stored: string; known: boolean }>(sql`
      with gain as materialized (
        select series.id, call.*, coalesce(call.first_step > series.last_step, true) as appends
        from unnest(
          ${ofGain(({ name }) => name)}::text[], ${ofGain(({ rank }) => rank)}::int[],
          ${ofGain(({ count }) => count)}::bigint[], ${ofGain(({ firstStep }) => firstStep)}::bigint[],
          ${ofGain(({ last }) => last.step)}::bigint[], ${ofGain(({ last }) => doubleText(last.value))}::float8[],
          ${ofGain(({ last }) => last.time)}::bigint[],
          ${ofGain(({ min }) => min?.step ?? null)}::bigint[],
          ${ofGain(({ min }) => (min ? doubleText(min.value) : null))}::float8[],
          ${ofGain(({ min }) => min?.time ?? null)}::bigint[],
          ${ofGain(({ max }) => max?.step ?? null)}::bigint[],
          ${ofGain(({ max }) => (max ? doubleText(max.value) : null))}::float8[],
          ${ofGain(({ max }) => max?.time ?? null)}::bigint[]
        ) with ordinality as call (
          name, rank, count, first_step, last_step, last_value, last_time,
          min_step, min_value, min_time, max_step, max_value, max_time, index
        )
        join series on series.run_id = ${runId}::uuid and series.name = call.name and series.rank = call.rank
      ),
      part as materialized (
        select gain.id, gain.appends, call.*
        from unnest(
          ${ofPart(({ series }) => series)}::bigint[], ${ofPart(({ timed }) => timed)}::bool[],
          ${ofPart(({ count }) => count)}::int[],
          ${ofPart(({ firstStep }) => firstStep)}::bigint[], ${ofPart(({ lastStep }) => lastStep)}::bigint[],
          ${ofPart(({ stride }) => stride)}::bigint[], ${ofPart(({ steps }) => steps)}::text[],
          ${ofPart(({ values }) => values)}::text[],
          ${ofPart(({ firstTime }) => firstTime)}::bigint[],
          ${ofPart(({ timeStride }) => timeStride)}::bigint[], ${ofPart(({ times }) => times)}::text[]
        ) with ordinality as call (
          index, timed, count, first_step, last_step, stride, steps, values, first_time, time_stride, times, number
        )
        join gain using (index)
      ),
      appended as (
        insert into chunks
          (series_id, count, first_step, last_step, stride, steps, values, first_time, time_stride, times)
        select id, count, first_step, last_step, stride, steps::bigint[], values::float8[],
          first_time, time_stride, times::int[]
        from part where appends
      ),
      arrived as materialized (
        select part.id, part.number, part.timed, point.*
        from part cross join lateral ${pointsOf(sql`part`, { steps: sql`part.steps::bigint[]`, values: sql`part.values::float8[]`, times: sql`part.times::int[]` })} as point
        where not part.appends
      ),
      reach as (
        select id, array_agg(distinct step order by step) as steps, min(step) as first_step, max(step) as last_step
        from arrived group by id
      ),
      present as materialized (
        select reach.id, point.*
        from reach
        join chunks on chunks.series_id = reach.id
          and chunks.last_step >= reach.first_step and chunks.first_step <= reach.last_step
          -- Only where one of the steps lies in the chunk: more of them up to its end than before it begins.
          and case chunks.first_step when ${INT64_MIN}::bigint then true else
            width_bucket(chunks.last_step, reach.steps) > width_bucket(chunks.first_step - 1, reach.steps) end
        cross join lateral ${pointsOf(sql`chunks`)} as point
        where point.step between reach.first_step and reach.last_step
      ),
      fresh as materialized (
        select * from arrived
        where not exists (
          select from present
          where present.id = arrived.id and present.step = arrived.step and present.value = arrived.value
            -- -0 equals 0, and is another value
            and (arrived.value <> 0 or present.value::text = arrived.value::text)
            and (present.time = arrived.time or not arrived.timed)
        )
      ),
      merged as (
        insert into chunks (series_id, count, first_step, last_step, steps, values, first_time, times)
        select id, count(*), min(step), max(step), array_agg(step order by ${pointOrder}),
          array_agg(value order by ${pointOrder}), min(time),
          array_agg((time - earliest)::int order by ${pointOrder})
        from (select *, min(time) over (partition by id, number) as earliest from fresh) as fresh
        group by id, number
      ),
      latest as (
        select distinct on (id) * from fresh order by id, step desc, time desc, float8send(value) desc
      ),
      lowest as (
        select distinct on (id) * from fresh where ${finite} order by id, value, step, time
      ),
      highest as (
        select distinct on (id) * from fresh where ${finite} order by id, value desc, step, time
      ),
      gained as materialized (
        select id, count, last_step, last_value, last_time,
          min_step, min_value, min_time, max_step, max_value, max_time
        from gain where appends
        union all
        select latest.id, (select count(*) from fresh where fresh.id = latest.id),
          latest.step, latest.value, latest.time, lowest.step, lowest.value, lowest.time,
          highest.step, highest.value, highest.time
        from latest
        left join lowest on lowest.id = latest.id
        left join highest on highest.id = latest.id
      ),
      summarized as (
        update series set
          count = series.count + gained.count,
          (last_step, last_value, last_time) = (
            select step, value, time from (values
              (series.last_step, series.last_value, series.last_time),
              (gained.last_step, gained.last_value, gained.last_time)
            ) as point (step, value, time)
            where step is not null
            order by step desc, time desc, float8send(value) desc limit 1
          ),
          (min_step, min_value, min_time) = (
            select step, value, time from (values
              (series.min_step, series.min_value, series.min_time),
              (gained.min_step, gained.min_value, gained.min_time)
            ) as point (step, value, time)
            order by value nulls last, step, time limit 1
          ),
          (max_step, max_value, max_time) = (
            select step, value, time from (values
              (series.max_step, series.max_value, series.max_time),
              (gained.max_step, gained.max_value, gained.max_time)
            ) as point (step, value, time)
            order by value desc nulls last, step, time limit 1
          )
        from gained where series.id = gained.id
      )
      select coalesce((select sum(count) from gained), 0) as stored,
        exists (select from ${runs} where id = ${runId}::uuid) as known`)
  }

  /**
   * The points of a series by step, then time; `limit` of them, one more when there is a next page. Opens only the
   * chunks that such a page can come from: those that begin no later than a step up to which there are enough
   * points in chunks that lie wholly behind the page's beginning.
   */
  points(
    runId: string,
    name: string,
    rank: number,
    range: { from: bigint; to: bigint; after?: PointCursor | undefined; limit: number },
  ) {
    const { after, to, limit } = range
    const from =
      after === undefined ? range.from : sql`greatest(${range.from}::bigint, ${after.step}::bigint)`
    const isAfter =
      after === undefined
        ? sql`true`
        : sql`(point.step, point.time, float8send(point.value)) >
            (${after.step}::bigint, ${after.time}::bigint, decode(${after.bits}, 'hex'))`
    return this.#db.execute<PointRow>(sql`
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
      ),
      bounds as (
        select least(coalesce((select last_step from reach), ${to}::bigint), ${to}::bigint) as last_step
      )
      select point.step, point.value, point.time
      from bounds
      join chunks on chunks.series_id = (select id from of_series)
        and chunks.last_step >= ${from} and chunks.first_step <= bounds.last_step
      cross join lateral ${pointsOf(sql`chunks`)} as point
      where point.step between ${from} and bounds.last_step and ${isAfter}
      order by ${pointOrder}
      limit ${limit + 1}::int`)
  }
}

/**
 * The points of a chunk as rows (step, value, time), wherever its columns lie. Steps and times of equal distances are
 * not stored: they are the first one and the distance.
 */
function pointsOf(
  chunk: SQL,
  { steps, values, times }: Record<'steps' | 'values' | 'times', SQL> = {
    steps: sql`${chunk}.steps`,
    values: sql`${chunk}.values`,
    times: sql`${chunk}.times`,
  },
): SQL {
  return sql`(
    select coalesce(item.step, ${chunk}.first_step + (item.place - 1) * ${chunk}.stride) as step, item.value,
      ${chunk}.first_time + coalesce(item.time::bigint, (item.place - 1) * ${chunk}.time_stride) as time
    from unnest(${steps}, ${values}, ${times}) with ordinality as item (step, value, time, place)
  )`
}

/** By step, then time; then by bits, because a page must be able to begin between 0 and -0. */
const pointOrder = sql.raw('step, time, float8send(value)')

const finite = sql.raw(`value not in ('NaN', 'Infinity', '-Infinity')`)

/** One value of each item as one array parameter; Drizzle would make a parameter of each element. */
const column = <Item, T>(items: Item[], value: (item: Item) => T) => sql.param(items.map(value))
