import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Database } from '../../src/db/database.ts'
import { failSilent } from '../../src/runs/heartbeat.ts'
import { interfere, lostAnswer, lostRequest, stopInterfering } from '../support/faults.ts'
import {
  COMPLETED,
  cron,
  LOST,
  newLost,
  newWatched,
  outcome,
  RUNNING,
  silence,
} from '../support/heartbeat.ts'
import { MlflowClient } from '../support/mlflow.ts'
import { UNKNOWN } from '../support/runs.ts'
import { newTracker, type Problem, type Tracker, trackerOn } from '../support/tracker.ts'
import type { Experiment, Run } from '../support/wire.ts'

let tracker: Tracker
let experiment: string
const mlflow = new MlflowClient(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
  experiment = (await tracker.post<Experiment>('/experiments', { name: 'x', owner: 'alice' })).body.id
})
stopInterfering()
afterEach(() => vi.restoreAllMocks())

const get = async (run: string) => (await tracker.get<Run>(`/runs/${run}`)).body
const beat = (run: string) => tracker.post<{ status: string }>(`/runs/${run}/heartbeat`, undefined)
const point = { metrics: [{ name: 'loss', step: 1, value: 1 }] }
const log = (run: string) => tracker.post(`/runs/${run}/metrics`, point)
const hex = (id: string) => id.replaceAll('-', '')

/** How many seconds ago something was, by the database's clock. */
async function age(moment: string | null): Promise<number> {
  const [row] = await tracker.sql`select extract(epoch from now() - ${moment}::timestamptz)::float8 as age`
  return row?.age
}

describe('a heartbeat timeout', () => {
  it('is none unless it is asked for, and then counts from the creation', async () => {
    const { body: without } = await tracker.post<Run>(`/experiments/${experiment}/runs`, {})
    expect(without).toMatchObject({ heartbeat_timeout: null, last_heartbeat_at: null, status_reason: null })
    const { body } = await tracker.post<Run>(`/experiments/${experiment}/runs`, { heartbeat_timeout: 15 })
    expect(body).toMatchObject({ heartbeat_timeout: 15, status_reason: null })
    expect(await age(body.last_heartbeat_at)).toBeLessThan(10)
    expect(await get(await newWatched(tracker, 604_800))).toMatchObject({ heartbeat_timeout: 604_800 })
  })

  it('is set and switched off by a change of the run, and left alone by any other', async () => {
    const run = await newWatched(tracker, null)
    const { body: on } = await tracker.patch<Run>(`/runs/${run}`, { heartbeat_timeout: 60 })
    expect(on).toMatchObject({ heartbeat_timeout: 60, status: 'running' })
    expect(await age(on.last_heartbeat_at)).toBeLessThan(10)
    const { body: other } = await tracker.patch<Run>(`/runs/${run}`, { tags: { a: 1 } })
    expect(other).toMatchObject({ heartbeat_timeout: 60, last_heartbeat_at: on.last_heartbeat_at })
    const { body: off } = await tracker.patch<Run>(`/runs/${run}`, { heartbeat_timeout: null })
    expect(off).toMatchObject({ heartbeat_timeout: null })
    await silence(tracker, run, 1_000_000)
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
  })

  it.each([14, 604_801, 15.5, 0, -60, '60', true, []])('is not %j', async (heartbeat_timeout) => {
    const run = await newWatched(tracker)
    const answers = [
      await tracker.post<Problem>(`/experiments/${experiment}/runs`, { heartbeat_timeout }),
      await tracker.post<Problem>('/experiments', { name: 'x', owner: 'a', run: { heartbeat_timeout } }),
      await tracker.patch<Problem>(`/runs/${run}`, { heartbeat_timeout }),
    ]
    expect(answers.map(({ status, body }) => [status, body.errors?.map(({ path }) => path)])).toEqual([
      [422, ['heartbeat_timeout']],
      [422, ['run.heartbeat_timeout']],
      [422, ['heartbeat_timeout']],
    ])
    expect(await get(run)).toMatchObject({ heartbeat_timeout: 60 })
  })

  it('is part of what a create says when it is sent again', async () => {
    const create = (id: string, rest: object) =>
      tracker.post<Run>(`/experiments/${experiment}/runs`, { id, ...rest })
    const [watched, unwatched] = [crypto.randomUUID(), crypto.randomUUID()]
    const first = await create(watched, { heartbeat_timeout: 60 })
    expect(await create(watched, { heartbeat_timeout: 60 })).toMatchObject({ status: 201, body: first.body })
    expect((await create(watched, { heartbeat_timeout: 61 })).status).toBe(409)
    expect((await create(watched, {})).status).toBe(409)
    await create(unwatched, {})
    expect((await create(unwatched, { heartbeat_timeout: null })).status).toBe(201)
  })

  it('leaves the hash of a run without one what it was before there were timeouts', async () => {
    const id = '01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b11'
    const of = '01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b12'
    await tracker.post('/experiments', { id: of, name: 'x', owner: 'alice' })
    await tracker.post(`/experiments/${of}/runs`, { id, name: 'old', seed: 7, params: { lr: 0.1 } })
    expect(await tracker.sql`select creation_hash from runs where id = ${id}`).toEqual([
      { creation_hash: 'a7e13ff6ff1e901e74be4644dd569ef57d2ef84fd0b5e85e6b51c5d86afc3be8' },
    ])
  })
})

