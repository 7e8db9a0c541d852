import { type SQL, sql } from 'drizzle-orm'
import { Hono } from 'hono'
import { z } from 'zod'
import { experimentLocation } from '../artifacts/location.ts'
import { type ExperimentRow, experiments as table } from '../db/schema.ts'
import { UnitOfWork } from '../db/unit-of-work.ts'
import { ExperimentRepository, type FoundExperiment } from '../experiments/repository.ts'
import { experimentComparison, experimentOrder } from '../experiments/search.ts'
import type { AppContext, AppEnv } from '../http/context.ts'
import { DEFAULT_EXPERIMENT, experimentId, experimentUuid, newId } from '../ids.ts'
import { AuditRepository } from '../keys/audit.ts'
import { DatasetRepository } from '../runs/datasets.ts'
import { RunRepository } from '../runs/repository.ts'
import { readCursor } from '../search/cursor.ts'
import { parseFilter, parseOrder } from '../search/filter.ts'
import { pageOf } from '../search/page.ts'
import { condition } from '../search/sql.ts'
import { alreadyExists, doesNotExist, invalidParameter, MlflowError } from './errors.ts'
import { integer, list, maybe, message, pair, requiredText, text } from './message.ts'
import { checkMaxResults, checkOrder, viewType } from './paging.ts'
import {
  checkLength,
  checkName,
  MAX_EXPERIMENT_NAME,
  MAX_EXPERIMENT_TAG_VALUE,
  MAX_KEY,
} from './validation.ts'
import { pairs } from './wire.ts'

/** Whose experiments are that are made here: this API does not say. */
const OWNER = 'mlflow'

const MAX_LOCATION = 2_048

/** In how many experiments datasets are looked for at a time, and how many are told. */
const MAX_SEARCHED = 20
const MAX_SUMMARIES = 1_000

const ById = z.object({ experiment_id: requiredText })

const experiment = (row: ExperimentRow) =>
  found({
    ...row,
    deleted: row.deletedAt !== null,
    created: row.createdAt.getTime(),
    updated: row.updatedAt.getTime(),
  })

const found = (row: FoundExperiment) => ({
  experiment_id: experimentId(row.id),
  name: row.name,
  artifact_location: experimentLocation(row.id, row.artifactLocation),
  lifecycle_stage: row.deleted ? 'deleted' : 'active',
  last_update_time: row.updated,
  creation_time: row.created,
  ...(Object.keys(row.tags).length > 0 && { tags: pairs(row.tags) }),
})

export const noExperiment = (id: string) => doesNotExist(`No Experiment with id=${id} exists`)

/** The UUID of an experiment. */
export function experimentOf(id: string): string {
  const uuid = experimentUuid(id)
  if (uuid !== undefined) return uuid
  // MLflow's ids are numbers: of one that is none like them or ours, it says so.
  throw isNumber(id) ? noExperiment(id) : noExperimentId(id)
}

/** The UUIDs of those experiments that there can be. */
export const experimentsOf = (ids: string[]): string[] =>
  ids.flatMap((id) => {
    const uuid = experimentUuid(id)
    if (uuid === undefined && !isNumber(id)) throw noExperimentId(id)
    return uuid ?? []
  })

const isNumber = (id: string) => /^-?\d+$/.test(id)

const noExperimentId = (id: string) =>
  invalidParameter(`Invalid experiment ID '${id}'. Experiment ID must be a valid integer.`)

/** A unit of work of which the default experiment, where it is the one that is meant, is part. */
export function workOn(c: AppContext, ...ids: string[]): UnitOfWork {
  const work = new UnitOfWork(c.var.db)
  if (ids.includes(DEFAULT_EXPERIMENT)) work.add(new ExperimentRepository(c.var.db.scope).ensureDefault())
  return work
}

export const mustBeActive = (id: string) =>
  invalidParameter(`The experiment ${id} must be in the 'active' state. Current state is deleted.`)

function checkTag(key: string, value: string) {
  checkName(key, 'key')
  checkLength('key', MAX_KEY, key)
  checkLength('value', MAX_EXPERIMENT_TAG_VALUE, value)
}

