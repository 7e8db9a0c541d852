import { beforeAll, describe, expect, it } from 'vitest'
import { cron, silence } from '../support/heartbeat.ts'
import { MlflowClient, named } from '../support/mlflow.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'
import type { Run } from '../support/wire.ts'

let tracker: Tracker
let experiment: string
const mlflow = new MlflowClient(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
  experiment = await mlflow.createExperiment('x')
})

const get = async (run: string) => (await tracker.get<Run>(`/runs/${run}`)).body

describe('the tag edgerun.heartbeat_timeout', () => {
  const TAG = 'edgerun.heartbeat_timeout'
  const uuid = (id: string) => id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  const create = (value?: string) =>
    mlflow.post<{ run: { info: { run_id: string } }; message: string; error_code: string }>('/runs/create', {
      experiment_id: experiment,
      ...(value !== undefined && { tags: [{ key: TAG, value }] }),
    })

  it('sets the timeout, is shown as any, and switches it off when it is deleted', async () => {
    const created = (await create('60')).body.run.info.run_id
    const tagged = (await create()).body.run.info.run_id
    const batched = (await create()).body.run.info.run_id
    expect(await get(uuid(tagged))).toMatchObject({ heartbeat_timeout: null })
    await mlflow.post('/runs/set-tag', { run_id: tagged, key: TAG, value: '60' })
    await mlflow.post('/runs/log-batch', { run_id: batched, tags: [{ key: TAG, value: '60' }] })
    for (const id of [created, tagged, batched]) {
      expect(await get(uuid(id))).toMatchObject({ heartbeat_timeout: 60, tags: { [TAG]: '60' } })
      expect(named((await mlflow.getRun(id)).data.tags)).toMatchObject({ [TAG]: '60' })
    }
    await mlflow.post('/runs/delete-tag', { run_id: tagged, key: TAG })
    expect(await get(uuid(tagged))).toMatchObject({ heartbeat_timeout: null, tags: {} })
  })

  it.each(['', 'soon', '14', '604801', '60.5', ' 60', '6e1', '-60'])('is not %j', async (value) => {
    const id = (await create('60')).body.run.info.run_id
    const answers = [
      await create(value),
      await mlflow.post('/runs/set-tag', { run_id: id, key: TAG, value }),
      await mlflow.post('/runs/log-batch', { run_id: id, tags: [{ key: TAG, value }] }),
    ]
    const said = `Invalid value "${value}" for parameter '${TAG}' supplied: must be a whole number of seconds from 15 to 604800`
    for (const { status, body } of answers) {
      expect([status, body.error_code, body.message]).toEqual([400, 'INVALID_PARAMETER_VALUE', said])
    }
    expect(await get(uuid(id))).toMatchObject({ heartbeat_timeout: 60, tags: { [TAG]: '60' } })
  })

  it('a run that the tracker failed is FAILED with an end, and RUNNING when it comes back', async () => {
    const id = (await create('60')).body.run.info.run_id
    await silence(tracker, uuid(id), 1_000)
    await cron(tracker.env)
    const { info } = await mlflow.getRun(id)
    expect([info.status, typeof info.end_time]).toEqual(['FAILED', 'number'])
    await mlflow.post('/runs/log-metric', { run_id: id, key: 'm', value: 1, timestamp: 1 })
    const { info: after } = await mlflow.getRun(id)
    expect([after.status, after.end_time]).toEqual(['RUNNING', undefined])
  })
})
