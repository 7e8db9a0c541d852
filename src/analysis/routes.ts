/** What an experiment's runs have in common and what sets them apart: questions about many runs with a short answer. */
import { createRoute, z } from '@hono/zod-openapi'
import { notFound } from '../errors.ts'
import { ExperimentRepository } from '../experiments/repository.ts'
import { router } from '../http/context.ts'
import { LinkHeader, limit, linkTo, orderCursor } from '../http/paging.ts'
import { finds, json, reads } from '../http/responses.ts'
import { NAME_LENGTH, pathId, text } from '../http/schemas.ts'
import { readCursor, writeCursor } from '../search/cursor.ts'
import { FIELD_KINDS, listFields, RUNS_READ } from './fields.ts'

const tags = ['experiments']
const params = z.object({ id: pathId('Experiment') })

const FieldName = z.object({ name: z.string() }).openapi('FieldName', { example: { name: 'train/loss' } })

export const analysisRoutes = router().openapi(
  createRoute({
    method: 'get',
    path: '/experiments/{id}/fields',
    tags,
    summary: 'Names of metrics, params or tags of the runs of an experiment',
    description:
      'By their bytes. Metrics are those of rank 0, also of runs that are in the trash. Params and tags are those of ' +
      `the newest ${RUNS_READ.toLocaleString('en')} runs that are not.`,
    request: {
      params,
      query: z.object({
        kind: z.enum(FIELD_KINDS),
        q: text(1, NAME_LENGTH).optional().openapi({ description: 'What the name contains, in any case.' }),
        limit: limit(100, 1_000),
        cursor: orderCursor,
      }),
    },
    responses: {
      200: { ...json(z.array(FieldName), 'A page of names.'), headers: LinkHeader },
      ...reads,
      ...finds,
    },
  }),
  async (c) => {
    const { id } = c.req.valid('param')
    const { kind, q, limit, cursor } = c.req.valid('query')
    const [after] = cursor === undefined ? [] : readCursor(cursor, [{ type: 'text' }])
    const [[experiment], { rows }] = await c.var.db.batch([
      new ExperimentRepository(c.var.db.scope).exists(id),
      listFields(c.var.db.scope, { experimentId: id, kind, q, after: after ?? undefined, limit }),
    ])
    if (!experiment) throw notFound('Experiment')
    const kept = rows.slice(0, limit)
    const last = kept.at(-1)
    if (last !== undefined && rows.length > limit) linkTo(c, writeCursor([last.name]))
    return c.json(
      kept.map(({ name }) => ({ name })),
      200,
    )
  },
)
