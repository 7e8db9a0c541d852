/** Sessions of browsers: a key of their own, in a cookie that no script can read. */
import { createRoute } from '@hono/zod-openapi'
import { deleteCookie, setCookie } from 'hono/cookie'
import type { Database } from '../db/database.ts'
import { NO_SUCH_KEY } from '../db/errors.ts'
import { UnitOfWork } from '../db/unit-of-work.ts'
import { TrackerError } from '../errors.ts'
import { smallJsonRequest } from '../http/body.ts'
import { router } from '../http/context.ts'
import { conflicts, finds, json, jsonBody, takesBody } from '../http/responses.ts'
import { admitKey } from './access.ts'
import { AuditRepository } from './audit.ts'
import { SESSION_COOKIE } from './credentials.ts'
import { forget } from './grants.ts'
import { endedSessions, KeyRepository } from './repository.ts'
import { newKey } from './token.ts'
import { NewSession, Session } from './wire.ts'
import { DEFAULT_WORKSPACE } from './workspaces.ts'

/** How long a session lasts, in seconds, unless its key expires before. */
const SESSION = 7 * 24 * 60 * 60

const COOKIE = { prefix: 'host', path: '/', secure: true, httpOnly: true, sameSite: 'Lax' } as const

const tags = ['keys']

export const sessionRoutes = router()
  .openapi(
    createRoute({
      method: 'post',
      path: '/session',
      security: [],
      tags,
      summary: 'Open a session in a browser',
      description:
        'Sets a cookie that stands for the key. It lasts a week, or until the key expires or is revoked.',
      middleware: smallJsonRequest,
      request: { body: jsonBody(NewSession) },
      responses: { 200: json(Session, 'Who it is.'), ...takesBody, ...conflicts },
    }),
    async (c) => {
      const access = await admitKey(c, c.req.valid('json').key, 'read')
      c.var.db.guard = access
      const session = await newKey()
      const keys = new KeyRepository(c.var.db.scope)
      const work = new UnitOfWork(c.var.db)
      work.add(keys.insertSession(session, SESSION))
      const opened = work.add(keys.session(session.id))
      await work.commit()
      const [row] = opened.result
      if (!row) throw new TrackerError('unauthorized', NO_SUCH_KEY)
      const expires = row.expiresAt ?? new Date()
      setCookie(c, SESSION_COOKIE, session.key, { ...COOKIE, expires })
      return c.json(sessionOf(row), 200)
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/session',
      tags,
      summary: 'Whose key it is',
      responses: { 200: json(Session, 'Who it is.'), 503: finds[503] },
    }),
    async (c) => {
      const [[row]] = await c.var.db.batch([new KeyRepository(c.var.db.scope).session(c.var.access.actor)])
      if (row) return c.json(sessionOf(row), 200)
      const { name: workspace } = DEFAULT_WORKSPACE
      return c.json({ workspace, scope: 'admin' as const, key_id: null, name: null, expires_at: null }, 200)
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/session',
      tags,
      summary: 'End the session of a browser',
      responses: { 204: { description: 'It has ended.' }, 503: finds[503] },
    }),
    async (c) => {
      const { scope } = c.var.db
      await c.var.db.batch([new AuditRepository(scope).sessionEnded(), new KeyRepository(scope).endSession()])
      forget(c.var.access.actor)
      deleteCookie(c, SESSION_COOKIE, COOKIE)
      return c.body(null, 204)
    },
  )

/** Forgets sessions that ended a day ago or more: the cron job. */
export async function removeEndedSessions(db: Database): Promise<void> {
  await db.single(endedSessions(db.http))
}

type Row = Awaited<ReturnType<KeyRepository['session']>>[number]

const sessionOf = ({ workspace, scope, id, name, expiresAt }: Row) => ({
  workspace,
  scope,
  key_id: id,
  name,
  expires_at: expiresAt?.toISOString() ?? null,
})
