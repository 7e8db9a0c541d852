import { Hono } from 'hono'
import { z } from 'zod'
import { UnitOfWork } from '../db/unit-of-work.ts'
import { ExperimentRepository } from '../experiments/repository.ts'
import type { AppContext, AppEnv } from '../http/context.ts'
import { newId } from '../ids.ts'
import { AuditRepository } from '../keys/audit.ts'
import { LoggedModelRepository } from '../models/repository.ts'
import { invalidParameter, MlflowError } from './errors.ts'
import { experimentOf, mustBeActive, noExperiment, workOn } from './experiments.ts'
import { searchLoggedModels } from './logged-model-search.ts'
import { loggedModel, modelOf, noLoggedModel, statusNamed, WIRE_STATUSES } from './logged-model-wire.ts'
import { integer, list, message, pair, requiredText, text } from './message.ts'
import { randomName } from './names.ts'
import { checkLength } from './validation.ts'
import { repr } from './wire.ts'

const MAX_NAME = 500
const MAX_KEY = 255
const MAX_RUN_ID = 256

/** What no name of a logged model has in it. */
const BAD_CHARACTERS = ['/', ':', '.', '%', '"', "'"]

const modelsOf = (c: AppContext) => new LoggedModelRepository(c.var.db.scope)

export const loggedModelRoutes = new Hono<AppEnv>()
  .post('/logged-models', async (c) => {
    const body = await message(
      c,
      z.object({
        experiment_id: requiredText,
        name: text,
        model_type: text,
        source_run_id: text,
        params: list(pair),
        tags: list(pair),
      }),
    )
    if (body.name) checkName(body.name)
    const experiment = experimentOf(body.experiment_id)
    const { model_type: modelType = '', source_run_id: sourceRunId = '' } = body
    checkLength('model_type', MAX_NAME, modelType)
    checkLength('source_run_id', MAX_RUN_ID, sourceRunId)
    const id = newId()
    const models = modelsOf(c)
    const work = workOn(c, experiment)
    work.add(
      models.insert({
        id,
        experimentId: experiment,
        name: body.name || randomName(),
        modelType,
        sourceRunId,
        params: readParams(body.params),
        tags: readTags(body.tags),
      }),
    )
    const created = work.add(models.find(id))
    const found = work.add(new ExperimentRepository(c.var.db.scope).findAny(experiment))
    await work.commit()
    const [row] = created.result.rows
    if (row) return c.json({ model: loggedModel(row.model) })
    throw found.result.length === 0 ? noExperiment(body.experiment_id) : mustBeActive(body.experiment_id)
  })
  .post('/logged-models/search', searchLoggedModels)
  .get('/logged-models/:model_id', async (c) => {
    const id = c.req.param('model_id')
    const models = modelsOf(c)
    const takesDeleted = c.req.query('allow_deleted')?.toLowerCase() === 'true'
    const uuid = modelOf(id)
    const { rows } = await c.var.db.single(takesDeleted ? models.findAny(uuid) : models.find(uuid))
    const [row] = rows
    if (!row) throw noLoggedModel(id)
    return c.json({ model: loggedModel(row.model) })
  })
  .patch('/logged-models/:model_id', async (c) => {
    const id = c.req.param('model_id')
    const { status } = await message(
      c,
      z.object({
        status: z.union([
          z.enum(WIRE_STATUSES),
          integer.pipe(
            z
              .number()
              .min(0)
              .max(WIRE_STATUSES.length - 1),
          ),
        ]),
      }),
    )
    const { rows } = await c.var.db.single(modelsOf(c).setStatus(modelOf(id), statusNamed(status)))
    const [row] = rows
    if (!row) throw noLoggedModel(id)
    return c.json({ model: loggedModel(row.model) })
  })
  .delete('/logged-models/:model_id', async (c) => {
    const id = c.req.param('model_id')
    const uuid = modelOf(id)
    const audit = new AuditRepository(c.var.db.scope).loggedModelTrashed(uuid)
    const [, { rows }] = await c.var.db.batch([audit, modelsOf(c).delete(uuid)])
    if (rows.length === 0) throw noLoggedModel(id)
    return c.json({})
  })
  .patch('/logged-models/:model_id/tags', async (c) => {
    const id = c.req.param('model_id')
    const { tags } = await message(c, z.object({ tags: list(pair) }))
    const { rows } = await c.var.db.single(modelsOf(c).setTags(modelOf(id), readTags(tags)))
    if (rows.length === 0) throw noLoggedModel(id)
    return c.json({})
  })
  .delete('/logged-models/:model_id/tags/:key{.+}', async (c) => {
    const { model_id: id, key } = c.req.param()
    const models = modelsOf(c)
    const uuid = modelOf(id)
    const work = new UnitOfWork(c.var.db)
    const deleted = work.add(models.deleteTag(uuid, key))
    const found = work.add(models.exists(uuid))
    await work.commit({ repeatable: false })
    if (found.result.rows.length === 0) throw noLoggedModel(id)
    if (deleted.result.rows.length === 0) {
      throw new MlflowError(
        'RESOURCE_DOES_NOT_EXIST',
        `No tag with key ${repr(key)} found for model with ID ${repr(id)}.`,
      )
    }
    return c.json({})
  })
  .post('/logged-models/:model_id/params', async (c) => {
    const id = c.req.param('model_id')
    const body = await message(c, z.object({ params: list(pair) }))
    const params = readParams(body.params)
    const models = modelsOf(c)
    const uuid = modelOf(id)
    const work = new UnitOfWork(c.var.db)
    const held = work.add(models.changedParams(uuid, params))
    work.add(models.setParams(uuid, params))
    await work.commit()
    const [row] = held.result.rows
    if (!row) throw noLoggedModel(id)
    if (row.changed.length > 0) {
      throw refused(
        `Params of model '${id}' were logged with other values already: ${row.changed.join(', ')}`,
      )
    }
    return c.json({})
  })

/** What MLflow leaves to its database to refuse, which has this code. */
const refused = (why: string) => new MlflowError('BAD_REQUEST', why)

function checkName(name: string) {
  if (BAD_CHARACTERS.some((character) => name.includes(character))) {
    const characters = BAD_CHARACTERS.map(repr).join(', ')
    throw invalidParameter(
      `Invalid model name (${repr(name)}) provided. Model name must be a non-empty string and cannot contain the following characters: (${characters})`,
    )
  }
  if ([...name].length > MAX_NAME)
    throw refused(`'name' exceeds the maximum length of ${MAX_NAME} characters`)
}

/** Params as an object. One that comes twice is refused: which of them would count? */
function readParams(params: { key: string; value: string }[]): Record<string, string> {
  checkKeys(params)
  const read = Object.fromEntries(params.map(({ key, value }) => [key, value]))
  if (Object.keys(read).length < params.length) {
    throw refused('Duplicate parameter keys have been submitted: a request has one value per param key.')
  }
  return read
}

/** Tags as an object: of several with one key the last one counts. */
function readTags(tags: { key: string; value: string }[]): Record<string, string> {
  checkKeys(tags)
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]))
}

function checkKeys(items: { key: string }[]) {
  for (const { key } of items) {
    if ([...key].length > MAX_KEY) throw refused(`'key' exceeds the maximum length of ${MAX_KEY} characters`)
  }
}
