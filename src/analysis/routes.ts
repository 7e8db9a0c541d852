/** What an experiment's runs have in common and what sets them apart: questions about many runs with a short answer. */
import { createRoute, z } from '@hono/zod-openapi'
import { invalid, notFound } from '../errors.ts'
import { ExperimentRepository } from '../experiments/repository.ts'
import { type AppContext, router } from '../http/context.ts'
import { LinkHeader, limit, linkTo, orderCursor } from '../http/paging.ts'
import { finds, json, reads } from '../http/responses.ts'
import { NAME_LENGTH, pathId, several, text } from '../http/schemas.ts'
import { nameSchema } from '../metrics/openapi.ts'
import { nameFindings } from '../metrics/points.ts'
import { orNull, WireValue, wireValue } from '../metrics/wire.ts'
import { groupValue, NATIVE_WORDS } from '../runs/fields.ts'
import type { RunChoice } from '../runs/search.ts'
import { readCursor, writeCursor } from '../search/cursor.ts'
import { parseField, parseFilter } from '../search/filter.ts'
import { CORRELATED_RUNS, correlate, FEWEST_RUNS, PARAMS_TOLD } from './correlations.ts'
import { FIELD_KINDS, listFields, RUNS_READ } from './fields.ts'
import { groupRuns, joinByHash, statisticsOf } from './groups.ts'

const tags = ['experiments']
const params = z.object({ id: pathId('Experiment') })

/** That groups have statistics of. */
const GROUP_METRICS = 20

const whichValue = z
  .enum(['last', 'min', 'max'])
  .optional()
  .openapi({ description: 'Which value of a run: its last, lowest or highest.', default: 'last' })

const filterQuery = z.string().optional().openapi({ example: 'metrics.loss < 0.5' })

const FieldName = z.object({ name: z.string() }).openapi('FieldName', { example: { name: 'train/loss' } })

const GroupedMetric = z
  .object({
    count: z.int().nonnegative().openapi({ description: 'Of the runs whose value is finite.' }),
    nonfinite: z.int().nonnegative().openapi({
      description:
        'Of the runs whose value is NaN or infinite; with `min` and `max`, that have no finite one.',
    }),
    mean: orNull(WireValue).openapi({ description: 'Of the finite values; null where there is none.' }),
    stddev: orNull(WireValue).openapi({
      description: 'Of the sample; null where there are fewer than two finite values.',
    }),
    min: orNull(WireValue),
    max: orNull(WireValue),
  })
  .openapi('GroupedMetric')

const Group = z
  .object({
    value: z.string().nullable().openapi({
      description: 'As text, as filters compare it; null for runs that have none.',
      example: '0.1',
    }),
    runs: z.int().positive(),
    metrics: z.record(z.string(), GroupedMetric).openapi({
      description: 'Without those that no run of the group has.',
    }),
  })
  .openapi('Group')

const Correlation = z
  .object({
    param: z.string(),
    runs: z.int().min(FEWEST_RUNS).openapi({ description: 'That have a number as this param.' }),
    correlation: z.number().min(-1).max(1).nullable().openapi({
      description: 'Null where the param or the metric is the same in all of them.',
      example: -0.8,
    }),
  })
  .openapi('Correlation')

/** Which runs are meant, as the native API says it. */
const choice = (
  c: AppContext,
  experimentId: string,
  filterText = '',
): RunChoice & { experimentIds: [string] } => ({
  experimentIds: [experimentId],
  trash: 'without',
  filter: parseFilter(filterText, c.var.limits),
  filterText,
  words: NATIVE_WORDS,
})

const orNone = (value: number | null) => (value === null ? null : wireValue(value))

export const analysisRoutes = router()
  .openapi(
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
  .openapi(
    createRoute({
      method: 'get',
      path: '/experiments/{id}/groups',
      tags,
      summary: 'Runs in groups, with statistics of their metrics',
      description:
        'All runs that meet the filter and are not in the trash, by the value of a param, a tag, `name`, `parent_run_id`, ' +
        '`status` or `seed`: the group with the most runs first, then by value, what has none last. No more groups than `limit` are told.',
      request: {
        params,
        query: z.object({
          by: z.string().openapi({
            description: 'A field, written as in filters: ``params.`batch size` ``.',
            example: 'params.lr',
          }),
          metrics: several(
            `Up to ${GROUP_METRICS} metrics, of rank 0; several times, because a name may hold a comma.`,
            GROUP_METRICS,
            nameSchema,
          ).optional(),
          of: whichValue,
          filter: filterQuery,
          limit: limit(100, 500),
        }),
      },
      responses: { 200: json(z.array(Group), 'The groups.'), ...reads, ...finds },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const { by, metrics: names = [], of = 'last', filter, limit } = c.req.valid('query')
      const findings = nameFindings('metrics', names, GROUP_METRICS)
      if (findings.length > 0) throw invalid(findings)
      const metrics = [...new Set(names)]
      const [[experiment], , { rows }] = await c.var.db.batch([
        new ExperimentRepository(c.var.db.scope).exists(id),
        joinByHash(c.var.db.scope),
        groupRuns(c.var.db.scope, {
          ...choice(c, id, filter),
          by: groupValue(parseField(by, 'by', c.var.limits), by, NATIVE_WORDS),
          metrics,
          of,
          limit,
        }),
      ])
      if (!experiment) throw notFound('Experiment')
      return c.json(
        rows.map((row) => ({
          value: row.value,
          runs: row.runs,
          metrics: Object.fromEntries(
            statisticsOf(row, metrics).map(([name, { count, nonfinite, mean, stddev, min, max }]) => [
              name,
              {
                count,
                nonfinite,
                mean: orNone(mean),
                stddev: orNone(stddev),
                min: orNone(min),
                max: orNone(max),
              },
            ]),
          ),
        })),
        200,
      )
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/experiments/{id}/correlations',
      tags,
      summary: 'How params go with a metric',
      description:
        "Spearman's rank correlation of each param whose values are numbers, or text that is a number, with a metric of " +
        `rank 0, the strongest first: of the newest ${CORRELATED_RUNS.toLocaleString('en')} runs that meet the filter, have a finite ` +
        `value of the metric and are not in the trash. Params that fewer than ${FEWEST_RUNS} of them have are left out, ` +
        `and those after ${PARAMS_TOLD.toLocaleString('en')}.`,
      request: {
        params,
        query: z.object({
          metric: z.string().openapi({ ...nameSchema, example: 'loss' }),
          of: whichValue,
          filter: filterQuery,
        }),
      },
      responses: { 200: json(z.array(Correlation), 'The correlations.'), ...reads, ...finds },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const { metric, of = 'last', filter } = c.req.valid('query')
      const findings = nameFindings('metric', [metric], 1)
      if (findings.length > 0) throw invalid(findings)
      const [[experiment], { rows }] = await c.var.db.batch([
        new ExperimentRepository(c.var.db.scope).exists(id),
        correlate(c.var.db.scope, { ...choice(c, id, filter), metric, of }),
      ])
      if (!experiment) throw notFound('Experiment')
      return c.json(
        rows.map(({ param, runs, correlation }) => ({
          param,
          runs,
          correlation: correlation === null ? null : Number(correlation),
        })),
        200,
      )
    },
  )
