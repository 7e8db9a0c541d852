import { beforeAll, describe, expect, it } from 'vitest'
import { MlflowClient, named, type RunOfMlflow } from '../support/mlflow.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'
import type { Run } from '../support/wire.ts'

let tracker: Tracker
let experiment: string
const mlflow = new MlflowClient(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
  experiment = await mlflow.createExperiment('runs')
})

const newRun = async (rest: object = {}) => (await mlflow.createRun(experiment, rest)).info.run_id
const uuid = (id: string) => id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
const tagsOf = async (run: string) => named((await mlflow.getRun(run)).data.tags)
const paramsOf = async (run: string) => named((await mlflow.getRun(run)).data.params)

describe('a run', () => {
  it('is created with what it is given, and read back', async () => {
    const run = await mlflow.createRun(experiment, {
      user_id: 'ann',
      run_name: 'first',
      start_time: 1_234,
      tags: [{ key: 'a', value: 'b' }],
    })
    const { run_id } = run.info
    expect(run_id).toMatch(/^[0-9a-f]{32}$/)
    const info = {
      run_id,
      run_uuid: run_id,
      run_name: 'first',
      experiment_id: experiment,
      user_id: 'ann',
      status: 'RUNNING',
      start_time: 1_234,
      artifact_uri: `mlflow-artifacts:/${experiment}/${run_id}/artifacts`,
      lifecycle_stage: 'active',
    }
    expect(run).toEqual({
      info,
      data: {
        tags: [
          { key: 'mlflow.runName', value: 'first' },
          { key: 'a', value: 'b' },
        ],
      },
      inputs: {},
    })
    expect(await mlflow.getRun(run_id)).toEqual({ ...run, outputs: {} })
    expect((await mlflow.get<{ run: RunOfMlflow }>('/runs/get', { run_uuid: run_id })).body.run).toEqual({
      ...run,
      outputs: {},
    })
  })

  it('is given a name where it has none, from its tag or else at random', async () => {
    const named = await mlflow.createRun(experiment, { tags: [{ key: 'mlflow.runName', value: 'tagged' }] })
    expect(named.info.run_name).toBe('tagged')
    expect((await mlflow.createRun(experiment)).info.run_name).toMatch(/^\w+-\w+-\w+-\d+$/)
    const both = await mlflow.post('/runs/create', {
      experiment_id: experiment,
      run_name: 'x',
      tags: [{ key: 'mlflow.runName', value: 'y' }],
    })
    expect(both.body.message).toBe(
      "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='x', mlflow.runName='y').",
    )
  })

  it('ends, is renamed, and goes on without an end', async () => {
    const run_id = await newRun()
    const update = async (body: object) =>
      (await mlflow.post<{ run_info: RunOfMlflow['info'] }>('/runs/update', { run_id, ...body })).body
        .run_info
    expect(await update({ status: 'FINISHED', end_time: 5_000 })).toMatchObject({
      status: 'FINISHED',
      end_time: 5_000,
    })
    expect(await update({ run_name: 'renamed' })).toMatchObject({ run_name: 'renamed', end_time: 5_000 })
    expect(await tagsOf(run_id)).toEqual({ 'mlflow.runName': 'renamed' })
    expect(await update({ status: 'RUNNING', end_time: 5_000 })).not.toHaveProperty('end_time')
    expect(await update({ status: 'KILLED' })).toMatchObject({ end_time: expect.any(Number) })
    expect((await tracker.get<Run>(`/runs/${uuid(run_id)}`)).body).toMatchObject({
      name: 'renamed',
      status: 'killed',
    })
    await update({ status: 'RUNNING' })
    const { status } = await mlflow.post('/runs/update', { run_id, end_time: 5_000 })
    expect(status).toBe(400)
    expect((await mlflow.post('/runs/update', { run_id, status: 'DONE' })).body.message).toContain(
      'Invalid value "DONE" for parameter \'status\' supplied',
    )
  })

  it('in the trash takes nothing, until it is restored', async () => {
    const run_id = await newRun()
    await mlflow.post('/runs/delete', { run_id })
    expect((await mlflow.post('/runs/delete', { run_id })).status).toBe(200)
    for (const [path, body] of Object.entries({
      '/runs/update': { status: 'FINISHED' },
      '/runs/log-metric': { key: 'm', value: 1, timestamp: 1 },
      '/runs/log-parameter': { key: 'p', value: '1' },
      '/runs/log-batch': {
        metrics: [{ key: 'm', value: 1, timestamp: 1 }],
        tags: [{ key: 'a', value: 'b' }],
      },
      '/runs/set-tag': { key: 't', value: '1' },
      '/runs/delete-tag': { key: 'mlflow.user' },
      '/runs/log-inputs': { models: [{ model_id: 'm-1' }] },
      '/runs/outputs': { models: [{ model_id: 'm-1' }] },
      '/runs/log-model': {
        model_json: '{"artifact_path":"a","flavors":{},"utc_time_created":"x","run_id":"r"}',
      },
    })) {
      const { status, body: failure } = await mlflow.post(path, { run_id, ...body })
      expect([path, status, failure.message]).toEqual([
        path,
        400,
        `The run ${run_id} must be in the 'active' state. Current state is deleted.`,
      ])
    }
    await mlflow.post('/runs/restore', { run_id })
    const run = await mlflow.getRun(run_id)
    expect([run.info.lifecycle_stage, run.info.status, run.data.metrics, run.data.params]).toEqual([
      'active',
      'RUNNING',
      undefined,
      undefined,
    ])
    expect([run.inputs, run.outputs]).toEqual([{}, {}])
  })

  it('is a child of another by its tag, which the native API knows too', async () => {
    const parent = await newRun()
    const child = await newRun({ tags: [{ key: 'mlflow.parentRunId', value: parent }] })
    expect((await tracker.get<Run>(`/runs/${uuid(child)}`)).body.parent_run_id).toBe(uuid(parent))
    const later = await newRun()
    await mlflow.post('/runs/set-tag', { run_id: later, key: 'mlflow.parentRunId', value: parent })
    expect((await tracker.get<Run>(`/runs/${uuid(later)}`)).body.parent_run_id).toBe(uuid(parent))
    const native = await tracker.post<Run>(`/experiments/${uuid(experiment)}/runs`, {
      parent_run_id: uuid(parent),
    })
    const { runs } = await mlflow.search({
      experiment_ids: [experiment],
      filter: `tags.mlflow.parentRunId = '${parent}'`,
    })
    expect(runs.map(({ info }) => info.run_id).sort()).toEqual(
      [child, later, native.body.id.replaceAll('-', '')].sort(),
    )
    const orphan = await newRun({ tags: [{ key: 'mlflow.parentRunId', value: 'f'.repeat(32) }] })
    expect((await tagsOf(orphan))['mlflow.parentRunId']).toBe('f'.repeat(32))
  })

  it('shows what the native API gave it, numbers as text', async () => {
    const { body } = await tracker.post<Run>(`/experiments/${uuid(experiment)}/runs`, {
      params: { lr: 0.1, layers: 3, on: true },
      tags: { n: 1 },
    })
    const id = body.id.replaceAll('-', '')
    expect(await paramsOf(id)).toEqual({ lr: '0.1', layers: '3', on: 'true' })
    expect(await tagsOf(id)).toEqual({ n: '1' })
    expect((await mlflow.post('/runs/log-parameter', { run_id: id, key: 'lr', value: '0.1' })).status).toBe(
      200,
    )
  })
})

