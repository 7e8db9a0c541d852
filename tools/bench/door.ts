/** MLflow's REST API as its clients speak it: Edgerun and MLflow's own server get the same requests. */
import type { Http } from './http.ts'

const API = '/api/2.0/mlflow'

/** What `mlflow.start_run()` sends along. */
const TAGS = [
  { key: 'mlflow.user', value: 'alice' },
  { key: 'mlflow.source.name', value: 'train.py' },
  { key: 'mlflow.source.type', value: 'LOCAL' },
]

/** What runs are searched for. */
export interface Search {
  experiment_ids: string[]
  filter: string
  order_by: string[]
  max_results: number
  page_token?: string | undefined
}

interface WireRun {
  info: { run_id: string; run_name: string }
  data: { metrics?: unknown[]; params?: unknown[]; tags?: unknown[] }
}

export class Door {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  #post<T>(route: string, value: unknown): Promise<T> {
    return this.#http.json('POST', `${API}/${route}`, value)
  }

  async createExperiment(name: string): Promise<string> {
    return (await this.#post<{ experiment_id: string }>('experiments/create', { name })).experiment_id
  }

  async createRun(experiment: string): Promise<string> {
    const name = 'brave-crane-17'
    const { run } = await this.#post<{ run: WireRun }>('runs/create', {
      experiment_id: experiment,
      user_id: 'alice',
      run_name: name,
      start_time: Date.now(),
      tags: [...TAGS, { key: 'mlflow.runName', value: name }],
    })
    return run.info.run_id
  }

  /** @returns how many metrics and params, and how many tags, it shows */
  async getRun(run: string): Promise<{ logged: number; tags: number }> {
    const { data } = (await this.#http.json<{ run: WireRun }>('GET', `${API}/runs/get?run_id=${run}`)).run
    const { metrics = [], params = [], tags = [] } = data
    return { logged: metrics.length + params.length, tags: tags.length }
  }

  /** @param tail the body after the run's id */
  async logBatch(run: string, tail: string): Promise<void> {
    await this.#http.send('POST', `${API}/runs/log-batch`, `{"run_id":"${run}",${tail}`)
  }

  /** A page of runs, by their names, and the token of the next one. */
  async search(query: Search): Promise<{ names: string[]; metrics: number; next: string | undefined }> {
    type Page = { runs?: WireRun[]; next_page_token?: string }
    const { runs = [], next_page_token: next } = await this.#post<Page>('runs/search', query)
    return {
      names: runs.map(({ info }) => info.run_name),
      metrics: runs.reduce((sum, { data }) => sum + (data.metrics?.length ?? 0), 0),
      next: next || undefined,
    }
  }
}
