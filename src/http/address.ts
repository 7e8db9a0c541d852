import { createMiddleware } from 'hono/factory'
import { invalid, TrackerError } from '../errors.ts'

/** Bytes as a URL has them. A `%` without two digits is just that. */
const ESCAPED = /(?:%[0-9a-f]{2})+/gi

/**
 * Refuses a request whose `Host` makes no address of it, such as one with a port that is none: answers may link to it. And
 * one whose query is not UTF-8: another question would be answered than was asked.
 */
export const validAddress = createMiddleware(async (c, next) => {
  const url = URL.parse(c.req.url)
  if (url === null) throw new TrackerError('bad_request', 'The Host header is not that of an address')
  const wrong = url.search.slice(1).split('&').filter(isNoText)
  if (wrong.length > 0) {
    throw invalid(wrong.map((pair) => ({ path: pair.replace(/=.*/s, ''), message: 'must be UTF-8' })))
  }
  await next()
})

function isNoText(pair: string): boolean {
  try {
    for (const [escaped] of pair.matchAll(ESCAPED)) decodeURIComponent(escaped)
    return false
  } catch {
    return true
  }
}
