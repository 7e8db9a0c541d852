import type { Answer, Tracker } from './tracker.ts'

/** What a failure looks like to MLflow's clients. */
export interface Failure {
  error_code: string
  message: string
}

export interface RunOfMlflow {
  info: {
    run_id: string
    run_uuid: string
    run_name?: string
    experiment_id: string
    user_id: string
    status: string
    start_time: number
    end_time?: number
    artifact_uri: string
    lifecycle_stage: string
  }
  data: {
    metrics?: { key: string; value: number | string; timestamp: number; step: number }[]
    params?: { key: string; value: string }[]
    tags?: { key: string; value: string }[]
  }
  inputs: {
    dataset_inputs?: { tags?: { key: string; value: string }[]; dataset: Record<string, string> }[]
    model_inputs?: { model_id: string }[]
  }
  outputs: { model_outputs?: { model_id: string; step: number }[] }
}

export interface ExperimentOfMlflow {
  experiment_id: string
  name: string
  artifact_location: string
  lifecycle_stage: string
  creation_time: number
  last_update_time: number
  tags?: { key: string; value: string }[]
}

/** Speaks MLflow's API of a tracker. */
export class MlflowClient {
  readonly #tracker: () => Tracker
  readonly #prefix: string

  constructor(tracker: () => Tracker, prefix = '/api/2.0/mlflow') {
    this.#tracker = tracker
    this.#prefix = prefix
  }

  post<T = Failure>(path: string, body: unknown): Promise<Answer<T>> {
    return this.#tracker().post<T>(this.#prefix + path, body)
  }

  get<T = Failure>(path: string, query: Record<string, string> = {}): Promise<Answer<T>> {
    return this.#tracker().get<T>(`${this.#prefix}${path}?${new URLSearchParams(query)}`)
  }

  patch<T = Failure>(path: string, body: unknown): Promise<Answer<T>> {
    return this.#tracker().patch<T>(this.#prefix + path, body)
  }

  delete<T = Failure>(path: string, body?: unknown): Promise<Answer<T>> {
    return this.#tracker().send<T>('DELETE', this.#prefix + path, body)
  }

  async createExperiment(name: string, rest: object = {}): Promise<string> {
    const { body } = await this.post<{ experiment_id: string }>('/experiments/create', { name, ...rest })
    return body.experiment_id
  }

  async createRun(experiment_id: string, rest: object = {}): Promise<RunOfMlflow> {
    const { body } = await this.post<{ run: RunOfMlflow }>('/runs/create', {
      experiment_id,
      start_time: 1_700_000_000_000,
      ...rest,
    })
    return body.run
  }

  async getRun(run_id: string): Promise<RunOfMlflow> {
    const { body } = await this.get<{ run: RunOfMlflow }>('/runs/get', { run_id })
    return body.run
  }

  async search(body: object): Promise<{ runs: RunOfMlflow[]; next: string | undefined }> {
    const answer = await this.post<{ runs?: RunOfMlflow[]; next_page_token?: string }>('/runs/search', body)
    if (answer.status !== 200) throw new Error(answer.text)
    return { runs: answer.body.runs ?? [], next: answer.body.next_page_token }
  }
}

/** Pairs of a wire as an object. */
export const named = <T>(pairs: { key: string; value: T }[] = []): Record<string, T> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, value]))

/** What MLflow adds to whatever it says of a field. */
export const HINT = ' See the API docs for more information about request parameters.'

/** What a request is refused with, in short. */
export const failure = ({ status, body }: { status: number; body: Failure }) => [
  status,
  body.error_code,
  body.message,
]
export const invalid = (message: string) => [400, 'INVALID_PARAMETER_VALUE', message]
