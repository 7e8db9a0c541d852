/**
 * Runs put straight into the tables of both trackers, the same ones, as their APIs leave them there: through MLflow's
 * API 2,000 of them take a minute. What a search does not look at is left out: the points of which each metric's
 * latest value is the last.
 */
import type pg from 'pg'
import { type Batch, points } from './points.ts'

export const METRICS = 10
const PARAMS = 5

/** Into how many equal parts a param splits the runs. */
export const CHOICES = 4

const NOW = 1_750_000_000_000

/** Columns of a run that is finished, `run` being its number: a second after the one before it. */
const NAME = "'run ' || run"
const STARTED = `${NOW} + run * 1000::bigint`
/** As either tracker makes ids: MLflow's are random, and Edgerun's begin with the time (UUID version 7). */
const MLFLOW_ID = "md5($1::text || ' ' || run)"
const EDGERUN_ID = `(lpad(to_hex(${STARTED}), 12, '0') || '7' || substr(${MLFLOW_ID}, 1, 3) || '8'
  || substr(${MLFLOW_ID}, 4, 15))::uuid`
/** Values from 0 to 1, of which no two metrics have to do with each other. */
const VALUE = '(hashint8extended(run, metric) & 4503599627370495) / 4503599627370496::float8'
const CHOICE = `'choice ' || (hashint8extended(run, 100 + param) & ${CHOICES - 1})`
const RUNS = 'generate_series(1, $2::int) as run'
const EACH_METRIC = `${RUNS}, generate_series(0, ${METRICS - 1}) as metric`
const EACH_PARAM = `${RUNS}, generate_series(0, ${PARAMS - 1}) as param`

/** @param experiment its id as MLflow's API has it */
export async function fillEdgerun(pool: pg.Pool, experiment: string, count: number): Promise<void> {
  await pool.query(
    `insert into runs (workspace_id, id, experiment_id, name, status, started_at, ended_at, user_id, params, creation_hash)
     select 1, ${EDGERUN_ID}, $1::text::uuid, ${NAME}, 'completed', to_timestamp((${STARTED}) / 1000.0),
       to_timestamp((${STARTED}) / 1000.0 + 60), 'alice',
       (select jsonb_object_agg('param_' || param, ${CHOICE}) from generate_series(0, ${PARAMS - 1}) as param), ''
     from ${RUNS}`,
    [experiment, count],
  )
  const point = (kind: string) => `${kind}_step, ${kind}_value, ${kind}_time`
  await pool.query(
    `insert into series (workspace_id, run_id, name, count, calls, ${point('last')}, ${point('min')}, ${point('max')})
     select 1, ${EDGERUN_ID}, 'metric_' || metric, 1, 1, 0, value, time, 0, value, time, 0, value, time
     from (select run, metric, ${VALUE} as value, ${STARTED} as time from ${EACH_METRIC}) as logged
     order by run, metric`,
    [experiment, count],
  )
  // Autovacuum would come in a minute: from then on the planner knows what there is.
  await pool.query('vacuum analyze runs, series')
}

export async function fillMlflow(pool: pg.Pool, experiment: string, count: number): Promise<void> {
  for (const statement of [
    `insert into runs (run_uuid, experiment_id, name, user_id, status, start_time, end_time, lifecycle_stage,
       artifact_uri, source_type, source_name, entry_point_name, source_version)
     select ${MLFLOW_ID}, $1::text::int, ${NAME}, 'alice', 'FINISHED', ${STARTED}, ${STARTED} + 60000, 'active',
       '/tmp/artifacts/' || ${MLFLOW_ID} || '/artifacts', 'UNKNOWN', '', '', ''
     from ${RUNS}`,
    `insert into tags (run_uuid, key, value) select ${MLFLOW_ID}, 'mlflow.runName', ${NAME} from ${RUNS}`,
    `insert into params (run_uuid, key, value) select ${MLFLOW_ID}, 'param_' || param, ${CHOICE} from ${EACH_PARAM}`,
    `insert into latest_metrics (run_uuid, key, value, timestamp, step, is_nan)
     select ${MLFLOW_ID}, 'metric_' || metric, ${VALUE}, ${STARTED}, 0, false from ${EACH_METRIC}`,
  ]) {
    await pool.query(statement, [experiment, count])
  }
  await pool.query('vacuum analyze runs, tags, params, latest_metrics')
}

/** Puts the points of one metric into MLflow's tables. */
export async function fillHistory(pool: pg.Pool, run: string, batches: Batch[]): Promise<void> {
  const all = batches.flatMap(points)
  const columns = '(run_uuid, key, step, value, timestamp, is_nan)'
  await pool.query(
    `insert into metrics ${columns}
     select $1, $2, *, false from unnest($3::bigint[], $4::float8[], $5::bigint[])`,
    [
      run,
      all[0]?.name,
      all.map(({ step }) => step),
      all.map(({ value }) => value),
      all.map(({ time }) => time),
    ],
  )
  await pool.query(
    `insert into latest_metrics ${columns}
     select run_uuid, key, step, value, timestamp, is_nan from metrics
     where run_uuid = $1 order by step desc limit 1`,
    [run],
  )
  await pool.query('vacuum analyze metrics')
}