describe('a heartbeat', () => {
  it.each(['running', 'scheduled', 'completed', 'failed', 'killed'])(
    'tells a job that it is %s',
    async (status) => {
      const run = await newWatched(tracker)
      const { body: before } = await tracker.patch<Run>(`/runs/${run}`, { status })
      await silence(tracker, run, 40)
      const { status: code, body } = await beat(run)
      expect([code, body]).toEqual([200, { status }])
      const after = await get(run)
      expect(after).toMatchObject({ status, ended_at: before.ended_at, status_reason: null })
      expect((await age(after.last_heartbeat_at)) < 20).toBe(status === 'running')
    },
  )

  it('is written down at most eight times within a timeout, and so are points', async () => {
    const run = await newWatched(tracker, 800)
    const at = async () => (await get(run)).last_heartbeat_at
    for (const show of [beat, log]) {
      await silence(tracker, run, 90)
      const before = await at()
      await show(run)
      expect(await at()).toBe(before)
      await silence(tracker, run, 20)
      await show(run)
      expect(await age(await at())).toBeLessThan(10)
    }
  })

  it('of a run that is not watched is answered, and nothing is written', async () => {
    const run = await newWatched(tracker, null)
    expect((await beat(run)).body).toEqual({ status: 'running' })
    await log(run)
    expect(await get(run)).toMatchObject({ heartbeat_timeout: null, last_heartbeat_at: null })
  })

  it('may be sent again when its answer was lost', async () => {
    const run = await newLost(tracker)
    interfere(lostAnswer)
    expect((await beat(run)).body).toEqual({ status: 'running' })
    expect(await outcome(tracker, run)).toEqual(RUNNING)
  })

  it('of a run that is not there, was deleted or is in the trash finds none', async () => {
    const [deleted, trashed] = [await newLost(tracker), await newLost(tracker)]
    await tracker.delete(`/runs/${deleted}`)
    await mlflow.post('/runs/delete', { run_id: hex(trashed) })
    for (const run of [UNKNOWN, 'no-uuid', deleted, trashed]) {
      const { status, body } = await tracker.post<Problem>(`/runs/${run}/heartbeat`, undefined)
      expect([run, status, body.detail]).toEqual([run, 404, 'Run not found'])
    }
    const metric = { run_id: hex(trashed), key: 'm', value: 1, timestamp: 1 }
    expect((await mlflow.post('/runs/log-metric', metric)).status).toBe(400)
    await mlflow.post('/runs/restore', { run_id: hex(trashed) })
    expect(await outcome(tracker, trashed)).toEqual(LOST)
    expect((await beat(trashed)).body).toEqual({ status: 'running' })
  })
})

