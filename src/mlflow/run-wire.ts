/** How a run looks to MLflow's clients. */

import { runLocation } from '../artifacts/location.ts'
import type { RunRow } from '../db/schema.ts'
import { experimentId, hexId } from '../ids.ts'
import { rawJson } from '../metrics/wire.ts'
import type { FullRun, ListedRun } from '../runs/search.ts'
import { pairs } from './wire.ts'

export const STATUSES = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const
export type Status = (typeof STATUSES)[number]

const TO_WIRE: Record<RunRow['status'], Status> = {
  running: 'RUNNING',
  scheduled: 'SCHEDULED',
  completed: 'FINISHED',
  failed: 'FAILED',
  killed: 'KILLED',
}

const FROM_WIRE: Record<Status, RunRow['status']> = {
  RUNNING: 'running',
  SCHEDULED: 'scheduled',
  FINISHED: 'completed',
  FAILED: 'failed',
  KILLED: 'killed',
}

export const statusOf = (status: Status) => FROM_WIRE[status]

/** Tags of this API that are columns of a run. */
export const RUN_NAME = 'mlflow.runName'
export const PARENT_RUN = 'mlflow.parentRunId'
/** A tag that is kept as such, and sets a column: MLflow's API has no word for it. */
export const HEARTBEAT_TIMEOUT = 'edgerun.heartbeat_timeout'

export const runInfo = (row: ListedRun) => {
  const id = hexId(row.id)
  return {
    run_uuid: id,
    run_id: id,
    ...(row.name !== null && { run_name: row.name }),
    experiment_id: experimentId(row.experiment_id),
    user_id: row.user_id ?? '',
    status: TO_WIRE[row.status],
    start_time: Number(row.started),
    // Its client takes 0 for no end.
    ...(Number(row.ended) !== 0 && { end_time: Number(row.ended) }),
    artifact_uri: runLocation(row.experiment_id, row.id, row.artifact_uri),
    lifecycle_stage: row.deleted ? 'deleted' : 'active',
  }
}

/** The tags of a run, with those that are columns everywhere else. */
const runTags = (row: ListedRun) => ({
  ...(row.name !== null && { [RUN_NAME]: row.name }),
  ...(row.parent_run_id !== null && { [PARENT_RUN]: hexId(row.parent_run_id) }),
  ...row.tags,
})

/** A run that was just created, as JSON text. */
export const newRun = (row: ListedRun): string =>
  `{"info":${JSON.stringify(runInfo(row))},"data":{${tagsText(row).join(',')}},"inputs":{}}`

const tagsText = (row: ListedRun) => listText('tags', pairs(runTags(row)))

/** A run as JSON text. */
export function run(row: FullRun): string {
  const params = pairs(row.params)
  const models = Map.groupBy(row.models ?? [], ({ role }) => role)
  const inputs = models.get('input')?.map(({ model_id }) => ({ model_id })) ?? []
  const outputs =
    models.get('output')?.map(({ model_id, step }) => ({ model_id, step: rawJson(step ?? '0') })) ?? []
  const datasets = (row.datasets ?? []).map(({ tags, schema, profile, ...dataset }) => ({
    ...(tags.length > 0 && { tags }),
    dataset: { ...dataset, ...(schema !== null && { schema }), ...(profile !== null && { profile }) },
  }))
  const metrics = row.metrics === null ? [] : [`"metrics":[${row.metrics}]`]
  const data = [...metrics, ...listText('params', params), ...tagsText(row)]
  const rest = {
    inputs: {
      ...(datasets.length > 0 && { dataset_inputs: datasets }),
      ...(inputs.length > 0 && { model_inputs: inputs }),
    },
    outputs: { ...(outputs.length > 0 && { model_outputs: outputs }) },
  }
  return `{"info":${JSON.stringify(runInfo(row))},"data":{${data.join(',')}},${JSON.stringify(rest).slice(1)}`
}

/** A field of JSON text; none where the list is empty, as protobuf has it. */
const listText = (name: string, list: unknown[]) =>
  list.length === 0 ? [] : [`"${name}":${JSON.stringify(list)}`]
