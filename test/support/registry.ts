import type { MlflowClient } from './mlflow.ts'

export interface VersionOfMlflow {
  name: string
  version: string
  creation_timestamp: number
  last_updated_timestamp: number
  current_stage: string
  description?: string
  source: string
  run_id: string
  run_link: string
  status: string
  tags?: { key: string; value: string }[]
  aliases?: string[]
}

export interface ModelOfMlflow {
  name: string
  creation_timestamp: number
  last_updated_timestamp: number
  description?: string
  latest_versions?: VersionOfMlflow[]
  tags?: { key: string; value: string }[]
  aliases?: { alias: string; version: string }[]
}

/** A place in a store elsewhere, as which a version may have any. */
export const SOURCE = 's3://bucket/model'

/** Speaks the part of MLflow's API that is the model registry. */
export class Registry {
  readonly #mlflow: MlflowClient

  constructor(mlflow: MlflowClient) {
    this.#mlflow = mlflow
  }

  /** Creates a model with some versions. */
  async model(name: string, versions = 0, rest: object = {}): Promise<string> {
    await this.#mlflow.post('/registered-models/create', { name, ...rest })
    for (let i = 0; i < versions; i++) await this.version(name)
    return name
  }

  async version(name: string, rest: object = {}): Promise<VersionOfMlflow> {
    const { body, text } = await this.#mlflow.post<{ model_version?: VersionOfMlflow }>(
      '/model-versions/create',
      {
        name,
        source: SOURCE,
        ...rest,
      },
    )
    if (!body.model_version) throw new Error(text)
    return body.model_version
  }

  async get(name: string): Promise<ModelOfMlflow> {
    const { body } = await this.#mlflow.get<{ registered_model: ModelOfMlflow }>('/registered-models/get', {
      name,
    })
    return body.registered_model
  }

  async getVersion(name: string, version: string): Promise<VersionOfMlflow> {
    const { body } = await this.#mlflow.get<{ model_version: VersionOfMlflow }>('/model-versions/get', {
      name,
      version,
    })
    return body.model_version
  }

  /** The numbers of all versions of a model, lowest first. */
  async numbers(name: string): Promise<number[]> {
    const { body } = await this.#mlflow.get<{ model_versions?: VersionOfMlflow[] }>(
      '/model-versions/search',
      {
        filter: `name = '${name}'`,
        order_by: 'version_number ASC',
      },
    )
    return body.model_versions?.map(({ version }) => Number(version)) ?? []
  }
}

/** What is said of a model or version that is not there, as `failure` has it. */
export const noModel = (name: string) => [
  404,
  'RESOURCE_DOES_NOT_EXIST',
  `Registered Model with name=${name} not found`,
]
export const noVersion = (name: string, version: string | number) => [
  404,
  'RESOURCE_DOES_NOT_EXIST',
  `Model Version (name=${name}, version=${version}) not found`,
]