describe('with keys', () => {
  const SECRET = 'a-secret-of-some-length'
  const bearer = (key: string) => ({ Authorization: `Bearer ${key}` })
  async function makeKey(closed: Tracker, fields: object, workspace = 'default') {
    const { body } = await closed.post<{ key: string }>(
      `/keys?workspace=${workspace}`,
      { name: 'x', ...fields },
      bearer(SECRET),
    )
    return bearer(body.key)
  }

  it('a heartbeat takes a key that may log to the run, and no other', async () => {
    const { ACCESS: _, ...env } = tracker.env
    const closed = trackerOn({ ...env, BOOTSTRAP_SECRET: SECRET })
    await closed.post('/workspaces', { name: 'other' }, bearer(SECRET))
    const run = await newWatched(tracker)
    const { experiment_id } = await get(run)
    const other = await newWatched(tracker)
    const keys: [string, Record<string, string>, number][] = [
      ['none', {}, 401],
      ['no key', bearer('er_nonsense'), 401],
      ['write', await makeKey(closed, { scope: 'write' }), 200],
      ['admin', await makeKey(closed, { scope: 'admin' }), 200],
      ['ingest, the run', await makeKey(closed, { scope: 'ingest', run_id: run }), 200],
      ['ingest, its experiment', await makeKey(closed, { scope: 'ingest', experiment_id }), 200],
      ['ingest, another run', await makeKey(closed, { scope: 'ingest', run_id: other }), 403],
      ['read', await makeKey(closed, { scope: 'read' }), 403],
      ['another workspace', await makeKey(closed, { scope: 'admin' }, 'other'), 404],
    ]
    // Once while the key is not known yet, and once when it is.
    for (const time of [1, 2]) {
      for (const [who, headers, expected] of keys) {
        await silence(tracker, run, 30)
        const { status } = await closed.post(`/runs/${run}/heartbeat`, undefined, headers)
        const isFresh = (await age((await get(run)).last_heartbeat_at)) < 20
        expect([time, who, status, isFresh]).toEqual([time, who, expected, expected === 200])
      }
    }
  })
})

describe('the cron job', () => {
  it('fails a run that was silent for its timeout and an eighth, and takes the last sign for its end', async () => {
    const run = await newWatched(tracker, 800)
    await silence(tracker, run, 890)
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
    await silence(tracker, run, 20)
    const { last_heartbeat_at } = await get(run)
    await cron(tracker.env)
    expect(await get(run)).toMatchObject({
      status: 'failed',
      status_reason: 'no sign of life for 800 s',
      ended_at: last_heartbeat_at,
      last_heartbeat_at,
    })
    const { body: listed } = await tracker.get<Run[]>(
      `/experiments/${(await get(run)).experiment_id}/runs?status=failed`,
    )
    const { metrics: _, ...shown } = await get(run)
    expect(listed).toEqual([shown])
  })

  it('leaves alone what is not watched, is scheduled, or has an end', async () => {
    const unwatched = await newWatched(tracker, null)
    const ended = await Promise.all(
      ['scheduled', 'completed', 'failed', 'killed'].map(async (status) => {
        const run = await newWatched(tracker)
        await tracker.patch(`/runs/${run}`, { status })
        return run
      }),
    )
    const all = [unwatched, ...ended]
    for (const run of all) await silence(tracker, run, 1_000_000)
    const before = await Promise.all(all.map(get))
    await cron(tracker.env)
    expect(await Promise.all(all.map(get))).toEqual(before)
  })

  it('counts from when a scheduled run begins', async () => {
    const run = await newWatched(tracker)
    await tracker.patch(`/runs/${run}`, { status: 'scheduled' })
    await silence(tracker, run, 1_000)
    await tracker.patch(`/runs/${run}`, { status: 'running' })
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
  })

  it('goes by the timeout that the run has now, from when that was set', async () => {
    const run = await newWatched(tracker, 60)
    await silence(tracker, run, 1_000)
    await tracker.patch(`/runs/${run}`, { heartbeat_timeout: 2_000 })
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
    await silence(tracker, run, 1_000)
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
    await tracker.patch(`/runs/${run}`, { heartbeat_timeout: 60 })
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
    await silence(tracker, run, 70)
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(LOST)
  })

  it('looks at all workspaces, and at the trash', async () => {
    const [elsewhere, trashed] = [await newWatched(tracker), await newWatched(tracker)]
    await tracker.sql`insert into workspaces (name) values ('third') on conflict do nothing`
    await tracker.sql`
      insert into experiments (workspace_id, id, name, owner, creation_hash)
      select workspaces.id, experiments.id, 'x', 'x', ''
      from experiments, workspaces
      where workspaces.name = 'third' and experiments.id = (select experiment_id from runs where id = ${elsewhere})`
    // The same id in another workspace, and silent there alone.
    await tracker.sql`
      insert into runs (workspace_id, id, experiment_id, creation_hash, heartbeat_timeout, alive_at)
      select workspaces.id, runs.id, experiment_id, '', 60, now() - interval '1 hour' from runs, workspaces
      where runs.id = ${elsewhere} and workspaces.name = 'third'`
    await mlflow.post('/runs/delete', { run_id: hex(trashed) })
    await silence(tracker, trashed, 1_000)
    await cron(tracker.env)
    expect(await tracker.sql`select status from runs where id = ${elsewhere} order by workspace_id`).toEqual([
      { status: 'running' },
      { status: 'failed' },
    ])
    await mlflow.post('/runs/restore', { run_id: hex(trashed) })
    expect(await outcome(tracker, trashed)).toEqual(LOST)
  })

  it('says in a log line how many there were, and nothing where there were none', async () => {
    const lines: Record<string, unknown>[] = []
    vi.spyOn(console, 'info').mockImplementation((line: string) => lines.push(JSON.parse(line)))
    for (let i = 0; i < 3; i++) await silence(tracker, await newWatched(tracker), 1_000)
    for (let i = 0; i < 2; i++) await failSilent(new Database(tracker.env, () => {}))
    expect(lines.filter(({ event }) => event !== undefined)).toEqual([
      { level: 'info', event: 'silent runs', failed: 3, more: false },
    ])
  })

  it('fails where the database is away, and does its work when that is back', async () => {
    const run = await newWatched(tracker)
    await silence(tracker, run, 1_000)
    const sent = interfere(...Array(12).fill(lostRequest))
    await expect(cron(tracker.env)).rejects.toThrow(
      'Failed: silent runs, sealing, artifact removal, ended sessions',
    )
    // Each of the four jobs has tried.
    expect(sent()).toBe(12)
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(LOST)
  })

  it('has done it once when its answer is lost', async () => {
    const run = await newWatched(tracker)
    await silence(tracker, run, 1_000)
    interfere(lostAnswer)
    await failSilent(new Database(tracker.env, () => {}))
    expect(await outcome(tracker, run)).toEqual(LOST)
  })
})