export const experimentRoutes = new Hono<AppEnv>()
  .post('/experiments/create', async (c) => {
    const {
      name,
      artifact_location: location,
      tags,
    } = await message(c, z.object({ name: requiredText, artifact_location: text, tags: list(pair) }))
    checkLength('name', MAX_EXPERIMENT_NAME, name)
    for (const { key, value } of tags) checkTag(key, value)
    if (location) checkLocation(location)

    const experiments = new ExperimentRepository(c.var.db.scope)
    const id = newId()
    const work = workOn(c, ...(name === 'Default' ? [DEFAULT_EXPERIMENT] : []))
    work.add(experiments.lockName(name))
    work.add(
      experiments.insertNamed({
        id,
        name,
        owner: OWNER,
        tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
        artifactLocation: location || null,
        creationHash: '',
      }),
    )
    const created = work.add(experiments.exists(id))
    await work.commit()
    if (created.result.length === 0) throw alreadyExists(`Experiment(name=${name}) already exists.`)
    return c.json({ experiment_id: experimentId(id) })
  })
  .get('/experiments/get', async (c) => {
    const { experiment_id: id } = await message(c, ById)
    const uuid = experimentOf(id)
    const work = workOn(c, uuid)
    const found = work.add(new ExperimentRepository(c.var.db.scope).findAny(uuid))
    await work.commit()
    const [row] = found.result
    if (!row) throw noExperiment(id)
    return c.json({ experiment: experiment(row) })
  })
  .get('/experiments/get-by-name', async (c) => {
    const { experiment_name: name } = await message(c, z.object({ experiment_name: requiredText }))
    const work = workOn(c, ...(name === 'Default' ? [DEFAULT_EXPERIMENT] : []))
    const found = work.add(new ExperimentRepository(c.var.db.scope).findByName(name))
    await work.commit()
    const [row] = found.result
    if (!row) throw doesNotExist(`Could not find experiment with name '${name}'`)
    return c.json({ experiment: experiment(row) })
  })
  .post('/experiments/search', search)
  .get('/experiments/search', search)
  .post('/experiments/search-datasets', async (c) => {
    const { experiment_ids: ids } = await message(c, z.object({ experiment_ids: list(z.string()) }))
    if (ids.length === 0) {
      throw invalidParameter('SearchDatasets request must specify at least one experiment_id.')
    }
    if (ids.length > MAX_SEARCHED) {
      throw invalidParameter(
        `SearchDatasets request cannot specify more than ${MAX_SEARCHED} experiment_ids. Received ${ids.length} experiment_ids.`,
      )
    }
    const { rows } = await c.var.db.single(
      new DatasetRepository(c.var.db.scope).summaries(experimentsOf(ids), MAX_SUMMARIES),
    )
    const summaries = rows.map(({ experiment_id: id, context, ...dataset }) => ({
      experiment_id: experimentId(id),
      ...dataset,
      ...(context !== null && { context }),
    }))
    return c.json({ ...(summaries.length > 0 && { dataset_summaries: summaries }) })
  })
  .post('/experiments/update', async (c) => {
    const { experiment_id: id, new_name: name } = await message(c, ById.extend({ new_name: requiredText }))
    const uuid = experimentOf(id)
    checkLength('name', MAX_EXPERIMENT_NAME, name)
    const experiments = new ExperimentRepository(c.var.db.scope)
    const work = workOn(c, uuid, ...(name === 'Default' ? [DEFAULT_EXPERIMENT] : []))
    work.add(experiments.lockName(name))
    work.add(experiments.rename(uuid, name))
    const found = work.add(experiments.findAny(uuid))
    await work.commit()
    const [row] = found.result
    if (!row) throw noExperiment(id)
    if (row.deletedAt) throw new MlflowError('INVALID_STATE', 'Cannot rename a non-active experiment.')
    if (row.name !== name) throw alreadyExists(`Experiment(name=${name}) already exists.`)
    return c.json({})
  })
  .post('/experiments/delete', async (c) => {
    const { experiment_id: id } = await message(c, ById)
    await setDeleted(c, id, true)
    return c.json({})
  })
  .post('/experiments/restore', async (c) => {
    const { experiment_id: id } = await message(c, ById)
    await setDeleted(c, id, false)
    return c.json({})
  })
  .post('/experiments/set-experiment-tag', async (c) => {
    const {
      experiment_id: id,
      key,
      value = '',
    } = await message(c, ById.extend({ key: requiredText, value: text }))
    const uuid = experimentOf(id)
    checkTag(key, value)
    const experiments = new ExperimentRepository(c.var.db.scope)
    const work = workOn(c, uuid)
    work.add(experiments.setTags(uuid, { [key]: value }))
    const found = work.add(experiments.findAny(uuid))
    await work.commit()
    const [row] = found.result
    if (!row) throw noExperiment(id)
    if (row.deletedAt) throw mustBeActive(id)
    return c.json({})
  })
  .post('/experiments/delete-experiment-tag', async (c) => {
    const { experiment_id: id, key } = await message(c, ById.extend({ key: requiredText }))
    const uuid = experimentOf(id)
    const experiments = new ExperimentRepository(c.var.db.scope)
    const work = workOn(c, uuid)
    const deleted = work.add(experiments.deleteTag(uuid, key))
    const found = work.add(experiments.findAny(uuid))
    await work.commit({ repeatable: false })
    const [row] = found.result
    if (!row) throw noExperiment(id)
    if (row.deletedAt) throw mustBeActive(id)
    if (deleted.result.length === 0) {
      throw doesNotExist(`No tag with name: ${key} in experiment with id ${id}`)
    }
    return c.json({})
  })

