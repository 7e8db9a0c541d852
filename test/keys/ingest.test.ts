/** What a key of scope `ingest` can do: log to the run, or to the runs of the experiment, that it is for. */
import { beforeAll, describe, expect, it } from 'vitest'
import { forget } from '../../src/keys/grants.ts'
import {
  bearer,
  endKey,
  type MadeKey,
  makeKey,
  makeWorkspace,
  newClosedTracker,
  withKey,
} from '../support/keys.ts'
import { MlflowClient, type RunOfMlflow } from '../support/mlflow.ts'
import { UNKNOWN } from '../support/runs.ts'
import type { Tracker } from '../support/tracker.ts'
import type { Experiment, Run } from '../support/wire.ts'
import { type Fixture, hex, newFixture } from './fixture.ts'
import { callOf, needOf, ROUTES } from './requests.ts'

let tracker: Tracker
let asAdmin: Tracker
/** What the keys are for. */
let own: Fixture
/** Another experiment with its run in the same workspace. */
let other: Fixture
let ofRun: MadeKey
let ofExperiment: MadeKey
beforeAll(async () => {
  tracker = await newClosedTracker()
  const admin = await makeKey(tracker, { scope: 'admin' })
  asAdmin = withKey(tracker, admin.key)
  own = await newFixture(asAdmin)
  other = await newFixture(asAdmin)
  ofRun = await makeKey(tracker, { scope: 'ingest', run_id: own.run })
  ofExperiment = await makeKey(tracker, { scope: 'ingest', experiment_id: own.experiment })
})

const LOGGING = ROUTES.filter((route) => needOf(route) === 'ingest')
const CREATING = LOGGING.filter((route) => /runs\/create$|:id\/runs$/.test(route))

/** The status of a request, where the key is known and where it is not. */
async function statuses(route: string, f: Fixture, { id, key }: MadeKey): Promise<number[]> {
  const { method, path, body, headers } = callOf(route, f)
  const send = async () => (await tracker.send(method, path, body, { ...headers, ...bearer(key) })).status
  forget(id)
  return [await send(), await send()]
}

it('is asked of all that logs, and of nothing else', () => {
  const mlflows = [
    'create',
    'update',
    'log-parameter',
    'set-tag',
    'log-inputs',
    'outputs',
    'log-model',
    'log-metric',
    'log-batch',
  ]
  expect([...LOGGING].sort()).toEqual(
    [
      'POST /experiments/:id/runs',
      'PATCH /runs/:id',
      'POST /runs/:id/heartbeat',
      'POST /runs/:id/metrics',
      ...['/api', '/ajax-api'].flatMap((door) =>
        mlflows.map((name) => `POST ${door}/2.0/mlflow/runs/${name}`),
      ),
    ].sort(),
  )
})

describe('a key for a run', () => {
  it.each(LOGGING.filter((route) => !CREATING.includes(route)))('may %s of it', async (route) => {
    for (const status of await statuses(route, own, ofRun)) expect(status).toBeLessThan(300)
    expect(await statuses(route, other, ofRun)).toEqual([403, 403])
    expect(await statuses(route, { ...own, run: UNKNOWN }, ofRun)).toEqual([403, 403])
  })

  it.each(CREATING)('may not %s', async (route) => {
    expect(await statuses(route, own, ofRun)).toEqual([403, 403])
  })
})

