/** Runs in groups, and statistics of their metrics. */
import { type SQL, sql } from 'drizzle-orm'
import type { Scope } from '../db/database.ts'
import { chosen, type RunChoice } from '../runs/search.ts'
import type { Aggregate } from '../search/filter.ts'

export interface GroupQuery extends RunChoice {
  experimentIds: [string]
  /** What runs are grouped by, as text. */
  by: SQL
  metrics: string[]
  of: Aggregate
  limit: number
}

/** Numbers are text, which says more of them than JSON can. */
export interface GroupRow {
  value: string | null
  runs: number
  metrics:
    | [
        place: number,
        count: number,
        nonfinite: number,
        mean: string | null,
        halvedMean: string | null,
        deviation: string | null,
        halvedDeviation: string | null,
        min: string | null,
        max: string | null,
      ][]
    | null
}

/** Squares of values beyond `LARGE` overflow, at which Postgres fails: of those it gets `HALVED` of their size. */
const LARGE = 1e140
const HALVED = 2 ** 664
/** What is smaller than this changes nothing beside what is large, and cannot be made so much smaller. */
const SMALL = 1e100

/**
 * Has the rest of the transaction join by hashes: runs and their values come by the ten thousand. Where Postgres takes a new
 * experiment for a small one, it would go through the values of all runs for each run: 3.4 s with 10,000.
 */
export const joinByHash = ({ db }: Scope) =>
  db.execute(sql`select set_config('enable_nestloop', 'off', true)`)

/**
 * The largest groups of runs, then by value, what has none behind the rest; to be asked after `joinByHash`. NaN is the
 * greatest number in Postgres, so that what is below infinity is finite; where a run has no finite value, its lowest and
 * highest are null.
 */
export function groupRuns({ db, workspace }: Scope, query: GroupQuery) {
  const { by, metrics, of, limit } = query
  const value = sql.raw(`series.${of}_value`)
  const finite = sql`abs(${value}) < 'Infinity'`
  const small = sql`case when abs(${value}) < ${SMALL}::float8 then 0 else ${value} / ${HALVED}::float8 end`
  const few = sql`filter (where abs(${value}) < ${LARGE}::float8)`
  return db.execute<GroupRow & Record<string, unknown>>(sql`
    with chosen as materialized (
      -- Never null, for which no hash join looks.
      select runs.id, coalesce('=' || ${by}, '') as key
      from runs where ${sql.join(chosen(workspace, query), sql` and `)}
    ),
    groups as materialized (
      select key, count(*)::int as runs, row_number() over (order by count(*) desc, key = '', key collate "C") as place
      from chosen group by key order by place limit ${limit}::int
    ),
    numbers as materialized (
      select groups.place, asked.place as metric, json_build_array(
        asked.place, count(*) filter (where ${finite}), count(*) filter (where ${finite} is not true),
        avg(${value}) ${few}::text, avg(${small}) filter (where ${finite})::text,
        stddev_samp(${value}) ${few}::text, stddev_samp(${small}) filter (where ${finite})::text,
        min(${value}) filter (where ${finite})::text, max(${value}) filter (where ${finite})::text
      ) as statistics
      from series
      join unnest(${sql.param(metrics)}::text[]) with ordinality as asked (name, place) on asked.name = series.name
      join chosen on chosen.id = series.run_id
      join groups on groups.key = chosen.key
      where series.workspace_id = ${workspace} and series.experiment_id = ${query.experimentIds[0]}::uuid
        and series.name = any(${sql.param(metrics)}::text[]) and series.rank = 0 and series.newest
      group by groups.place, asked.place
    )
    select case when key = '' then null else substr(key, 2) end as value, runs,
      (select json_agg(statistics order by metric) from numbers where numbers.place = groups.place) as metrics
    from groups order by place`)
}

/** Statistics of a metric in a group; null where there are not enough finite values. */
export interface Statistics {
  count: number
  nonfinite: number
  mean: number | null
  stddev: number | null
  min: number | null
  max: number | null
}

/** The statistics of a group by the name of their metric. */
export function statisticsOf(row: GroupRow, metrics: string[]): [name: string, statistics: Statistics][] {
  const number = (text: string | null) => (text === null ? null : Number(text))
  return (row.metrics ?? []).map(([place, count, nonfinite, mean, halvedMean, dev, halvedDev, min, max]) => {
    const [low, high] = [number(min), number(max)]
    const isLarge = Math.max(Math.abs(low ?? 0), Math.abs(high ?? 0)) >= LARGE
    const whole = (text: string | null, halved: string | null) =>
      isLarge && halved !== null ? Number(halved) * HALVED : number(text)
    const statistics = {
      count,
      nonfinite,
      mean: whole(mean, halvedMean),
      stddev: whole(dev, halvedDev),
      min: low,
      max: high,
    }
    return [metrics[place - 1] ?? '', statistics]
  })
}
