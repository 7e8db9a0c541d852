import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test'
import { env as bindings } from 'cloudflare:workers'
import { type NeonQueryFunction, neon, neonConfig } from '@neondatabase/serverless'
import { inject } from 'vitest'
import type { Env } from '../../src/env.ts'
import worker from '../../src/index.ts'
import { leaks } from './privacy.ts'

declare global {
  namespace Cloudflare {
    /** What the test pool binds. */
    interface Env {
      ARTIFACTS: R2Bucket
    }
  }
}

/** An answer of the tracker, its body read. */
export interface Answer<T> {
  status: number
  headers: Headers
  text: string
  /** The body as JSON; undefined where it is none. */
  body: T
}

export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  request_id: string
  errors?: { path: string; message: string }[]
}

/** Requests that the driver has made to the gateway: what a round trip is, counted where it leaves the Worker. */
let fetches = 0
let queries = 0
neonConfig.fetchFunction = (url: string, init: RequestInit) => {
  fetches += 1
  const body: { queries?: unknown[] } = JSON.parse(String(init.body))
  queries += body.queries?.length ?? 1
  return fetch(url, init)
}
export const roundTrips = () => fetches
/** Statements in those requests, the statement timeout among them. */
export const statementsSent = () => queries

/** The Worker with a database of its own, cloned from the migrated template. */
export interface Tracker {
  env: Env & { DATABASE_URL: string }
  /** Asks the database behind the tracker's back. */
  sql: NeonQueryFunction<false, false>
  /** Sends a request through the Worker's own door; a body that is no string or bytes goes as JSON. */
  send<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>
  get<T>(path: string, headers?: Record<string, string>): Promise<Answer<T>>
  post<T>(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer<T>>
  patch<T>(path: string, body: unknown): Promise<Answer<T>>
  delete<T>(path: string): Promise<Answer<T>>
  /** Lets some time pass, so that all that waits for sealing is due, and runs the cron job. */
  seal(minutes: number): Promise<void>
}

/** A tracker whose database nobody else uses. */
export async function newTracker(): Promise<Tracker> {
  const adminUrl = inject('adminUrl')
  const gateway = inject('gateway')
  const name = `t_${crypto.randomUUID().replaceAll('-', '')}`
  neonConfig.fetchEndpoint = `${gateway}/sql`
  await neon(adminUrl).query(`create database ${name} template ${inject('template')}`)
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  // All share one bucket: their keys have random ids in them.
  return trackerOn({
    DATABASE_URL: url.href,
    DATABASE_GATEWAY: gateway,
    ARTIFACTS: bindings.ARTIFACTS,
    ACCESS: 'open',
    HOSTS: 'edgerun.test',
  })
}

/** A tracker on the given database. */
export function trackerOn(env: Env & { DATABASE_URL: string }): Tracker {
  async function send<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
    const sent = isRaw ? body : JSON.stringify(body)
    const length = typeof sent === 'string' ? new TextEncoder().encode(sent).length : sent?.length
    const request = new Request<unknown, IncomingRequestCfProperties>(`https://edgerun.test${path}`, {
      method,
      headers: {
        ...(length !== undefined && { 'Content-Type': 'application/json', 'Content-Length': `${length}` }),
        ...headers,
      },
      ...(sent !== undefined && { body: sent }),
      redirect: 'manual',
    })
    const ctx = createExecutionContext()
    const response = await worker.fetch(request, env, ctx)
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      await response.arrayBuffer(),
    )
    await waitOnExecutionContext(ctx)
    checkAnswer(request, response, text, `${path} ${sent}`)
    const isJson = /json\b/.test(response.headers.get('Content-Type') ?? '')
    // What a route answers is what the test is about to check.
    const answer = (
      isJson && text !== '' && !/ndjson/.test(response.headers.get('Content-Type') ?? '')
        ? JSON.parse(text)
        : undefined
    ) as T
    return { status: response.status, headers: response.headers, text, body: answer }
  }
  return {
    env,
    get sql() {
      return neon(env.DATABASE_URL)
    },
    send,
    get: (path, headers) => send('GET', path, undefined, headers),
    post: (path, body, headers) => send('POST', path, body, headers),
    patch: (path, body) => send('PATCH', path, body),
    delete: (path) => send('DELETE', path),
    async seal(minutes) {
      await neon(
        env.DATABASE_URL,
      )`update chunks set arrived = arrived - ${minutes * 60_000}::bigint where not sealed`
      const ctx = createExecutionContext()
      await worker.scheduled(createScheduledController(), env, ctx)
      await waitOnExecutionContext(ctx)
    },
  }
}

/** Whether a request is answered with a key, which only these two are. */
const givesKey = ({ method, url }: Request) =>
  method === 'POST' && /^\/(keys|session)$/.test(new URL(url).pathname)

/** What is stored comes back as it was stored; what goes wrong is told without what must not be told. */
function checkAnswer(request: Request, response: Response, text: string, said: string) {
  const told = response.status >= 400 ? text : ''
  const headers = givesKey(request) ? '' : JSON.stringify([...response.headers])
  const found = leaks(`${told}\n${headers}`, said)
  if (found.length > 0) throw new Error(`${request.method} ${request.url} tells ${found.join('; ')}`)
}

/** The path of the next page, from the `Link` header; undefined on the last one. */
export const nextPage = (headers: Headers) => /<([^>]*)>; rel="next"/.exec(headers.get('Link') ?? '')?.[1]

/** All rows of a list, page by page. */
export async function allPages<T>(tracker: Tracker, path: string): Promise<T[]> {
  const rows: T[] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    const { body, headers }: Answer<T[]> = await tracker.get<T[]>(next)
    rows.push(...body)
    next = nextPage(headers)
  }
  return rows
}
