import { beforeAll, describe, expect, it } from 'vitest'
import { listFields } from '../../src/analysis/fields.ts'
import { reading } from '../support/plan.ts'
import { UNKNOWN } from '../support/runs.ts'
import { allPages, newTracker, nextPage, type Problem, type Tracker } from '../support/tracker.ts'
import type { Experiment, Run } from '../support/wire.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})

async function newExperiment() {
  const { body } = await tracker.post<Experiment>('/experiments', { name: 'digits', owner: 'alice' })
  return body.id
}

async function create(of: string, fields: Record<string, unknown> = {}, names: string[] = [], rank = 0) {
  const { body } = await tracker.post<Run>(`/experiments/${of}/runs`, fields)
  const metrics = names.map((name) => ({ name, step: 1, value: 1 }))
  if (names.length > 0) await tracker.post(`/runs/${body.id}/metrics`, { metrics, rank })
  return body.id
}

async function names(of: string, query: Record<string, string>) {
  const path = `/experiments/${of}/fields?${new URLSearchParams(query)}`
  return (await allPages<{ name: string }>(tracker, path)).map(({ name }) => name)
}

describe('GET /experiments/{id}/fields', () => {
  it('gives the names of metrics, params and tags, each once, by their bytes', async () => {
    const of = await newExperiment()
    await create(of, { params: { lr: 1, Layers: 2 }, tags: { host: 'a' } }, ['loss', 'b', 'B', 'é', 'a b'])
    await create(of, { params: { lr: 2, 'opt/β': 3 }, tags: { note: 'b' } }, ['loss', 'a', '_'])
    expect(await names(of, { kind: 'metrics' })).toEqual(['B', '_', 'a', 'a b', 'b', 'loss', 'é'])
    expect(await names(of, { kind: 'params' })).toEqual(['Layers', 'lr', 'opt/β'])
    expect(await names(of, { kind: 'tags' })).toEqual(['host', 'note'])
    expect(await names(await newExperiment(), { kind: 'metrics' })).toEqual([])
    expect(await names(await newExperiment(), { kind: 'params' })).toEqual([])
  })

  it('finds what is in a name, in any case and letter by letter, page by page', async () => {
    const of = await newExperiment()
    const all = ['train/loss', 'val/LOSS', 'loss_%', 'acc', 'lossless', 'x_y', 'xzy']
    await create(of, { params: Object.fromEntries(all.map((name) => [name, 1])) }, all)
    for (const kind of ['metrics', 'params']) {
      expect(await names(of, { kind, q: 'Loss', limit: '1' })).toEqual([
        'loss_%',
        'lossless',
        'train/loss',
        'val/LOSS',
      ])
      expect(await names(of, { kind, q: '_' })).toEqual(['loss_%', 'x_y'])
      expect(await names(of, { kind, limit: '2' })).toEqual([...all].sort())
    }
    const { headers } = await tracker.get(`/experiments/${of}/fields?kind=metrics&limit=7`)
    expect(nextPage(headers)).toBeUndefined()
  })

  it('leaves out metrics that only other ranks have, and what belongs to another experiment', async () => {
    const [of, other] = [await newExperiment(), await newExperiment()]
    await create(of, {}, ['of rank 1'], 1)
    await create(of, {}, ['of rank 0'])
    await create(other, { params: { theirs: 1 } }, ['theirs'])
    expect(await names(of, { kind: 'metrics' })).toEqual(['of rank 0'])
    expect(await names(of, { kind: 'params' })).toEqual([])
  })

  it('looks for params and tags at the newest 1,000 runs that are not in the trash', async () => {
    const of = await newExperiment()
    await create(of, { params: { oldest: 1 }, started_at: '2020-01-01T00:00:00Z' })
    await create(of, { params: { second: 1 }, started_at: '2020-01-02T00:00:00Z' })
    const trashed = await create(of, { params: { trashed: 1 } }, ['trashed'])
    await tracker.sql`update runs set deleted_at = now() where id = ${trashed}`
    await tracker.sql`
      insert into runs (workspace_id, id, experiment_id, params, creation_hash)
      select 1, gen_random_uuid(), ${of}, '{"new": 1}', '' from generate_series(1, 999)`
    expect(await names(of, { kind: 'params' })).toEqual(['new', 'second'])
    expect(await names(of, { kind: 'metrics' })).toEqual(['trashed'])
  })

  it('finds metrics by one look into the index for each name, however many series there are', async () => {
    const of = await newExperiment()
    await tracker.sql`
      insert into runs (workspace_id, id, experiment_id, creation_hash)
      select 1, gen_random_uuid(), ${of}, '' from generate_series(1, 500)`
    await tracker.sql`
      insert into series (workspace_id, run_id, experiment_id, name, rank, count, last_value, last_step, last_time)
      select 1, id, experiment_id, 'm' || n, 0, 1, n, 1, 0 from runs, generate_series(1, 100) as n where experiment_id = ${of}`
    const { rows, scans } = await reading(tracker, (scope) =>
      listFields(scope, { experimentId: of, kind: 'metrics', q: '1', limit: 10 }),
    )
    expect([rows.series, new Set(scans)]).toEqual([100, new Set(['series_metric_idx'])])
  })

  it.each([
    ['kind', ''],
    ['kind', 'kind=metric'],
    ['q', 'kind=metrics&q='],
    ['q', 'kind=metrics&q=%00'],
    ['q', `kind=params&q=${'x'.repeat(251)}`],
    ['limit', 'kind=tags&limit=1001'],
    ['cursor', 'kind=tags&cursor=loss'],
  ])('refuses a %s that is none: ?%s', async (path, query) => {
    const { status, body } = await tracker.get<Problem>(
      `/experiments/${await newExperiment()}/fields?${query}`,
    )
    expect([status, body.errors?.map(({ path }) => path)]).toEqual([422, [path]])
  })

  it.each([UNKNOWN, 'no-uuid'])('says that experiment %s is not found', async (id) => {
    const { status, body } = await tracker.get<Problem>(`/experiments/${id}/fields?kind=metrics`)
    expect([status, body.detail]).toEqual([404, 'Experiment not found'])
  })
})
