/** Runs put straight into the tables, for what takes too many requests. */
import type { Tracker } from '../system/support.ts'

interface Made {
  experiment: string
  runs: number
  /** Metrics of each run, called `m/0001` and so on. */
  metrics: number
  /** Metrics of the newest run alone, beside. */
  names?: number
}

/** Columns of a run, `run` being its number: the one with the highest is the newest. */
const ID = (experiment: string) =>
  `(lpad(to_hex(1750000000000 + run * 1000::bigint), 12, '0') || '7' || substr(md5('${experiment} ' || run), 1, 3) || '8'
    || substr(md5('${experiment} ' || run), 4, 15))::uuid`
const STARTED = `to_timestamp(1750000000 + run)`

/** Makes runs `run 1`, `run 2` … with params `lr`, `depth` and `model`, tags `host`, and metrics whose values follow from both numbers. */
export async function makeRuns(
  tracker: Tracker,
  { experiment, runs, metrics, names = 0 }: Made,
): Promise<void> {
  await tracker.query(`
    insert into runs (workspace_id, id, experiment_id, name, status, started_at, ended_at, params, tags, creation_hash)
    select 1, ${ID(experiment)}, '${experiment}', 'run ' || run, case when run % 7 = 0 then 'failed' else 'completed' end,
      ${STARTED}, ${STARTED} + interval '1 hour',
      jsonb_build_object('lr', (run % 5 + 1) / 10.0::float8, 'depth', run % 3 + 1, 'model', 'resnet' || (run % 2 * 16 + 18), 'seeded', true),
      jsonb_build_object('host', 'gpu-' || run % 4), ''
    from generate_series(1, ${runs}) as run`)
  const point = (kind: string) => `${kind}_step, ${kind}_value, ${kind}_time`
  // Without the trigger that looks for the experiment of each row: that takes most of the time.
  const series = (name: string, from: string) => `
    alter table series disable trigger series_experiment;
    insert into series (workspace_id, experiment_id, run_id, name, count, calls, ${point('last')}, ${point('min')}, ${point('max')})
    select 1, '${experiment}', ${ID(experiment)}, ${name}, 10, 1, 9, value, 0, 3, value / 2, 0, 5, value * 2, 0
    from (select *, (run * 31 + metric * 17) % 1000 / 1000.0 + 0.001 as value from ${from}) as logged
    order by run, metric;
    alter table series enable trigger series_experiment`
  if (metrics > 0) {
    await tracker.query(
      series(
        `'m/' || lpad(metric::text, 4, '0')`,
        `generate_series(1, ${runs}) as run, generate_series(1, ${metrics}) as metric`,
      ),
    )
  }
  if (names > 0) {
    await tracker.query(
      series(
        `'name/' || lpad(metric::text, 5, '0')`,
        `generate_series(${runs}, ${runs}) as run, generate_series(1, ${names}) as metric`,
      ),
    )
  }
  await tracker.query('vacuum analyze runs, series')
}
