import { type Agent, type IncomingHttpHeaders, request as open } from 'node:http'
import { text } from 'node:stream/consumers'
import { bootstrapSecret } from '../../tools/local/access.ts'
import type { Tracker } from '../system/support.ts'

export interface Request {
  method: 'GET' | 'POST' | 'PATCH'
  path: string
  type?: string
  body?: string
  accept?: string
}

export interface Answer {
  status: number
  text: string
  headers: IncomingHttpHeaders
}

export interface Sending {
  /** Whoever sends much keeps a connection; else each request has one of its own, which nobody closes while it idles. */
  agent?: Agent
  signal?: AbortSignal
}

/** The key with which these suites ask. */
let key = ''

/** Makes a key of a tracker that asks for them: with it all is asked from here on. */
export async function takeKey(tracker: Tracker): Promise<void> {
  key = await bootstrapSecret(tracker.data)
  const { status, text } = await send(
    tracker.url,
    withJson('POST', '/keys', { name: 'faults', scope: 'write' }),
  )
  if (status !== 201) throw new Error(text)
  const made: { key: string } = JSON.parse(text)
  key = made.key
}

/** The headers of every request that these suites send to a tracker. */
const headersOf = ({ type, accept, body }: Request) => ({
  Authorization: `Bearer ${key}`,
  ...(type !== undefined && { 'Content-Type': type }),
  ...(accept !== undefined && { Accept: accept }),
  ...(body !== undefined && { 'Content-Length': Buffer.byteLength(body) }),
})

/** @throws Error when the connection is lost or the signal comes */
export function send(url: string, request: Request, { agent, signal }: Sending = {}): Promise<Answer> {
  const { method, path, body } = request
  const options = { method, headers: headersOf(request), agent: agent ?? false, signal }
  return new Promise((resolve, reject) => {
    const sent = open(url + path, options, (response) => {
      const { statusCode: status = 0, headers } = response
      text(response).then((text) => resolve({ status, text, headers }), reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** A request with a JSON body. */
export const withJson = (method: 'POST' | 'PATCH', path: string, value: unknown): Request => ({
  method,
  path,
  type: 'application/json',
  body: JSON.stringify(value),
})

/**
 * What a refusal must be, for the client to know that it may try again.
 *
 * @returns what is wrong with an answer that is no success, or undefined
 */
export function faultOfRefusal({ status, text, headers }: Answer): string | undefined {
  const isRefusal = status === 429 || status === 503
  if (isRefusal && /^\d+$/.test(headers['retry-after'] ?? '')) return undefined
  return `${status}${isRefusal ? ' without Retry-After' : ''} ${text.slice(0, 300)}`
}
