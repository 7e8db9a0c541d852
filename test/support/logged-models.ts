import type { MlflowClient } from './mlflow.ts'

export interface LoggedModelOfMlflow {
  info: {
    model_id: string
    experiment_id: string
    name: string
    creation_timestamp_ms: number
    last_updated_timestamp_ms: number
    artifact_uri: string
    status: string
    model_type: string
    source_run_id: string
    tags?: { key: string; value: string }[]
  }
  data: {
    params?: { key: string; value: string }[]
    metrics?: MetricOfModel[]
  }
}

export interface MetricOfModel {
  key: string
  value: number | string
  timestamp: number
  step: number
  model_id: string
  run_id: string
  dataset_name?: string
  dataset_digest?: string
}

/** An id that no logged model has. */
export const NOBODY = `m-${'0'.repeat(32)}`

/** Speaks the part of MLflow's API that is about logged models. */
export class LoggedModels {
  readonly #mlflow: MlflowClient

  constructor(mlflow: MlflowClient) {
    this.#mlflow = mlflow
  }

  async create(experiment_id: string, rest: object = {}): Promise<LoggedModelOfMlflow> {
    const { body, text } = await this.#mlflow.post<{ model?: LoggedModelOfMlflow }>('/logged-models', {
      experiment_id,
      ...rest,
    })
    if (!body.model) throw new Error(text)
    return body.model
  }

  async get(id: string): Promise<LoggedModelOfMlflow> {
    const { body } = await this.#mlflow.get<{ model: LoggedModelOfMlflow }>(`/logged-models/${id}`)
    return body.model
  }

  /** Logs a metric of a model; `rest` may have another step, time and a dataset. */
  async log(run_id: string, model_id: string, key: string, value: number | string, rest: object = {}) {
    return this.#mlflow.post('/runs/log-metric', { run_id, model_id, key, value, timestamp: 1_000, ...rest })
  }
}
