import { Tracker } from './tracker.ts'

/** A post goes out this often, in milliseconds, while points come in. */
const INTERVAL = 500

/** The API takes 20,000 points a call. */
const POINTS_A_CALL = 10_000

/** How long, in milliseconds, `close` waits for a tracker that is away. */
const PATIENCE = 60_000

/** The points of one metric as the API takes them: columns of the same length. */
interface Series {
  name: string
  steps: number[]
  values: (number | string)[]
  /** Epoch milliseconds. */
  timestamps: number[]
}

/**
 * Logs the points of one rank of a run. They are sent in the background, one post after another, so that training
 * does not wait for the network; while the tracker is away they are kept.
 */
export class MetricLog {
  /** How many points were logged. */
  points = 0
  readonly #tracker = new Tracker()
  readonly #path: string
  readonly #rank: number
  readonly #giveUp = new AbortController()
  #series = new Map<string, Series>()
  #waiting = 0
  #lastPost = Date.now()
  #posts = Promise.resolve()
  #onTheirWay = 0
  #failure: unknown

  constructor(runId: string, rank: number) {
    this.#path = `/runs/${runId}/metrics`
    this.#rank = rank
  }

  /** Logs one value a metric at this step; never waits. Throws what an earlier post failed with. */
  log(step: number, metrics: Record<string, number>) {
    if (this.#failure !== undefined) throw this.#failure
    const now = Date.now()
    for (const [name, value] of Object.entries(metrics)) {
      const series = this.#series.get(name) ?? { name, steps: [], values: [], timestamps: [] }
      this.#series.set(name, series)
      series.steps.push(step)
      // JSON has no number for NaN and ±Infinity: the API takes their names.
      series.values.push(Number.isFinite(value) ? value : String(value))
      series.timestamps.push(now)
      this.points += 1
      this.#waiting += 1
    }
    const due = this.#onTheirWay === 0 && now - this.#lastPost >= INTERVAL
    if (due || this.#waiting >= POINTS_A_CALL) this.#post()
  }

  /** Sends what is left. Resolves when the tracker has stored every point, rejects when it has not in a minute. */
  async close() {
    if (this.#waiting > 0) this.#post()
    const timer = setTimeout(() => this.#giveUp.abort(), PATIENCE)
    await this.#posts
    clearTimeout(timer)
    if (this.#failure !== undefined) throw this.#failure
  }

  #post() {
    const body = { rank: this.#rank, series: [...this.#series.values()] }
    this.#series = new Map()
    this.#waiting = 0
    this.#onTheirWay += 1
    this.#posts = this.#posts
      .then(async () => {
        await this.#tracker.request('POST', this.#path, this.#giveUp.signal, body)
        this.#onTheirWay -= 1
        this.#lastPost = Date.now()
      })
      .catch((error: unknown) => {
        this.#failure ??= error
      })
  }
}