describe('a key for an experiment', () => {
  it.each(LOGGING)('may %s of it', async (route) => {
    for (const status of await statuses(route, own, ofExperiment)) expect(status).toBeLessThan(300)
    expect(await statuses(route, other, ofExperiment)).toEqual([403, 403])
    expect(await statuses(route, { ...own, run: UNKNOWN, experiment: UNKNOWN }, ofExperiment)).toEqual([
      403, 403,
    ])
  })

  it('may log to a run that it has made itself, natively and in MLflow', async () => {
    const job = withKey(tracker, ofExperiment.key)
    const native = await job.post<Run>(`/experiments/${own.experiment}/runs`, { params: { lr: 1 } })
    const mlflow = new MlflowClient(() => job)
    const made = await mlflow.post<{ run: RunOfMlflow }>('/runs/create', {
      experiment_id: hex(own.experiment),
    })
    for (const id of [native.body.id, made.body.run.info.run_id]) {
      const logged = await mlflow.post('/runs/log-batch', {
        run_id: hex(id),
        metrics: [{ key: 'loss', value: 1, timestamp: 1, step: 1 }],
      })
      const ended = await mlflow.post('/runs/update', { run_id: hex(id), status: 'FINISHED' })
      expect([logged.status, ended.status]).toEqual([200, 200])
    }
  })

  it('may make no run below that of another experiment with an id that is taken there', async () => {
    const job = withKey(tracker, ofExperiment.key)
    const answer = await job.post(`/experiments/${own.experiment}/runs`, { id: other.run, params: { lr: 2 } })
    expect(answer.status).toBe(409)
    expect((await asAdmin.get<Run>(`/runs/${other.run}`)).body).toMatchObject({
      experiment_id: other.experiment,
      params: { lr: 1 },
    })
  })
})

describe('neither of them', () => {
  it('may log metrics of a logged model, which is not of the run alone', async () => {
    const metric = { key: 'loss', value: 1, timestamp: 1, step: 1, model_id: own.model }
    for (const { id, key } of [ofRun, ofExperiment]) {
      const mlflow = new MlflowClient(() => withKey(tracker, key))
      for (const [path, body] of [
        ['/runs/log-metric', metric],
        ['/runs/log-batch', { metrics: [metric] }],
      ] as const) {
        forget(id)
        const log = async () => (await mlflow.post(path, { run_id: hex(own.run), ...body })).status
        expect([path, await log(), await log()]).toEqual([path, 403, 403])
      }
    }
  })

  it('may log to a run by naming its own beside it', async () => {
    const mlflow = new MlflowClient(() => withKey(tracker, ofRun.key))
    const [mine, theirs] = [hex(own.run), hex(other.run)]
    for (const ids of [
      { run_id: theirs, run_uuid: mine },
      { run_uuid: theirs, run_id: mine },
    ]) {
      await mlflow.post('/runs/set-tag', { ...ids, key: 'by', value: 'stranger' })
    }
    expect((await asAdmin.get<Run>(`/runs/${other.run}`)).body.tags).not.toHaveProperty('by')
  })

  it('is told whether there is a run that it is not for', async () => {
    for (const { key } of [ofRun, ofExperiment]) {
      const told = async (id: string) =>
        (await tracker.post(`/runs/${id}/metrics`, { metrics: [] }, bearer(key))).status
      expect([await told(other.run), await told(UNKNOWN)]).toEqual([403, 403])
    }
  })
})

it('is for the run of its own workspace alone, where another one has a run with the same id', async () => {
  await makeWorkspace(tracker, 'twin')
  const twin = withKey(tracker, (await makeKey(tracker, { scope: 'admin' }, 'twin')).key)
  await twin.post<Experiment>('/experiments', { id: own.experiment, name: 'x', owner: 'bob' })
  await twin.post(`/experiments/${own.experiment}/runs`, { id: own.run })
  const answer = await withKey(tracker, ofRun.key).patch(`/runs/${own.run}`, { tags: { by: 'job' } })
  expect(answer.status).toBe(200)
  expect((await twin.get<Run>(`/runs/${own.run}`)).body.tags).toEqual({})
})

it('logs to no run that takes the id of one of the experiment after that was deleted', async () => {
  const id = crypto.randomUUID()
  const job = withKey(tracker, ofExperiment.key)
  await asAdmin.post(`/experiments/${own.experiment}/runs`, { id })
  expect((await job.patch(`/runs/${id}`, { name: 'mine' })).status).toBe(200)
  await asAdmin.delete(`/runs/${id}`)
  await asAdmin.post(`/experiments/${other.experiment}/runs`, { id })
  forget(ofExperiment.id)
  expect((await job.patch(`/runs/${id}`, { name: 'mine' })).status).toBe(403)
})

it('ends as any key does', async () => {
  const made = await makeKey(tracker, { scope: 'ingest', run_id: own.run })
  await endKey(tracker, made.id, 'revoked_at')
  expect(await statuses('POST /runs/:id/metrics', own, made)).toEqual([401, 401])
})
