import { createRoute, z } from '@hono/zod-openapi'
import { removeLater } from '../artifacts/removal.ts'
import { ArtifactRepository } from '../artifacts/repository.ts'
import { EXPERIMENT_STATUSES, type ExperimentRow } from '../db/schema.ts'
import { UnitOfWork } from '../db/unit-of-work.ts'
import { notFound } from '../errors.ts'
import { jsonRequest } from '../http/body.ts'
import { router } from '../http/context.ts'
import { cursor, LinkHeader, limit, numberAndText, page, timeCursor } from '../http/paging.ts'
import { conflicts, finds, json, jsonBody, reads, takesBody } from '../http/responses.ts'
import { clientId, isoTimestamp, pathId, text } from '../http/schemas.ts'
import { creationHash, derivedId, newId } from '../ids.ts'
import { AuditRepository } from '../keys/audit.ts'
import { RunRepository } from '../runs/repository.ts'
import { NewRun, newRunRow, RunSummary, runSummary } from '../runs/wire.ts'
import { type ExperimentPatch, ExperimentRepository } from './repository.ts'

/** How many runs an experiment shows of itself, newest first; the rest is at `/experiments/{id}/runs`. */
const RUNS_SHOWN = 1_000

const status = z.enum(EXPERIMENT_STATUSES)

const NewExperiment = z
  .strictObject({
    id: clientId.optional(),
    name: text(1, 100),
    owner: text(1, 50),
    description: text(0, 1_000_000).nullish(),
    run: NewRun.omit({ id: true, started_at: true }).optional(),
  })
  .openapi('NewExperiment', {
    example: {
      name: 'digits',
      owner: 'alice',
      description: 'A small classifier',
      run: { seed: 7, params: { lr: 0.1 } },
    },
  })

const ExperimentChange = z
  .strictObject({
    name: text(1, 100).optional(),
    owner: text(1, 50).optional(),
    description: text(0, 1_000_000).nullable().optional(),
    status: status.optional(),
  })
  .openapi('ExperimentChange', { example: { status: 'completed' } })

const Experiment = z
  .object({
    id: z.guid(),
    name: z.string(),
    owner: z.string(),
    description: z.string().nullable(),
    status,
    created_at: isoTimestamp,
    runs: z.array(RunSummary).openapi({ description: `The newest ${RUNS_SHOWN.toLocaleString('en')} runs.` }),
  })
  .openapi('Experiment')

const ExperimentListed = z
  .object({
    id: z.guid(),
    name: z.string(),
    owner: z.string(),
    status,
    created_at: isoTimestamp,
    active_at: isoTimestamp.openapi({
      description:
        'When it was changed, or its newest run started, ended or last showed a sign of life: the latest of these.',
    }),
    run_count: z.int().nonnegative(),
  })
  .openapi('ExperimentListed')

const OwnerCount = z.object({ owner: z.string(), count: z.int().positive() }).openapi('OwnerCount')

const experiment = (row: ExperimentRow, runs: Parameters<typeof runSummary>[0][]) => ({
  id: row.id,
  name: row.name,
  owner: row.owner,
  description: row.description,
  status: row.status,
  created_at: row.createdAt.toISOString(),
  runs: runs.map(runSummary),
})

const ownerCursor = cursor(numberAndText(50), (count = '', owner = '') => ({ count: Number(count), owner }))

const tags = ['experiments']
const params = z.object({ id: pathId('Experiment') })

