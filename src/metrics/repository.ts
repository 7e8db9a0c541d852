import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'
import { series } from '../db/schema.ts'
import { type Attempt, isOfAttempt, UNTIL } from './attempts.ts'
import type { SeriesOfCall } from './call.ts'
import type { ChunkRow } from './chunk.ts'
import { doubleText } from './double.ts'
import { CHUNK_COLUMNS, column, columnsOf, NOTHING, pack } from './packing.ts'

/** Where a page of series begins: after this one. */
export interface SeriesCursor {
  name: string
  rank: number
  attempt: number
}

/** A chunk, of which only the points before step `until` count; all of them where that is null. */
export interface HistoryRow extends ChunkRow {
  until: string | null
}

/** Lazy statements on series and their points; a batch or a unit of work sends them. */
export class MetricRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /** The summaries of a run's series, by name, rank and attempt; `newest` are those of the newest attempts. */
  summaries(
    runId: string,
    {
      attempt = 'newest',
      after,
      limit,
    }: { attempt?: Attempt | 'all'; after?: SeriesCursor | undefined; limit: number },
  ) {
    const name = sql`${series.name} collate "C"`
    return this.#db
      .select()
      .from(series)
      .where(
        and(
          this.#isOf(runId),
          attempt === 'newest' ? series.newest : isOfAttempt(attempt),
          after &&
            sql`(${name}, ${series.rank}, ${series.attempt}) > (${after.name}, ${after.rank}::int, ${after.attempt}::int)`,
        ),
      )
      .orderBy(name, series.rank, series.attempt)
      .limit(limit)
  }

  /** How many points a metric has in each of some runs, of rank 0: those that `history` has of its newest attempts. */
  counts(runIds: string[], name: string) {
    return this.#db.execute<{ run_id: string; count: number }>(sql`
      select run_id, sum(case when until is null then count else (
        select coalesce(sum(case when chunks.last_step < until then chunks.count else (
          -- Of the few chunks that lie on both sides.
          select count(*) from points_of(
            0, chunks.count, chunks.count, chunks.first_step, chunks.stride, chunks.steps,
            chunks.earliest, chunks.latest, chunks.time_stride, chunks.times, chunks.values
          ) as point where point.step < until
        ) end), 0)
        from chunks where chunks.series_id = part.id and chunks.first_step < until
      ) end)::float8 as count
      from (
        select series.id, series.run_id, series.count, ${UNTIL} as until from series
        where series.workspace_id = ${this.#scope.workspace} and series.run_id = any(${sql.param(runIds)}::uuid[])
          and series.name = ${name} and series.rank = 0
        -- Or the end is looked for at each place where it stands.
        offset 0
      ) as part
      group by run_id`)
  }

  /** One series of a metric and rank, of any attempt where it is `newest`; if there is one. */
  find(runId: string, name: string, rank: number, attempt: Attempt) {
    return this.#db
      .select({ id: series.id })
      .from(series)
      .where(and(this.#isOf(runId), eq(series.name, name), eq(series.rank, rank), isOfAttempt(attempt)))
      .limit(1)
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
    const attempts = call.some(({ attempt }) => attempt > 0) ? of(({ attempt }) => attempt) : sql`null`
    return this.#db.execute<{ deleted: boolean; logged: [stored: number, due: string | null] | null }>(sql`
      select runs.deleted_at is not null as deleted, case when ${condition} then (
        select json_build_array(stored, array_to_string(due, ',')) from log_points(
        runs.workspace_id, runs.id, runs.alive_at, runs.heartbeat_timeout, runs.status_reason, ${this.#scope.limits.MAX_SERIES_PER_RUN}::int, ${of(({ name }) => name)}, ${of(({ rank }) => rank)},
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
        ${form.nodeBits}, ${form.summaryCounts}, ${form.nodeCounts}, ${form.stepWidths}, ${form.timeWidths}, ${starts}, ${packed},
        ${attempts}::int[]
      )) end as logged
      from runs where runs.workspace_id = ${this.#scope.workspace} and runs.id = ${runId}::uuid`)
  }

  /**
   * The chunks that a page of the points of a metric comes from, attempt by attempt, each with the step before which its
   * attempt ends: those that begin no later than a step up to which there are, in one of the attempts, more than `limit`
   * points in chunks that lie wholly behind the page's beginning and before that attempt's end.
   */
  history(
    runId: string,
    name: string,
    rank: number,
    attempt: Attempt,
    { from, to, limit }: { from: bigint; to: bigint; limit: number },
  ) {
    return this.#db.execute<HistoryRow>(sql`
      with part as materialized (
        select series.id, ${attempt === 'newest' ? UNTIL : sql`null::bigint`} as until
        from series
        where ${this.#isOf(runId)} and series.name = ${name} and series.rank = ${rank}::int and ${isOfAttempt(attempt)}
        order by series.attempt
      ),
      reach as materialized (
        select min(ahead.last_step) as last_step
        from part cross join lateral (
          select last_step from (
            select last_step, sum(count) over (order by last_step, id) as points
            from chunks
            where series_id = part.id and first_step > ${from} and first_step <= ${to}
              -- follows from the above, and lets the index skip what lies before
              and last_step > ${from}
              and (part.until is null or last_step < part.until)
          ) as ahead
          where points > ${limit}::int order by last_step limit 1
        ) as ahead
      )
      select chunk.*, part.until
      from part cross join lateral (
        select ${CHUNK_COLUMNS}
        from chunks
        where series_id = part.id and last_step >= ${from}
          and first_step <= least((select last_step from reach), ${to}::bigint)
          and (part.until is null or first_step < part.until)
        order by last_step, id
      ) as chunk`)
  }

  #isOf(runId: string): SQL {
    return sql`(${series.workspaceId} = ${this.#scope.workspace} and ${series.runId} = ${runId}::uuid)`
  }
}
