/** What goes into a run and what comes out of it, beside params and metrics. */
import { Hono } from 'hono'
import { z } from 'zod'
import { UnitOfWork } from '../db/unit-of-work.ts'
import type { AppEnv } from '../http/context.ts'
import { DatasetRepository } from '../runs/datasets.ts'
import { RunRepository } from '../runs/repository.ts'
import { invalidParameter } from './errors.ts'
import { int64Field, list, maybe, message, pair, requiredText, text } from './message.ts'
import { checkState, ofRun, runOf } from './runs.ts'
import { checkDataset } from './validation.ts'

/** The id of a logged model, as a run refers to it. */
const modelId = z
  .string()
  .min(1)
  .refine((id) => id.length <= 256, "'model_id' exceeds the maximum length of 256 characters.")

export const runInputRoutes = new Hono<AppEnv>()
  .post('/runs/log-inputs', async (c) => {
    const body = await message(
      c,
      ofRun({
        datasets: list(
          z.object({
            tags: list(pair),
            dataset: z.object({
              name: text,
              digest: text,
              source_type: text,
              source: text,
              schema: text,
              profile: text,
            }),
          }),
        ),
        models: list(z.object({ model_id: modelId })),
      }),
    )
    const uuid = runOf(body.run_id)
    c.var.access.logTo({ run: uuid })
    const inputs = body.datasets.map(({ dataset, tags }) => ({ ...checkDataset(dataset, tags), tags }))
    const datasets = new DatasetRepository(c.var.db.scope)
    const work = new UnitOfWork(c.var.db)
    const state = work.add(new RunRepository(c.var.db.scope).check(uuid, {}))
    if (inputs.length > 0) {
      work.add(datasets.insert(uuid, inputs))
      work.add(datasets.use(uuid, inputs))
    }
    if (body.models.length > 0) {
      work.add(
        datasets.addModels(
          uuid,
          'input',
          body.models.map(({ model_id }) => ({ modelId: model_id, step: null })),
        ),
      )
    }
    await work.commit()
    checkState(body.run_id, state.result[0])
    return c.json({})
  })
  .post('/runs/outputs', async (c) => {
    const body = await message(
      c,
      ofRun({
        models: z.array(z.object({ model_id: modelId, step: maybe(int64Field) })),
      }),
    )
    const uuid = runOf(body.run_id)
    c.var.access.logTo({ run: uuid })
    const work = new UnitOfWork(c.var.db)
    const state = work.add(new RunRepository(c.var.db.scope).check(uuid, {}))
    work.add(
      new DatasetRepository(c.var.db.scope).addModels(
        uuid,
        'output',
        body.models.map(({ model_id, step = 0 }) => ({ modelId: model_id, step: String(step) })),
      ),
    )
    await work.commit()
    checkState(body.run_id, state.result[0])
    return c.json({})
  })
  .post('/runs/log-model', async (c) => {
    const { run_id: id, model_json: json } = await message(c, ofRun({ model_json: requiredText }))
    const model = modelOf(json)
    const uuid = runOf(id)
    c.var.access.logTo({ run: uuid })
    const runs = new RunRepository(c.var.db.scope)
    const work = new UnitOfWork(c.var.db)
    const state = work.add(runs.check(uuid, {}))
    work.add(runs.appendToTag(uuid, 'mlflow.log-model.history', model))
    await work.commit({ repeatable: false })
    checkState(id, state.result[0])
    return c.json({})
  })

/** What a run remembers of a model that was logged the way MLflow 2 did it. */
function modelOf(json: string): Record<string, unknown> {
  let model: Record<string, unknown>
  try {
    model = z.record(z.string(), z.unknown()).parse(JSON.parse(json))
  } catch {
    throw invalidParameter(`Malformed model info. \n ${json} \n is not a valid JSON.`)
  }
  const missing = ['artifact_path', 'flavors', 'utc_time_created', 'run_id'].filter(
    (name) => !(name in model),
  )
  if (missing.length > 0) {
    throw invalidParameter(
      `Model json is missing mandatory fields: {${missing.map((name) => `'${name}'`).join(', ')}}`,
    )
  }
  const kept = ['run_id', 'utc_time_created', 'artifact_path', 'model_uuid', 'flavors']
  return Object.fromEntries(Object.entries(model).filter(([name]) => kept.includes(name)))
}
