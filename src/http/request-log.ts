import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'
import { Database } from '../db/database.ts'
import { isHandler } from '../keys/scopes.ts'
import type { AppEnv } from './context.ts'
import { log } from './log.ts'

/**
 * Gives a request its database, and says what became of it: one log line, and the same figures in a `Server-Timing`
 * header. In production the clock stands still between I/O, so `total` is time waited, not CPU.
 */
export const requestLog = createMiddleware<AppEnv>(async (c, next) => {
  const started = performance.now()
  const db = new Database(c.env, (promise) => c.executionCtx.waitUntil(promise))
  c.set('db', db)
  await next()
  const figures = () => ({
    duration_ms: round(performance.now() - started),
    db_trips: db.trips,
    db_statements: db.statements,
    db_ms: round(db.milliseconds),
  })
  const { duration_ms, db_trips, db_ms } = figures()
  const trips = db_trips === 1 ? '1 round trip' : `${db_trips} round trips`
  c.res.headers.set('Server-Timing', `db;dur=${db_ms};desc="${trips}", total;dur=${duration_ms}`)
  const write = () =>
    log('info', {
      request_id: c.get('requestId'),
      method: c.req.method,
      route: matchedRoutes(c).findLast(isHandler)?.path ?? '*',
      status: c.res.status,
      actor: c.get('access')?.known,
      ...figures(),
    })
  const finished = c.get('finished')
  if (finished) c.executionCtx.waitUntil(finished.then(write))
  else write()
})

const round = (milliseconds: number) => Math.round(milliseconds * 100) / 100
