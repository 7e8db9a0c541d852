import { Hono } from 'hono'
import { z } from 'zod'
import { UnitOfWork } from '../db/unit-of-work.ts'
import { TrackerError } from '../errors.ts'
import type { AppContext, AppEnv } from '../http/context.ts'
import { newId } from '../ids.ts'
import { AuditRepository } from '../keys/audit.ts'
import { RegisteredModelRepository } from '../registry/models.ts'
import { modelConditions, modelOrder } from '../registry/search.ts'
import { ModelVersionRepository } from '../registry/versions.ts'
import { readCursor } from '../search/cursor.ts'
import { parseFilter, parseOrder } from '../search/filter.ts'
import { pageOf } from '../search/page.ts'
import { alreadyExists, doesNotExist, invalidParameter } from './errors.ts'
import { list, message, pair, requiredText, text } from './message.ts'
import {
  checkAliasName,
  checkModelName,
  checkNewAlias,
  checkNewName,
  checkTag,
  modelVersion,
  noModel,
  noVersion,
  PROMPT,
  readTags,
  registeredModel,
  searchMessage,
  stageNamed,
  versionNumber,
} from './registry.ts'
import { checkName } from './validation.ts'
import { repr } from './wire.ts'

const DEFAULT_PAGE = 100
const MAX_PAGE = 1_000

const ofModel = <S extends z.ZodRawShape>(shape: S) => z.object({ name: requiredText, ...shape })

const modelsOf = (c: AppContext) => new RegisteredModelRepository(c.var.db.scope)

