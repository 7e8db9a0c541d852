import { and, eq, sql } from 'drizzle-orm'
import type { Db } from '../db/database.ts'
import { runs, series } from '../db/schema.ts'
import type { SeriesPoints } from './points.ts'

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

  /** The summaries of all series of a run, by name, then rank. */
  summaries(runId: string) {
    return this.#db
      .select()
      .from(series)
      .where(eq(series.runId, runId))
      .orderBy(sql`${series.name} collate "C"`, series.rank)
  }

  /** The series of one metric and rank, if there is one. */
  find(runId: string, name: string, rank: number) {
    return this.#db
      .select({ id: series.id })
      .from(series)
      .where(and(eq(series.runId, runId), eq(series.name, name), eq(series.rank, rank)))
  }

  /**
   * The statements that store points, each once, whatever else is stored at the same time; to be sent in one
   * transaction, in this order. The last one gives one row, `stored` points of a run that is `known`.
   *
   * Two calls with the same series take its lock in turn, so the later one sees what the earlier one stored. Every
   * multi-row lock is taken in order of name and rank: in any other order, writers with the same names in different
   * orders deadlock. A run that does not exist violates the foreign key of its first series.
   *
   * @param now epoch milliseconds, the time of points that came without one
   */
  store(runId: string, points: SeriesPoints[], now: number) {
    const key = {
      names: sql.param(points.map(({ name }) => name)),
      ranks: sql.param(array(points.map(({ rank }) => rank))),
    }
    return [
      this.#insertSeries(runId, key),
      this.#lockSeries(runId, key),
      this.#insertPoints(runId, key, points, now),
    ] as const
  }

  #insertSeries(runId: string, { names, ranks }: Key) {
    return this.#db.execute(sql`
      insert into series (run_id, name, rank)
      select ${runId}::uuid, call.name, call.rank
      from unnest(${names}::text[], ${ranks}::int[]) as call (name, rank)
      where not exists (
        select from series where run_id = ${runId}::uuid and series.name = call.name and series.rank = call.rank
      )
      order by call.name collate "C", call.rank
      on conflict (run_id, name, rank) do nothing`)
  }

  #lockSeries(runId: string, { names, ranks }: Key) {
    return this.#db.execute(sql`
      select from series
      join unnest(${names}::text[], ${ranks}::int[]) as call (name, rank)
        on series.name = call.name and series.rank = call.rank
      where series.run_id = ${runId}::uuid
      order by call.name collate "C", call.rank
      for no key update of series`)
  }

  #insertPoints(runId: string, { names, ranks }: Key, points: SeriesPoints[], now: number) {
    const index = array(points.flatMap(({ steps }, i) => steps.map(() => i + 1)))
    const steps = array(points.flatMap((one) => one.steps))
    const values = array(points.flatMap((one) => one.values.map(doubleText)))
    const times = array(points.flatMap((one) => one.times.map((time) => time ?? 'null')))
    return this.#db.execute<{ stored: string; known: boolean }>(sql`
      with call as materialized (
        select series.id, series.last_step, named.index
        from unnest(${names}::text[], ${ranks}::int[]) with ordinality as named (name, rank, index)
        join series on series.run_id = ${runId}::uuid and series.name = named.name and series.rank = named.rank
      ),
      arrived as materialized (
        select call.id, call.last_step, point.step, point.value, point.time
        from unnest(${index}::bigint[], ${steps}::bigint[], ${values}::float8[], ${times}::bigint[])
          as point (index, step, value, time)
        join call using (index)
      ),
      -- Only a step that is not past the end of its series can be there already: a call that appends opens no chunk.
      overlap as (
        select id, min(step) as first_step, max(step) as last_step from arrived
        where step <= last_step group by id
      ),
      present as materialized (
        select overlap.id, point.step, point.value, point.time
        from overlap
        join chunks on chunks.series_id = overlap.id
          and chunks.last_step >= overlap.first_step and chunks.first_step <= overlap.last_step
        cross join unnest(chunks.steps, chunks.values, chunks.times) as point (step, value, time)
        where point.step between overlap.first_step and overlap.last_step
      ),
      fresh as materialized (
        select id, step, value, coalesce(time, ${now}::bigint) as time from arrived
        where not exists (
          select from present
          where present.id = arrived.id and present.step = arrived.step and present.value = arrived.value
            -- -0 equals 0, and is another value
            and (arrived.value <> 0 or present.value::text = arrived.value::text)
            and (arrived.time is null or present.time = arrived.time)
        )
      ),
      stored as (
        insert into chunks (series_id, first_step, last_step, count, steps, values, times)
        select id, min(step), max(step), count(*),
          array_agg(step order by ${pointOrder}), array_agg(value order by ${pointOrder}),
          array_agg(time order by ${pointOrder})
        from fresh group by id
        returning series_id, count, steps[count] as step, values[count] as value, times[count] as time
      ),
      lowest as (
        select distinct on (id) * from fresh where ${finite} order by id, value, step, time
      ),
      highest as (
        select distinct on (id) * from fresh where ${finite} order by id, value desc, step, time
      ),
      summarized as (
        update series set
          count = series.count + stored.count,
          (last_step, last_value, last_time) = (
            select step, value, time from (
              values (series.last_step, series.last_value, series.last_time), (stored.step, stored.value, stored.time)
            ) as point (step, value, time)
            where step is not null
            order by step desc, time desc, float8send(value) desc limit 1
          ),
          (min_step, min_value, min_time) = (
            select step, value, time from (
              values (series.min_step, series.min_value, series.min_time), (lowest.step, lowest.value, lowest.time)
            ) as point (step, value, time)
            order by value nulls last, step, time limit 1
          ),
          (max_step, max_value, max_time) = (
            select step, value, time from (
              values (series.max_step, series.max_value, series.max_time), (highest.step, highest.value, highest.time)
            ) as point (step, value, time)
            order by value desc nulls last, step, time limit 1
          )
        from stored
        left join lowest on lowest.id = stored.series_id
        left join highest on highest.id = stored.series_id
        where series.id = stored.series_id
      )
      select coalesce((select sum(count) from stored), 0) as stored,
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
      cross join unnest(chunks.steps, chunks.values, chunks.times) as point (step, value, time)
      where point.step between ${from} and bounds.last_step and ${isAfter}
      order by ${pointOrder}
      limit ${limit + 1}::int`)
  }
}

/** The names and ranks of a call's series, as two array parameters. */
type Key = Record<'names' | 'ranks', ReturnType<typeof sql.param>>

/** By step, then time; then by bits, because a page must be able to begin between 0 and -0. */
const pointOrder = sql.raw('step, time, float8send(value)')

const finite = sql.raw(`value not in ('NaN', 'Infinity', '-Infinity')`)

/** A Postgres array in its text form; Drizzle would make a parameter of each element. */
const array = (items: (string | number)[]) => `{${items.join(',')}}`

/** A double as Postgres reads it back bit by bit; JavaScript writes -0 as 0. */
const doubleText = (value: number) => (Object.is(value, -0) ? '-0' : String(value))

/** The IEEE 754 bits of a double in hexadecimal, as float8send() has them. */
export function doubleBits(value: number): string {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return view.getBigUint64(0).toString(16).padStart(16, '0')
}
