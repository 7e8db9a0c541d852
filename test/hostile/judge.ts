/** What every answer has to be, whatever was asked. */
import { expect } from 'vitest'
import type { Answer } from './http.ts'

/** Whose errors an answer has: the native API's or MLflow's. */
export type Door = 'native' | 'mlflow'

/** MLflow's prefixes; what lies behind them is answered in its words. */
export const doorOf = (target: string): Door =>
  /^\/((ajax-)?api\/[^/]+\/|get-artifact|model-versions\/get-artifact)/.test(target) ? 'mlflow' : 'native'

/** What would tell of how we are made: stacks, SQL and its messages, the names of what we are made of. */
const INTERNALS = [
  /\n\s+at /,
  /\.(ts|js|mjs|c\+\+):\d+/,
  /\b(select|insert into|delete from|update) .*\b(from|values|where|set)\b/i,
  /syntax error at or near|violates .* constraint|relation "|column "|duplicate key value|stack depth/i,
  /::(uuid|text|jsonb|bigint)\b/,
  /NeonDbError|drizzle|miniflare|workerd|node_modules|TypeError|RangeError|Maximum call stack/i,
]

/**
 * Checks an answer to a request that is well-formed HTTP.
 *
 * @param secrets what no answer tells
 */
export function judge(answer: Answer, door: Door, secrets: string[]): void {
  const { status, headers } = answer
  const text = String(answer.body)
  const told = `${status} ${text.slice(0, 500)}`
  expect(status < 500 || status === 503 || (door === 'mlflow' && isNotImplemented(text)), told).toBe(true)
  if (status < 400 || status === 416 || answer.body.length === 0) return
  for (const internal of INTERNALS) expect(text).not.toMatch(internal)
  for (const secret of secrets) expect(text).not.toContain(secret)
  if (door === 'native') {
    expect(headers['content-type'], told).toBe('application/problem+json')
    expect(JSON.parse(text)).toMatchObject({
      type: 'about:blank',
      status,
      title: expect.stringMatching(/\w/),
      detail: expect.stringMatching(/\w.{3,}/s),
      request_id: expect.stringMatching(/\w/),
    })
    if (status === 422 && JSON.parse(text).errors) {
      for (const { message } of JSON.parse(text).errors) expect(message).toMatch(/\w.{3,}/s)
    }
  } else {
    expect(headers['content-type'], told).toMatch(/^application\/json\b/)
    expect(JSON.parse(text)).toEqual({
      error_code: expect.stringMatching(/^[A-Z_]+$/),
      message: expect.stringMatching(/\w.{3,}/s),
    })
  }
}

/** MLflow's own word for what a server has not: it is no failure. */
const isNotImplemented = (text: string) => text.startsWith('{"error_code":"NOT_IMPLEMENTED"')

/**
 * Checks that an answer is sound and says no.
 *
 * @param isOfUpload whether it is about an upload in parts: where there is none, Cloudflare's R2 says so, and Miniflare's
 * fails, which looks as if it was away
 */
export function judgeRefusal(answer: Answer, door: Door, secrets: string[], isOfUpload = false): void {
  judge(answer, door, secrets)
  const told = `${answer.status} ${String(answer.body).slice(0, 300)}`
  expect(answer.status, told).toBeGreaterThanOrEqual(400)
  // Nothing is away: who is told so would try for ever.
  if (!isOfUpload) expect(answer.status, told).not.toBe(503)
}