describe('a run that is large', () => {
  it('is still read, ended and found beside others', { timeout: 60_000 }, async () => {
    const alone = await mlflow.createExperiment('large datasets')
    const { info } = await mlflow.createRun(alone)
    const other = await mlflow.createRun(alone)
    const { run_id } = info
    const dataset = { name: 'd', source_type: 's', source: '{}', profile: 'x'.repeat(4_000_000) }
    for (const digest of ['1', '2', '3']) {
      const body = { run_id, datasets: [{ dataset: { ...dataset, digest } }] }
      expect((await mlflow.post('/runs/log-inputs', body)).status).toBe(200)
    }
    expect((await mlflow.post('/runs/update', { run_id, status: 'FINISHED' })).status).toBe(200)
    const read = await mlflow.getRun(run_id)
    expect(read.info.status).toBe('FINISHED')
    expect(read.inputs.dataset_inputs?.map(({ dataset }) => [dataset.name, dataset.digest])).toEqual([
      ['d', '1'],
      ['d', '2'],
      ['d', '3'],
    ])
    const { runs } = await mlflow.search({ experiment_ids: [alone] })
    expect(runs.map(({ info }) => info.run_id).sort()).toEqual([run_id, other.info.run_id].sort())
  })

  it('is refused with more tags than one can hold', async () => {
    const tags = Array.from({ length: 300 }, (_, i) => ({ key: `t${i}`, value: 'x'.repeat(8_000) }))
    const { status } = await mlflow.post('/runs/create', { experiment_id: experiment, tags })
    expect(status).toBe(400)
  })
})

