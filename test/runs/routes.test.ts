import { beforeAll, describe, expect, it } from 'vitest'
import { UNKNOWN } from '../support/runs.ts'
import { allPages, newTracker, type Problem, type Tracker } from '../support/tracker.ts'
import type { Experiment, Run } from '../support/wire.ts'

let tracker: Tracker
let experiment: string
beforeAll(async () => {
  tracker = await newTracker()
  experiment = (await tracker.post<Experiment>('/experiments', { name: 'digits', owner: 'alice' })).body.id
})

async function create(fields: Record<string, unknown> = {}) {
  const answer = await tracker.post<Run>(`/experiments/${experiment}/runs`, fields)
  expect(answer.status).toBe(201)
  return answer.body
}

const patch = <T = Run>(id: string, change: unknown) => tracker.patch<T>(`/runs/${id}`, change)

describe('POST /experiments/{id}/runs', () => {
  it('creates a run with defaults', async () => {
    const { status, body, headers } = await tracker.post<Run>(`/experiments/${experiment}/runs`, {})
    expect(status).toBe(201)
    expect(body).toEqual({
      id: expect.any(String),
      experiment_id: experiment,
      parent_run_id: null,
      name: null,
      status: 'running',
      seed: null,
      started_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      ended_at: null,
      params: {},
      tags: {},
      heartbeat_timeout: null,
      last_heartbeat_at: null,
      status_reason: null,
      metrics: [],
    })
    expect(headers.get('Location')).toBe(`/runs/${body.id}`)
    expect((await tracker.get(`/runs/${body.id}`)).body).toEqual(body)
  })

  it('keeps everything that is given, params and tags with their types', async () => {
    const parent = await create()
    const fields = {
      name: 'child',
      seed: -9007199254740991,
      params: { lr: 0.1, layers: 3, name: 'resnet', amp: true, 'opt/β': 1e-8, empty: '' },
      tags: { host: 'gpu-01', gpus: 8 },
      parent_run_id: parent.id,
    }
    const run = await create({ ...fields, started_at: '2026-01-02T03:04:05.678901+02:00' })
    expect(run).toMatchObject({ ...fields, started_at: '2026-01-02T01:04:05.678Z' })
  })

  it.each([
    ['2026-01-02T03:04:05', '2026-01-02T03:04:05.000Z'],
    [1767323045123.9, '2026-01-02T03:04:05.123Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('takes %s as the start', async (started_at, expected) => {
    expect((await create({ started_at })).started_at).toBe(expected)
  })

  it.each(['yesterday', '2026-02-30T00:00:00Z', '', 1e20, -1e15, null, '0000-01-01T00:00:00Z'])(
    'refuses %s as the start',
    async (started_at) => {
      const { status, body } = await tracker.post<Problem>(`/experiments/${experiment}/runs`, { started_at })
      expect([status, body.errors?.map(({ path }) => path)]).toEqual([422, ['started_at']])
    },
  )

  it('takes params of 6,000 and tags of 8,000 characters, and no more', async () => {
    const long = { params: { p: 'x'.repeat(6_000) }, tags: { t: '🧪'.repeat(8_000) } }
    expect(await create(long)).toMatchObject(long)
    const { status, body } = await tracker.post<Problem>(`/experiments/${experiment}/runs`, {
      params: { p: 'x'.repeat(6_001), ['k'.repeat(251)]: 1, ok: 'a\u0000' },
      tags: { t: 'x'.repeat(8_001), '\ud800': 1, n: null },
    })
    expect(status).toBe(422)
    expect(body.errors?.map(({ path }) => path)).toEqual([
      'params.p',
      `params.${'k'.repeat(251)}`,
      'params.ok',
      'tags.t',
      'tags["\\ud800"]',
      'tags.n',
    ])
  })

  it('refuses a number that JSON would round', async () => {
    for (const big of ['9007199254740993', '-1e300']) {
      const { status, body } = await tracker.post<Problem>(
        `/experiments/${experiment}/runs`,
        `{"params":{"big":${big},"fits":9007199254740991}}`,
      )
      expect([status, body.errors?.map(({ path }) => path)]).toEqual([422, ['params.big']])
    }
  })

  it('refuses more names than a request may set, and tells no more than a hundred faults', async () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, []]))
    const tooMany = await tracker.post<Problem>(`/experiments/${experiment}/runs`, { params: many(150_000) })
    expect([tooMany.status, tooMany.body.errors]).toEqual([
      422,
      [{ path: 'params', message: 'has 150000 names; at most 1000 a request' }],
    ])
    const bad = await tracker.post<Problem>(`/experiments/${experiment}/runs`, { params: many(1_000) })
    expect([bad.status, bad.body.errors?.length]).toEqual([422, 101])
    const unknown = await tracker.post<Problem>(`/experiments/${experiment}/runs`, many(150_000))
    expect([unknown.status, unknown.body.errors?.length]).toEqual([422, 101])
    expect(unknown.body.errors?.at(-1)?.message).toBe('and 149900 more')
  })

  it('holds at most 1 MiB of params, however they come', async () => {
    const part = (i: number) =>
      Object.fromEntries(Array.from({ length: 100 }, (_, k) => [`p${i}-${k}`, 'x'.repeat(6_000)]))
    const { status, body } = await tracker.post<Problem>(`/experiments/${experiment}/runs`, {
      params: { ...part(0), ...part(1) },
    })
    expect([status, body.detail]).toEqual([
      413,
      'A run holds at most 1048576 bytes of params, and as many of tags, as JSON',
    ])
    const run = await create({ params: part(0) })
    expect((await patch(run.id, { params: part(1) })).status).toBe(413)
    expect((await patch(run.id, { tags: { ...part(1) } })).status).toBe(200)
    expect((await patch(run.id, { tags: { ...part(2) } })).status).toBe(413)
    expect((await tracker.get<Run>(`/runs/${run.id}`)).body.params).toEqual(part(0))
  })

  it('refuses the one name that JavaScript would lose, instead of losing it', async () => {
    const { status, body } = await tracker.post<Problem>(
      `/experiments/${experiment}/runs`,
      '{"params":{"__proto__":1}}',
    )
    expect([status, body.errors?.map(({ path }) => path)]).toEqual([422, ['params.__proto__']])
  })

  it('gives the same run for the same id and content, ten times at once', async () => {
    const id = crypto.randomUUID().toUpperCase()
    const answers = await Promise.all(Array.from({ length: 10 }, () => create({ id, params: { lr: 1 } })))
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(answers[0]?.id).toBe(id.toLowerCase())
    const shouted = await tracker.post<Run>(`/experiments/${experiment.toUpperCase()}/runs`, {
      id,
      params: { lr: 1 },
    })
    expect(shouted.body).toEqual(answers[0])
  })

  it('gives the same run also after it has ended', async () => {
    const id = crypto.randomUUID()
    await create({ id })
    await patch(id, { status: 'completed' })
    expect((await create({ id })).status).toBe('completed')
  })

  it('refuses an id that was created with other content, or in another experiment', async () => {
    const run = await create({ id: crypto.randomUUID(), seed: 1 })
    const other = (await tracker.post<Experiment>('/experiments', { name: 'other', owner: 'bob' })).body.id
    for (const [where, fields] of [
      [experiment, { id: run.id, seed: 2 }],
      [other, { id: run.id, seed: 1 }],
    ] as const) {
      const { status, body } = await tracker.post<Problem>(`/experiments/${where}/runs`, fields)
      expect([status, body.detail]).toEqual([409, 'A run with this id was created with other content'])
    }
    expect((await tracker.get(`/runs/${run.id}`)).body).toEqual(run)
  })

  it('refuses a run as its own parent', async () => {
    const id = crypto.randomUUID()
    const { status, body } = await tracker.post<Problem>(`/experiments/${experiment}/runs`, {
      id,
      parent_run_id: id,
    })
    expect([status, body.detail]).toEqual([409, 'A run is not its own parent'])
    expect((await tracker.get(`/runs/${id}`)).status).toBe(404)
  })

  it('says that the experiment is not found', async () => {
    for (const id of [UNKNOWN, 'no-uuid']) {
      const { status, body } = await tracker.post<Problem>(`/experiments/${id}/runs`, {})
      expect([status, body.detail]).toEqual([404, 'Experiment not found'])
    }
  })
})