describe('of ten thousand watched runs', () => {
  const COUNT = 10_000
  let many: Tracker
  beforeAll(async () => {
    many = await newTracker()
    const run = await newWatched(many)
    await many.sql`
      insert into runs (workspace_id, id, experiment_id, creation_hash, heartbeat_timeout, alive_at)
      select 1, gen_random_uuid(), experiment_id, '', case when i <= ${COUNT} then 60 end,
        case when i <= ${COUNT} then now() - interval '1 hour' end
      from runs, generate_series(1, ${2 * COUNT}::int) as i where id = ${run}`
    await many.sql`analyze runs`
  })

  it('the silent ones are found by their index', async () => {
    const lines = await many.sql`
      explain select workspace_id, id from runs
      where heartbeat_timeout is not null and status = 'running'
        and alive_at < now() - heartbeat_timeout * interval '1125 ms'
      limit 1000 for no key update skip locked`
    expect(JSON.stringify(lines)).toContain('runs_watched_idx')
  })

  it('a pass does so many at a time, the next goes on, and two at once do each one once', async () => {
    const lines: { event?: string; failed: number; more: boolean }[] = []
    vi.spyOn(console, 'info').mockImplementation((line: string) => lines.push(JSON.parse(line)))
    const pass = (passes?: number) => failSilent(new Database(many.env, () => {}), passes)
    await pass(2)
    expect(lines).toMatchObject([{ failed: 2_000, more: true }])
    const begun = performance.now()
    await Promise.all([pass(), pass()])
    expect(performance.now() - begun).toBeLessThan(10_000)
    // Where one of them finds nothing left, or all that is left locked, it ends.
    await pass()
    expect(lines.reduce((sum, { failed }) => sum + failed, 0)).toBe(COUNT)
    expect(await many.sql`select status, count(*)::int from runs group by status order by status`).toEqual([
      { status: 'failed', count: COUNT },
      { status: 'running', count: COUNT + 1 },
    ])
  }, 30_000)
})

