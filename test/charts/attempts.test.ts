import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Chart } from '../support/m4.ts'
import { logger } from '../support/runs.ts'
import { newTracker, type Problem, roundTrips, type Tracker } from '../support/tracker.ts'
import type { Experiment, Run } from '../support/wire.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})
let experiment: string
beforeAll(async () => {
  experiment = (await tracker.post<Experiment>('/experiments', { name: 'x', owner: 'y' })).body.id
})
/** A run that started with the first step of `ramp`. */
const newRun = async () =>
  (await tracker.post<Run>(`/experiments/${experiment}/runs`, { started_at: new Date(START).toISOString() }))
    .body.id
const { log } = logger(() => tracker)

const START = Date.parse('2026-01-01T00:00:00Z')
const chart = async (query: string) => (await tracker.get<Chart>(`/charts?${query}`)).body

/** Steps `from` to `to` of one attempt, a second apart, with a value that tells the attempt. */
const ramp = (attempt: number, from: number, to: number, rank = 0) => {
  const steps = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  // Each attempt begins where the one before was when it was preempted.
  const timestamps = steps.map((step) => START + (step + 1_000 * attempt) * 1_000)
  return { series: [{ name: 'a', steps, values: steps.map(() => attempt), timestamps }], rank, attempt }
}

/** Of each series the first and the last step, and in how many points. */
const spans = ({ series }: Chart) =>
  series.map(({ buckets: { first, last, count } }) => [
    first?.step[0],
    last?.step.at(-1),
    count.reduce((sum, one) => sum + one, 0),
  ])

/** As if what is there had come long ago. */
const age = () => tracker.sql`update chunks set arrived = arrived - 60000`

describe('a chart of a run that went on from a checkpoint', () => {
  it('is one curve by default, one of each attempt where all are asked for, and any one of them', async () => {
    const run = await newRun()
    await log(run, ramp(0, 0, 899))
    await log(run, ramp(1, 500, 699))
    const query = `runs=${run}&names=a`
    const newest = await chart(`${query}&buckets=4096`)
    expect(newest.series.map(({ attempt }) => attempt)).toEqual([null])
    expect(newest.series[0]?.buckets.start).toEqual(Array.from({ length: 700 }, (_, step) => step))
    expect(newest.series[0]?.buckets.min.value).toEqual([...Array(500).fill(0), ...Array(200).fill(1)])
    expect(await chart(`${query}&buckets=4096&attempt=newest`)).toMatchObject({ series: newest.series })
    const all = await chart(`${query}&attempt=all`)
    expect(all.series.map(({ rank, attempt }) => [rank, attempt])).toEqual([
      [0, 0],
      [0, 1],
    ])
    expect(spans(all)).toEqual([
      [0, 899, 900],
      [500, 699, 200],
    ])
    const first = await chart(`${query}&attempt=0`)
    expect(first.series).toEqual((await chart(`${query}&attempt=all`)).series.slice(0, 1))
    expect((await chart(`${query}&attempt=5`)).series).toEqual([])
  })

  it.each(['step', 'time', 'relative'])('ends an attempt at the same step by %s', async (x) => {
    const run = await newRun()
    await log(run, ramp(0, 0, 899))
    await log(run, ramp(1, 500, 699))
    for (const buckets of [2, 10, 300]) {
      const body = await chart(`runs=${run}&names=a&x=${x}&buckets=${buckets}`)
      expect(spans(body)).toEqual([[0, 699, 700]])
    }
  })

  it('has means of what each rank shows, or of each attempt', async () => {
    const run = await newRun()
    for (const rank of [0, 1]) await log(run, ramp(0, 0, 9, rank))
    await log(run, ramp(1, 4, 6, 1))
    const query = `runs=${run}&names=a&rank=mean`
    const { series } = await chart(query)
    expect(series.map(({ rank, attempt }) => [rank, attempt])).toEqual([[null, null]])
    expect(series[0]?.buckets.mean).toEqual([0, 0, 0, 0, 0.5, 0.5, 0.5, 0, 0, 0])
    expect(series[0]?.buckets.count).toEqual([2, 2, 2, 2, 2, 2, 2, 1, 1, 1])
    const each = await chart(`${query}&attempt=all`)
    expect(each.series.map(({ rank, attempt }) => [rank, attempt])).toEqual([
      [null, 0],
      [null, 1],
    ])
    expect(each.series.map(({ buckets }) => buckets.count)).toEqual([Array(10).fill(2), Array(3).fill(1)])
  })

  it('costs one round trip, and is not asked for again while nothing comes', async () => {
    const run = await newRun()
    await log(run, ramp(0, 0, 899))
    const query = `/charts?runs=${run}&names=a`
    const tag = (await tracker.get(query)).headers.get('ETag') ?? ''
    await log(run, ramp(1, 500, 500))
    const before = roundTrips()
    const changed = await tracker.get<Chart>(query, { 'If-None-Match': tag })
    expect([changed.status, spans(changed.body)]).toEqual([200, [[0, 500, 501]]])
    expect(roundTrips() - before).toBe(1)
    const again = await tracker.get(query, { 'If-None-Match': changed.headers.get('ETag') ?? '' })
    expect(again.status).toBe(304)
  })

  it('has as many series as curves, and refuses to put together more attempts than it can hold', async () => {
    const run = await newRun()
    const fill = (name: string, ranks: number, attempts: number) => tracker.sql`
      insert into series (workspace_id, run_id, name, rank, attempt, newest, count, last_step, cut_step)
      select 1, ${run}, ${name}, rank, attempt, attempt = ${attempts}::int, 1, 1, 1
      from generate_series(1, ${ranks}::int) as rank, generate_series(1, ${attempts}::int) as attempt`
    await fill('a', 1_000, 3)
    const status = async (query: string) => {
      const { status, body } = await tracker.get<Problem>(`/charts?runs=${run}&${query}`)
      return [status, body.errors]
    }
    expect(await status('names=a&rank=all')).toEqual([200, undefined])
    expect(await status('names=a&rank=all&attempt=all')).toEqual([
      422,
      [{ path: 'rank', message: 'gives 3000 series; at most 2000' }],
    ])
    await fill('b', 10, 2_001)
    expect(await status('names=b&rank=all')).toEqual([
      422,
      [{ path: 'attempt', message: 'puts together 20010 attempts; at most 20000' }],
    ])
  }, 30_000)
})

