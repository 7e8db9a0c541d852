/** Which pages may call us, and which may change something. */
import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import { TrackerError } from '../errors.ts'
import { credentialsOf } from '../keys/credentials.ts'
import type { AppContext, AppEnv } from './context.ts'
import { originsOf } from './names.ts'

const forListed = cors({
  origin: (origin) => origin,
  credentials: true,
  allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  exposeHeaders: [
    'ETag',
    'Link',
    'Location',
    'RateLimit',
    'RateLimit-Policy',
    'Retry-After',
    'Server-Timing',
    'X-Request-Id',
  ],
  maxAge: 7200,
})

/** Lets pages of the origins in `ALLOWED_ORIGINS` read answers, with keys and cookies; other pages learn nothing. */
export const allowOrigins = createMiddleware<AppEnv>(async (c, next) => {
  const origins = originsOf(c.env)
  if (origins.length === 0) return next()
  if (origins.includes(c.req.header('Origin') ?? '')) return forListed(c, next)
  await next()
  c.header('Vary', 'Origin', { append: true })
})

/**
 * Refuses what another's page wants to change here: with our cookie, on an open tracker without one, or by signing
 * somebody in as somebody else. What is no browser sends no `Origin`; what has a cookie has to say where it comes from.
 */
export const checkOrigin = createMiddleware<AppEnv>(async (c, next) => {
  if (['GET', 'HEAD', 'OPTIONS'].includes(c.req.method) || isFromHere(c)) return next()
  throw new TrackerError(
    'forbidden',
    'A page of another origin may change nothing here: if it is yours, add its origin to the variable ALLOWED_ORIGINS',
  )
})

function isFromHere(c: AppContext): boolean {
  const origin = c.req.header('Origin')
  const site = c.req.header('Sec-Fetch-Site')
  if (origin === undefined) {
    return site === 'same-origin' || ([undefined, 'none'].includes(site) && !credentialsOf(c)?.isCookie)
  }
  const url = new URL(c.req.url)
  if (origin === url.origin || originsOf(c.env).includes(origin)) return true
  // Behind a proxy that speaks TLS we do not see that it is https; the browser does.
  return site === 'same-origin' && URL.parse(origin)?.host === url.host
}
