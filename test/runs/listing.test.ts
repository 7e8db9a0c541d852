/** What runs are listed with, and by what they are found. */
import { beforeAll, describe, expect, it } from 'vitest'
import { NATIVE_WORDS } from '../../src/runs/fields.ts'
import { listRuns, type RunQuery } from '../../src/runs/search.ts'
import { reading } from '../support/plan.ts'
import { allPages, newTracker, type Problem, roundTrips, type Tracker } from '../support/tracker.ts'
import type { Experiment, Run } from '../support/wire.ts'

interface Listed extends Omit<Run, 'metrics'> {
  metrics?: Record<string, unknown>
}

let tracker: Tracker
let experiment: string
beforeAll(async () => {
  tracker = await newTracker()
  experiment = await newExperiment()
})

const newExperiment = async () =>
  (await tracker.post<Experiment>('/experiments', { name: 'digits', owner: 'alice' })).body.id

async function create(of = experiment, fields: Record<string, unknown> = {}) {
  const answer = await tracker.post<Run>(`/experiments/${of}/runs`, fields)
  expect(answer.status).toBe(201)
  return answer.body.id
}

type Row = [name: string, step: number | string, value: number | string, rank?: number]

async function log(run: string, ...rows: Row[]) {
  for (const [name, step, value, rank = 0] of rows) {
    const point = { name, step, value: Object.is(value, -0) ? 'minus zero' : value }
    const body = JSON.stringify({ metrics: [point], rank }).replace('"minus zero"', '-0.0')
    expect((await tracker.post(`/runs/${run}/metrics`, body)).status).toBe(200)
  }
}

const list = <T = Listed[]>(of: string, query: Record<string, string | string[]>) => {
  const pairs = Object.entries(query).flatMap(([key, values]) => [values].flat().map((value) => [key, value]))
  return tracker.get<T>(`/experiments/${of}/runs?${new URLSearchParams(pairs)}`)
}

describe('metrics of the runs that are listed', () => {
  it('come where they are asked for, of rank 0, without those that a run lacks', async () => {
    const of = await newExperiment()
    const [first, second] = [await create(of), await create(of)]
    await log(first, ['loss', 1, 3], ['loss', 2, 1], ['loss', 3, 2], ['acc', 1, 0.5], ['other', 1, 1])
    await log(first, ['loss', 9, 99, 1], ['only of rank 1', 1, 1, 1])
    const metrics = ['loss', 'acc', 'loss', 'only of rank 1', 'none']
    const before = roundTrips()
    const { status, body } = await list(of, { metrics })
    expect([status, roundTrips() - before]).toEqual([200, 1])
    expect(body.map(({ id, metrics }) => ({ id, metrics }))).toEqual([
      { id: second, metrics: {} },
      {
        id: first,
        metrics: {
          loss: { last: 2, step: 3, min: 1, max: 3, count: 3 },
          acc: { last: 0.5, step: 1, min: 0.5, max: 0.5, count: 1 },
        },
      },
    ])
  })

  it('are not there where they are not asked for', async () => {
    const of = await newExperiment()
    await create(of)
    const { body } = await list(of, {})
    expect(body[0]).not.toHaveProperty('metrics')
  })

  it('keep what JSON has no number for, and whole steps', async () => {
    const of = await newExperiment()
    const run = await create(of)
    await log(run, ['nan', 1, 2], ['nan', '9223372036854775807', 'NaN'], ['inf', -5, '-Infinity'])
    await log(run, ['zero', 0, -0], ['__proto__', 0, 1])
    const { body, text } = await list(of, { metrics: ['nan', 'inf', 'zero', '__proto__'] })
    expect(body[0]?.metrics).toMatchObject({
      nan: { last: 'NaN', step: '9223372036854775807', min: 2, max: 2, count: 2 },
      inf: { last: '-Infinity', step: -5, min: null, max: null, count: 1 },
    })
    expect(text).toContain('"zero":{"last":-0.0,"step":0,"min":-0.0,"max":-0.0,"count":1}')
    expect(text).toContain('"__proto__":{"last":1,"step":0,"min":1,"max":1,"count":1}')
  })

  it('come page by page, in the order of a metric', async () => {
    const of = await newExperiment()
    for (let i = 0; i < 5; i++) await log(await create(of), ['loss', 1, i])
    const query = new URLSearchParams({ metrics: 'loss', order_by: 'metrics.loss DESC', limit: '2' })
    const all = await allPages<Listed>(tracker, `/experiments/${of}/runs?${query}`)
    expect(all.map(({ metrics }) => metrics)).toMatchObject(
      [4, 3, 2, 1, 0].map((last) => ({ loss: { last } })),
    )
  })

  it('are 50 at most, under names that metrics can have', async () => {
    const names = Array.from({ length: 50 }, (_, i) => `m${i}`)
    expect((await list(experiment, { metrics: names })).status).toBe(200)
    const { status, body } = await list<Problem>(experiment, { metrics: [...names, 'm', '', 'a\nb'] })
    expect([status, body.errors]).toEqual([
      422,
      [
        { path: 'metrics', message: 'has 53 metrics; at most 50' },
        { path: 'metrics', message: '"" must not be empty' },
        { path: 'metrics', message: '"a\\nb" must not hold control characters' },
      ],
    ])
  })

  it('cost the page alone: no run beyond it is read, and of no run more than what is asked for', async () => {
    const of = await newExperiment()
    await tracker.sql`
      insert into runs (workspace_id, id, experiment_id, creation_hash)
      select 1, gen_random_uuid(), ${of}, '' from generate_series(1, 200)`
    await tracker.sql`
      insert into series (workspace_id, run_id, experiment_id, name, rank, count, last_value, last_step, last_time)
      select 1, id, experiment_id, 'm' || n, 0, 1, n, 1, 0 from runs, generate_series(1, 200) as n where experiment_id = ${of}`
    const query: RunQuery = {
      experimentIds: [of],
      trash: 'without',
      filterText: '',
      orders: [],
      orderTexts: [],
      words: NATIVE_WORDS,
      idAscending: false,
      limit: 10,
    }
    // Also where Postgres does not know how many there are.
    const { rows, scans } = await reading(tracker, (scope) => listRuns(scope, query, ['m1', 'm2', 'm3']), {
      stale: true,
    })
    // One run more than the page has, which tells that there is another page.
    expect(rows.series).toBe(11 * 3)
    expect(scans).toContain('series_run_name_rank_key')
  })
})