describe('since', () => {
  it('gives all when an attempt is begun, or reaches further back, and then what is new of it', async () => {
    const run = await newRun()
    await log(run, ramp(0, 0, 899))
    await age()
    const query = `runs=${run}&names=a&buckets=10`
    const { next } = await chart(query)
    await log(run, ramp(1, 500, 500))
    const begun = await chart(`${query}&since=${next}`)
    expect([begun.complete, spans(begun)]).toEqual([true, [[0, 500, 501]]])
    await age()
    await log(run, ramp(1, 501, 502))
    const news = await chart(`${query}&since=${begun.next}`)
    expect([news.complete, spans(news)]).toEqual([false, [[448, 502, 55]]])
    // What comes late where a later attempt has been changes nothing.
    await age()
    await log(run, ramp(0, 900, 950))
    expect(await chart(`${query}&since=${news.next}`)).toMatchObject({ complete: false, series: [] })
    await log(run, ramp(1, 100, 100))
    expect(await chart(`${query}&since=${news.next}`)).toMatchObject({ complete: true })
    expect((await tracker.get(`/charts?${query}&since=7.1.x`)).status).toBe(422)
  })

  it('keeps a client who puts it in the place of what he has at what a chart has', async () => {
    const call = fc.record({
      rank: fc.constantFrom(0, 1),
      attempt: fc.constantFrom(0, 0, 1, 2),
      from: fc.integer({ min: 0, max: 900 }),
      length: fc.integer({ min: 0, max: 99 }),
    })
    const view = fc.record({
      rank: fc.constantFrom('all', 'mean'),
      x: fc.constantFrom('step', 'relative'),
      attempt: fc.constantFrom('newest', 'newest', 'all'),
      zoomed: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 2, maxLength: 8 }), view, async (calls, view) => {
        const run = await newRun()
        const { zoomed, ...rest } = view
        const unit = view.x === 'step' ? 1 : 1_000
        const query = `${new URLSearchParams({ runs: run, names: 'a', buckets: '20', ...rest })}${
          zoomed ? `&from=${300 * unit}&to=${700 * unit}` : ''
        }`
        const held = new Map<string, Map<unknown, string>>()
        let next = ''
        for (const { rank, attempt, from, length } of [
          { rank: 0, attempt: 0, from: 0, length: 999 },
          ...calls,
        ]) {
          await age()
          await log(run, ramp(attempt, from, from + length, rank))
          const news = await chart(next === '' ? query : `${query}&since=${next}`)
          next = news.next
          if (news.complete) held.clear()
          for (const { rank, attempt, buckets } of news.series) {
            const key = `${rank} ${attempt}`
            const curve = held.get(key) ?? new Map<unknown, string>()
            held.set(key, curve)
            for (const [i, start] of buckets.start.entries()) curve.set(start, told(buckets, i))
          }
          const whole = await chart(query)
          const expected = whole.series.map(({ rank, attempt, buckets }) => [
            `${rank} ${attempt}`,
            buckets.start.map((start, i) => [start, told(buckets, i)]),
          ])
          const there = [...held].map(([key, curve]) => [
            key,
            [...curve].sort(([a], [b]) => Number(a) - Number(b)),
          ])
          expect(there.sort()).toEqual(expected.sort())
        }
      }),
      { numRuns: 40, seed: 20261126 },
    )
  }, 90_000)
})

/** All that is told of one bucket. */
const told = (buckets: Chart['series'][number]['buckets'], i: number) =>
  JSON.stringify([
    buckets.count[i],
    buckets.nonfinite[i],
    buckets.mean?.[i],
    ...[buckets.min, buckets.max, buckets.first, buckets.last].map((points) => [
      points?.step[i],
      points?.value[i],
      points?.timestamp[i],
    ]),
  ])
