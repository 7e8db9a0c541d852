import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

/** How long one attempt at a request may take, in milliseconds. */
const ATTEMPT = 15_000

/** Bodies above this size, in characters, are sent gzipped. */
const GZIP_ABOVE = 1_024

/** A request that the tracker refused, or that did not reach it while there was time. */
export class TrackerError extends Error {}

/** The tracker's HTTP API. Its address comes from EDGERUN_URL, its key, where it wants one, from EDGERUN_KEY. */
export class Tracker {
  readonly url = (process.env.EDGERUN_URL || 'http://127.0.0.1:8787').replace(/\/+$/, '')
  readonly #key = process.env.EDGERUN_KEY

  /**
   * Sends a request until it is answered, and gives the answer. What failed in passing (no connection, no answer,
   * 408, 429, 5xx) is sent again with the same body, later each time. That is safe: what the tracker has stored
   * already, it stores no second time.
   *
   * @param giveUp ends the attempts; one that is on its way is still waited for
   * @throws TrackerError when the tracker refuses the request, or on giving up
   */
  async request<Answer>(method: string, path: string, giveUp: AbortSignal, body?: unknown): Promise<Answer> {
    const headers = new Headers(this.#key ? { Authorization: `Bearer ${this.#key}` } : {})
    const request = { method, headers, body: await encode(body, headers) }
    for (let attempt = 0; ; attempt++) {
      let problem: string
      let wait = Math.min(250 * 2 ** attempt, 8_000) * (0.5 + Math.random() / 2)
      try {
        const response = await fetch(this.url + path, { ...request, signal: AbortSignal.timeout(ATTEMPT) })
        if (response.ok) return await response.json()
        problem = `${response.status} ${await response.text()}`
        if (!isPassing(response.status)) throw new TrackerError(`${method} ${path} was refused: ${problem}`)
        wait = Math.max(wait, 1_000 * (Number(response.headers.get('Retry-After')) || 0))
      } catch (error) {
        if (error instanceof TrackerError) throw error
        problem = reason(error)
      }
      await sleep(wait, undefined, { signal: giveUp }).catch(() => {
        throw new TrackerError(
          `The tracker at ${this.url} cannot be reached: ${problem}; is EDGERUN_URL right?`,
        )
      })
    }
  }
}

async function encode(body: unknown, headers: Headers) {
  if (body === undefined) return null
  headers.set('Content-Type', 'application/json')
  const text = JSON.stringify(body)
  if (text.length <= GZIP_ABOVE) return text
  headers.set('Content-Encoding', 'gzip')
  return await promisify(gzip)(text)
}

const isPassing = (status: number) => status === 408 || status === 429 || status >= 500

/** What went wrong with a fetch; it keeps the telling part in `cause`. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message
}
