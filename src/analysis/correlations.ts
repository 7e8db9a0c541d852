/** How params go with a metric. */
import { sql } from 'drizzle-orm'
import type { Scope } from '../db/database.ts'
import { chosen, type RunChoice } from '../runs/search.ts'
import type { Aggregate } from '../search/filter.ts'

export interface CorrelationQuery extends RunChoice {
  metric: string
  of: Aggregate
}

export interface CorrelationRow {
  param: string
  runs: number
  /** As text; null where one side is constant. */
  correlation: string | null
}

/** How many runs are looked at, the newest first. */
export const CORRELATED_RUNS = 10_000

/** How many have to have a param: in two of them any two things go together. */
export const FEWEST_RUNS = 3

/** How many params are told, those that go with the metric most. */
export const PARAMS_TOLD = 1_000

/**
 * Text that is a number, of a length that Postgres can read: `numeric` fails beyond some 130,000 digits, and a double beyond
 * 1e308. So texts are compared as `numeric`, and what is too large for a double is none.
 */
const NUMBER = '^[-+]?([0-9]{1,60}([.][0-9]{0,60})?|[.][0-9]{1,60})([eE][-+]?[0-9]{1,3})?$'

/**
 * Spearman's rank correlation of each numeric param with a metric: Pearson's of the ranks, where equal values share the mean
 * of their ranks. Ranks are those among the runs that have the param. NaN is the greatest number in Postgres, so that what
 * is below infinity is finite.
 */
export function correlate({ db, workspace }: Scope, query: CorrelationQuery) {
  const value = sql.raw(`series.${query.of}_value`)
  const midRank = (of: string) => {
    const column = sql.raw(of)
    return sql`rank() over (partition by param order by ${column})
      + (count(*) over (partition by param, ${column}) - 1) / 2::float8 as ${column}`
  }
  return db.execute<CorrelationRow & Record<string, unknown>>(sql`
    with chosen as materialized (
      select runs.params, held.value as y
      from runs
      -- One look into the index of each run's metrics: behind the limit, and not asking for rank 0 in so many words, for
      -- which there is the index of all runs by metric. Postgres takes a new experiment for a small one, and would go through
      -- the metric of all runs for each run: 9 s with 10,000.
      cross join lateral (
        select ${value} as value from series
        where series.workspace_id = runs.workspace_id and series.run_id = runs.id and series.name = ${query.metric}
          and series.rank < 1 and series.newest
        limit 1
      ) as held
      where ${sql.join(chosen(workspace, query), sql` and `)} and abs(held.value) < 'Infinity'
      order by runs.started_at desc, runs.id desc limit ${CORRELATED_RUNS}::int
    ),
    numbers as materialized (
      select param, y, case jsonb_typeof(held)
        when 'number' then held::numeric
        when 'string' then case when held #>> '{}' ~ ${NUMBER} then (held #>> '{}')::numeric end
      end as x
      from chosen cross join lateral jsonb_each(params) as given (param, held)
    ),
    ranked as (
      select param, ${midRank('x')}, ${midRank('y')} from numbers
      where abs(x) <= 1.7976931348623157e308
    )
    select param, count(*)::int as runs, corr(x, y)::text as correlation
    from ranked group by param having count(*) >= ${FEWEST_RUNS}::int
    order by abs(corr(x, y)) desc nulls last, param collate "C" limit ${PARAMS_TOLD}::int`)
}
