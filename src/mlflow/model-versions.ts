import { Hono } from 'hono'
import { z } from 'zod'
import { UnitOfWork } from '../db/unit-of-work.ts'
import type { AppContext, AppEnv } from '../http/context.ts'
import { AuditRepository } from '../keys/audit.ts'
import { createVersion, linkVersion } from '../registry/creation.ts'
import { RegisteredModelRepository } from '../registry/models.ts'
import { versionConditions, versionOrder } from '../registry/search.ts'
import { ModelVersionRepository } from '../registry/versions.ts'
import { readCursor } from '../search/cursor.ts'
import { parseFilter, parseOrder } from '../search/filter.ts'
import { pageOf } from '../search/page.ts'
import { invalidParameter } from './errors.ts'
import { boolean, maybe, message, requiredText, text } from './message.ts'
import { readNewVersion, refusal } from './model-version-creation.ts'
import {
  checkModelName,
  checkTag,
  modelVersion,
  noVersion,
  searchMessage,
  stageNamed,
  versionNumber,
} from './registry.ts'
import { checkName } from './validation.ts'

const MAX_PAGE = 200_000

/** The stages in which a version is in use. */
const ACTIVE_STAGES = ['Staging', 'Production']

const ofVersion = <S extends z.ZodRawShape>(shape: S) =>
  z.object({ name: requiredText, version: requiredText, ...shape })

const versionsOf = (c: AppContext) => new ModelVersionRepository(c.var.db.scope)

export const modelVersionRoutes = new Hono<AppEnv>()
  .post('/model-versions/create', async (c) => {
    const version = await readNewVersion(c)
    const { scope } = c.var.db
    const work = new UnitOfWork(c.var.db)
    work.add(new RegisteredModelRepository(scope).lock(version.name))
    const outcome = work.add(createVersion(scope, version))
    if (version.model) work.add(linkVersion(scope, version.model, version.creationId))
    const created = work.add(versionsOf(c).findCreated(version.creationId))
    await work.commit()
    const [row] = created.result.rows
    const [{ fault } = { fault: null }] = outcome.result.rows
    if (row) return c.json({ model_version: modelVersion(row.version, row.aliases) })
    if (fault === null) throw new Error('A version that was created is not there')
    throw refusal(fault, version)
  })
  .get('/model-versions/get', async (c) => {
    const { name, version } = await message(c, ofVersion({}))
    const row = await one(c, name, version, (number) => versionsOf(c).find(name, number))
    return c.json({ model_version: modelVersion(row.version, row.aliases) })
  })
  .patch('/model-versions/update', async (c) => {
    const { name, version, description } = await message(c, ofVersion({ description: text }))
    const row = await one(c, name, version, (number) =>
      versionsOf(c).describe(name, number, description ?? null),
    )
    return c.json({ model_version: modelVersion(row.version, row.aliases) })
  })
  .post('/model-versions/transition-stage', async (c) => {
    const body = await message(
      c,
      ofVersion({ stage: requiredText, archive_existing_versions: maybe(boolean) }),
    )
    const { name, archive_existing_versions: archives = false } = body
    const stage = stageNamed(body.stage)
    if (archives && !ACTIVE_STAGES.includes(stage)) {
      const valid = ACTIVE_STAGES.map((active) => `'${active}'`).join(', ')
      throw invalidParameter(
        `Model version transition cannot archive existing model versions because '${body.stage}' is not an Active stage. Valid stages are [${valid}]`,
      )
    }
    checkModelName(name)
    const { number, told } = versionNumber(body.version)
    const models = new RegisteredModelRepository(c.var.db.scope)
    const versions = versionsOf(c)
    const work = new UnitOfWork(c.var.db)
    work.add(models.lock(name))
    if (archives) work.add(versions.archiveOthers(name, number, stage))
    const moved = work.add(versions.setStage(name, number, stage))
    work.add(models.touch(name, number))
    await work.commit()
    const [row] = moved.result.rows
    if (!row) throw noVersion(name, told)
    return c.json({ model_version: modelVersion(row.version, row.aliases) })
  })
  .delete('/model-versions/delete', async (c) => {
    const { name, version } = await message(c, ofVersion({}))
    const { number, told } = versionNumber(version)
    checkModelName(name)
    const models = new RegisteredModelRepository(c.var.db.scope)
    const work = new UnitOfWork(c.var.db)
    work.add(models.lock(name))
    work.add(new AuditRepository(c.var.db.scope).modelVersionDeleted(name, number))
    work.add(models.forget(name, number))
    const deleted = work.add(versionsOf(c).delete(name, number))
    await work.commit({ repeatable: false })
    if (deleted.result.rows.length === 0) throw noVersion(name, told)
    return c.json({})
  })
  .get('/model-versions/get-download-uri', async (c) => {
    const { name = '', version = '' } = await message(c, z.object({ name: text, version: text }))
    checkModelName(name)
    const { number, told } = versionNumber(version)
    const { rows } = await c.var.db.single(versionsOf(c).location(name, number))
    const [row] = rows
    if (!row) throw noVersion(name, told)
    return c.json({ artifact_uri: row.location ?? '' })
  })
  .get('/model-versions/search', async (c) => {
    const body = await message(c, searchMessage(MAX_PAGE), ['order_by'])
    const limit = body.max_results ?? MAX_PAGE
    if (limit < 1) {
      throw invalidParameter(`Invalid value for max_results. It must be a positive integer, but got ${limit}`)
    }
    const filterText = body.filter ?? ''
    const conditions = versionConditions(parseFilter(filterText, c.var.limits), filterText)
    const order = versionOrder(
      body.order_by.map((order) => parseOrder(order, c.var.limits)),
      body.order_by,
    )
    const after = body.page_token ? readCursor(body.page_token, order) : undefined
    const { rows } = await c.var.db.single(versionsOf(c).search({ conditions, order, after, limit }))
    const { kept, next } = pageOf(rows, limit)
    return c.json({
      ...(kept.length > 0 && { model_versions: kept.map(({ row }) => modelVersion(row)) }),
      ...(next !== undefined && { next_page_token: next }),
    })
  })
  .post('/model-versions/set-tag', async (c) => {
    const body = await message(c, ofVersion({ key: requiredText, value: text }))
    const { name, version, key, value = '' } = body
    await one(c, name, version, (number) => {
      checkTag(key, value)
      return versionsOf(c).setTag(name, number, key, value)
    })
    return c.json({})
  })
  .delete('/model-versions/delete-tag', async (c) => {
    const { name, version, key } = await message(c, ofVersion({ key: requiredText }))
    await one(c, name, version, (number) => {
      checkName(key, 'key')
      return versionsOf(c).deleteTag(name, number, key)
    })
    return c.json({})
  })

/** The version that a statement gives, once it is clear which one is meant. */
async function one(
  c: AppContext,
  name: string,
  version: string,
  statement: (number: number) => ReturnType<ModelVersionRepository['find']>,
) {
  checkModelName(name)
  const { number, told } = versionNumber(version)
  const { rows } = await c.var.db.single(statement(number))
  const [row] = rows
  if (!row) throw noVersion(name, told)
  return row
}