async function search(c: AppContext) {
  const body = await message(
    c,
    z.object({
      view_type: maybe(viewType),
      max_results: maybe(integer),
      order_by: list(z.string()),
      filter: text,
      page_token: text,
    }),
    ['order_by'],
  )
  const limit = checkMaxResults(body.max_results ?? 0)
  const filterText = body.filter ?? ''
  const filter = parseFilter(filterText, c.var.limits)
  checkOrder(body.order_by)
  const order = experimentOrder(
    body.order_by.map((order) => parseOrder(order, c.var.limits)),
    body.order_by,
  )
  const after = body.page_token ? readCursor(body.page_token, order) : undefined
  const stage = body.view_type
  const conditions: SQL[] = [
    ...(stage === 'ALL'
      ? []
      : [sql`${table.deletedAt} is ${stage === 'DELETED_ONLY' ? sql`not null` : sql`null`}`]),
    ...(filter === undefined ? [] : [condition(filter, experimentComparison(filterText))]),
  ]
  const experiments = new ExperimentRepository(c.var.db.scope)
  const [, { rows }] = await c.var.db.batch([
    experiments.ensureDefault(),
    experiments.search({ conditions, order, after, limit }),
  ])
  const { kept, next } = pageOf(rows, limit)
  return c.json({
    ...(kept.length > 0 && { experiments: kept.map(({ row }) => found(row)) }),
    ...(next !== undefined && { next_page_token: next }),
  })
}

/** Puts an experiment and its runs into the trash, or takes them all out. */
async function setDeleted(c: AppContext, id: string, deleted: boolean) {
  const uuid = experimentOf(id)
  const work = workOn(c, uuid)
  work.add(new AuditRepository(c.var.db.scope).experiment(deleted ? 'trashed' : 'restored', uuid))
  const changed = work.add(new ExperimentRepository(c.var.db.scope).setDeleted(uuid, deleted))
  work.add(new RunRepository(c.var.db.scope).setAllDeleted(uuid, deleted))
  await work.commit({ timeout: c.var.limits.DELETE_TIMEOUT_MS, repeatable: false })
  if (changed.result.length === 0) throw noExperiment(id)
}

function checkLocation(location: string) {
  if (/[#;]/.test(location)) {
    throw invalidParameter("'artifact_location' URL can't include fragments or params.")
  }
  if (location.startsWith('runs:')) {
    throw invalidParameter(`Artifact location cannot be a runs:/ URI. Given: '${location}'`)
  }
  if (location.length > MAX_LOCATION) {
    throw invalidParameter(
      `Invalid artifact path length. The length of the artifact path cannot be greater than ${MAX_LOCATION} characters.`,
    )
  }
}
