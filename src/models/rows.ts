/** How logged models are read: each as one JSON value. */

import { type SQL, sql } from 'drizzle-orm'
import { experimentId, hexId } from '../db/ids.ts'
import type { LOGGED_MODEL_STATUSES } from '../db/schema.ts'

export type ModelStatus = (typeof LOGGED_MODEL_STATUSES)[number]

/** Name, value, step, time, run, and the dataset's name and digest. Numbers that JSON cannot hold come as text. */
export type ModelMetricRow = [
  name: string,
  value: string,
  step: string,
  time: number,
  run: string,
  datasetName: string | null,
  datasetDigest: string | null,
]

export interface LoggedModel {
  id: string
  experiment_id: string
  name: string
  artifact_location: string | null
  source_run_id: string | null
  model_type: string | null
  status: ModelStatus
  status_message: string | null
  /** Epoch milliseconds. */
  created: number
  updated: number
  params: Record<string, string>
  tags: Record<string, string>
  metrics: ModelMetricRow[] | null
}

/** How many metrics of a model are shown, the last ones that were logged: a model can be logged to for days. */
const SHOWN_METRICS = 10_000

const milliseconds = (column: SQL) => sql`(extract(epoch from ${column}) * 1000)::bigint`

/** Where the artifacts of `logged_models as m` lie, as `modelLocation` has it. */
export const MODEL_LOCATION = sql`coalesce(
  m.artifact_location,
  'mlflow-artifacts:/' || ${experimentId(sql`m.experiment_id`)} || '/models/m-' || ${hexId(sql`m.id`)} || '/artifacts'
)`

/** A row of `logged_models as m`. */
export const LOGGED_MODEL = sql`json_build_object(
  'id', m.id, 'experiment_id', m.experiment_id, 'name', m.name, 'artifact_location', m.artifact_location,
  'source_run_id', m.source_run_id, 'model_type', m.model_type, 'status', m.status,
  'status_message', m.status_message, 'created', ${milliseconds(sql`m.created_at`)},
  'updated', ${milliseconds(sql`m.updated_at`)}, 'params', m.params, 'tags', m.tags,
  'metrics', (
    select json_agg(json_build_array(
      name, value::text, step::text, time, run_id, dataset_name, dataset_digest
    ) order by id)
    from (
      select * from logged_model_metrics where logged_model_metrics.model_id = m.id
      order by id desc limit ${SHOWN_METRICS}::int
    ) as shown
  )
)`
