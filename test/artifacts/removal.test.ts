import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test'
import { beforeAll, describe, expect, it } from 'vitest'
import { removeDue } from '../../src/artifacts/removal.ts'
import { Database } from '../../src/db/database.ts'
import worker from '../../src/index.ts'
import { Files } from '../support/artifacts.ts'
import { MlflowClient } from '../support/mlflow.ts'
import { newTracker, roundTrips, type Tracker, trackerOn } from '../support/tracker.ts'

let tracker: Tracker
/** The same, but what it deletes is left to cron, as when it ends right after the answer. */
let hasty: Tracker
const mlflow = new MlflowClient(() => tracker)
const files = new Files(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
  const { ARTIFACTS: _, ...env } = tracker.env
  hasty = trackerOn(env)
})

const uuid = (id: string) => id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
const waiting = async () =>
  (await tracker.sql`select prefix from artifact_removals order by prefix`).map(({ prefix }) => prefix)

async function cron() {
  const ctx = createExecutionContext()
  await worker.scheduled(createScheduledController(), tracker.env, ctx)
  await waitOnExecutionContext(ctx)
}

/** An experiment, at a place of its own or not, with a run that has two files. */
async function newRun(location?: string) {
  const experiment = await mlflow.createExperiment(crypto.randomUUID(), {
    ...(location !== undefined && { artifact_location: location }),
  })
  const { info } = await mlflow.createRun(experiment)
  const place = info.artifact_uri.replace(/^mlflow-artifacts:(\/\/[^/]*)?\/*/, '')
  for (const name of ['a.txt', 'deep/er/b.txt']) await files.put(`${place}/${name}`, 'x')
  return { experiment, run: info.run_id, place }
}

describe('deleting a run', () => {
  it('removes its artifacts after the answer, in one trip, and cron forgets it', async () => {
    const { experiment, run, place } = await newRun()
    const other = (await mlflow.createRun(experiment)).info.run_id
    const beside = [`${experiment}/${other}/artifacts/kept`, `${experiment}/${run}/artifacts2/kept`]
    for (const key of beside) await files.put(key, 'x')
    const before = roundTrips()
    expect((await tracker.delete(`/runs/${uuid(run)}`)).status).toBe(204)
    expect(roundTrips() - before).toBe(1)
    expect(await files.keys(`${experiment}/`)).toEqual(beside.sort())
    expect(await waiting()).toEqual([place])
    await cron()
    expect(await waiting()).toEqual([])
    expect(await files.keys(`${experiment}/`)).toEqual(beside)
  })

  it('leaves its artifacts to cron when that fails', async () => {
    const { run, place } = await newRun()
    expect((await hasty.delete(`/runs/${uuid(run)}`)).status).toBe(204)
    expect(await files.keys(place)).toHaveLength(2)
    await cron()
    expect(await files.keys(place)).toEqual([])
    expect(await waiting()).toEqual([])
  })

  it('that is not there removes nothing', async () => {
    const { run, place } = await newRun()
    await hasty.delete(`/runs/${uuid(run)}`)
    await cron()
    await files.put(`${place}/later`, 'x')
    expect((await tracker.delete(`/runs/${uuid(run)}`)).status).toBe(404)
    expect(await waiting()).toEqual([])
    expect(await files.keys(place)).toHaveLength(1)
  })

  it('keeps what a run that is made again with its id has', async () => {
    const { experiment, run, place } = await newRun()
    const id = uuid(run)
    await hasty.delete(`/runs/${id}`)
    await tracker.post(`/experiments/${uuid(experiment)}/runs`, { id })
    await files.put(`${place}/new.txt`, 'new')
    await cron()
    expect(await files.keys(place)).toEqual([`${place}/new.txt`])
  })

  it('counts from the later time when it is done once more before cron comes', async () => {
    const { experiment, run, place } = await newRun()
    const id = uuid(run)
    await hasty.delete(`/runs/${id}`)
    await tracker.post(`/experiments/${uuid(experiment)}/runs`, { id })
    await files.put(`${place}/new.txt`, 'new')
    await hasty.delete(`/runs/${id}`)
    await cron()
    expect(await files.keys(place)).toEqual([])
  })

  it('removes what lies where its experiment says, in our store alone', async () => {
    const root = `removal-${crypto.randomUUID()}`
    for (const location of [
      `mlflow-artifacts:/${root}/a%20b/`,
      `mlflow-artifacts://some.host:80/${root}/c`,
      `https://edgerun.test/api/2.0/mlflow-artifacts/artifacts/${root}/d`,
    ]) {
      const { run, place } = await newRun(location)
      const key = decodeURIComponent(place.replace(/^https:.*\/artifacts\/(?=removal)/, ''))
      await files.put(`${key}/c.txt`, 'x')
      await tracker.delete(`/runs/${uuid(run)}`)
      expect([location, await files.keys(key)]).toEqual([location, []])
    }
    for (const location of ['s3://bucket/x', 'https://elsewhere/api/2.0/mlflow-artifacts/artifacts/x']) {
      const { run } = await newRun(location)
      await tracker.delete(`/runs/${uuid(run)}`)
    }
    expect((await waiting()).filter((prefix) => !String(prefix).startsWith('removal-'))).toEqual([])
    await cron()
  })
})

describe('deleting an experiment', () => {
  it('removes all that lies below it, in one trip', async () => {
    const { experiment, place } = await newRun()
    await files.put(`${experiment}/models/m-1/artifacts/MLmodel`, 'x')
    const before = roundTrips()
    expect((await tracker.delete(`/experiments/${uuid(experiment)}`)).status).toBe(204)
    expect(roundTrips() - before).toBe(1)
    expect(await files.keys(place)).toEqual([])
    expect(await files.keys(`${experiment}/`)).toEqual([])
    expect(await waiting()).toEqual([experiment])
    await cron()
    expect(await waiting()).toEqual([])
  })

  it('removes of a place that is shared what belongs to it', async () => {
    const shared = `mlflow-artifacts:/shared-${crypto.randomUUID()}`
    const [one, other] = [await newRun(shared), await newRun(shared)]
    type Created = { model: { info: { artifact_uri: string } } }
    const { body } = await mlflow.post<Created>('/logged-models', {
      experiment_id: one.experiment,
      name: 'm',
    })
    const model = body.model.info.artifact_uri.replace('mlflow-artifacts:/', '')
    await files.put(`${model}/MLmodel`, 'x')
    await tracker.delete(`/experiments/${uuid(one.experiment)}`)
    expect(await files.keys(one.place)).toEqual([])
    expect(await files.keys(model)).toEqual([])
    expect(await files.keys(other.place)).toHaveLength(2)
    await cron()
    expect(await waiting()).toEqual([])
  })
})

describe('the cron job', () => {
  /** Our bucket, whose pages have one file each. */
  const smallPages = (bucket: R2Bucket): R2Bucket =>
    new Proxy(bucket, {
      get: (target, name) => {
        if (name === 'list') return (options: R2ListOptions) => target.list({ ...options, limit: 1 })
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })

  const pass = async (pages: number) => {
    const { ARTIFACTS: bucket, ...env } = tracker.env
    if (!bucket) throw new Error('no bucket')
    await removeDue(new Database(env, () => {}), { ...env, ARTIFACTS: smallPages(bucket) }, pages)
  }

  it('goes on where a pass had to end', async () => {
    const { run, place } = await newRun()
    for (let i = 0; i < 3; i++) await files.put(`${place}/more/${i}`, 'x')
    await hasty.delete(`/runs/${uuid(run)}`)
    const left: number[] = []
    for (let i = 0; i < 4; i++) {
      await pass(2)
      left.push((await files.keys(place)).length)
    }
    expect(left).toEqual([3, 1, 0, 0])
    expect(await waiting()).toEqual([])
  })

  it('may run twice at a time', async () => {
    const runs = [await newRun(), await newRun(), await newRun()]
    for (const { run } of runs) await hasty.delete(`/runs/${uuid(run)}`)
    await Promise.all([cron(), cron(), pass(100)])
    for (const { place } of runs) expect(await files.keys(place)).toEqual([])
    expect(await waiting()).toEqual([])
  })

  it('keeps what fails for the next time, and does the rest', async () => {
    const [bad, good] = [await newRun(), await newRun()]
    for (const { run } of [bad, good]) await hasty.delete(`/runs/${uuid(run)}`)
    const { ARTIFACTS: bucket, ...env } = tracker.env
    if (!bucket) throw new Error('no bucket')
    const failing = new Proxy(bucket, {
      get: (target, name) => {
        if (name !== 'list') return Reflect.get(target, name).bind(target)
        return (options: R2ListOptions) =>
          options.prefix?.startsWith(bad.place)
            ? Promise.reject(new Error('list: We encountered an internal error. (10001)'))
            : target.list(options)
      },
    })
    await removeDue(new Database(env, () => {}), { ...env, ARTIFACTS: failing })
    expect(await waiting()).toEqual([bad.place])
    expect(await files.keys(good.place)).toEqual([])
    expect(await files.keys(bad.place)).toHaveLength(2)
    await cron()
    expect(await files.keys(bad.place)).toEqual([])
  })

  it('never takes a place that is none, or everything, for one to clear', async () => {
    await files.put(`kept-${crypto.randomUUID()}/x`, 'x')
    const before = await files.keys('')
    await tracker.sql`
      insert into artifact_removals (workspace_id, prefix)
      values (1, '/'), (1, '.'), (1, '..'), (1, 'a/../..'), (1, '%2e')`
    await cron()
    expect(await files.keys('')).toEqual(before)
    expect(await waiting()).toEqual([])
  })

  it('asks the database once where there is nothing to do', async () => {
    const db = new Database(tracker.env, () => {})
    await removeDue(db, tracker.env)
    expect(db.trips).toBe(1)
  })
})
