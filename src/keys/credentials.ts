/** Where a request carries a key. */
import { getCookie } from 'hono/cookie'
import { auth as basicAuth } from 'hono/utils/basic-auth'
import type { AppContext } from '../http/context.ts'

/** The cookie of a browser's session: of this host alone, and never sent in the clear. */
export const SESSION_COOKIE = 'edgerun'

export interface Credentials {
  secret: string
  /** Whether it comes in a cookie, which a browser sends whatever page the request comes from. */
  isCookie: boolean
}

/**
 * `Authorization: Bearer <key>`, or Basic with the key as password, as MLflow's clients send `MLFLOW_TRACKING_TOKEN` and
 * `MLFLOW_TRACKING_PASSWORD`; else the session cookie. A header that holds no key is not made up for by a cookie.
 */
export function credentialsOf(c: AppContext): Credentials | undefined {
  const header = c.req.header('Authorization')
  if (header === undefined) {
    const cookie = getCookie(c, SESSION_COOKIE, 'host')
    return cookie === undefined ? undefined : { secret: cookie, isCookie: true }
  }
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(header) ?? []
  return { secret: bearer ?? basicAuth(c.req.raw)?.password ?? '', isCookie: false }
}
