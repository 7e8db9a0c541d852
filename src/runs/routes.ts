import { createRoute, z } from '@hono/zod-openapi'
import { removeLater } from '../artifacts/removal.ts'
import { ArtifactRepository } from '../artifacts/repository.ts'
import { UnitOfWork } from '../db/unit-of-work.ts'
import { invalid, notFound, TrackerError } from '../errors.ts'
import { ExperimentRepository } from '../experiments/repository.ts'
import { jsonRequest } from '../http/body.ts'
import { router } from '../http/context.ts'
import { LinkHeader, limit, linkTo, orderCursor } from '../http/paging.ts'
import { conflicts, finds, json, jsonBody, reads, takesBody } from '../http/responses.ts'
import { pathId, several } from '../http/schemas.ts'
import { creationHash, newId } from '../ids.ts'
import { AuditRepository } from '../keys/audit.ts'
import { nameSchema } from '../metrics/openapi.ts'
import { nameFindings } from '../metrics/points.ts'
import { MetricRepository } from '../metrics/repository.ts'
import { parseFilter, parseOrder } from '../search/filter.ts'
import { pageOf } from '../search/page.ts'
import { NATIVE_WORDS } from './fields.ts'
import { heartbeat } from './heartbeat.ts'
import { type RunPatch, RunRepository } from './repository.ts'
import { listRuns } from './search.ts'
import {
  Heartbeat,
  NewRun,
  newRunRow,
  Run,
  RunChange,
  RunListed,
  run,
  runFound,
  runFoundWith,
  runStatus,
  SERIES_SHOWN,
  tooManyNamed,
} from './wire.ts'

/** Of an order. */
const MAX_CLAUSES = 10

/** That runs are listed with. */
const MAX_METRICS = 50

const tags = ['runs']
const params = z.object({ id: pathId('Run') })
const ofExperiment = z.object({ id: pathId('Experiment') })

