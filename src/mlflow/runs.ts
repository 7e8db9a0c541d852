import { Hono } from 'hono'
import { z } from 'zod'
import type { Database, Statement } from '../db/database.ts'
import { UnitOfWork } from '../db/unit-of-work.ts'
import { TrackerError } from '../errors.ts'
import { ExperimentRepository } from '../experiments/repository.ts'
import type { AppContext, AppEnv } from '../http/context.ts'
import { EARLIEST, LATEST } from '../http/schemas.ts'
import { DEFAULT_EXPERIMENT, newId, uuidOf } from '../ids.ts'
import { AuditRepository } from '../keys/audit.ts'
import { MLFLOW_WORDS } from '../runs/fields.ts'
import { type ChangedParam, type RunPatch, RunRepository } from '../runs/repository.ts'
import { fullRun, listedRun, searchRuns } from '../runs/search.ts'
import { checkNamed } from '../runs/wire.ts'
import { parseFilter, parseOrder } from '../search/filter.ts'
import { pageOf } from '../search/page.ts'
import { doesNotExist, invalidParameter } from './errors.ts'
import { experimentOf, experimentsOf, mustBeActive, noExperiment } from './experiments.ts'
import { integer, list, maybe, message, milliseconds, pair, requiredText, text } from './message.ts'
import { randomName } from './names.ts'
import { checkMaxResults, checkOrder, MAX_RESULTS, viewType } from './paging.ts'
import {
  HEARTBEAT_TIMEOUT,
  newRun,
  PARENT_RUN,
  RUN_NAME,
  run,
  runInfo,
  STATUSES,
  statusOf,
} from './run-wire.ts'
import { checkHeartbeatTimeout, checkLength, checkParam, checkTag } from './validation.ts'
import { jsonText, pythonRepr } from './wire.ts'

const DEFAULT_PAGE = 1_000

/** A message about a run, whose id old clients call `run_uuid`. */
export const ofRun = <S extends z.ZodRawShape>(shape: S) =>
  z.preprocess(
    (input: unknown) =>
      typeof input === 'object' && input !== null && 'run_uuid' in input
        ? { run_id: input.run_uuid, ...input }
        : input,
    z.object({ run_id: requiredText, ...shape }),
  )

export const noRun = (id: string) => doesNotExist(`Run with id=${id} not found`)

/** The UUID of a run. */
export function runOf(id: string): string {
  const uuid = uuidOf(id)
  if (uuid === undefined) throw noRun(id)
  return uuid
}

const runMustBeActive = (id: string) =>
  invalidParameter(`The run ${id} must be in the 'active' state. Current state is deleted.`)

const status = z.union([z.enum(STATUSES), integer.pipe(z.number().min(1).max(STATUSES.length))])
const statusNamed = (value: z.output<typeof status>) =>
  typeof value === 'number' ? (STATUSES[value - 1] ?? 'RUNNING') : value

