/**
 * MLflow's own server on a database of the same Postgres, at its best: with the database driver and the event loop
 * that are fastest for it, without its background jobs, over kept connections for short calls and over new ones for
 * long calls, which then go to whichever of its workers is free.
 *
 * As it comes, an answer on a kept connection takes 40 ms longer, because Nagle's algorithm is on and an answer's body
 * waits for its head to be acknowledged: uvicorn makes the socket of several workers without naming its protocol, and
 * asyncio sets TCP_NODELAY only where the protocol is named. uvloop sets it always, so that nothing waits, whatever
 * the client does.
 */
import path from 'node:path'
import type pg from 'pg'
import { freePort } from '../local/ports.ts'
import { type Bench, expect } from './bench.ts'
import { answers } from './edgerun.ts'
import { Http } from './http.ts'
import { drive, type Shot } from './load.ts'
import { batches, metricNames, mlflowTail } from './points.ts'
import { createDatabase } from './postgres.ts'
import { startServer } from './server.ts'
import { install, venv } from './venv.ts'

const VENV = venv('mlflow')
/** Has MLflow's client, once its server was started. */
export const PYTHON = path.join(VENV, 'bin/python')
const PACKAGES = ['mlflow==3.17.*', 'psycopg[binary]', 'uvloop', 'httptools']
const API = '/api/2.0/mlflow'

/** As Edgerun's, with what follows the run's id in a body. */
interface Ingest {
  runs: string[]
  tails: string[]
  pointsPerCall: number
  seconds: number
}

export class Mlflow {
  readonly database: pg.Pool
  /** For short calls. */
  readonly http: Http
  readonly #fresh: Http
  #experiment = ''

  private constructor(url: string, database: pg.Pool) {
    this.http = new Http(url, { keepAlive: true })
    this.#fresh = new Http(url, { keepAlive: false })
    this.database = database
  }

  /** @param postgres the URL of a database whose server it shares */
  static async start(bench: Bench, postgres: string): Promise<Mlflow> {
    await install('mlflow', PACKAGES)
    const folder = await bench.folder('mlflow')
    const { url: store, pool } = await createDatabase(bench, postgres, 'mlflow')
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const options = [
      '--host=127.0.0.1',
      `--port=${port}`,
      '--workers=4',
      `--default-artifact-root=${folder}`,
      `--artifacts-destination=${path.join(folder, 'artifacts')}`,
    ]
    await startServer(bench, {
      name: 'mlflow',
      command: [path.join(VENV, 'bin/mlflow'), 'server', ...options],
      env: {
        ...process.env,
        // Not on the command line, which everybody on the machine can read: it holds a password.
        MLFLOW_BACKEND_STORE_URI: store.replace('postgres://', 'postgresql+psycopg://'),
        MLFLOW_DISABLE_TELEMETRY: 'true',
        DO_NOT_TRACK: 'true',
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
      },
      folder,
      ready: () => answers(fetch(`${url}/health`)),
    })
    const mlflow = new Mlflow(url, pool)
    await mlflow.#warmUp(bench)
    return mlflow
  }

  async #warmUp(bench: Bench): Promise<void> {
    this.#experiment = (
      await this.#post<{ experiment_id: string }>('experiments/create', { name: 'bench' })
    ).experiment_id
    // So many at once that each of its workers gets some.
    const runs = await this.createRuns(16)
    const tails = batches(2, metricNames(10), 20).map(mlflowTail)
    await this.ingest(bench, 'log-batch', { runs, tails, pointsPerCall: 200, seconds: 3 })
  }

  #post<T>(route: string, value: unknown): Promise<T> {
    return this.http.json('POST', `${API}/${route}`, value)
  }

  async createRun(): Promise<string> {
    const content = { experiment_id: this.#experiment, start_time: Date.now() }
    return (await this.#post<{ run: { info: { run_id: string } } }>('runs/create', content)).run.info.run_id
  }

  createRuns(count: number): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.createRun()))
  }

  /** The address of what its page shows of the metrics of a run. */
  pageOf = (run: string): string =>
    `${this.http.url}/#/experiments/${this.#experiment}/runs/${run}/model-metrics`

  async getRun(run: string): Promise<{ metrics: unknown[]; params: unknown[] }> {
    const path = `${API}/runs/get?run_id=${run}`
    type Answer = { run: { data: { metrics: unknown[]; params: unknown[] } } }
    return (await this.http.json<Answer>('GET', path)).run.data
  }

  /** @param content what log-batch takes beside the run's id */
  logBatch(run: string, content: object): Promise<object> {
    return this.#post('runs/log-batch', { run_id: run, ...content })
  }

  /**
   * Gives each run a metric of so many points, at the steps from 0 on. By SQL, as log-batch leaves them in the tables:
   * only reading is measured then, and through the API 100,000 points take half a minute.
   */
  async fill(runs: string[], key: string, points: number): Promise<void> {
    const columns = '(key, value, timestamp, run_uuid, step, is_nan)'
    await this.database.query(
      `insert into metrics ${columns}
       select $1, exp(-step / 20000.0) * (1 + 0.1 * random()), 1750000000000 + step * 250, run, step, false
       from unnest($2::text[]) as run, generate_series(0, $3::int - 1) as step`,
      [key, runs, points],
    )
    await this.database.query(
      `insert into latest_metrics ${columns}
       select key, value, timestamp, run_uuid, step, is_nan
       from metrics where key = $1 and run_uuid = any($2) and step = $3`,
      [key, runs, points - 1],
    )
    // Autovacuum would come in a minute: from then on the planner knows what there is.
    await this.database.query('vacuum analyze metrics')
  }

  /**
   * What its page draws of a metric of some runs: so many points of each, by the route that is meant for it.
   *
   * @returns how many points came
   */
  async readChart(runs: string[], key: string, points: number): Promise<number> {
    const query = new URLSearchParams(runs.map((run) => ['run_ids', run]))
    query.set('metric_key', key)
    query.set('max_results', `${points}`)
    const path = `/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?${query}`
    return (await this.http.json<{ metrics: unknown[] }>('GET', path)).metrics.length
  }

  /** How many points a metric has, read in pages of the size that MLflow's own client asks for. */
  async readHistory(run: string, key: string): Promise<number> {
    let count = 0
    for (let token: string | undefined; ; ) {
      const query = new URLSearchParams({ run_id: run, metric_key: key, max_results: '25000' })
      if (token !== undefined) query.set('page_token', token)
      const path = `${API}/metrics/get-history?${query}`
      const page = await this.http.json<{ metrics: unknown[]; next_page_token?: string }>('GET', path)
      count += page.metrics.length
      token = page.next_page_token
      if (!token) return count
    }
  }

  /** As `Edgerun.ingest`. */
  async ingest(bench: Bench, route: 'log-batch' | 'log-metric', load: Ingest): Promise<Shot> {
    const { runs, tails, pointsPerCall, seconds } = load
    const http = route === 'log-batch' ? this.#fresh : this.http
    const writers = runs.map((run) => (i: number) => {
      const tail = tails[i]
      if (tail === undefined) return undefined
      return http.send('POST', `${API}/runs/${route}`, `{"run_id":"${run}",${tail}`)
    })
    const shot = await drive(bench, writers, seconds)
    const count = 'select count(*)::int as count from metrics where run_uuid = any($1)'
    const { rows } = await this.database.query<{ count: number }>(count, [runs])
    expect('points in MLflow', rows[0]?.count, shot.calls * pointsPerCall)
    return shot
  }
}