export const experimentRoutes = router()
  .openapi(
    createRoute({
      method: 'post',
      path: '/experiments',
      tags,
      summary: 'Create an experiment, and a run with it',
      description:
        'With an `id` of your own the request can be sent again: it answers the same experiment. With `run`, the ' +
        'experiment and its first run are created in one transaction.',
      middleware: jsonRequest,
      request: { body: jsonBody(NewExperiment) },
      responses: {
        201: {
          ...json(Experiment, 'The experiment.'),
          headers: { Location: { description: 'Where the experiment is.', schema: { type: 'string' } } },
        },
        ...takesBody,
        ...finds,
        ...conflicts,
      },
    }),
    async (c) => {
      const body = c.req.valid('json')
      const id = body.id ?? newId()
      const experiments = new ExperimentRepository(c.var.db.scope)
      const runs = new RunRepository(c.var.db.scope)
      const { name, owner, description = null } = body
      const newExperiment = { id, name, owner, description }
      // The same experiment sent again must find the same run.
      const runId = body.id === undefined ? newId() : derivedId(body.id, 'first run')
      const newRun = body.run && newRunRow(runId, id, body.run)
      const hash = await creationHash({ newExperiment, newRun })

      const work = new UnitOfWork(c.var.db)
      work.add(experiments.insert({ ...newExperiment, creationHash: hash }))
      if (newRun) {
        for (const recount of runs.recount(id)) work.add(recount)
        work.add(runs.insert({ ...newRun, creationHash: hash }))
      }
      const created = work.add(experiments.find(id))
      const summaries = work.add(runs.summaries(id, { limit: RUNS_SHOWN }))
      await work.commit()

      const [row] = created.result
      if (!row) throw notFound('Experiment')
      return c.json(experiment(row, summaries.result), 201, { Location: `/experiments/${id}` })
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/experiments',
      tags,
      summary: 'List experiments, newest first',
      request: {
        query: z.object({
          q: text(1, 100).optional().openapi({ description: 'What the name contains, in any case.' }),
          owner: text(1, 50).optional(),
          status: status.optional(),
          limit: limit(100, 1_000),
          cursor: timeCursor,
        }),
      },
      responses: {
        200: { ...json(z.array(ExperimentListed), 'A page of experiments.'), headers: LinkHeader },
        ...reads,
      },
    }),
    async (c) => {
      const { q, owner, status, limit, cursor: after } = c.req.valid('query')
      const experiments = new ExperimentRepository(c.var.db.scope)
      const [rows] = await c.var.db.batch([experiments.list({ q, owner, status, after, limit })])
      const kept = page(c, rows, limit, (row) => [row.createdAt.getTime(), row.id])
      return c.json(
        kept.map((row) => ({
          id: row.id,
          name: row.name,
          owner: row.owner,
          status: row.status,
          created_at: row.createdAt.toISOString(),
          active_at: row.activeAt.toISOString(),
          run_count: row.runCount,
        })),
        200,
      )
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/experiments/{id}',
      tags,
      summary: 'Get an experiment with its runs',
      request: { params },
      responses: { 200: json(Experiment, 'The experiment.'), ...finds },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const experiments = new ExperimentRepository(c.var.db.scope)
      const runs = new RunRepository(c.var.db.scope)
      const [[row], summaries] = await c.var.db.batch([
        experiments.find(id),
        runs.summaries(id, { limit: RUNS_SHOWN }),
      ])
      if (!row) throw notFound('Experiment')
      return c.json(experiment(row, summaries), 200)
    },
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: '/experiments/{id}',
      tags,
      summary: 'Change an experiment',
      middleware: jsonRequest,
      request: { params, body: jsonBody(ExperimentChange) },
      responses: { 200: json(Experiment, 'The experiment as it is now.'), ...takesBody, ...finds },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const change = c.req.valid('json')
      const experiments = new ExperimentRepository(c.var.db.scope)
      const runs = new RunRepository(c.var.db.scope)
      const work = new UnitOfWork(c.var.db)
      const patch: ExperimentPatch = Object.fromEntries(
        Object.entries(change).filter(([, value]) => value !== undefined),
      )
      if (Object.keys(patch).length > 0) work.add(experiments.update(id, patch))
      const found = work.add(experiments.find(id))
      const summaries = work.add(runs.summaries(id, { limit: RUNS_SHOWN }))
      await work.commit()
      const [row] = found.result
      if (!row) throw notFound('Experiment')
      return c.json(experiment(row, summaries.result), 200)
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/experiments/{id}',
      tags,
      summary: 'Delete an experiment and everything below it',
      request: { params },
      responses: { 204: { description: 'It is gone.' }, ...finds },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const experiments = new ExperimentRepository(c.var.db.scope)
      const artifacts = new ArtifactRepository(c.var.db.scope)
      const removal = artifacts.removeOfExperiment(id, new URL(c.req.url).host)
      const audit = new AuditRepository(c.var.db.scope).experiment('deleted', id)
      const [, { rows }, [deleted]] = await c.var.db.batch([audit, removal, experiments.delete(id)], {
        timeout: c.var.limits.DELETE_TIMEOUT_MS,
        repeatable: false,
      })
      if (!deleted) throw notFound('Experiment')
      removeLater(c, rows)
      return c.body(null, 204)
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/owners',
      tags,
      summary: 'How many experiments each owner has, most first',
      request: { query: z.object({ limit: limit(100, 1_000), cursor: ownerCursor }) },
      responses: {
        200: { ...json(z.array(OwnerCount), 'A page of owners.'), headers: LinkHeader },
        ...reads,
      },
    }),
    async (c) => {
      const { limit, cursor: after } = c.req.valid('query')
      const experiments = new ExperimentRepository(c.var.db.scope)
      const [rows] = await c.var.db.batch([experiments.owners({ after, limit })])
      return c.json(
        page(c, rows, limit, (row) => [row.count, row.owner]),
        200,
      )
    },
  )