export const runRoutes = new Hono<AppEnv>()
  .post('/runs/create', async (c) => {
    const body = await message(
      c,
      z.object({
        experiment_id: text,
        user_id: text,
        run_name: text,
        start_time: maybe(milliseconds),
        tags: list(pair),
      }),
    )
    const experiment = body.experiment_id || '0'
    const uuid = experimentOf(experiment)
    c.var.access.logTo({ experiment: uuid })
    const tags = Object.fromEntries(body.tags.map(({ key, value }) => [key, value]))
    const { [RUN_NAME]: tagged, [PARENT_RUN]: parent, [HEARTBEAT_TIMEOUT]: timeout } = tags
    checkNamed(tags)
    checkLength('user_id', 256, body.user_id ?? '')
    if (body.run_name && tagged && body.run_name !== tagged) {
      throw invalidParameter(
        `Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='${body.run_name}', mlflow.runName='${tagged}').`,
      )
    }
    const name = body.run_name || tagged || randomName()
    checkLength('run_name', 250, name)
    const runs = new RunRepository(c.var.db.scope)
    const insert = runs.insert({
      id: newId(),
      experimentId: uuid,
      name,
      parentRunId: (parent && uuidOf(parent)) || null,
      parentMayLack: true,
      startedAt: new Date(checkTime(body.start_time ?? 0, 'start_time')),
      ...(timeout !== undefined && { heartbeatTimeout: checkHeartbeatTimeout(timeout) }),
      userId: body.user_id ?? '',
      params: {},
      tags: without(tags, RUN_NAME),
      creationHash: '',
    })
    const row = await created(c, uuid, insert, runs.recount(uuid)).catch((error: unknown) => {
      if (!(error instanceof TrackerError) || error.code !== 'not_found') throw error
      // What is wrong with the experiment is told only where there is one: it is in the trash.
      throw error.errors.length === 0 ? noExperiment(experiment) : mustBeActive(experiment)
    })
    return jsonText(c, `{"run":${newRun(row)}}`)
  })
  .get('/runs/get', async (c) => {
    const { run_id: id } = await message(c, ofRun({}))
    const uuid = runOf(id)
    c.var.access.logTo({ run: uuid })
    const { rows } = await c.var.db.single(fullRun(c.var.db.scope, uuid))
    const [row] = rows
    if (!row) throw noRun(id)
    return jsonText(c, `{"run":${run(row)}}`)
  })
  .post('/runs/update', async (c) => {
    const body = await message(
      c,
      ofRun({ status: maybe(status), end_time: maybe(milliseconds), run_name: text }),
    )
    const to = body.status === undefined ? undefined : statusOf(statusNamed(body.status))
    const ends = to !== 'running' && to !== 'scheduled'
    if (body.run_name) checkLength('run_name', 250, body.run_name)
    const work = new UnitOfWork(c.var.db)
    const patched = patch(
      c,
      body.run_id,
      {
        status: to,
        // A run that goes on has no end: MLflow's clients send the old one when they resume a run.
        ...(body.end_time !== undefined &&
          ends && { endedAt: new Date(checkTime(body.end_time, 'end_time')) }),
        ...(body.run_name && { name: body.run_name }),
      },
      work,
    )
    const found = work.add(listedRun(c.var.db.scope, runOf(body.run_id)))
    await work.commit()
    patched.check()
    const [row] = found.result.rows
    if (!row) throw noRun(body.run_id)
    return c.json({ run_info: runInfo(row) })
  })
  .post('/runs/delete', async (c) => {
    const { run_id: id } = await message(c, ofRun({}))
    await setDeleted(c, id, true)
    return c.json({})
  })
  .post('/runs/restore', async (c) => {
    const { run_id: id } = await message(c, ofRun({}))
    await setDeleted(c, id, false)
    return c.json({})
  })
  .post('/runs/log-parameter', async (c) => {
    const { run_id: id, key, value = '' } = await message(c, ofRun({ key: requiredText, value: text }))
    const work = new UnitOfWork(c.var.db)
    const patched = patch(c, id, { params: { [key]: checkParam(key, value, 'key') } }, work)
    await work.commit()
    patched.check()
    return c.json({})
  })
  .post('/runs/set-tag', async (c) => {
    const { run_id: id, key, value = '' } = await message(c, ofRun({ key: requiredText, value: text }))
    const work = new UnitOfWork(c.var.db)
    const patched = patch(c, id, tagPatch({ [key]: checkTag(key, value, 'key') }), work)
    await work.commit()
    patched.check()
    return c.json({})
  })
  .post('/runs/delete-tag', async (c) => {
    const { run_id: id, key } = await message(c, ofRun({ key: requiredText }))
    const uuid = runOf(id)
    const runs = new RunRepository(c.var.db.scope)
    const work = new UnitOfWork(c.var.db)
    const deleted = work.add(
      key === RUN_NAME
        ? runs.deleteName(uuid)
        : key === PARENT_RUN
          ? runs.deleteParent(uuid, key)
          : runs.deleteTag(uuid, key, key === HEARTBEAT_TIMEOUT ? { heartbeatTimeout: null } : {}),
    )
    const state = work.add(runs.check(uuid, {}))
    await work.commit({ repeatable: false })
    const [against] = state.result
    checkState(id, against)
    if (deleted.result.length === 0) throw doesNotExist(`No tag with name: ${key} in run with id ${id}`)
    return c.json({})
  })
  .post('/runs/search', async (c) => {
    const body = await message(
      c,
      z.object({
        experiment_ids: list(z.union([z.string(), z.number().transform(String)])),
        filter: text,
        run_view_type: maybe(viewType),
        max_results: maybe(integer.refine((value) => value <= MAX_RESULTS)),
        order_by: list(z.string()),
        page_token: text,
      }),
    )
    const limit = checkMaxResults(body.max_results ?? DEFAULT_PAGE)
    checkOrder(body.order_by)
    const view = body.run_view_type
    const { rows } = await c.var.db.single(
      searchRuns(c.var.db.scope, {
        experimentIds: experimentsOf(body.experiment_ids),
        trash: view === 'DELETED_ONLY' ? 'only' : view === 'ALL' ? 'with' : 'without',
        filter: parseFilter(body.filter ?? '', c.var.limits),
        filterText: body.filter ?? '',
        orders: body.order_by.map((order) => parseOrder(order, c.var.limits)),
        orderTexts: body.order_by,
        words: MLFLOW_WORDS,
        idAscending: true,
        cursor: body.page_token || undefined,
        limit,
      }),
    )
    const { kept, next } = pageOf(rows, limit)
    const fields = [
      ...(kept.length > 0 ? [`"runs":[${kept.map(run).join(',')}]`] : []),
      ...(next !== undefined ? [`"next_page_token":"${next}"`] : []),
    ]
    return jsonText(c, `{${fields.join(',')}}`)
  })

