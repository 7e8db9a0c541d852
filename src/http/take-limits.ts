import { createMiddleware } from 'hono/factory'
import { limitsOf } from '../limits.ts'
import type { AppEnv } from './context.ts'

/** Gives a request the limits that hold for it. With a variable that is none nothing works, but that the Worker lives. */
export const takeLimits = createMiddleware<AppEnv>(async (c, next) => {
  const isHealth = c.req.path === '/health' && ['GET', 'HEAD'].includes(c.req.method)
  if (!isHealth) c.set('limits', limitsOf(c.env))
  await next()
})
