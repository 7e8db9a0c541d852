import { beforeAll, describe, expect, it } from 'vitest'
import { interfere, lostAnswer, lostRequest, stopInterfering } from '../support/faults.ts'
import { MlflowClient } from '../support/mlflow.ts'
import { Registry } from '../support/registry.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
const mlflow = new MlflowClient(() => tracker)
const registry = new Registry(mlflow)
beforeAll(async () => {
  tracker = await newTracker()
})
stopInterfering()

describe('an answer of the database that is lost', () => {
  it('makes no second model or version, and leaves no gap', async () => {
    interfere(lostAnswer)
    const { status } = await mlflow.post('/registered-models/create', { name: 'lost' })
    expect(status).toBe(200)
    interfere(lostAnswer)
    expect((await registry.version('lost')).version).toBe('1')
    interfere(lostAnswer, lostRequest, undefined)
    expect((await registry.version('lost')).version).toBe('2')
    expect(await registry.numbers('lost')).toEqual([1, 2])
  })

  it('makes no second version where the first attempt still runs', async () => {
    await registry.model('twice')
    // Somebody holds the model for so long that both attempts wait for it.
    const { sql } = tracker
    const held = sql.transaction([
      sql`select from registered_models where name = 'twice' for update`,
      sql`select pg_sleep(1)`,
    ])
    await new Promise((resolve) => setTimeout(resolve, 200))
    let first: Promise<unknown> = Promise.resolve()
    interfere(async (send) => {
      first = send()
      throw new TypeError('connection lost')
    })
    const { version } = await registry.version('twice')
    await Promise.all([first, held])
    expect([version, await registry.numbers('twice')]).toEqual(['1', [1]])
  })

  it('leaves aliases, tags and stages as one request would', async () => {
    const name = await registry.model('once', 2)
    for (const [path, body] of [
      ['/registered-models/alias', { alias: 'best', version: '2' }],
      ['/registered-models/set-tag', { key: 'a', value: '1' }],
      ['/model-versions/set-tag', { version: '1', key: 'b', value: '2' }],
      [
        '/model-versions/transition-stage',
        { version: '2', stage: 'Production', archive_existing_versions: true },
      ],
    ] as const) {
      interfere(lostAnswer)
      expect((await mlflow.post(path, { name, ...body })).status).toBe(200)
    }
    expect(await registry.get(name)).toMatchObject({
      aliases: [{ alias: 'best', version: '2' }],
      tags: [{ key: 'a', value: '1' }],
      latest_versions: [
        { version: '1', current_stage: 'None', tags: [{ key: 'b', value: '2' }] },
        { version: '2', current_stage: 'Production' },
      ],
    })
  })

  it('of a deletion is told, because the next attempt would not find what was deleted', async () => {
    const name = await registry.model('deleted', 1)
    interfere(lostAnswer)
    const { status, body } = await mlflow.delete('/model-versions/delete', { name, version: '1' })
    expect([status, body.error_code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE'])
    expect(await registry.numbers(name)).toEqual([])
  })

  it('makes no second logged model, and no second metric of one', async () => {
    const experiment = await mlflow.createExperiment('models')
    const { info: run } = await mlflow.createRun(experiment)
    interfere(lostAnswer)
    const { body } = await mlflow.post<{ model: { info: { model_id: string } } }>('/logged-models', {
      experiment_id: experiment,
      name: 'net',
    })
    const { model_id } = body.model.info
    interfere(lostAnswer)
    await mlflow.post('/runs/log-metric', { run_id: run.run_id, key: 'm', value: 1, timestamp: 1, model_id })
    interfere(lostAnswer)
    await mlflow.post(`/logged-models/${model_id}/params`, { params: [{ key: 'p', value: '1' }] })
    const { body: found } = await mlflow.post<{ models: { data: object }[] }>('/logged-models/search', {
      experiment_ids: [experiment],
    })
    expect(found.models).toMatchObject([
      { data: { metrics: [{ key: 'm', value: 1 }], params: [{ key: 'p', value: '1' }] } },
    ])
    expect(Object.values(found.models[0]?.data ?? {}).map((each: unknown[]) => each.length)).toEqual([1, 1])
  })
})
