import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { correlate } from '../../src/analysis/correlations.ts'
import { NATIVE_WORDS } from '../../src/runs/fields.ts'
import { reading } from '../support/plan.ts'
import { UNKNOWN } from '../support/runs.ts'
import { newTracker, type Problem, type Tracker } from '../support/tracker.ts'
import type { Experiment } from '../support/wire.ts'

interface Correlation {
  param: string
  runs: number
  correlation: number | null
}

/** A run: its params, the last value of the metric `loss`, and on which day it began. */
interface Logged {
  params: Record<string, unknown>
  loss: number
  day?: number
}

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})

async function experimentOf(runs: Logged[]) {
  const { body } = await tracker.post<Experiment>('/experiments', { name: 'digits', owner: 'alice' })
  const ids = runs.map(() => crypto.randomUUID())
  await tracker.sql.query(
    `insert into runs (workspace_id, id, experiment_id, params, started_at, creation_hash)
    select 1, id, $1::uuid, params, '2026-01-01'::timestamptz + day * interval '1 day', ''
    from unnest($2::uuid[], $3::jsonb[], $4::int[]) as run (id, params, day)`,
    [body.id, ids, runs.map(({ params }) => JSON.stringify(params)), runs.map(({ day = 0 }) => day)],
  )
  await tracker.sql.query(
    `insert into series (
      workspace_id, run_id, experiment_id, name, rank, count, last_value, last_step, last_time, min_value, max_value
    )
    select 1, id, $1::uuid, 'loss', 0, 1, value, 1, 0, -value, 1 from unnest($2::uuid[], $3::float8[]) as run (id, value)`,
    [body.id, ids, runs.map(({ loss }) => String(loss))],
  )
  return body.id
}

async function correlations(of: string, query: Record<string, string> = {}) {
  const { status, body, text } = await tracker.get<Correlation[]>(
    `/experiments/${of}/correlations?${new URLSearchParams({ metric: 'loss', ...query })}`,
  )
  expect([status, text]).toEqual([200, text])
  return body
}

const ranks = (values: number[]) =>
  values.map((value) => {
    const below = values.filter((other) => other < value).length
    const equal = values.filter((other) => other === value).length
    return below + (equal + 1) / 2
  })

/** Spearman's correlation by its definition; null where one side is constant. */
function spearman(pairs: [x: number, y: number][]): number | null {
  const [xs, ys] = [ranks(pairs.map(([x]) => x)), ranks(pairs.map(([, y]) => y))]
  const mean = (pairs.length + 1) / 2
  const sum = (of: (i: number) => number) => pairs.reduce((total, _, i) => total + of(i), 0)
  const dx = (i: number) => (xs[i] ?? 0) - mean
  const dy = (i: number) => (ys[i] ?? 0) - mean
  const [sxx, syy] = [sum((i) => dx(i) ** 2), sum((i) => dy(i) ** 2)]
  return sxx === 0 || syy === 0 ? null : sum((i) => dx(i) * dy(i)) / Math.sqrt(sxx * syy)
}