describe('GET /experiments/{id}/runs', () => {
  it('lists newest first, by status, page by page', async () => {
    const { body: own } = await tracker.post<Experiment>('/experiments', { name: 'own', owner: 'alice' })
    const path = `/experiments/${own.id}/runs`
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.unshift((await tracker.post<Run>(path, { params: { i } })).body.id)
    await patch(ids[1] ?? '', { status: 'failed' })
    const all = await allPages<Run>(tracker, `${path}?limit=2`)
    expect(all.map(({ id }) => id)).toEqual(ids)
    expect(all[0]?.params).toEqual({ i: 4 })
    const { body: failed } = await tracker.get<Run[]>(`${path}?status=failed`)
    expect(failed.map(({ id }) => id)).toEqual([ids[1]])
  })

  it('says that the experiment is not found, or which parameter is wrong', async () => {
    expect((await tracker.get<Problem>(`/experiments/${UNKNOWN}/runs`)).body.detail).toBe(
      'Experiment not found',
    )
    const { status, body } = await tracker.get<Problem>(
      `/experiments/${experiment}/runs?status=created&limit=-1`,
    )
    expect([status, body.errors?.map(({ path }) => path)]).toEqual([422, ['status', 'limit']])
  })
})

describe('GET /runs/{id}', () => {
  it.each([UNKNOWN, 'x', 'a'.repeat(5_000)])('says that %s is not found', async (id) => {
    const { status, body } = await tracker.get<Problem>(`/runs/${id}`)
    expect([status, body.detail]).toEqual([404, 'Run not found'])
  })
})