export const registeredModelRoutes = new Hono<AppEnv>()
  .post('/registered-models/create', async (c) => {
    const body = await message(c, ofModel({ tags: list(pair), description: text }))
    const { name } = body
    checkModelName(name)
    checkNewName(name)
    const tags = readTags(body.tags)
    const models = modelsOf(c)
    const creationId = newId()
    const work = new UnitOfWork(c.var.db)
    work.add(models.insert({ name, description: body.description ?? '', tags, creationId }))
    const found = work.add(models.find(name))
    await work.commit()
    const [row] = found.result.rows
    if (!row) throw new Error('A registered model that was created is not there')
    if (row.model.creation_id !== creationId) throw taken(name, PROMPT in row.model.tags, PROMPT in tags)
    return c.json({ registered_model: registeredModel(row.model) })
  })
  .get('/registered-models/get', async (c) => {
    const { name } = await message(c, ofModel({}))
    checkModelName(name)
    const { rows } = await c.var.db.single(modelsOf(c).find(name))
    const [row] = rows
    if (!row) throw noModel(name)
    return c.json({ registered_model: registeredModel(row.model) })
  })
  .patch('/registered-models/update', async (c) => {
    const { name, description = '' } = await message(c, ofModel({ description: text }))
    checkModelName(name)
    const { rows } = await c.var.db.single(modelsOf(c).describe(name, description))
    const [row] = rows
    if (!row) throw noModel(name)
    return c.json({ registered_model: registeredModel(row.model) })
  })
  .post('/registered-models/rename', async (c) => {
    const { name, new_name: to } = await message(c, ofModel({ new_name: requiredText }))
    checkModelName(to, 'new_name')
    checkModelName(name)
    checkNewName(to)
    const models = modelsOf(c)
    const work = new UnitOfWork(c.var.db)
    const locked = work.add(models.lock(name))
    work.add(new ModelVersionRepository(c.var.db.scope).touchAll(name))
    work.add(models.rename(name, to))
    const renamed = work.add(models.find(to))
    try {
      await work.commit({ timeout: c.var.limits.DELETE_TIMEOUT_MS, repeatable: false })
    } catch (error) {
      if (!(error instanceof TrackerError) || error.code !== 'conflict') throw error
      throw alreadyExists(`Registered Model (name=${to}) already exists.`)
    }
    const [row] = renamed.result.rows
    if (locked.result.rows.length === 0 || !row) throw noModel(name)
    return c.json({ registered_model: registeredModel(row.model) })
  })
  .delete('/registered-models/delete', async (c) => {
    const { name } = await message(c, ofModel({}))
    checkModelName(name)
    const audit = new AuditRepository(c.var.db.scope).registeredModelDeleted(name)
    const [, { rows }] = await c.var.db.batch([audit, modelsOf(c).delete(name)], {
      timeout: c.var.limits.DELETE_TIMEOUT_MS,
      repeatable: false,
    })
    if (rows.length === 0) throw noModel(name)
    return c.json({})
  })
  .get('/registered-models/search', async (c) => {
    const body = await message(c, searchMessage(MAX_PAGE), ['order_by'])
    const limit = body.max_results ?? DEFAULT_PAGE
    const filterText = body.filter ?? ''
    const conditions = modelConditions(parseFilter(filterText, c.var.limits), filterText)
    const order = modelOrder(
      body.order_by.map((order) => parseOrder(order, c.var.limits)),
      body.order_by,
    )
    const after = body.page_token ? readCursor(body.page_token, order) : undefined
    // MLflow takes that, and finds nothing.
    if (limit < 1) return c.json({})
    const { rows } = await c.var.db.single(modelsOf(c).search({ conditions, order, after, limit }))
    const { kept, next } = pageOf(rows, limit)
    return c.json({
      ...(kept.length > 0 && { registered_models: kept.map(({ row }) => registeredModel(row)) }),
      ...(next !== undefined && { next_page_token: next }),
    })
  })
  .get('/registered-models/get-latest-versions', latestVersions)
  .post('/registered-models/get-latest-versions', latestVersions)
  .post('/registered-models/set-tag', async (c) => {
    const { name, key, value = '' } = await message(c, ofModel({ key: requiredText, value: text }))
    checkModelName(name)
    checkTag(key, value)
    const { rows } = await c.var.db.single(modelsOf(c).setTag(name, key, value))
    if (rows.length === 0) throw noModel(name)
    return c.json({})
  })
  .delete('/registered-models/delete-tag', async (c) => {
    const { name, key } = await message(c, ofModel({ key: requiredText }))
    checkModelName(name)
    checkName(key, 'key')
    const { rows } = await c.var.db.single(modelsOf(c).deleteTag(name, key))
    if (rows.length === 0) throw noModel(name)
    return c.json({})
  })
  .post('/registered-models/alias', async (c) => {
    const { name, alias, version } = await message(c, ofModel({ alias: requiredText, version: requiredText }))
    checkModelName(name)
    checkNewAlias(alias)
    const { number, told } = versionNumber(version)
    const models = modelsOf(c)
    const work = new UnitOfWork(c.var.db)
    work.add(models.lock(name))
    const set = work.add(models.setAlias(name, alias, number))
    await work.commit()
    if (set.result.rows.length === 0) throw noVersion(name, told)
    return c.json({})
  })
  .delete('/registered-models/alias', async (c) => {
    const { name, alias } = await message(c, ofModel({ alias: requiredText }))
    checkModelName(name)
    checkAliasName(alias)
    const { rows } = await c.var.db.single(modelsOf(c).deleteAlias(name, alias))
    if (rows.length === 0) throw noModel(name)
    return c.json({})
  })
  .get('/registered-models/alias', async (c) => {
    const { name, alias } = await message(c, ofModel({ alias: requiredText }))
    checkModelName(name)
    checkAliasName(alias)
    const versions = new ModelVersionRepository(c.var.db.scope)
    const isNewest = alias.toLowerCase() === 'latest'
    const { rows } = await c.var.db.single(
      isNewest ? versions.findNewest(name) : versions.findByAlias(name, alias),
    )
    const [row] = rows
    if (!row) throw noModel(name)
    if (!row.version) {
      throw isNewest
        ? doesNotExist(`Latest version not found for model ${name}.`)
        : invalidParameter(`Registered model alias ${alias} not found.`)
    }
    return c.json({ model_version: modelVersion(row.version, row.aliases) })
  })

/** The latest version of each stage, or of those that were asked for. */
async function latestVersions(c: AppContext) {
  const body = await message(c, ofModel({ stages: list(z.string()) }), ['stages'])
  const { name } = body
  checkModelName(name)
  const stages = body.stages.map(stageNamed)
  const { rows } = await c.var.db.single(modelsOf(c).find(name))
  const [row] = rows
  if (!row) throw noModel(name)
  const { latest, aliases } = row.model
  const kept = (latest ?? []).filter(({ stage }) => stages.length === 0 || stages.includes(stage))
  return c.json({
    ...(kept.length > 0 && { model_versions: kept.map((version) => modelVersion(version, aliases)) }),
  })
}

/** The name is taken; a prompt and a model cannot share one. */
function taken(name: string, isThere: boolean, isNew: boolean) {
  const what = (isPrompt: boolean) => (isPrompt ? 'Prompt' : 'Registered Model')
  if (isThere === isNew) return alreadyExists(`${what(isNew)} (name=${name}) already exists.`)
  return alreadyExists(
    `Tried to create a ${what(isNew).toLowerCase()} with name ${repr(name)}, but the name is already taken by a ${what(isThere).toLowerCase()}. MLflow does not allow creating a model and a prompt with the same name.`,
  )
}
