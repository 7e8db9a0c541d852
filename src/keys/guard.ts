import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'
import { knownLength } from '../artifacts/body.ts'
import type { AppEnv } from '../http/context.ts'
import { policyOf } from '../http/rate-limit.ts'
import { admit, admitSigned } from './access.ts'
import { isHandler, needOf, takesSignature } from './scopes.ts'

/**
 * Lets in who may do what the route needs. A key that is not known here is checked in the route's own first trip to the
 * database, and after the route where it made none: nobody is told anything before he is let in, not even what is wrong
 * with his request.
 */
export const requireAccess = createMiddleware<AppEnv>(async (c, next) => {
  const route = matchedRoutes(c).findLast(isHandler)
  const need = needOf(route)
  if (need === 'public') return next()
  const access = (takesSignature(route) && (await admitSigned(c, need))) || (await admit(c, need))
  c.set('access', access)
  c.var.db.guard = access
  // Of a stranger no more is read than it takes to turn him away: a trip more where a key is new here.
  if (access.known === undefined && mayBeLarge(c.req.raw)) await access.introduce(c.var.db)
  await next()
  access.end()
  await c.var.db.enter()
  const policy = access.isMetered ? policyOf(c) : undefined
  if (policy !== undefined) c.res.headers.set('RateLimit-Policy', policy)
})

/** The largest body, in bytes, that is read before it is known whether its sender has a key that is good. */
const SMALL = 64 * 1024

const mayBeLarge = (request: Request) =>
  request.body !== null && (knownLength(request) ?? Number.POSITIVE_INFINITY) > SMALL
