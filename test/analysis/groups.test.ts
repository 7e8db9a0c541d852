import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { groupRuns, joinByHash } from '../../src/analysis/groups.ts'
import { NATIVE_WORDS } from '../../src/runs/fields.ts'
import { reading } from '../support/plan.ts'
import { UNKNOWN } from '../support/runs.ts'
import { newTracker, type Problem, type Tracker } from '../support/tracker.ts'
import type { Experiment, Run } from '../support/wire.ts'

interface Group {
  value: string | null
  runs: number
  metrics: Record<string, Record<string, number | string | null>>
}

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})

async function newExperiment() {
  const { body } = await tracker.post<Experiment>('/experiments', { name: 'digits', owner: 'alice' })
  return body.id
}

async function create(of: string, fields: Record<string, unknown>, ...loss: (number | string)[]) {
  const { body } = await tracker.post<Run>(`/experiments/${of}/runs`, fields)
  const metrics = loss.map((value, step) => ({ name: 'loss', step, value }))
  if (loss.length > 0) await tracker.post(`/runs/${body.id}/metrics`, { metrics })
  return body.id
}

async function groups(of: string, query: Record<string, string>) {
  const { status, body, text } = await tracker.get<Group[]>(
    `/experiments/${of}/groups?${new URLSearchParams(query)}`,
  )
  expect([status, text]).toEqual([200, text])
  return body
}

const counts = async (of: string, query: Record<string, string>) =>
  (await groups(of, query)).map(({ value, runs }) => [value, runs])

