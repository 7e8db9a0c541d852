/** How logged models, and the metrics that runs log of them, look to MLflow's clients. */

import { modelLocation } from '../artifacts/location.ts'
import { experimentId, hexId, uuidOf } from '../ids.ts'
import { rawJson, wireValue } from '../metrics/wire.ts'
import type { ModelMetric } from '../models/repository.ts'
import type { LoggedModel, ModelStatus } from '../models/rows.ts'
import { doesNotExist, invalidParameter, MlflowError } from './errors.ts'
import type { Metric } from './points.ts'
import { checkLength } from './validation.ts'
import { pairs } from './wire.ts'

/** By their numbers. */
export const WIRE_STATUSES = [
  'LOGGED_MODEL_STATUS_UNSPECIFIED',
  'LOGGED_MODEL_PENDING',
  'LOGGED_MODEL_READY',
  'LOGGED_MODEL_UPLOAD_FAILED',
] as const
type WireStatus = (typeof WIRE_STATUSES)[number]

const TO_WIRE: Record<ModelStatus, WireStatus> = {
  UNSPECIFIED: 'LOGGED_MODEL_STATUS_UNSPECIFIED',
  PENDING: 'LOGGED_MODEL_PENDING',
  READY: 'LOGGED_MODEL_READY',
  FAILED: 'LOGGED_MODEL_UPLOAD_FAILED',
}

const FROM_WIRE: Record<WireStatus, ModelStatus> = {
  LOGGED_MODEL_STATUS_UNSPECIFIED: 'UNSPECIFIED',
  LOGGED_MODEL_PENDING: 'PENDING',
  LOGGED_MODEL_READY: 'READY',
  LOGGED_MODEL_UPLOAD_FAILED: 'FAILED',
}

/** The status of a name or number on this wire. */
export const statusNamed = (status: WireStatus | number): ModelStatus =>
  FROM_WIRE[typeof status === 'number' ? (WIRE_STATUSES[status] ?? WIRE_STATUSES[0]) : status]

export const noLoggedModel = (id: string) => doesNotExist(`Logged model with ID '${id}' not found.`)

/** The UUID of a logged model by its id on this wire; undefined for what can be none. */
export const modelUuid = (id: string): string | undefined =>
  id.startsWith('m-') ? uuidOf(id.slice(2)) : undefined

/** The UUID of a logged model. */
export function modelOf(id: string): string {
  const uuid = modelUuid(id)
  if (uuid === undefined) throw noLoggedModel(id)
  return uuid
}

export const modelId = (uuid: string) => `m-${hexId(uuid)}`

export function loggedModel(row: LoggedModel) {
  const id = modelId(row.id)
  const tags = pairs(row.tags)
  const params = pairs(row.params)
  const metrics = (row.metrics ?? []).map(([key, value, step, time, run, name, digest]) => ({
    key,
    value: wireValue(Number(value)),
    timestamp: time,
    step: rawJson(step),
    ...(name !== null && { dataset_name: name }),
    ...(digest !== null && { dataset_digest: digest }),
    model_id: id,
    run_id: hexId(run),
  }))
  return {
    info: {
      model_id: id,
      experiment_id: experimentId(row.experiment_id),
      name: row.name,
      creation_timestamp_ms: row.created,
      last_updated_timestamp_ms: row.updated,
      artifact_uri: modelLocation(row.experiment_id, row.id, row.artifact_location),
      status: TO_WIRE[row.status],
      ...(row.model_type !== null && { model_type: row.model_type }),
      ...(row.source_run_id !== null && { source_run_id: row.source_run_id }),
      ...(row.status_message !== null && { status_message: row.status_message }),
      ...(tags.length > 0 && { tags }),
    },
    data: { ...(params.length > 0 && { params }), ...(metrics.length > 0 && { metrics }) },
  }
}

/**
 * Those of the metrics of a request that are of logged models.
 *
 * @throws MlflowError when a model can be none, or only half of a dataset is named
 */
export function modelMetrics(metrics: Metric[]): ModelMetric[] {
  return metrics.flatMap(({ modelId, datasetName, datasetDigest, ...point }) => {
    if ((datasetName === undefined) !== (datasetDigest === undefined)) {
      throw invalidParameter('Both dataset_name and dataset_digest must be provided if one is provided')
    }
    if (modelId === undefined) return []
    const uuid = modelUuid(modelId)
    // The code that MLflow has for what its database refuses.
    if (uuid === undefined)
      throw new MlflowError('BAD_REQUEST', `Logged model with ID '${modelId}' not found.`)
    checkLength('dataset_name', 500, datasetName ?? '')
    checkLength('dataset_digest', 36, datasetDigest ?? '')
    return [{ ...point, modelId: uuid, datasetName, datasetDigest }]
  })
}