describe('a run that was given up for dead', () => {
  const signs: Record<string, (run: string) => Promise<unknown>> = {
    'a heartbeat': beat,
    'a point': log,
    'a call without points': (run) => tracker.post(`/runs/${run}/metrics`, { metrics: [] }),
    'a metric of an MLflow client': (run) =>
      mlflow.post('/runs/log-metric', { run_id: hex(run), key: 'm', value: 1, timestamp: 1 }),
    'a batch of an MLflow client': (run) =>
      mlflow.post('/runs/log-batch', {
        run_id: hex(run),
        metrics: [{ key: 'm', value: 1, timestamp: 1 }],
        params: [{ key: 'p', value: '1' }],
      }),
    'a heartbeat timeout': (run) => tracker.patch(`/runs/${run}`, { heartbeat_timeout: 60 }),
    'a client that goes on': (run) => tracker.patch(`/runs/${run}`, { status: 'running' }),
    'an MLflow client that goes on': (run) =>
      mlflow.post('/runs/update', { run_id: hex(run), status: 'RUNNING' }),
  }

  it.each(Object.entries(signs))('comes back to life by %s, and is watched from then on', async (_, show) => {
    const run = await newLost(tracker)
    await show(run)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
    await silence(tracker, run, 70)
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(LOST)
  })

  it('does so by a point that is there already', async () => {
    const run = await newWatched(tracker)
    await log(run)
    await silence(tracker, run, 1_000)
    await cron(tracker.env)
    expect((await log(run)).body).toEqual({ stored: 0, duplicates: 1 })
    expect(await outcome(tracker, run)).toEqual(RUNNING)
  })

  it('does not by what a person does with it, or by a call that is refused', async () => {
    const run = await newLost(tracker)
    await tracker.patch(`/runs/${run}`, { name: 'crashed', tags: { note: 'why?' }, params: { lr: 1 } })
    await mlflow.post('/runs/set-tag', { run_id: hex(run), key: 'k', value: 'v' })
    await tracker.post(`/runs/${run}/metrics`, { metrics: [{ name: 'loss', step: 1.5, value: 1 }] })
    await mlflow.post('/runs/log-batch', {
      run_id: hex(run),
      metrics: [{ key: 'm', value: 1, timestamp: 1 }],
      params: [{ key: 'lr', value: '2' }],
    })
    expect(await outcome(tracker, run)).toEqual(LOST)
  })

  it('has the status that its client gives it in the end, and that end', async () => {
    for (const status of ['completed', 'failed', 'killed']) {
      const run = await newLost(tracker)
      const { body } = await tracker.patch<Run>(`/runs/${run}`, { status })
      expect(body).toMatchObject({ status, status_reason: null })
      expect(await age(body.ended_at)).toBeLessThan(60)
      // Sent again it changes nothing.
      expect((await tracker.patch<Run>(`/runs/${run}`, { status })).body).toEqual(body)
      await beat(run)
      await log(run)
      await cron(tracker.env)
      expect(await outcome(tracker, run)).toEqual([status, true, null])
    }
    const ended_at = '2026-01-02T03:04:05.000Z'
    const run = await newLost(tracker)
    const { body } = await tracker.patch<Run>(`/runs/${run}`, { status: 'failed', ended_at })
    expect(body).toMatchObject({ status: 'failed', status_reason: null, ended_at })
  })

  it('stays so when it is watched no longer, until a sign comes', async () => {
    const run = await newLost(tracker)
    await tracker.patch(`/runs/${run}`, { heartbeat_timeout: null })
    expect(await outcome(tracker, run)).toEqual(LOST)
    await log(run)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
    await silence(tracker, run, 1_000_000)
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
  })
})

describe('a run that its client ended', () => {
  it.each(['completed', 'failed', 'killed'])('as %s stays so, whatever comes late', async (status) => {
    const run = await newWatched(tracker)
    const { body } = await tracker.patch<Run>(`/runs/${run}`, { status })
    await silence(tracker, run, 1_000)
    expect((await log(run)).body).toEqual({ stored: 1, duplicates: 0 })
    await beat(run)
    await tracker.patch(`/runs/${run}`, { heartbeat_timeout: 30 })
    await cron(tracker.env)
    expect(await get(run)).toMatchObject({ status, status_reason: null, ended_at: body.ended_at })
  })

  it.each(['FINISHED', 'FAILED', 'KILLED'])('through MLflow, as %s, likewise', async (status) => {
    const run = await newLost(tracker)
    await mlflow.post('/runs/update', { run_id: hex(run), status, end_time: 1_800_000_000_000 })
    await mlflow.post('/runs/log-metric', { run_id: hex(run), key: 'm', value: 1, timestamp: 1 })
    await cron(tracker.env)
    const { info } = await mlflow.getRun(hex(run))
    expect([info.status, info.end_time]).toEqual([status, 1_800_000_000_000])
    expect(await get(run)).toMatchObject({ status_reason: null })
  })

  it('can still end what runs', async () => {
    const run = await newWatched(tracker)
    await tracker.patch(`/runs/${run}`, { status: 'completed' })
    expect(await outcome(tracker, run)).toEqual(COMPLETED)
  })
})
