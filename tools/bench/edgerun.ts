/** Edgerun as `npm start` runs it, on an empty embedded Postgres in a folder of its own. */
import { access, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { bootstrapSecret } from '../local/access.ts'
import { PROJECT } from '../local/options.ts'
import { freePort } from '../local/ports.ts'
import { DATABASE, ROLE } from '../local/postgres/cluster.ts'
import { type Bench, expect } from './bench.ts'
import { Http } from './http.ts'
import { drive, type Shot } from './load.ts'
import { batches, columnsBody, metricNames, rowsBody } from './points.ts'
import { openPool } from './postgres.ts'
import { startServer } from './server.ts'

/**
 * How often the cron trigger fires, in seconds. Under `npm start` it is every minute, so that a measurement of a few
 * seconds would mostly escape it, and those of a rival would not.
 */
const CRON_SECONDS = 1

/** How many a chart is asked to have: as MLflow's page does. */
export const BUCKETS = 320

/** Writers that each log the same bodies, one after another, to a run of their own. */
export interface Ingest {
  runs: string[]
  bodies: Buffer[]
  pointsPerCall: number
  seconds: number
}

interface Points {
  step: (number | null)[]
  value: (number | null)[]
}

/** What the bench looks at in the answer of `GET /charts`. */
export interface Series {
  run_id: string
  buckets: {
    start: number[]
    count: number[]
    first: Points
    min: Points
    max: Points
    last: Points
  }
}

export class Edgerun {
  readonly http: Http
  readonly databaseUrl: string
  readonly database: pg.Pool
  readonly stop: () => Promise<void>
  #experiment = ''

  private constructor(http: Http, databaseUrl: string, database: pg.Pool, stop: () => Promise<void>) {
    this.http = http
    this.databaseUrl = databaseUrl
    this.database = database
    this.stop = stop
  }

  /** @param keys whether it asks for keys, and is driven with one */
  static async start(bench: Bench, { keys = false } = {}): Promise<Edgerun> {
    const folder = await bench.folder('edgerun')
    const port = await freePort()
    const { DATABASE_URL: _, ...env } = process.env
    const running = path.join(folder, 'running.json')
    const stop = await startServer(bench, {
      name: 'gateway',
      command: [process.execPath, path.join(PROJECT, 'tools/local/start.ts')],
      // As if npm had started it: then it ends by itself when we are killed.
      env: {
        ...env,
        PORT: `${port}`,
        EDGERUN_DATA: folder,
        EDGERUN_CRON_SECONDS: `${CRON_SECONDS}`,
        EDGERUN_KEYS: keys ? 'on' : 'off',
        // What is measured is not how fast it refuses.
        REQUESTS_PER_MINUTE: '1000000',
        npm_lifecycle_event: 'bench',
      },
      folder,
      ready: () => answers(access(running)),
    })
    const password = (await readFile(path.join(folder, 'postgres/password'), 'utf8')).trim()
    const lock = await readFile(path.join(folder, 'postgres/data/postmaster.pid'), 'utf8')
    const database = `postgres://${ROLE}:${password}@127.0.0.1:${lock.split('\n')[3]}/${DATABASE}`
    const url = `http://127.0.0.1:${port}`
    const headers = keys ? bearing(await newKey(url, await bootstrapSecret(folder))) : {}
    const http = new Http(url, { keepAlive: true, headers })
    const edgerun = new Edgerun(http, database, openPool(bench, database), stop)
    await edgerun.#warmUp(bench)
    return edgerun
  }

  /** Load that compiles what there is to compile. Nothing of it is left in the database. */
  async #warmUp(bench: Bench): Promise<void> {
    const experiment = async () => {
      const content = { name: 'bench', owner: 'bench' }
      return (await this.http.json<{ id: string }>('POST', '/experiments', content)).id
    }
    this.#experiment = await experiment()
    for (const [body, steps, calls] of [
      [rowsBody, 100, 150],
      [columnsBody, 1_000, 15],
    ] as const) {
      const bodies = batches(calls, metricNames(10), steps).map(body)
      const runs = await this.createRuns(4)
      await this.ingest(bench, { runs, bodies, pointsPerCall: 10 * steps, seconds: 2 })
      const chart = `/charts?runs=${runs.join()}&names=train/metric_0&buckets=${BUCKETS}`
      for (let i = 0; i < 20; i++) await this.http.send('GET', chart)
    }
    await this.http.send('DELETE', `/experiments/${this.#experiment}`)
    await this.database.query('vacuum')
    this.#experiment = await experiment()
  }

  async createRun(content: object = {}): Promise<string> {
    const path = `/experiments/${this.#experiment}/runs`
    return (await this.http.json<{ id: string }>('POST', path, content)).id
  }

  createRuns(count: number): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.createRun()))
  }

  async log(run: string, body: Buffer, points: number): Promise<void> {
    const answer = await this.http.send('POST', `/runs/${run}/metrics`, body)
    const { stored }: { stored: number } = JSON.parse(answer.body)
    expect('points stored by a call', stored, points)
  }

  /** Fails when the tracker does not count exactly the points that were sent. */
  async ingest(bench: Bench, { runs, bodies, pointsPerCall, seconds }: Ingest): Promise<Shot> {
    const before = await this.#count(runs)
    const writers = runs.map((run) => (i: number) => {
      const body = bodies[i]
      return body && this.log(run, body, pointsPerCall)
    })
    const shot = await drive(bench, writers, seconds, () => this.sealed(runs))
    expect('points in Edgerun', (await this.#count(runs)) - before, shot.calls * pointsPerCall)
    return shot
  }

  /** A metric of some runs over all steps. Fails unless all points of each run are counted in it. */
  async chart(runs: string[], name: string, points: number): Promise<Series[]> {
    const query = new URLSearchParams({ runs: runs.join(','), names: name, buckets: `${BUCKETS}` })
    const { series } = await this.http.json<{ series: Series[] }>('GET', `/charts?${query}`)
    expect('runs in the chart', series.map(({ run_id }) => run_id).join(), runs.toSorted().join())
    for (const { buckets } of series) {
      const counted = buckets.count.reduce((sum, count) => sum + count, 0)
      expect('points in the chart', counted, points)
    }
    return series
  }

  /** The lines that the page draws of a metric of some runs, as points in order, with 1,000 buckets or a few more. */
  async lines(runs: string[], name: string): Promise<{ x: number[]; y: number[] }[]> {
    const query = new URLSearchParams({ runs: runs.join(','), names: name, buckets: '1100' })
    const { series } = await this.http.json<{ series: Series[] }>('GET', `/charts?${query}`)
    return series.map(({ buckets }) => {
      const points = buckets.start.flatMap((_, i) =>
        [buckets.first, buckets.min, buckets.max, buckets.last].map(({ step, value }) => ({
          x: step[i] ?? 0,
          y: value[i] ?? 0,
        })),
      )
      points.sort((a, b) => a.x - b.x)
      return { x: points.map(({ x }) => x), y: points.map(({ y }) => y) }
    })
  }

  /**
   * Lets a day pass in which some runs got nothing, and waits until background sealing has done what it does then:
   * until no chunk of theirs waits.
   *
   * @param patience in seconds
   */
  async sealed(runs: string[], patience = 60): Promise<void> {
    const start = performance.now()
    for (; ; await sleep(100)) {
      // Again and again: sealing that was under way puts chunks in the place of those that were made older.
      await this.database.query(
        `update chunks set arrived = arrived - 86400001 from series
         where series.id = chunks.series_id and not sealed and run_id = any($1)
           and arrived > extract(epoch from now()) * 1000 - 86400000`,
        [runs],
      )
      const { rows } = await this.database.query<{ waiting: number }>(
        `select count(*)::int as waiting from chunks join series on series.id = chunks.series_id
         where not sealed and run_id = any($1)`,
        [runs],
      )
      const waiting = rows[0]?.waiting ?? 0
      if (waiting === 0) return
      if (performance.now() - start > patience * 1_000)
        throw new Error(`${waiting} chunks still wait to be sealed`)
    }
  }

  async #count(runs: string[]): Promise<number> {
    const perRun = await Promise.all(
      runs.map((run) => this.http.json<{ count: number }[]>('GET', `/runs/${run}/metrics`)),
    )
    return perRun.flat().reduce((sum, { count }) => sum + count, 0)
  }
}

const bearing = (key: string) => ({ Authorization: `Bearer ${key}` })

/** Makes a key that may write. */
async function newKey(url: string, bootstrap: string): Promise<string> {
  const http = new Http(url, { keepAlive: false, headers: bearing(bootstrap) })
  return (await http.json<{ key: string }>('POST', '/keys', { name: 'bench', scope: 'write' })).key
}

/** Whether something succeeds. */
export const answers = (attempt: Promise<unknown>) =>
  attempt.then(
    () => true,
    () => false,
  )