describe('params', () => {
  it('never change, and say what they were', async () => {
    const run_id = await newRun()
    const log = (value: string) => mlflow.post('/runs/log-parameter', { run_id, key: 'p', value })
    expect((await log('1')).body).toEqual({})
    expect((await log('1')).body).toEqual({})
    expect((await log('2')).body).toEqual({
      error_code: 'INVALID_PARAMETER_VALUE',
      message: `Changing param values is not allowed. Param with key='p' was already logged with value='1' for run ID='${run_id}'. Attempted logging new value '2'.`,
    })
    expect(await paramsOf(run_id)).toEqual({ p: '1' })
  })

  it('of two at once keep one value, whichever it is', async () => {
    const run_id = await newRun()
    const answers = await Promise.all(
      ['1', '2', '3', '4'].map((value) => mlflow.post('/runs/log-parameter', { run_id, key: 'p', value })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  it('are cut where they are too long, as are tags', async () => {
    const run_id = await newRun()
    await mlflow.post('/runs/log-parameter', { run_id, key: 'p', value: 'é'.repeat(6_001) })
    await mlflow.post('/runs/set-tag', { run_id, key: 't', value: '😀'.repeat(8_001) })
    expect((await paramsOf(run_id)).p).toBe('é'.repeat(6_000))
    expect((await tagsOf(run_id)).t).toBe('😀'.repeat(8_000))
  })

  it.each([
    [{ key: '../x', value: '1' }, 'Names may be treated as files in certain cases'],
    [
      { key: 'a*b', value: '1' },
      'Invalid value "a*b" for parameter \'key\' supplied: Names may only contain',
    ],
    [{ key: 'x'.repeat(251), value: '1' }, "'Param key' exceeds the maximum length of 250 characters"],
    [{ value: '1' }, "Missing value for required parameter 'key'."],
    [
      { key: 'p', value: 5 },
      "Invalid value 5 for parameter 'value' supplied:  Hint: Value was of type 'int'.",
    ],
  ])('refuse %j', async (body, message) => {
    const { status, body: failure } = await mlflow.post('/runs/log-parameter', {
      run_id: await newRun(),
      ...body,
    })
    expect([status, failure.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(failure.message).toContain(message)
  })
})

describe('tags', () => {
  it('are set, replaced and removed', async () => {
    const run_id = await newRun({ run_name: 'x' })
    await mlflow.post('/runs/set-tag', { run_id, key: 'a', value: '1' })
    await mlflow.post('/runs/set-tag', { run_id, key: 'a', value: '2' })
    await mlflow.post('/runs/set-tag', { run_id, key: 'mlflow.note.content', value: 'a\nnote' })
    expect(await tagsOf(run_id)).toEqual({ 'mlflow.runName': 'x', a: '2', 'mlflow.note.content': 'a\nnote' })
    const remove = () => mlflow.post('/runs/delete-tag', { run_id, key: 'a' })
    expect((await remove()).body).toEqual({})
    expect((await remove()).body).toEqual({
      error_code: 'RESOURCE_DOES_NOT_EXIST',
      message: `No tag with name: a in run with id ${run_id}`,
    })
  })

  it('tell the parent, until they are removed', async () => {
    const parent = await newRun()
    const child = await newRun({ tags: [{ key: 'mlflow.parentRunId', value: parent }] })
    const native = await tracker.post<Run>(`/experiments/${uuid(experiment)}/runs`, {
      parent_run_id: uuid(parent),
    })
    for (const run_id of [child, native.body.id.replaceAll('-', '')]) {
      const remove = () => mlflow.post('/runs/delete-tag', { run_id, key: 'mlflow.parentRunId' })
      expect((await remove()).status).toBe(200)
      expect(await tagsOf(run_id)).not.toHaveProperty(['mlflow.parentRunId'])
      expect((await remove()).status).toBe(404)
    }
  })

  it('name the run', async () => {
    const run_id = await newRun()
    await mlflow.post('/runs/set-tag', { run_id, key: 'mlflow.runName', value: 'by tag' })
    expect((await mlflow.getRun(run_id)).info.run_name).toBe('by tag')
    await mlflow.post('/runs/log-batch', { run_id, tags: [{ key: 'mlflow.runName', value: 'by batch' }] })
    expect((await mlflow.getRun(run_id)).info.run_name).toBe('by batch')
  })
})

describe('inputs and outputs', () => {
  it('are datasets, each once, and models in the order in which they came', async () => {
    const run_id = await newRun()
    const dataset = {
      name: 'd',
      digest: '1',
      source_type: 's3',
      source: '{}',
      schema: 'cols',
      profile: '5 rows',
    }
    const tags = [{ key: 'mlflow.data.context', value: 'train' }]
    const other = { name: 'd', digest: '2', source_type: 's3', source: '{}' }
    const log = (body: object) => mlflow.post('/runs/log-inputs', { run_id, ...body })
    expect(
      (
        await log({
          datasets: [
            { dataset, tags },
            { dataset, tags },
          ],
        })
      ).body,
    ).toEqual({})
    await log({
      datasets: [{ dataset: { ...dataset, schema: 'other' } }, { dataset: other }],
      models: [{ model_id: 'm-b' }],
    })
    await log({ models: [{ model_id: 'm-a' }, { model_id: 'm-b' }] })
    await mlflow.post('/runs/outputs', {
      run_id,
      models: [{ model_id: 'm-z', step: 3 }, { model_id: 'm-y' }],
    })
    const run = await mlflow.getRun(run_id)
    expect(run.inputs).toEqual({
      dataset_inputs: [{ dataset, tags }, { dataset: other }],
      model_inputs: [{ model_id: 'm-b' }, { model_id: 'm-a' }],
    })
    expect(run.outputs).toEqual({
      model_outputs: [
        { model_id: 'm-z', step: 3 },
        { model_id: 'm-y', step: 0 },
      ],
    })
    const summaries = await mlflow.post('/experiments/search-datasets', { experiment_ids: [experiment] })
    expect(summaries.body).toEqual({
      dataset_summaries: [
        { experiment_id: experiment, name: 'd', digest: '1', context: 'train' },
        { experiment_id: experiment, name: 'd', digest: '2' },
      ],
    })
  })

  it.each([
    [
      '/runs/log-inputs',
      { datasets: [{ dataset: { name: 'x'.repeat(501) } }] },
      "'name' exceeds the maximum length of 500",
    ],
    [
      '/runs/log-inputs',
      { datasets: [{ dataset: { digest: 'x'.repeat(37) } }] },
      "'digest' exceeds the maximum length of 36",
    ],
    ['/runs/outputs', { models: [{ model_id: 'x'.repeat(257) }] }, "'model_id' exceeds the maximum length"],
    ['/runs/create', { user_id: 'x'.repeat(257) }, "'user_id' exceeds the maximum length of 256"],
    ['/runs/outputs', {}, "Missing value for required parameter 'models'."],
    ['/runs/log-model', { model_json: '{' }, 'Malformed model info.'],
    ['/runs/log-model', { model_json: '{"run_id": "x"}' }, 'Model json is missing mandatory fields'],
    ['/experiments/search-datasets', {}, 'must specify at least one experiment_id'],
    ['/experiments/search-datasets', { experiment_ids: Array(21).fill('0') }, 'cannot specify more than 20'],
  ])('%s refuses %j', async (path, body, message) => {
    const { status, body: failure } = await mlflow.post(path, { run_id: await newRun(), ...body })
    expect([status, failure.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(failure.message).toContain(message)
  })

  it('of models in the manner of MLflow 2 are remembered in a tag', async () => {
    const run_id = await newRun()
    const model = {
      artifact_path: 'a',
      flavors: { sklearn: {} },
      utc_time_created: 'now',
      run_id,
      signature: 'x',
    }
    for (const artifact_path of ['a', 'b']) {
      await mlflow.post('/runs/log-model', {
        run_id,
        model_json: JSON.stringify({ ...model, artifact_path }),
      })
    }
    const history: unknown = JSON.parse((await tagsOf(run_id))['mlflow.log-model.history'] ?? '')
    const { signature: _, ...kept } = model
    expect(history).toEqual([kept, { ...kept, artifact_path: 'b' }])
    await mlflow.post('/runs/set-tag', { run_id, key: 'mlflow.log-model.history', value: 'no list' })
    expect((await mlflow.post('/runs/log-model', { run_id, model_json: JSON.stringify(model) })).status).toBe(
      200,
    )
    expect(JSON.parse((await tagsOf(run_id))['mlflow.log-model.history'] ?? '')).toEqual([kept])
  })
})

it.each([
  ['/runs/get', 'GET'],
  ['/runs/update', 'POST'],
  ['/runs/delete', 'POST'],
  ['/runs/restore', 'POST'],
  ['/runs/log-metric', 'POST'],
  ['/runs/log-parameter', 'POST'],
  ['/runs/log-batch', 'POST'],
  ['/runs/set-tag', 'POST'],
  ['/runs/delete-tag', 'POST'],
  ['/runs/log-inputs', 'POST'],
  ['/runs/outputs', 'POST'],
])('%s says when there is no such run', async (path, method) => {
  for (const run_id of ['f'.repeat(32), 'nonsense']) {
    const { status, body } =
      method === 'GET'
        ? await mlflow.get(path, { run_id })
        : await mlflow.post(path, { run_id, key: 'k', value: '1', timestamp: 1, models: [] })
    expect([status, body]).toEqual([
      404,
      { error_code: 'RESOURCE_DOES_NOT_EXIST', message: `Run with id=${run_id} not found` },
    ])
  }
  const missing = method === 'GET' ? await mlflow.get(path) : await mlflow.post(path, {})
  expect(missing.body.message).toContain("Missing value for required parameter 'run_id'.")
})
