import { createRoute, z } from '@hono/zod-openapi'
import { accepts } from 'hono/accepts'
import { notFound } from '../errors.ts'
import { JSON_TYPE, LINES, mediaType, readBody } from '../http/body.ts'
import { router } from '../http/context.ts'
import { CURSOR_TIME, cursor, cursorTime, LinkHeader, limit, page } from '../http/paging.ts'
import { finds, json, reads, takesBody } from '../http/responses.ts'
import {
  clampStep,
  INT64_MAX,
  INT64_MIN,
  NAME_LENGTH,
  pathId,
  queryInteger,
  queryStep,
} from '../http/schemas.ts'
import { RunRepository } from '../runs/repository.ts'
import { attemptQuery, attemptsQuery } from './attempts.ts'
import { toCall } from './call.ts'
import { exact } from './columns.ts'
import { doubleBits, doubleOf } from './double.ts'
import { EXPORT_PAGE, EXPORTS, exportPoints, formatOf } from './export.ts'
import { pageOf, reach } from './history.ts'
import { linesBody, pointsBody } from './openapi.ts'
import { MAX_ATTEMPT, MAX_RANK, nameFault, readJson, readLines } from './points.ts'
import { MetricRepository } from './repository.ts'
import { sealDue } from './sealing.ts'
import { Point, pointText, SeriesSummary, seriesSummary, textOf } from './wire.ts'

const tags = ['metrics']
const params = z.object({ id: pathId('Run') })

const Stored = z
  .object({
    stored: z.int().nonnegative().openapi({ description: 'Points that are new.' }),
    duplicates: z.int().nonnegative().openapi({ description: 'Points that were there already.' }),
    ignored: z
      .array(z.string())
      .optional()
      .openapi({ description: 'Fields of log rows that are no numbers, and so no points.' }),
  })
  .openapi('Stored', { example: { stored: 2, duplicates: 0 } })

/** Attempt, rank and name; NUL is in no name. */
const seriesCursor = cursor(
  new RegExp(`^([0-9]{1,10})\\.([0-9]{1,10})\\.([^\\u0000]{1,${NAME_LENGTH}})$`, 'u'),
  (attempt = '', rank = '', name = '') => ({
    name,
    rank: Math.min(Number(rank), MAX_RANK),
    attempt: Math.min(Number(attempt), MAX_ATTEMPT),
  }),
)

/** Step, time, and the bits of the value. */
const pointCursor = cursor(
  new RegExp(`^(-?[0-9]{1,19})\\.${CURSOR_TIME}\\.([0-9a-f]{16})$`),
  (step = '', time = '', bits = '') => ({
    step: exact(clampStep(BigInt(step))),
    time: cursorTime(time),
    value: doubleOf(bits),
  }),
)

const name = z
  .string()
  .refine((value) => nameFault(value) === undefined, { error: 'Metric not found' })
  .openapi({ example: 'train/loss', minLength: 1, maxLength: NAME_LENGTH })

