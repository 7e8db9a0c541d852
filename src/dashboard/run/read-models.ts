/** Models that a run has logged, and versions that were registered of it, as MLflow's routes tell them. */

import type { WireValue } from '../api.ts'
import { request } from '../api.ts'

export interface LoggedModel {
  info: {
    model_id: string
    name: string
    status: string
    model_type?: string
    creation_timestamp_ms: number
    artifact_uri: string
  }
  data: {
    params?: { key: string; value: string }[]
    metrics?: { key: string; value: WireValue; step: number; dataset_name?: string }[]
  }
}

export interface ModelVersion {
  name: string
  version: string
  current_stage?: string
}

/** Ids as MLflow writes them. */
const hex = (id: string) => id.replaceAll('-', '')

export async function modelsOf(experiment: string, run: string): Promise<LoggedModel[]> {
  const answer = await request('/api/2.0/mlflow/logged-models/search', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ experiment_ids: [hex(experiment)], filter: `source_run_id = '${hex(run)}'` }),
  })
  const { models = [] } = (await answer.json()) as { models?: LoggedModel[] }
  return models
}

export async function versionsOf(run: string): Promise<ModelVersion[]> {
  const query = new URLSearchParams({ filter: `run_id = '${hex(run)}'`, max_results: '200' })
  const answer = await request(`/api/2.0/mlflow/model-versions/search?${query}`)
  const { model_versions: versions = [] } = (await answer.json()) as { model_versions?: ModelVersion[] }
  return versions
}
