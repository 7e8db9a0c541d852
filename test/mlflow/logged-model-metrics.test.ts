import { beforeAll, describe, expect, it } from 'vitest'
import { LoggedModels, NOBODY } from '../support/logged-models.ts'
import { failure, invalid, MlflowClient } from '../support/mlflow.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
let experiment: string
let run: string
const mlflow = new MlflowClient(() => tracker)
const models = new LoggedModels(mlflow)
beforeAll(async () => {
  tracker = await newTracker()
  experiment = await mlflow.createExperiment('models')
  run = (await mlflow.createRun(experiment)).info.run_id
})

describe('metrics of a logged model', () => {
  it('are those that runs log of it, with their datasets, each once, in the order in which they came', async () => {
    const { info } = await models.create(experiment, { source_run_id: run })
    const other = (await mlflow.createRun(experiment)).info.run_id
    const id = info.model_id
    const train = { dataset_name: 'train', dataset_digest: 'd1' }
    await models.log(run, id, 'loss', 0.5, { step: 2 })
    await models.log(run, id, 'acc', 0.7, train)
    await models.log(run, id, 'acc', 0.7, train)
    await models.log(run, id, 'acc', 0.7, { dataset_name: 'test', dataset_digest: 'd2' })
    await mlflow.post('/runs/log-batch', {
      run_id: other,
      metrics: [
        { key: 'nan', value: 'NaN', timestamp: 1, step: -3, model_id: id },
        { key: 'far', value: '-Infinity', timestamp: 1, step: '9223372036854775807', model_id: id },
        { key: 'of the run alone', value: 1, timestamp: 1 },
      ],
    })
    // JSON.stringify() would lose the sign.
    await mlflow.post(
      '/runs/log-metric',
      `{"run_id": "${other}", "model_id": "${id}", "key": "zero", "value": -0.0, "timestamp": 1}`,
    )
    const { text } = await tracker.get(`/api/2.0/mlflow/logged-models/${id}`)
    expect(text).toContain('"step":9223372036854775807')
    expect(text).toContain('"value":-0.0')
    const { metrics } = (await models.get(id)).data
    expect(metrics?.slice(0, 3)).toEqual([
      { key: 'loss', value: 0.5, timestamp: 1_000, step: 2, model_id: id, run_id: run },
      { key: 'acc', value: 0.7, timestamp: 1_000, step: 0, model_id: id, run_id: run, ...train },
      {
        key: 'acc',
        value: 0.7,
        timestamp: 1_000,
        step: 0,
        model_id: id,
        run_id: run,
        dataset_name: 'test',
        dataset_digest: 'd2',
      },
    ])
    expect(metrics?.slice(3).map(({ key, value, step, run_id }) => [key, value, step, run_id])).toEqual([
      ['nan', 'NaN', -3, other],
      ['far', '-Infinity', Number('9223372036854775807'), other],
      ['zero', -0, 0, other],
    ])
    // They are the run's as well.
    expect((await mlflow.getRun(other)).data.metrics?.map(({ key }) => key)).toEqual([
      'far',
      'nan',
      'of the run alone',
      'zero',
    ])
  })

  it('are refused, and with them their batch, where there is no such model', async () => {
    const { info } = await mlflow.createRun(experiment)
    for (const model_id of [NOBODY, 'm-1', 'x']) {
      const answer = await mlflow.post('/runs/log-batch', {
        run_id: info.run_id,
        metrics: [
          { key: 'a', value: 1, timestamp: 1 },
          { key: 'b', value: 1, timestamp: 1, model_id },
        ],
        params: [{ key: 'p', value: '1' }],
      })
      expect([answer.status, answer.body.error_code]).toEqual([400, 'BAD_REQUEST'])
    }
    expect((await mlflow.getRun(info.run_id)).data.metrics).toBeUndefined()
    expect((await mlflow.getRun(info.run_id)).data.params).toBeUndefined()
  })

  it('name a dataset by name and digest, or none', async () => {
    const { info } = await models.create(experiment)
    for (const half of [{ dataset_name: 'x' }, { dataset_digest: 'x' }]) {
      for (const model_id of [info.model_id, undefined]) {
        const answer = await mlflow.post('/runs/log-metric', {
          run_id: run,
          key: 'k',
          value: 1,
          timestamp: 1,
          model_id,
          ...half,
        })
        expect(failure(answer)).toEqual(
          invalid('Both dataset_name and dataset_digest must be provided if one is provided'),
        )
      }
    }
  })

  it('are not logged by a run in the trash, nor with params that are refused', async () => {
    const { info } = await models.create(experiment)
    const { info: gone } = await mlflow.createRun(experiment)
    await mlflow.post('/runs/delete', { run_id: gone.run_id })
    expect((await models.log(gone.run_id, info.model_id, 'a', 1)).status).toBe(400)
    await mlflow.post('/runs/log-parameter', { run_id: run, key: 'held', value: '1' })
    const { status } = await mlflow.post('/runs/log-batch', {
      run_id: run,
      metrics: [{ key: 'b', value: 1, timestamp: 1, model_id: info.model_id }],
      params: [{ key: 'held', value: '2' }],
    })
    expect(status).toBe(400)
    expect((await models.get(info.model_id)).data).toEqual({})
  })

  it('are stored once when 16 clients send the same ones at once', async () => {
    const { info } = await models.create(experiment)
    const metrics = Array.from({ length: 50 }, (_, i) => ({
      key: 'm',
      value: i,
      timestamp: i,
      step: i,
      model_id: info.model_id,
    }))
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => mlflow.post('/runs/log-batch', { run_id: run, metrics })),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200))
    const { metrics: stored } = (await models.get(info.model_id)).data
    expect(stored?.map(({ step }) => step)).toEqual(metrics.map(({ step }) => step))
  })

  it('are shown, the last 10,000 of them', async () => {
    const { info } = await models.create(experiment)
    const uuid = info.model_id.slice(2)
    await tracker.sql.query(
      `insert into logged_model_metrics (model_id, name, step, value, time, run_id)
       select $1::uuid, 'm', n, n, n, $2::uuid from generate_series(1, 10005) as n order by n`,
      [uuid, run],
    )
    const { metrics } = (await models.get(info.model_id)).data
    expect([metrics?.length, metrics?.[0]?.step, metrics?.at(-1)?.step]).toEqual([10_000, 6, 10_005])
  })
})
