import { beforeAll, describe, expect, it } from 'vitest'
import { hexId } from '../../src/ids.ts'
import { bearer, type MadeKey, makeKey, makeWorkspace, newClosedTracker } from '../support/keys.ts'
import { LoggedModels } from '../support/logged-models.ts'
import { MlflowClient } from '../support/mlflow.ts'
import { Registry } from '../support/registry.ts'
import { newRun, UNKNOWN } from '../support/runs.ts'
import { allPages, newTracker, type Tracker } from '../support/tracker.ts'
import type { Experiment } from '../support/wire.ts'

interface Entry {
  at: string
  actor: string
  action: string
  subject: string
}

let tracker: Tracker
const mlflow = new MlflowClient(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
})

/** What an action leaves in the audit, oldest first. */
async function written(
  act: () => Promise<unknown>,
): Promise<[actor: string, action: string, subject: string][]> {
  const before = await allPages<Entry>(tracker, '/audit?limit=2')
  await act()
  const after = await allPages<Entry>(tracker, '/audit?limit=2')
  return after
    .slice(0, after.length - before.length)
    .reverse()
    .map(({ actor, action, subject }) => [actor, action, subject])
}

describe('the audit', () => {
  it('says who deleted experiments and runs, and nothing of what was not there', async () => {
    const run = await newRun(tracker)
    const { body } = await tracker.post<Experiment>('/experiments', { name: 'x', owner: 'alice' })
    expect(
      await written(async () => {
        for (let i = 0; i < 2; i++) {
          await tracker.delete(`/runs/${run}`)
          await tracker.delete(`/experiments/${body.id}`)
        }
        await tracker.delete(`/runs/${UNKNOWN}`)
      }),
    ).toEqual([
      ['open', 'run.deleted', run],
      ['open', 'experiment.deleted', body.id],
    ])
  })

  it('has a thing once that many delete at once', async () => {
    const run = await newRun(tracker)
    const all = () => Promise.all(Array.from({ length: 8 }, () => tracker.delete(`/runs/${run}`)))
    expect(await written(all)).toEqual([['open', 'run.deleted', run]])
  })

  it("says what went into MLflow's trash and came out of it", async () => {
    const id = await mlflow.createExperiment('trash')
    const { info } = await mlflow.createRun(id)
    const uuid = (hex: string) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    const entries = await written(async () => {
      for (const to of ['delete', 'delete', 'restore', 'restore']) {
        await mlflow.post(`/runs/${to}`, { run_id: info.run_id })
        await mlflow.post(`/experiments/${to}`, { experiment_id: id })
      }
    })
    expect(entries).toEqual([
      ['open', 'run.trashed', uuid(info.run_id)],
      ['open', 'experiment.trashed', uuid(id)],
      ['open', 'run.restored', uuid(info.run_id)],
      ['open', 'experiment.restored', uuid(id)],
    ])
  })

  it('says what of models and artifacts was deleted', async () => {
    const models = new LoggedModels(mlflow)
    const registry = new Registry(mlflow)
    const experiment = await mlflow.createExperiment('models')
    const { info } = await models.create(experiment)
    await registry.model('of-audit', 2)
    await tracker.send('PUT', '/api/2.0/mlflow-artifacts/artifacts/some/path', 'x')
    const entries = await written(async () => {
      await mlflow.delete(`/logged-models/${info.model_id}`)
      await mlflow.delete('/model-versions/delete', { name: 'of-audit', version: '2' })
      await mlflow.delete('/model-versions/delete', { name: 'of-audit', version: '2' })
      await mlflow.delete('/registered-models/delete', { name: 'of-audit' })
      for (let i = 0; i < 2; i++) await tracker.delete('/api/2.0/mlflow-artifacts/artifacts/some/path')
    })
    expect(entries.map(([, action, subject]) => [action, hexId(subject)])).toEqual([
      ['logged_model.trashed', info.model_id.slice(2)],
      ['model_version.deleted', 'ofaudit/2'],
      ['registered_model.deleted', 'ofaudit'],
      ['artifact.deleted', 'some/path'],
    ])
  })

  it('says who made and revoked keys and workspaces, and is read by admins of the workspace alone', async () => {
    const closed = await newClosedTracker()
    await makeWorkspace(closed, 'audited')
    const admin = await makeKey(closed, { scope: 'admin' }, 'audited')
    const made = await closed.post<MadeKey>('/keys', { name: 'x', scope: 'write' }, bearer(admin.key))
    const revoke = () => closed.send('DELETE', `/keys/${made.body.id}`, undefined, bearer(admin.key))
    await Promise.all([revoke(), revoke()])
    const { body } = await closed.get<Entry[]>('/audit', bearer(admin.key))
    expect(body.reverse().map(({ actor, action, subject }) => [actor, action, subject])).toEqual([
      ['bootstrap', 'workspace.made', 'audited'],
      ['bootstrap', 'key.made', admin.id],
      [admin.id, 'key.made', made.body.id],
      [admin.id, 'key.revoked', made.body.id],
    ])
    expect(body.every(({ at }) => Math.abs(Date.parse(at) - Date.now()) < 600_000)).toBe(true)
    const other = await makeKey(closed, { scope: 'write' })
    expect((await closed.get('/audit', bearer(other.key))).status).toBe(403)
  })
})