export const runRoutes = router()
  .openapi(
    createRoute({
      method: 'post',
      path: '/experiments/{id}/runs',
      tags,
      summary: 'Create a run',
      description: 'With an `id` of your own the request can be sent again: it answers the same run.',
      middleware: jsonRequest,
      request: { params: ofExperiment, body: jsonBody(NewRun) },
      responses: {
        201: {
          ...json(Run, 'The run.'),
          headers: { Location: { description: 'Where the run is.', schema: { type: 'string' } } },
        },
        ...takesBody,
        ...finds,
        ...conflicts,
      },
    }),
    async (c) => {
      const { id: experimentId } = c.req.valid('param')
      const body = c.req.valid('json')
      c.var.access.logTo({ experiment: experimentId })
      const id = body.id ?? newId()
      const runs = new RunRepository(c.var.db.scope)
      const metrics = new MetricRepository(c.var.db.scope)
      const newRun = newRunRow(id, experimentId, body)
      const hash = await creationHash(newRun)

      const work = new UnitOfWork(c.var.db)
      for (const recount of runs.recount(experimentId)) work.add(recount)
      work.add(runs.insert({ ...newRun, creationHash: hash }))
      const created = work.add(runs.find(id))
      const summaries = work.add(metrics.summaries(id, { limit: SERIES_SHOWN }))
      await work.commit()

      const [row] = created.result
      if (!row) throw notFound('Run')
      return c.json(run(row, summaries.result), 201, { Location: `/runs/${id}` })
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/experiments/{id}/runs',
      tags,
      summary: 'List or search the runs of an experiment, newest first',
      description:
        'Of their metrics, of which there can be thousands a run, those that `metrics` names: `/runs/{id}` has all. ' +
        'A `filter` is as in ' +
        "`metrics.loss < 0.5 AND (params.lr = '0.1' OR NOT tags.host LIKE 'gpu%')`; beside `metrics`, `params` " +
        'and `tags` there are `datasets` and the fields of the run itself, as in `id IN (…)` and ' +
        '`parent_run_id IS NULL`. A metric is its latest value of rank 0, or ' +
        '`min(metrics.loss)`, `max(metrics.loss)`.',
      request: {
        params: ofExperiment,
        query: z.object({
          status: runStatus.optional(),
          filter: z.string().optional().openapi({ example: 'metrics.loss < 0.5' }),
          order_by: several('Clauses such as `metrics.loss DESC`, the most important first.', MAX_CLAUSES, {
            type: 'string',
          }).optional(),
          metrics: several(
            `Up to ${MAX_METRICS} metrics that each run is to come with; several times, because a name may hold a comma.`,
            MAX_METRICS,
            nameSchema,
          ).optional(),
          limit: limit(100, 1_000),
          cursor: orderCursor,
        }),
      },
      responses: {
        200: { ...json(z.array(RunListed), 'A page of runs.'), headers: LinkHeader },
        ...reads,
        ...finds,
      },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const {
        status,
        filter: filterText = '',
        order_by: orderTexts = [],
        metrics,
        limit,
        cursor,
      } = c.req.valid('query')
      const findings = nameFindings('metrics', metrics ?? [], MAX_METRICS)
      if (orderTexts.length > MAX_CLAUSES) {
        const message = `has ${orderTexts.length} clauses; at most ${MAX_CLAUSES}`
        findings.push({ path: 'order_by', message })
      }
      if (findings.length > 0) throw invalid(findings)
      const experiments = new ExperimentRepository(c.var.db.scope)
      const [[experiment], { rows }] = await c.var.db.batch([
        experiments.exists(id),
        listRuns(
          c.var.db.scope,
          {
            experimentIds: [id],
            trash: 'without',
            status,
            filter: parseFilter(filterText, c.var.limits),
            filterText,
            orders: orderTexts.map((order) => parseOrder(order, c.var.limits)),
            orderTexts,
            words: NATIVE_WORDS,
            idAscending: false,
            cursor,
            limit,
          },
          [...new Set(metrics)],
        ),
      ])
      if (!experiment) throw notFound('Experiment')
      const { kept, next } = pageOf(rows, limit)
      if (next !== undefined) linkTo(c, next)
      return c.json(kept.map(metrics === undefined ? runFound : runFoundWith), 200)
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}',
      tags,
      summary: 'Get a run with its params, tags and metric summaries',
      request: { params },
      responses: { 200: json(Run, 'The run.'), ...finds },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const runs = new RunRepository(c.var.db.scope)
      const metrics = new MetricRepository(c.var.db.scope)
      const [[row], summaries] = await c.var.db.batch([
        runs.find(id),
        metrics.summaries(id, { limit: SERIES_SHOWN }),
      ])
      if (!row) throw notFound('Run')
      return c.json(run(row, summaries), 200)
    },
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: '/runs/{id}',
      tags,
      summary: 'Change a run: name, status, end, params, tags',
      description:
        'A status other than `running` and `scheduled` ends the run, and sets `ended_at` where it is not given; ' +
        '`running` again resumes it. A param never changes its value. A tag set to null goes. A `heartbeat_timeout` ' +
        'counts from now; it brings back to life a run that the tracker took for dead.',
      middleware: jsonRequest,
      request: { params, body: jsonBody(RunChange) },
      responses: { 200: json(Run, 'The run as it is now.'), ...takesBody, ...finds, ...conflicts },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      c.var.access.logTo({ run: id })
      const { ended_at: endedAt, heartbeat_timeout: heartbeatTimeout, ...rest } = c.req.valid('json')
      const patch: RunPatch = { ...rest, endedAt, heartbeatTimeout }
      if (endedAt && (patch.status === 'running' || patch.status === 'scheduled')) {
        throw new TrackerError('conflict', `A run that is ${patch.status} has no end: leave out ended_at`)
      }
      const runs = new RunRepository(c.var.db.scope)
      const metrics = new MetricRepository(c.var.db.scope)

      const work = new UnitOfWork(c.var.db)
      const checked = work.add(runs.check(id, patch))
      work.add(runs.update(id, patch))
      const found = work.add(runs.find(id))
      const summaries = work.add(metrics.summaries(id, { limit: SERIES_SHOWN }))
      await work.commit()

      const [against] = checked.result
      const [row] = found.result
      if (!against || !row) throw notFound('Run')
      if (against.changedParams.length > 0) {
        const names = against.changedParams.map(({ key }) => `"${key}"`).join(', ')
        throw new TrackerError('conflict', `A param never changes its value: ${names} is set already`)
      }
      if (against.tooLarge) throw tooManyNamed()
      if (against.endsNothing) {
        throw new TrackerError('conflict', `The run is ${row.status}: to end it, send a status with ended_at`)
      }
      return c.json(run(row, summaries.result), 200)
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/runs/{id}/heartbeat',
      tags,
      summary: 'Show that a run lives',
      description:
        'For a run with a `heartbeat_timeout` that logs less often than that; points are signs of life as well. ' +
        'A run that the tracker took for dead runs again; one that was ended stays so, and the answer says it: ' +
        'a job that reads `killed`, or 404, can stop.',
      request: { params },
      responses: { 200: json(Heartbeat, 'The status that the run has now.'), ...finds },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      c.var.access.logTo({ run: id })
      const { rows } = await c.var.db.single(heartbeat(c.var.db.scope, id))
      const status = rows[0]?.status
      if (!status) throw notFound('Run')
      return c.json({ status }, 200)
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/runs/{id}',
      tags,
      summary: 'Delete a run and its points',
      request: { params },
      responses: { 204: { description: 'It is gone.' }, ...finds },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const runs = new RunRepository(c.var.db.scope)
      const artifacts = new ArtifactRepository(c.var.db.scope)
      const removal = artifacts.removeOfRun(id, new URL(c.req.url).host)
      const audit = new AuditRepository(c.var.db.scope).run('deleted', id)
      const [, { rows }, [deleted]] = await c.var.db.batch([audit, removal, runs.delete(id)], {
        timeout: c.var.limits.DELETE_TIMEOUT_MS,
        repeatable: false,
      })
      if (!deleted) throw notFound('Run')
      removeLater(c, rows)
      return c.body(null, 204)
    },
  )
