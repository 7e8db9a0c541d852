import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'
import { series } from '../db/schema.ts'
import type { SeriesOfCall } from './call.ts'
import type { ChunkRow } from './chunk.ts'
import { doubleText } from './double.ts'
import { CHUNK_COLUMNS, column, columnsOf, NOTHING, pack } from './packing.ts'

/** Where a page of series begins: after this one. */
export interface SeriesCursor {
  name: string
  rank: number
}

/** Lazy statements on series and their points; a batch or a unit of work sends them. */
export class MetricRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /** The summaries of a run's series, by name, then rank. */
  summaries(runId: string, { after, limit }: { after?: SeriesCursor | undefined; limit: number }) {
    const name = sql`${series.name} collate "C"`
    return this.#db
      .select()
      .from(series)
      .where(
        and(this.#isOf(runId), after && sql`(${name}, ${series.rank}) > (${after.name}, ${after.rank}::int)`),
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
          sql`${series.workspaceId} = ${this.#scope.workspace} and ${series.runId} = any(${sql.param(runIds)}::uuid[])`,
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
      .where(and(this.#isOf(runId), eq(series.name, name), eq(series.rank, rank)))
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
        ${form.nodeBits}, ${form.summaryCounts}, ${form.nodeCounts}, ${form.stepWidths}, ${form.timeWidths}, ${starts}, ${packed}
      )) end as logged
      from runs where runs.workspace_id = ${this.#scope.workspace} and runs.id = ${runId}::uuid`)
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
        where ${this.#isOf(runId)} and name = ${name} and rank = ${rank}::int
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

  #isOf(runId: string): SQL {
    return sql`(${series.workspaceId} = ${this.#scope.workspace} and ${series.runId} = ${runId}::uuid)`
  }
}