export const metricRoutes = router()
  .openapi(
    createRoute({
      method: 'post',
      path: '/runs/{id}/metrics',
      tags,
      summary: 'Log points',
      description:
        'As rows, as columns, or as JSON lines; gzipped where `Content-Encoding: gzip` says so. All points of a call ' +
        'are stored, or none. A point that is there already (same name, rank, attempt, step and value, and same ' +
        'timestamp where one is sent) is counted under `duplicates` and stored no second time, so a call can be sent ' +
        'again. A job that was preempted and goes on from a checkpoint logs into the same run as the next `attempt`.',
      request: {
        params,
        body: {
          required: true,
          content: { [JSON_TYPE]: pointsBody, 'application/x-ndjson': linesBody },
        },
      },
      responses: { 200: json(Stored, 'The points are committed.'), ...takesBody, ...finds },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const { limits } = c.var
      c.var.access.logTo({ run: id })
      const text = await readBody(c.req.raw, [JSON_TYPE, ...LINES], limits.MAX_BODY_BYTES)
      const now = Date.now()
      const { series, count, repeated, ignored } = (
        mediaType(c.req.raw) === JSON_TYPE ? readJson : readLines
      )(text, now, limits.MAX_POINTS_PER_CALL)

      const metrics = new MetricRepository(c.var.db.scope)
      const { rows } = await c.var.db.single(metrics.log(id, toCall(series)))
      const [stored, due] = rows[0]?.logged ?? []
      if (stored === undefined) throw notFound('Run')
      sealDue(c, due)
      return c.json(
        { stored, duplicates: count - stored + repeated, ...(ignored.length > 0 && { ignored }) },
        200,
      )
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}/metrics',
      tags,
      summary: 'Summaries of all metrics of a run',
      request: {
        params,
        query: z.object({
          attempt: attemptsQuery('the newest of each name and rank'),
          limit: limit(1_000, 5_000),
          cursor: seriesCursor,
        }),
      },
      responses: {
        200: {
          ...json(z.array(SeriesSummary), 'One row a name, rank and attempt, in this order.'),
          headers: LinkHeader,
        },
        ...reads,
        ...finds,
      },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const runs = new RunRepository(c.var.db.scope)
      const metrics = new MetricRepository(c.var.db.scope)
      const { attempt, limit, cursor: after } = c.req.valid('query')
      const [[run], summaries] = await c.var.db.batch([
        runs.exists(id),
        metrics.summaries(id, { attempt, after, limit: limit + 1 }),
      ])
      if (!run) throw notFound('Run')
      const kept = page(c, summaries, limit, ({ attempt, rank, name }) => [attempt, rank, name])
      return c.json(kept.map(seriesSummary), 200)
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}/metrics/{name}',
      tags,
      summary: 'The points of a metric',
      description:
        'By step, then timestamp. A `/` in the name is `%2F` in the path. As JSON they come in pages; as ' +
        '`text/csv` or `application/x-ndjson` (see `Accept`) the whole range comes as one stream.',
      request: {
        params: params.extend({ name }),
        query: z.object({
          rank: queryInteger(0, MAX_RANK).optional(),
          attempt: attemptQuery,
          from_step: queryStep(INT64_MIN),
          to_step: queryStep(INT64_MAX),
          limit: limit(10_000, 50_000),
          cursor: pointCursor,
        }),
      },
      responses: {
        200: {
          description: 'Points, by step, then timestamp.',
          headers: LinkHeader,
          content: {
            [JSON_TYPE]: { schema: z.array(Point) },
            'text/csv': {
              schema: { type: 'string', example: 'step,value,timestamp\n1,0.5,2026-11-24T09:30:00.000Z\n' },
            },
            'application/x-ndjson': { schema: { type: 'string' } },
          },
        },
        ...reads,
        ...finds,
      },
    }),
    async (c) => {
      const { id, name } = c.req.valid('param')
      const { rank = 0, attempt, from_step: from, to_step: to, limit, cursor: after } = c.req.valid('query')
      const type = accepts(c, { header: 'Accept', supports: [JSON_TYPE, ...EXPORTS], default: JSON_TYPE })
      // A HEAD has no body that anybody would read.
      const asPage = type === JSON_TYPE || c.req.method === 'HEAD'
      const pageSize = asPage ? limit : EXPORT_PAGE

      const range = { from, to, after }
      const runs = new RunRepository(c.var.db.scope)
      const metrics = new MetricRepository(c.var.db.scope)
      const [[run], [series], { rows }] = await c.var.db.batch([
        runs.exists(id),
        metrics.find(id, name, rank, attempt),
        metrics.history(id, name, rank, attempt, { ...reach(range), limit: pageSize }),
      ])
      if (!run) throw notFound('Run')
      if (!series) throw notFound('Metric')
      const points = pageOf(rows, range, pageSize)
      if (asPage) {
        const kept = page(c, points, limit, ({ step, value, time }) => [step, time, doubleBits(value)])
        return c.body(`[${textOf(kept, (point) => `,${pointText(point)}`).slice(1)}]`, 200, {
          'Content-Type': JSON_TYPE,
        })
      }
      // More than one trip: a whole history is longer than what one answer of the database,
      // or the memory of a Worker, can hold.
      const { body, finished } = exportPoints(formatOf(type), points, EXPORT_PAGE, async (after) => {
        const rest = { from, to, after }
        const [{ rows }] = await c.var.db.batch([
          metrics.history(id, name, rank, attempt, { ...reach(rest), limit: EXPORT_PAGE }),
        ])
        return pageOf(rows, rest, EXPORT_PAGE)
      })
      c.set('finished', finished)
      return c.body(body, 200, { 'Content-Type': `${type}; charset=utf-8` })
    },
  )