/** Creates a run; in the default experiment after seeing to it that this is there. */
async function created(
  c: AppContext,
  experiment: string,
  insert: ReturnType<RunRepository['insert']>,
  recount: ReturnType<RunRepository['recount']>,
) {
  const { db } = c.var
  const ensure = new ExperimentRepository(db.scope).ensureDefault()
  const before = experiment === DEFAULT_EXPERIMENT ? [ensure, ...recount] : recount
  const { rows } = before.length === 0 ? await db.single(insert) : await last(db, before, insert)
  const [row] = rows
  if (!row) throw new Error('A run that was created is not there')
  return row
}

/** What a statement gives that comes behind others in one transaction. */
async function last<S extends Statement>(
  db: Database,
  before: Statement[],
  statement: S,
): Promise<S['_']['result']> {
  const work = new UnitOfWork(db)
  for (const each of before) work.add(each)
  const staged = work.add(statement)
  await work.commit()
  return staged.result
}

/**
 * What is to be changed in a run for tags of this API: some of them are columns.
 *
 * @throws MlflowError for what can be no heartbeat timeout
 */
export function tagPatch(tags: Record<string, string>): RunPatch {
  const { [RUN_NAME]: name, [PARENT_RUN]: parent, [HEARTBEAT_TIMEOUT]: timeout } = tags
  return {
    tags: without(tags, RUN_NAME),
    ...(name !== undefined && { name: name || null }),
    ...(parent !== undefined && { parentRunId: uuidOf(parent) ?? null }),
    ...(timeout !== undefined && { heartbeatTimeout: checkHeartbeatTimeout(timeout) }),
  }
}

const without = (tags: Record<string, string>, name: string) =>
  Object.fromEntries(Object.entries(tags).filter(([key]) => key !== name))

/**
 * Adds to a unit of work what changes a run.
 *
 * @param isBatch whether it is part of a batch, of which all params are told that would change
 * @returns after the commit, `check` throws what there was against it
 */
export function patch(c: AppContext, id: string, change: RunPatch, work: UnitOfWork, isBatch = false) {
  const uuid = runOf(id)
  c.var.access.logTo({ run: uuid })
  const runs = new RunRepository(c.var.db.scope)
  const checked = work.add(runs.check(uuid, change))
  work.add(runs.update(uuid, change))
  return {
    check() {
      const [against] = checked.result
      checkState(id, against)
      const [first] = against?.changedParams ?? []
      if (first !== undefined)
        throw changedParams(id, against?.changedParams ?? [], change.params ?? {}, isBatch)
      if (against?.tooLarge)
        throw invalidParameter('A run holds at most 1 MiB of params, and as many of tags')
      if (against?.endsNothing) {
        throw invalidParameter('The run goes on: to set its end_time, send a status that ends it')
      }
    },
  }
}

/** @throws MlflowError when nothing can be logged to a run */
export function checkState(id: string, state: { deleted: boolean } | undefined) {
  if (!state) throw noRun(id)
  if (state.deleted) throw runMustBeActive(id)
}

function changedParams(
  id: string,
  changed: ChangedParam[],
  params: Record<string, unknown>,
  isBatch: boolean,
) {
  const held = new Map(changed.map(({ key, old }) => [key, old]))
  const told = Object.entries(params).filter(([key]) => held.has(key))
  const [[key, value] = []] = told
  if (!isBatch) {
    return invalidParameter(
      `Changing param values is not allowed. Param with key='${key}' was already logged with value='${held.get(key ?? '')}' for run ID='${id}'. Attempted logging new value '${value}'.`,
    )
  }
  const list = told.map(([key, new_value]) => ({ key, old_value: held.get(key), new_value }))
  return invalidParameter(
    `Changing param values is not allowed. Params were already logged='${pythonRepr(list)}' for run ID='${id}'.`,
  )
}

async function setDeleted(c: AppContext, id: string, deleted: boolean) {
  const uuid = runOf(id)
  const { scope } = c.var.db
  const [, found] = await c.var.db.batch([
    new AuditRepository(scope).run(deleted ? 'trashed' : 'restored', uuid),
    new RunRepository(scope).setDeleted(uuid, deleted),
  ])
  if (found.length === 0) throw noRun(id)
}

/** @throws MlflowError for what is no moment between the years 1 and 9999 */
function checkTime(time: number, name: string): number {
  if (time >= EARLIEST && time <= LATEST) return time
  throw invalidParameter(`Invalid value ${time} for parameter '${name}' supplied: must be epoch milliseconds`)
}
