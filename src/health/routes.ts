import { createRoute, z } from '@hono/zod-openapi'
import { sql } from 'drizzle-orm'
import { router } from '../http/context.ts'
import { finds, json } from '../http/responses.ts'

const Health = z.object({ status: z.literal('ok') }).openapi('Health')

const tags = ['health']

export const healthRoutes = router()
  .openapi(
    createRoute({
      method: 'get',
      path: '/health',
      security: [],
      tags,
      summary: 'Whether the Worker answers; asks no database',
      responses: { 200: json(Health, 'It does.') },
    }),
    (c) => c.json({ status: 'ok' as const }, 200),
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/health/ready',
      tags,
      summary: 'Whether the database answers',
      responses: { 200: json(Health, 'It does.'), 503: finds[503] },
    }),
    async (c) => {
      await c.var.db.batch([c.var.db.http.execute(sql`select 1`)])
      return c.json({ status: 'ok' as const }, 200)
    },
  )