describe('GET /experiments/{id}/groups', () => {
  it('groups runs by a param, most first, then by value, and says what their metrics are', async () => {
    const of = await newExperiment()
    // One value, whether it came as a number or as text.
    await create(of, { params: { lr: 0.1 } }, 9, 1)
    await create(of, { params: { lr: '0.1' } }, 0, 2)
    await create(of, { params: { lr: 0.1 } }, 6)
    await create(of, { params: { lr: 0.2 } }, 5)
    await create(of, { params: { lr: 0.3 } })
    await create(of, {}, 7)
    const statistics = { count: 3, nonfinite: 0, mean: 3, stddev: Math.sqrt(7), min: 1, max: 6 }
    const one = (value: number) => ({
      count: 1,
      nonfinite: 0,
      mean: value,
      stddev: null,
      min: value,
      max: value,
    })
    expect(await groups(of, { by: 'params.lr', metrics: 'loss' })).toEqual([
      {
        value: '0.1',
        runs: 3,
        metrics: { loss: { ...statistics, stddev: expect.closeTo(statistics.stddev, 12) } },
      },
      { value: '0.2', runs: 1, metrics: { loss: one(5) } },
      { value: '0.3', runs: 1, metrics: {} },
      { value: null, runs: 1, metrics: { loss: one(7) } },
    ])
  })

  it('looks at the lowest or highest value of each run where that is asked for', async () => {
    const of = await newExperiment()
    await create(of, {}, 3, 1, 2)
    await create(of, {}, 9, 5, 7)
    const mean = async (which: string) =>
      (await groups(of, { by: 'status', metrics: 'loss', of: which }))[0]?.metrics.loss?.mean
    expect([await mean('last'), await mean('min'), await mean('max')]).toEqual([4.5, 3, 6])
  })

  it('keeps what is not finite out of the statistics, and counts it', async () => {
    const of = await newExperiment()
    await create(of, {}, 'NaN')
    await create(of, {}, 1, 'Infinity')
    await create(of, {}, '-Infinity')
    await create(of, {}, 'NaN', 2)
    const loss = async (which: string) =>
      (await groups(of, { by: 'status', metrics: 'loss', of: which }))[0]?.metrics.loss
    expect(await loss('last')).toEqual({ count: 1, nonfinite: 3, mean: 2, stddev: null, min: 2, max: 2 })
    expect(await loss('min')).toMatchObject({ count: 2, nonfinite: 2, mean: 1.5, min: 1, max: 2 })
  })

  it('says only how many there are where no value is finite', async () => {
    const of = await newExperiment()
    await create(of, {}, 'NaN')
    const [group] = await groups(of, { by: 'status', metrics: 'loss' })
    const loss = { count: 0, nonfinite: 1, mean: null, stddev: null, min: null, max: null }
    expect(group?.metrics).toEqual({ loss })
  })

  it('takes the largest and the smallest doubles', async () => {
    const of = await newExperiment()
    const huge = Number.MAX_VALUE
    for (const value of [huge, -huge, 5e-324, 1e120]) await create(of, {}, value)
    const [group] = await groups(of, { by: 'status', metrics: 'loss' })
    // The deviation is larger than a double can be.
    expect(group?.metrics.loss).toMatchObject({ count: 4, min: -huge, max: huge })
    const of2 = await newExperiment()
    for (const value of [1e300, 3e300]) await create(of2, {}, value)
    const [other] = await groups(of2, { by: 'status', metrics: 'loss' })
    expect(Number(other?.metrics.loss?.mean) / 2e300).toBeCloseTo(1, 12)
    expect(Number(other?.metrics.loss?.stddev) / (Math.SQRT2 * 1e300)).toBeCloseTo(1, 12)
  })

  it('groups by tags, by attributes, and by names with special characters', async () => {
    const of = await newExperiment()
    const parent = await create(of, { name: 'a', seed: -5, tags: { host: 'x' }, params: { 'batch size': 8 } })
    const child = await create(of, { name: 'a', parent_run_id: parent, tags: { host: true } })
    await tracker.patch(`/runs/${child}`, { status: 'failed' })
    expect(await counts(of, { by: 'tags.host' })).toEqual([
      ['true', 1],
      ['x', 1],
    ])
    expect(await counts(of, { by: 'params.`batch size`' })).toEqual([
      ['8', 1],
      [null, 1],
    ])
    expect(await counts(of, { by: 'name' })).toEqual([['a', 2]])
    expect(await counts(of, { by: 'seed' })).toEqual([
      ['-5', 1],
      [null, 1],
    ])
    expect(await counts(of, { by: 'attributes.status' })).toEqual([
      ['failed', 1],
      ['running', 1],
    ])
    expect(await counts(of, { by: 'parent_run_id' })).toEqual([
      [parent, 1],
      [null, 1],
    ])
    // Empty is not nothing.
    await create(of, { params: { 'batch size': '' } })
    expect(await counts(of, { by: 'params."batch size"' })).toEqual([
      ['', 1],
      ['8', 1],
      [null, 1],
    ])
  })

  it('looks only at runs that meet the filter and are not in the trash, of this experiment', async () => {
    const of = await newExperiment()
    await create(await newExperiment(), { params: { a: 'other' } })
    await create(of, { params: { a: 'x' } }, 1)
    await create(of, { params: { a: 'y' } }, 2)
    const trashed = await create(of, { params: { a: 'x' } }, 3)
    await tracker.sql`update runs set deleted_at = now() where id = ${trashed}`
    expect(await counts(of, { by: 'params.a' })).toEqual([
      ['x', 1],
      ['y', 1],
    ])
    expect(await counts(of, { by: 'params.a', filter: 'metrics.loss > 1' })).toEqual([['y', 1]])
    expect(await counts(of, { by: 'params.a', filter: "params.a = 'z'" })).toEqual([])
  })

  it('gives no more groups than asked for: the largest', async () => {
    const of = await newExperiment()
    for (const a of ['x', 'y', 'y', 'z', 'y', 'z']) await create(of, { params: { a } }, 1)
    const two = await groups(of, { by: 'params.a', limit: '2', metrics: 'loss' })
    expect(two.map(({ value, runs, metrics }) => [value, runs, metrics.loss?.count])).toEqual([
      ['y', 3, 3],
      ['z', 2, 2],
    ])
  })

  it('gives mean and deviation as they are by their definition', async () => {
    const numbers = fc.oneof(
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0, 1, 1),
    )
    const runs = fc.array(fc.tuple(fc.constantFrom('a', 'b', null), numbers), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(runs, async (runs) => {
        const of = await newExperiment()
        await logged(of, runs)
        for (const group of await groups(of, { by: 'params.a', metrics: 'loss' })) {
          const values = runs.flatMap(([a, value]) => (a === group.value ? [value] : []))
          const finite = values.filter(Number.isFinite)
          const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length
          const squares = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0)
          const close = (value: number) => (Number.isFinite(value) ? expect.closeTo(value, 5) : null)
          expect(group).toEqual({
            value: group.value,
            runs: values.length,
            metrics: {
              loss: {
                count: finite.length,
                nonfinite: values.length - finite.length,
                mean: close(mean),
                stddev: finite.length < 2 ? null : close(Math.sqrt(squares / (finite.length - 1))),
                min: close(Math.min(...finite)),
                max: close(Math.max(...finite)),
              },
            },
          })
        }
      }),
      { numRuns: 30 },
    )
  })

  it('reads each value once, also where Postgres does not know how many there are', async () => {
    const of = await newExperiment()
    await logged(
      of,
      Array.from({ length: 500 }, (_, i) => [`${i % 7}`, i]),
    )
    const { rows } = await reading(
      tracker,
      (scope) =>
        groupRuns(scope, {
          experimentIds: [of],
          trash: 'without',
          filterText: '',
          words: NATIVE_WORDS,
          by: sql`(runs.params ->> 'a')`,
          metrics: ['loss', 'acc'],
          of: 'last',
          limit: 5,
        }),
      { stale: true, before: joinByHash },
    )
    const [all] = await tracker.sql`select count(*)::int as series from series`
    expect(rows.runs).toBe(500)
    expect(rows.series).toBeLessThanOrEqual(all?.series)
  })

  it.each([
    ['by', ''],
    ['by', 'by='],
    ['by', 'by=metrics.loss'],
    ['by', 'by=min(params.a)'],
    ['by', 'by=params.batch size'],
    ['by', 'by=ended_at'],
    ['by', 'by=datasets.name'],
    ['by', 'by=nothing.x'],
    ['metrics', 'by=name&metrics='],
    ['metrics', `by=name${'&metrics=a'.repeat(21)}`],
    ['of', 'by=name&of=mean'],
    ['filter', 'by=name&filter=metrics.loss'],
    ['limit', 'by=name&limit=501'],
  ])('refuses a %s that is none: ?%s', async (path, query) => {
    const { status, body } = await tracker.get<Problem>(
      `/experiments/${await newExperiment()}/groups?${query}`,
    )
    expect([status, body.errors?.map(({ path }) => path)]).toEqual([422, [path]])
  })

  it('tells where in `by` it is wrong', async () => {
    const { body } = await tracker.get<Problem>(`/experiments/${UNKNOWN}/groups?by=params.a = 1`)
    expect(body.detail).toBe(`Invalid field: '=': expected the end (at character 10: "= 1")`)
  })

  it.each([UNKNOWN, 'no-uuid'])('says that experiment %s is not found', async (id) => {
    const { status, body } = await tracker.get<Problem>(`/experiments/${id}/groups?by=name`)
    expect([status, body.detail]).toEqual([404, 'Experiment not found'])
  })
})

/** Runs with a param `a` and a last value of the metric `loss`. */
async function logged(of: string, runs: [a: string | null, value: number][]) {
  const ids = runs.map(() => crypto.randomUUID())
  await tracker.sql.query(
    `insert into runs (workspace_id, id, experiment_id, params, creation_hash)
    select 1, id, $1::uuid, jsonb_strip_nulls(jsonb_build_object('a', a)), ''
    from unnest($2::uuid[], $3::text[]) as run (id, a)`,
    [of, ids, runs.map(([a]) => a)],
  )
  await tracker.sql.query(
    `insert into series (workspace_id, run_id, experiment_id, name, rank, count, last_value, last_step, last_time)
    select 1, id, $1::uuid, 'loss', 0, 1, value, 1, 0 from unnest($2::uuid[], $3::float8[]) as run (id, value)`,
    [of, ids, runs.map(([, value]) => String(value))],
  )
}
