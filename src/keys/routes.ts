import { createRoute, z } from '@hono/zod-openapi'
import { UnitOfWork } from '../db/unit-of-work.ts'
import { notFound, TrackerError } from '../errors.ts'
import { jsonRequest } from '../http/body.ts'
import { router } from '../http/context.ts'
import { CURSOR_TIME, cursor, cursorTime, LinkHeader, limit, page } from '../http/paging.ts'
import { conflicts, finds, json, jsonBody, reads, takesBody } from '../http/responses.ts'
import { text } from '../http/schemas.ts'
import { AuditRepository } from './audit.ts'
import { forget } from './grants.ts'
import { KeyRepository, WorkspaceRepository } from './repository.ts'
import { newKey } from './token.ts'
import { AuditEntry, Key, KeyMade, key, keyId, NewKey, Workspace } from './wire.ts'

const tags = ['keys']

/** Longest name of a workspace, in characters. */
const WORKSPACE_NAME = 100

/** Which workspace it is about, for who is not of one. */
const query = z.object({
  workspace: text(1, WORKSPACE_NAME).optional().openapi({
    description: 'For the bootstrap secret: in which workspace, `default` where it is left out.',
  }),
})

const keyCursor = cursor(new RegExp(`^${CURSOR_TIME}\\.([0-9A-Za-z]{12})$`), (time = '', id = '') => ({
  time: new Date(cursorTime(time)),
  id,
}))

const auditCursor = cursor(/^([0-9]{1,15})$/, Number)

/** NUL is in no text. */
const nameCursor = cursor(new RegExp(`^([^\\u0000]{1,${WORKSPACE_NAME}})$`, 'u'), (name = '') => name)

export const keyRoutes = router()
  .openapi(
    createRoute({
      method: 'post',
      path: '/keys',
      tags,
      summary: 'Make an API key',
      description:
        'The answer is the only one that ever has the key in it: only its hash is stored. To change a key, make another ' +
        'one, use it, and revoke the first: any number of keys are good at a time. The first one is made with the ' +
        'bootstrap secret.',
      middleware: jsonRequest,
      request: { query, body: jsonBody(NewKey) },
      responses: { 201: json(KeyMade, 'The key.'), ...takesBody, ...finds },
    }),
    async (c) => {
      const body = c.req.valid('json')
      const made = await newKey()
      const keys = new KeyRepository(c.var.db.scope)
      const work = new UnitOfWork(c.var.db)
      work.add(
        keys.insert({
          ...made,
          name: body.name,
          scope: body.scope,
          experimentId: body.experiment_id,
          runId: body.run_id,
          expiresAt: body.expires_at,
        }),
      )
      const found = work.add(keys.find(made.id))
      await work.commit()
      const [row] = found.result
      if (!row) throw notFound(body.experiment_id ? 'Experiment' : body.run_id ? 'Run' : 'Workspace')
      return c.json({ ...key(row), key: made.key }, 201)
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/keys',
      tags,
      summary: 'List API keys, newest first',
      request: { query: query.extend({ limit: limit(100, 1_000), cursor: keyCursor }) },
      responses: { 200: { ...json(z.array(Key), 'A page of keys.'), headers: LinkHeader }, ...reads },
    }),
    async (c) => {
      const { limit, cursor: after } = c.req.valid('query')
      const [rows] = await c.var.db.batch([new KeyRepository(c.var.db.scope).list({ after, limit })])
      const kept = page(c, rows, limit, ({ createdAt, id }) => [createdAt.getTime(), id])
      return c.json(kept.map(key), 200)
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/keys/{id}',
      tags,
      summary: 'Revoke an API key',
      description:
        'And the sessions that were opened with it. It is refused at once where it is revoked, and everywhere else ' +
        'within 30 seconds. Revoked again, it stays revoked.',
      request: { params: z.object({ id: keyId }), query },
      responses: { 204: { description: 'It is revoked.' }, ...finds },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const keys = new KeyRepository(c.var.db.scope)
      const work = new UnitOfWork(c.var.db)
      work.add(new AuditRepository(c.var.db.scope).keyRevoked(id))
      const revoked = work.add(keys.revoke(id))
      const found = work.add(keys.find(id))
      // Whoever uses it at this moment may hold it until his transaction ends.
      await work.commit({ timeout: c.var.limits.DELETE_TIMEOUT_MS })
      if (found.result.length === 0) throw notFound('Key')
      for (const { id } of revoked.result) forget(id)
      return c.body(null, 204)
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/audit',
      tags,
      summary: 'Who made, revoked or deleted what, newest first',
      request: { query: query.extend({ limit: limit(100, 1_000), cursor: auditCursor }) },
      responses: {
        200: { ...json(z.array(AuditEntry), 'A page of entries.'), headers: LinkHeader },
        ...reads,
      },
    }),
    async (c) => {
      const { limit, cursor: before } = c.req.valid('query')
      const [rows] = await c.var.db.batch([new AuditRepository(c.var.db.scope).list({ before, limit })])
      const kept = page(c, rows, limit, ({ id }) => [id])
      return c.json(
        kept.map(({ at, actor, action, subject }) => ({ at: at.toISOString(), actor, action, subject })),
        200,
      )
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/workspaces',
      tags,
      summary: 'Make a workspace',
      description: 'With the bootstrap secret alone. What is in one workspace cannot be seen from another.',
      middleware: jsonRequest,
      request: { body: jsonBody(z.strictObject({ name: text(1, WORKSPACE_NAME) }).openapi('NewWorkspace')) },
      responses: { 201: json(Workspace, 'The workspace.'), ...takesBody, ...conflicts },
    }),
    async (c) => {
      const { name } = c.req.valid('json')
      const workspaces = new WorkspaceRepository(c.var.db.scope)
      const [{ rows }] = await c.var.db.batch([workspaces.make(name)], { repeatable: false })
      const [row] = rows
      if (!row) throw new TrackerError('conflict', 'There is a workspace of this name')
      return c.json({ name, created_at: new Date(Number(row.created)).toISOString() }, 201)
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/workspaces',
      tags,
      summary: 'List workspaces',
      request: { query: z.object({ limit: limit(100, 1_000), cursor: nameCursor }) },
      responses: {
        200: { ...json(z.array(Workspace), 'A page of workspaces, by name.'), headers: LinkHeader },
        ...reads,
      },
    }),
    async (c) => {
      const { limit, cursor: after } = c.req.valid('query')
      const [rows] = await c.var.db.batch([new WorkspaceRepository(c.var.db.scope).list({ after, limit })])
      const kept = page(c, rows, limit, ({ name }) => [name])
      return c.json(
        kept.map(({ name, createdAt }) => ({ name, created_at: createdAt.toISOString() })),
        200,
      )
    },
  )