describe('GET /experiments/{id}/correlations', () => {
  it('says how params go with a metric, the strongest first', async () => {
    const of = await experimentOf(
      [5, 4, 3, 1, 2].map((loss, i) => ({
        params: { up: -i, down: i ** 3, text: `${i}e-3`, some: [3, 1, 2, 5, 4][i], same: 7 },
        loss,
      })),
    )
    expect(await correlations(of)).toEqual([
      { param: 'down', runs: 5, correlation: expect.closeTo(-0.9, 12) },
      { param: 'text', runs: 5, correlation: expect.closeTo(-0.9, 12) },
      { param: 'up', runs: 5, correlation: expect.closeTo(0.9, 12) },
      { param: 'some', runs: 5, correlation: expect.closeTo(-0.7, 12) },
      { param: 'same', runs: 5, correlation: null },
    ])
    // The lowest values are these with the other sign; the highest are all the same.
    const of_ = async (of_: string) => (await correlations(of, { of: of_ }))[0]
    expect(await of_('min')).toMatchObject({ param: 'down', correlation: expect.closeTo(0.9, 12) })
    expect(await of_('max')).toEqual({ param: 'down', runs: 5, correlation: null })
  })

  it('is Spearman by its definition, also where values are equal', async () => {
    const number = fc.oneof(
      fc.integer({ min: -2, max: 2 }),
      fc.double({ min: -1e3, max: 1e3, noNaN: true }),
      fc.constantFrom(1e300, -1e300, 5e-324, 1e-300),
    )
    const loss = fc.oneof(
      number,
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
    )
    const param = fc.oneof(
      number,
      number.map(String),
      fc.constantFrom('adam', '', 'NaN', 'Infinity', '1e999', '-1e309', '0x10', '1 ', true, undefined),
    )
    const run = fc.record({ params: fc.record({ a: param, b: param }), loss })
    await fc.assert(
      fc.asyncProperty(fc.array(run, { minLength: 1, maxLength: 14 }), async (runs) => {
        const found = await correlations(await experimentOf(runs))
        const expected = (['a', 'b'] as const).flatMap((param) => {
          const pairs = runs.flatMap(({ params, loss }): [number, number][] => {
            const held = params[param]
            const isNumber = typeof held === 'number' || (typeof held === 'string' && /^-?\d\S*$/.test(held))
            const x = isNumber ? Number(held) : Number.NaN
            return Number.isFinite(x) && Number.isFinite(loss) && held !== '0x10' ? [[x, loss]] : []
          })
          if (pairs.length < 3) return []
          const correlation = spearman(pairs)
          return [
            {
              param,
              runs: pairs.length,
              correlation: correlation === null ? null : expect.closeTo(correlation, 9),
            },
          ]
        })
        expect(found.toSorted((a, b) => (a.param < b.param ? -1 : 1))).toEqual(expected)
        const sizes = found.map(({ correlation }) => (correlation === null ? -1 : Math.abs(correlation)))
        expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
      }),
      { numRuns: 60 },
    )
  })

  it('looks at runs that meet the filter and are not in the trash', async () => {
    const of = await experimentOf([
      ...[1, 2, 3, 4].map((x) => ({ params: { x, of: 'first' }, loss: x })),
      ...[1, 2, 3, 4].map((x) => ({ params: { x, of: 'second' }, loss: -x })),
      { params: { x: 9, of: 'first' }, loss: -9 },
    ])
    await tracker.sql`update runs set deleted_at = now() where experiment_id = ${of} and params ->> 'x' = '9'`
    const filtered = (which: string) => correlations(of, { filter: `params.of = '${which}'` })
    expect(await filtered('first')).toEqual([{ param: 'x', runs: 4, correlation: 1 }])
    expect(await filtered('second')).toEqual([{ param: 'x', runs: 4, correlation: -1 }])
    expect(await filtered('third')).toEqual([])
    expect(await correlations(of)).toMatchObject([{ param: 'x', runs: 8 }])
    expect(await correlations(of, { metric: 'acc' })).toEqual([])
  })

  it('leaves out params that fewer than three runs have', async () => {
    const of = await experimentOf([
      { params: { a: 1, b: 1 }, loss: 1 },
      { params: { a: 2, b: 2 }, loss: 2 },
      { params: { a: 3, b: 'adam' }, loss: 3 },
      { params: { b: 4 }, loss: Number.NaN },
    ])
    expect(await correlations(of)).toEqual([{ param: 'a', runs: 3, correlation: 1 }])
  })

  it('looks at the newest 10,000 runs', async () => {
    const of = await experimentOf(
      Array.from({ length: 10_002 }, (_, i) => ({
        params: i < 2 ? { x: i, old: i } : { x: i },
        loss: i < 2 ? 1e6 - i : i,
        day: i < 2 ? 0 : 1,
      })),
    )
    expect(await correlations(of)).toEqual([{ param: 'x', runs: 10_000, correlation: 1 }])
  })

  it('looks once for the value of each run, also where Postgres does not know how many there are', async () => {
    const of = await experimentOf(Array.from({ length: 500 }, (_, i) => ({ params: { x: i }, loss: i })))
    const all = { trash: 'without', filterText: '', words: NATIVE_WORDS } as const
    const { rows, scans } = await reading(
      tracker,
      (scope) => correlate(scope, { ...all, experimentIds: [of], metric: 'loss', of: 'last' }),
      { stale: true },
    )
    expect([rows.series, scans]).toEqual([500, expect.arrayContaining(['series_run_name_rank_key'])])
  })

  it.each([
    ['metric', ''],
    ['metric', 'metric='],
    ['metric', 'metric=%00'],
    ['metric', `metric=${'x'.repeat(251)}`],
    ['of', 'metric=loss&of=mean'],
    ['filter', 'metric=loss&filter=nothing.x = 1'],
  ])('refuses a %s that is none: ?%s', async (path, query) => {
    const of = await experimentOf([])
    const { status, body } = await tracker.get<Problem>(`/experiments/${of}/correlations?${query}`)
    expect([status, body.errors?.map(({ path }) => path)]).toEqual([422, [path]])
  })

  it.each([UNKNOWN, 'no-uuid'])('says that experiment %s is not found', async (id) => {
    const { status, body } = await tracker.get<Problem>(`/experiments/${id}/correlations?metric=loss`)
    expect([status, body.detail]).toEqual([404, 'Experiment not found'])
  })
})
