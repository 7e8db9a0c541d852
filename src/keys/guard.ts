import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'
import type { AppEnv } from '../http/context.ts'
import { admit } from './access.ts'
import { isHandler, needOf } from './scopes.ts'

/**
 * Lets in who may do what the route needs. A key that is not known here is checked in the route's own first trip to the
 * database, and after the route where it made none: nobody is told anything before he is let in, not even what is wrong
 * with his request.
 */
export const requireAccess = createMiddleware<AppEnv>(async (c, next) => {
  const need = needOf(matchedRoutes(c).findLast(isHandler))
  if (need === 'public') return next()
  const access = await admit(c, need)
  c.set('access', access)
  c.var.db.guard = access
  await next()
  access.end()
  await c.var.db.enter()
})