describe('PATCH /runs/{id}', () => {
  it.each(['completed', 'failed', 'killed'])(
    'ends a run as %s, and keeps that end when it is sent again',
    async (status) => {
      const run = await create()
      const { body: ended } = await patch(run.id, { status })
      expect(ended).toMatchObject({ status, ended_at: expect.any(String) })
      expect((await patch(run.id, { status })).body).toEqual(ended)
    },
  )

  it('takes the end that is given', async () => {
    const run = await create()
    const ended_at = '2026-01-02T03:04:05.000Z'
    expect((await patch(run.id, { status: 'failed', ended_at })).body).toMatchObject({
      status: 'failed',
      ended_at,
    })
    const later = '2026-01-03T03:04:05.000Z'
    expect((await patch(run.id, { ended_at: later })).body).toMatchObject({
      status: 'failed',
      ended_at: later,
    })
  })

  it.each(['running', 'scheduled'])('clears the end when the run is %s again', async (status) => {
    const run = await create()
    await patch(run.id, { status: 'completed' })
    expect((await patch(run.id, { status })).body).toEqual({ ...run, status })
  })

  it('refuses an end for a run that goes on', async () => {
    const run = await create()
    const ended_at = '2026-01-02T03:04:05.000Z'
    const both = await patch<Problem>(run.id, { status: 'running', ended_at })
    expect([both.status, both.body.detail]).toEqual([
      409,
      'A run that is running has no end: leave out ended_at',
    ])
    const alone = await patch<Problem>(run.id, { ended_at, name: 'x' })
    expect([alone.status, alone.body.detail]).toEqual([
      409,
      'The run is running: to end it, send a status with ended_at',
    ])
    expect((await tracker.get(`/runs/${run.id}`)).body).toEqual(run)
  })

  it('adds params, and takes the same value again', async () => {
    const run = await create({ params: { lr: 0.1 } })
    const { status, body } = await patch(run.id, { params: { lr: '0.1', layers: 3 } })
    expect([status, body.params]).toEqual([200, { lr: 0.1, layers: 3 }])
  })

  it('never changes a param: names it, and changes nothing else either', async () => {
    const run = await create({ params: { lr: 0.1, layers: 3 } })
    const { status, body } = await patch<Problem>(run.id, {
      params: { lr: 0.2, layers: 4, fresh: 1 },
      name: 'new',
      status: 'completed',
    })
    expect([status, body.detail]).toEqual([
      409,
      'A param never changes its value: "layers", "lr" is set already',
    ])
    expect((await tracker.get(`/runs/${run.id}`)).body).toEqual(run)
  })

  it('lets one of several writers set a param, and refuses the others', async () => {
    const run = await create()
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => patch(run.id, { params: { winner: i } })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)])
    const winner = answers.findIndex(({ status }) => status === 200)
    expect((await tracker.get<Run>(`/runs/${run.id}`)).body.params).toEqual({ winner })
  })

  it('sets tags, changes them, and removes those that are null', async () => {
    const run = await create({ tags: { host: 'a', note: 'old' } })
    const { body } = await patch(run.id, { tags: { note: 'new', host: null, gone: null, extra: true } })
    expect(body.tags).toEqual({ note: 'new', extra: true })
  })

  it('renames, and takes the name away', async () => {
    const run = await create({ name: 'old' })
    expect((await patch(run.id, { name: 'new' })).body.name).toBe('new')
    expect((await patch(run.id, { name: null })).body.name).toBeNull()
    expect((await patch(run.id, {})).body).toEqual({ ...run, name: null })
  })

  it('tells all that is wrong, and says that an unknown run is not found', async () => {
    const { status, body } = await patch<Problem>(UNKNOWN, {
      status: 'created',
      seed: 1,
      params: { a: null },
    })
    expect([status, body.errors?.map(({ path }) => path).sort()]).toEqual([
      422,
      ['params.a', 'seed', 'status'],
    ])
    expect((await patch<Problem>(UNKNOWN, { params: { a: 1 } })).status).toBe(404)
  })
})

describe('DELETE /runs/{id}', () => {
  it('deletes a run, leaves its children without a parent, and is not found a second time', async () => {
    const run = await create()
    const child = await create({ parent_run_id: run.id })
    expect((await tracker.delete(`/runs/${run.id}`)).status).toBe(204)
    const second = await tracker.delete<Problem>(`/runs/${run.id}`)
    expect([second.status, second.body.detail]).toEqual([404, 'Run not found'])
    expect((await tracker.get<Run>(`/runs/${child.id}`)).body.parent_run_id).toBeNull()
  })
})