describe('the runs that a filter finds', () => {
  const ids = async (of: string, filter: string) => {
    const { status, body, text } = await list(of, { filter })
    expect([status, text]).toEqual([200, text])
    return body.map(({ id }) => id)
  }

  it('by their ids, of which it can name 200', async () => {
    const of = await newExperiment()
    const [first, second, third] = [await create(of), await create(of), await create(of)]
    const others = Array.from({ length: 198 }, () => crypto.randomUUID())
    const quoted = [first, ...others, third].map((id) => `'${id}'`)
    expect(await ids(of, `id IN (${quoted.join(',')})`)).toEqual([third, first])
    expect(await ids(of, `id NOT IN (${quoted.join(', ')})`)).toEqual([second])
  })

  it('by their parent, or by having none', async () => {
    const of = await newExperiment()
    const parent = await create(of)
    const child = await create(of, { parent_run_id: parent })
    const grandchild = await create(of, { parent_run_id: child })
    expect(await ids(of, `parent_run_id = '${parent}'`)).toEqual([child])
    expect(await ids(of, `parent_run_id = '${parent.replaceAll('-', '').toUpperCase()}'`)).toEqual([child])
    expect(await ids(of, `parent_run_id IN ('${parent}', '${child}')`)).toEqual([grandchild, child])
    expect(await ids(of, `parent_run_id != '${parent}'`)).toEqual([grandchild])
    expect(await ids(of, `parent_run_id NOT IN ('${child}')`)).toEqual([child])
    expect(await ids(of, `parent_run_id LIKE '${parent.slice(0, 20)}%'`)).toContain(child)
    expect(await ids(of, 'parent_run_id IS NULL')).toEqual([parent])
    expect(await ids(of, 'attributes.parent_run_id IS NOT NULL')).toEqual([grandchild, child])
    expect(await ids(of, "parent_run_id = 'none'")).toEqual([])
    const { body } = await list(of, { order_by: 'parent_run_id' })
    expect(body.at(-1)?.id).toBe(parent)
  })

  it('by whether they have a name, a seed or an end', async () => {
    const of = await newExperiment()
    const bare = await create(of)
    const full = await create(of, { name: 'x', seed: 1 })
    await tracker.patch(`/runs/${full}`, { status: 'completed' })
    for (const field of ['name', 'seed', 'ended_at']) {
      expect(await ids(of, `${field} IS NULL`)).toEqual([bare])
      expect(await ids(of, `${field} IS NOT NULL`)).toEqual([full])
    }
  })

  it('but not by the lack of what every run has', async () => {
    const { status, body } = await list<Problem>(experiment, { filter: 'status IS NULL' })
    expect(status).toBe(422)
    expect(body.errors?.[0]?.message).toContain('(of attributes for parent_run_id, name, seed, ended_at)')
  })
})
