/** The tracker's API, typed by its routes. Whatever the page reads or changes goes through here. */

import { type ClientResponse, hc } from 'hono/client'
import type { AppType } from '#api'
import { session } from './session.ts'

/** One thing that is wrong with a request, and where. */
export interface Finding {
  path: string
  message: string
}

/** What the tracker said when it did not do as it was asked; status 0 where it did not answer at all. */
export class Problem extends Error {
  readonly status: number
  readonly findings: Finding[]
  /** In seconds. */
  readonly retryAfter: number | undefined

  constructor(status: number, message: string, findings: Finding[] = [], retryAfter?: number) {
    super(message)
    this.name = 'Problem'
    this.status = status
    this.findings = findings
    this.retryAfter = retryAfter
  }

  /** Whether the same request may succeed a little later. */
  get mayPass(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

/**
 * Asks the tracker. Where it wants a key, the page turns to its sign-in.
 *
 * @throws Problem where the answer is none of success
 */
export async function request(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(input, init)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new Problem(0, 'The tracker does not answer')
  }
  if (response.ok || response.status === 304) return response
  if (response.status === 401) session.value = null
  throw await problemOf(response)
}

async function problemOf(response: Response): Promise<Problem> {
  const said: unknown = await response.json().catch(() => undefined)
  const { detail, message, errors } = (said ?? {}) as {
    detail?: string
    message?: string
    errors?: Finding[]
  }
  const after = Number(response.headers.get('Retry-After') ?? Number.NaN)
  return new Problem(
    response.status,
    detail ?? message ?? `The tracker answers ${response.status}`,
    errors ?? [],
    Number.isNaN(after) ? undefined : after,
  )
}

export const api = hc<AppType>(location.origin, { fetch: request })

type Body<R> = R extends ClientResponse<infer T, infer S, 'json'> ? (S extends 200 | 201 ? T : never) : never

/** The body of an answer that is one of success: what else there is `request` has thrown. */
export async function read<R extends ClientResponse<unknown>>(response: Promise<R>): Promise<Body<R>> {
  return (await (await response).json()) as Body<R>
}

export interface Page<T> {
  items: T[]
  /** What leads to the next page, where there is one. */
  next: string | undefined
}

/** As `read`, of a list that comes in pages. */
export async function readPage<R extends ClientResponse<unknown>>(
  response: Promise<R>,
): Promise<{ items: Body<R>; next: string | undefined }> {
  const answer = await response
  const link = /<([^>]*)>\s*;\s*rel="next"/.exec(answer.headers.get('Link') ?? '')?.[1]
  const next = link === undefined ? undefined : new URL(link, location.origin).searchParams.get('cursor')
  return { items: (await answer.json()) as Body<R>, next: next ?? undefined }
}

type Answer<F> = F extends (...args: never[]) => Promise<infer R> ? Body<R> : never

export type ExperimentListed = Answer<typeof api.experiments.$get>[number]
export type Experiment = Answer<(typeof api.experiments)[':id']['$get']>
export type RunListed = Answer<(typeof api.experiments)[':id']['runs']['$get']>[number]
export type Run = Answer<(typeof api.runs)[':id']['$get']>
export type SeriesSummary = Run['metrics'][number]
export type Chart = Answer<typeof api.charts.$get>
export type RunStatus = Run['status']
/** A number as the API writes it: JSON has no word for three of them. */
export type WireValue = number | 'NaN' | 'Infinity' | '-Infinity'
