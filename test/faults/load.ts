/** Clients that want more than a tracker can do: each asks for the next thing as soon as it has an answer. */
import { Agent } from 'node:http'
import fc from 'fast-check'
import { Caller, NAMES, type Scene, shapes } from './call.ts'
import { faultOfRefusal, type Request, send, withJson } from './client.ts'
import type { Journal } from './journal.ts'
import { draw } from './seed.ts'

const works = fc.oneof(
  { weight: 40, arbitrary: writing(fc.integer({ min: 1, max: 20 })) },
  { weight: 4, arbitrary: writing(fc.integer({ min: 500, max: 1_000 })) },
  { weight: 56, arbitrary: reading() },
)

function writing(length: fc.Arbitrary<number>) {
  return fc.record({ what: fc.constant('write' as const), shape: shapes(length) })
}

function reading() {
  return fc.record({
    what: fc.constantFrom(
      'chart' as const,
      'history' as const,
      'search' as const,
      'MLflow search' as const,
      'experiments' as const,
      'runs' as const,
      'run' as const,
    ),
    run: fc.nat(),
    name: fc.constantFrom(...NAMES),
    value: fc.nat(10_000),
  })
}

type Work = typeof works extends fc.Arbitrary<infer T> ? T : never

/** How much work is drawn for a client before it begins again. */
const PLANNED = 2_000

export class LoadClient {
  readonly #url: string
  readonly #journal: Journal
  readonly #scene: Scene
  readonly #points: Caller
  readonly #marks: Caller
  readonly #works: Work[]
  /** Its connection is never idle: no server can help closing an idle one just when a request comes. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  /** Of the requests that were accepted, in milliseconds. */
  readonly latencies: number[] = []
  refused = 0
  /** Answers that are neither a success nor a proper refusal, and connections that broke. */
  readonly faults: string[] = []

  /**
   * @param scene what is read, and where points go
   * @param aside where params and tags go: answers that grow with each of them would need more memory from minute to minute
   */
  constructor(url: string, journal: Journal, scene: Scene, aside: Scene, number: number) {
    this.#url = url
    this.#journal = journal
    this.#scene = scene
    this.#points = new Caller(scene, number)
    this.#marks = new Caller(aside, number)
    this.#works = draw(works, PLANNED, number)
  }

  /** @param end when to stop, by the clock of `performance` */
  async work(end: number): Promise<void> {
    for (let i = 0; performance.now() < end; i++) {
      const work = this.#works[i % PLANNED]
      if (work === undefined) throw new Error('No work')
      if (work.what !== 'write') {
        await this.#ask(this.#read(work))
        continue
      }
      const hasMarks = work.shape.form === 'log-batch' || work.shape.form === 'patch'
      const call = (hasMarks ? this.#marks : this.#points).make(work.shape)
      this.#journal.sent(call)
      if (await this.#ask(call.request)) this.#journal.acknowledge(call)
    }
    this.#agent.destroy()
  }

  #read({ what, run, name, value }: Exclude<Work, { what: 'write' }>): Request {
    const { experiment, runs } = this.#scene
    const ids = Array.from({ length: 4 }, (_, i) => runs[(run + i) % runs.length] ?? '')
    const [id = ''] = ids
    const get = (path: string): Request => ({ method: 'GET', path })
    const metric = encodeURIComponent(name)
    switch (what) {
      case 'chart':
        return get(`/charts?runs=${ids}&names=${metric}&names=lr&buckets=200`)
      case 'history':
        return get(`/runs/${id}/metrics/${metric}?limit=1000&from_step=${value}`)
      case 'search': {
        const query = { filter: `metrics.\`${name}\` < ${value}`, order_by: 'metrics.loss DESC', limit: '50' }
        return get(`/experiments/${experiment}/runs?${new URLSearchParams(query)}`)
      }
      case 'MLflow search':
        return withJson('POST', '/api/2.0/mlflow/runs/search', {
          experiment_ids: [experiment],
          filter: `metrics.\`${name}\` < ${value}`,
          max_results: 50,
        })
      case 'experiments':
        return get('/experiments?limit=50')
      case 'runs':
        return get(`/experiments/${experiment}/runs?limit=50`)
      case 'run':
        return get(`/runs/${id}`)
    }
  }

  /** @returns whether it was accepted */
  async #ask(request: Request): Promise<boolean> {
    const begun = performance.now()
    const name = `${request.method} ${request.path}`
    try {
      const answer = await send(this.#url, request, { agent: this.#agent })
      if (answer.status < 300) {
        this.latencies.push(performance.now() - begun)
        return true
      }
      this.refused += 1
      const fault = faultOfRefusal(answer)
      if (fault !== undefined) this.faults.push(`${name}: ${fault}`)
    } catch (error) {
      this.faults.push(`${name}: no answer (${error})`)
    }
    return false
  }
}
