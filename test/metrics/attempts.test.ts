import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { MetricRepository } from '../../src/metrics/repository.ts'
import { MlflowClient } from '../support/mlflow.ts'
import { reading } from '../support/plan.ts'
import { logger, newRun as newRunOf } from '../support/runs.ts'
import {
  allPages,
  newTracker,
  type Problem,
  roundTrips,
  type Tracker,
  trackerOn,
} from '../support/tracker.ts'
import type { Experiment, Point, Run, Stored, Summary } from '../support/wire.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})
const newRun = () => newRunOf(tracker)
const { log, lines } = logger(() => tracker)
const mlflow = new MlflowClient(() => tracker)

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** The steps from `from` up to, not including, `to`, of which each value says the attempt too. */
const stretch = (attempt: number, from: number, to: number, more: { rank?: number; name?: string } = {}) => {
  const steps = range(from, to)
  const { rank = 0, name = 'loss' } = more
  return { series: [{ name, steps, values: steps.map((step) => step + attempt / 10) }], rank, attempt }
}

/** Steps and the attempts that their points are of. */
const seen = (points: Point[]) =>
  points.map(({ step, value }) => [step, Math.round((Number(value) - Number(step)) * 10)])
const pairs = (attempt: number, from: number, to: number) => range(from, to).map((step) => [step, attempt])

const history = async (run: string, query = '') =>
  seen((await tracker.get<Point[]>(`/runs/${run}/metrics/loss?limit=50000&${query}`)).body)

const summaries = async (run: string, query = '') =>
  (await tracker.get<Summary[]>(`/runs/${run}/metrics?${query}`)).body

describe('a run that is logged again from a checkpoint', () => {
  it('keeps what it logged before, and shows each step as its newest attempt has it', async () => {
    const run = await newRun()
    await log(run, stretch(0, 0, 10))
    expect((await log(run, stretch(1, 6, 9))).body).toEqual({ stored: 3, duplicates: 0 })
    expect((await log(run, stretch(1, 6, 9))).body).toEqual({ stored: 0, duplicates: 3 })
    expect((await log(run, stretch(0, 0, 10))).body).toEqual({ stored: 0, duplicates: 10 })
    expect(await history(run)).toEqual([...pairs(0, 0, 6), ...pairs(1, 6, 9)])
    expect(await history(run, 'attempt=newest')).toEqual([...pairs(0, 0, 6), ...pairs(1, 6, 9)])
    expect(await history(run, 'attempt=0')).toEqual(pairs(0, 0, 10))
    expect(await history(run, 'attempt=1')).toEqual(pairs(1, 6, 9))
    expect(await history(run, 'from_step=5&to_step=6')).toEqual([...pairs(0, 5, 6), ...pairs(1, 6, 7)])
    const missing = await tracker.get<Problem>(`/runs/${run}/metrics/loss?attempt=2`)
    expect([missing.status, missing.body.detail]).toEqual([404, 'Metric not found'])
  })

  it('has the summaries of the newest attempts, and of all where they are asked for', async () => {
    const run = await newRun()
    await log(run, stretch(0, 0, 10))
    await log(run, stretch(0, 0, 4, { rank: 1 }))
    await log(run, stretch(2, 6, 8))
    const [newest, other] = await summaries(run)
    expect(newest).toMatchObject({
      name: 'loss',
      rank: 0,
      attempt: 2,
      count: 2,
      last: { step: 7, value: 7.2 },
    })
    expect([newest?.min?.step, newest?.max?.step]).toEqual([6, 7])
    expect(other).toMatchObject({ rank: 1, attempt: 0, count: 4 })
    const { body } = await tracker.get<Run>(`/runs/${run}`)
    expect(body.metrics).toEqual([newest, other])
    const of = (some: Summary[]) => some.map(({ rank, attempt }) => [rank, attempt])
    const all = await summaries(run, 'attempt=all')
    expect(of(all)).toEqual([
      [0, 0],
      [0, 2],
      [1, 0],
    ])
    for (const attempt of ['newest', 'all']) {
      const paged = await allPages<Summary>(tracker, `/runs/${run}/metrics?attempt=${attempt}&limit=1`)
      expect(paged).toEqual(await summaries(run, `attempt=${attempt}`))
    }
    expect(of(await summaries(run, 'attempt=0'))).toEqual([
      [0, 0],
      [1, 0],
    ])
    expect(await summaries(run, 'attempt=1')).toEqual([])
  })

  it('is told so wherever it is told the rank', async () => {
    const run = await newRun()
    await log(run, { metrics: [{ name: 'a', step: 1, value: 1 }], attempt: 1, rank: 3 })
    await log(run, { series: [{ name: 'b', steps: [1], values: [1] }], attempt: 2 })
    await lines(
      run,
      '{"name":"c","step":1,"value":1,"attempt":3}\n{"step":1,"d":1,"attempt":4,"rank":1}\n{"step":1,"d":1}',
    )
    expect(
      (await summaries(run, 'attempt=all')).map(({ name, rank, attempt }) => [name, rank, attempt]),
    ).toEqual([
      ['a', 3, 1],
      ['b', 0, 2],
      ['c', 0, 3],
      ['d', 0, 0],
      ['d', 1, 4],
    ])
  })

  it.each([-1, 1.5, '1', null, 2 ** 31])('refuses %j as an attempt, in every form', async (attempt) => {
    const run = await newRun()
    const fault = 'must be a whole number from 0 to 2147483647'
    const faults = async (body: unknown, headers?: Record<string, string>) => {
      const answer = await log<Problem>(run, body, headers)
      return [answer.status, answer.body.errors]
    }
    for (const body of [{ metrics: [] }, { series: [] }])
      expect(await faults({ ...body, attempt })).toEqual([422, [{ path: 'attempt', message: fault }]])
    const lines = [
      { name: 'a', step: 1, value: 1, attempt },
      { step: 1, loss: 1, attempt },
    ]
    expect(
      await faults(lines.map((line) => JSON.stringify(line)).join('\n'), {
        'Content-Type': 'application/x-ndjson',
      }),
    ).toEqual([422, [0, 1].map((i) => ({ path: `lines[${i}].attempt`, message: fault }))])
    const row = await log<Problem>(run, { metrics: [{ name: 'a', step: 1, value: 1, attempt: 1 }] })
    expect([row.status, row.body.errors]).toEqual([
      422,
      [{ path: 'metrics[0].attempt', message: 'unknown field' }],
    ])
    expect(await summaries(run, 'attempt=all')).toEqual([])
  })

  it.each(['-1', '1.5', 'latest', '', '2147483648'])('refuses attempt=%s in a query', async (attempt) => {
    const run = await newRun()
    await log(run, stretch(0, 0, 1))
    for (const path of [
      `/runs/${run}/metrics?`,
      `/runs/${run}/metrics/loss?`,
      `/charts?runs=${run}&names=loss&`,
    ]) {
      const { status, body } = await tracker.get<Problem>(`${path}attempt=${attempt}`)
      expect([status, body.errors?.map(({ path }) => path)]).toEqual([422, ['attempt']])
    }
    expect((await tracker.get(`/runs/${run}/metrics/loss?attempt=all`)).status).toBe(422)
  })

  it('takes attempts in any order, also one that reaches further back later', async () => {
    const run = await newRun()
    await log(run, stretch(3, 8, 10))
    await log(run, stretch(0, 0, 9))
    expect(await history(run)).toEqual([...pairs(0, 0, 8), ...pairs(3, 8, 10)])
    await log(run, stretch(0, 9, 12))
    expect(await history(run)).toEqual([...pairs(0, 0, 8), ...pairs(3, 8, 10)])
    await log(run, stretch(1, 5, 9))
    expect(await history(run)).toEqual([...pairs(0, 0, 5), ...pairs(1, 5, 8), ...pairs(3, 8, 10)])
    await log(run, stretch(3, 6, 7))
    expect(await history(run)).toEqual([
      ...pairs(0, 0, 5),
      ...pairs(1, 5, 6),
      ...pairs(3, 6, 7),
      ...pairs(3, 8, 10),
    ])
    await log(run, stretch(3, 2, 3))
    expect(await history(run)).toEqual([
      ...pairs(0, 0, 2),
      ...pairs(3, 2, 3),
      ...pairs(3, 6, 7),
      ...pairs(3, 8, 10),
    ])
    expect((await summaries(run)).map(({ attempt, count }) => [attempt, count])).toEqual([[3, 4]])
    // Ranks go on one by one.
    await log(run, stretch(0, 0, 3, { rank: 1 }))
    expect(await history(run, 'rank=1')).toEqual(pairs(0, 0, 3))
  })

  it('has attempts that begin at any step of 64 bits', async () => {
    const run = await newRun()
    const at = (attempt: number, step: string) => ({
      metrics: [{ name: 'loss', step, value: attempt }],
      attempt,
    })
    const steps = ['-9223372036854775808', '9007199254740993', '9223372036854775807']
    for (const step of steps) await log(run, at(0, step))
    const values = async () =>
      (await tracker.get<Point[]>(`/runs/${run}/metrics/loss`)).body.map(({ step, value }) => [step, value])
    await log(run, at(1, '9223372036854775807'))
    expect(await values()).toEqual([
      [steps[0], 0],
      [steps[1], 0],
      [steps[2], 1],
    ])
    await log(run, at(1, '9007199254740993'))
    expect(await values()).toEqual([
      [steps[0], 0],
      [steps[1], 1],
      [steps[2], 1],
    ])
    await log(run, at(2, '-9223372036854775808'))
    expect(await values()).toEqual([[steps[0], 2]])
    expect((await tracker.get(`/charts?runs=${run}&names=loss`)).status).toBe(200)
  })

  it('is in the view metrics point by point, and exported as it is shown', async () => {
    const run = await newRun()
    await log(run, stretch(0, 0, 20_000))
    await log(run, stretch(0, 20_000, 40_000))
    await log(run, stretch(1, 15_000, 30_000))
    await log(run, stretch(1, 30_000, 45_000))
    const { text } = await tracker.get(`/runs/${run}/metrics/loss`, { Accept: 'text/csv' })
    const rows = text.trim().split('\n').slice(1)
    expect(rows.map((row) => Number(row.split(',')[0]))).toEqual(range(0, 45_000))
    expect(new Set(rows.slice(15_000).map((row) => row.split(',')[1]?.slice(-2)))).toEqual(new Set(['.1']))
    const points = await tracker.sql.query(
      'select attempt, count(*)::int, min(step)::int as first, max(step)::int as last from metrics where run_id = $1 group by attempt order by attempt',
      [run],
    )
    expect(points).toEqual([
      { attempt: 0, count: 40_000, first: 0, last: 39_999 },
      { attempt: 1, count: 30_000, first: 15_000, last: 44_999 },
    ])
  })

  it('goes with its run, and its chunks are merged attempt by attempt', async () => {
    const run = await newRun()
    for (let step = 0; step < 20; step++) {
      await log(run, stretch(0, step, step + 1))
      await log(run, stretch(1, step + 10, step + 11))
    }
    const chunks = () => tracker.sql`
      select attempt, chunks.count, sealed from chunks join series on series.id = series_id where run_id = ${run} order by attempt`
    expect(await chunks()).toHaveLength(40)
    await tracker.seal(1_500)
    expect(await chunks()).toEqual([
      { attempt: 0, count: 20, sealed: true },
      { attempt: 1, count: 20, sealed: true },
    ])
    expect(await history(run)).toEqual([...pairs(0, 0, 10), ...pairs(1, 10, 30)])
    expect((await tracker.delete(`/runs/${run}`)).status).toBe(204)
    expect(await chunks()).toEqual([])
    expect(await tracker.sql`select from series where run_id = ${run}`).toEqual([])
  })

  it('has no more curves than it may have, attempts counted', async () => {
    const run = await newRun()
    const limits: Record<string, string> = { MAX_SERIES_PER_RUN: '2' }
    const small = trackerOn({ ...tracker.env, ...limits })
    expect((await small.post(`/runs/${run}/metrics`, stretch(0, 0, 1))).status).toBe(200)
    expect((await small.post(`/runs/${run}/metrics`, stretch(1, 0, 1))).status).toBe(200)
    expect((await small.post(`/runs/${run}/metrics`, stretch(2, 0, 1))).status).toBe(413)
    expect((await summaries(run)).map(({ attempt }) => attempt)).toEqual([1])
  })
})

/** What the newest attempts of a list of points are, as simply as it can be said. */
interface Sent {
  attempt: number
  name: string
  step: number
  value: number
  timestamp: number
}

const call = fc.record({
  attempt: fc.constantFrom(0, 0, 1, 2),
  points: fc.array(
    fc.record({
      name: fc.constantFrom('a', 'b'),
      step: fc.integer({ min: -3, max: 8 }),
      value: fc.constantFrom(0, 1, 2),
      timestamp: fc.constantFrom(1_700_000_000_001, 1_700_000_000_002),
    }),
    { maxLength: 8 },
  ),
  copies: fc.constantFrom(1, 1, 3),
})
/** Calls that are sent at once, or sealing after so many minutes. */
const events = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.array(call, { minLength: 1, maxLength: 3 }) },
    fc.record({ minutes: fc.constantFrom(6, 1_500) }),
  ),
  { minLength: 1, maxLength: 7 },
)

it('any sequence of calls, at once and sealed in between, shows what no later attempt has come to', async () => {
  await fc.assert(
    fc.asyncProperty(events, async (sequence) => {
      const run = await newRun()
      const path = `/runs/${run}/metrics`
      const there = new Map<string, Sent>()
      for (const event of sequence) {
        if ('minutes' in event) {
          await tracker.seal(event.minutes)
          continue
        }
        const sent = event.flatMap(({ attempt, points, copies }) =>
          Array.from({ length: copies }, () => ({ attempt, points })),
        )
        const fresh = new Map<string, Sent>()
        for (const { attempt, points } of sent) {
          for (const point of points) {
            const key = JSON.stringify([attempt, point])
            if (!there.has(key)) fresh.set(key, { attempt, ...point })
          }
        }
        const answers = await Promise.all(
          sent.map(({ attempt, points }) => log(run, { attempt, metrics: points })),
        )
        expect(answers.map(({ status }) => status)).toEqual(sent.map(() => 200))
        expect(answers.reduce((sum, { body }) => sum + body.stored, 0)).toBe(fresh.size)
        for (const [key, point] of fresh) there.set(key, point)
      }
      const all = [...there.values()]
      for (const name of ['a', 'b']) {
        const own = all.filter((point) => point.name === name)
        const shown = own
          .filter(({ attempt, step }) => own.every((other) => other.attempt <= attempt || step < other.step))
          .map(({ step, value, timestamp }) => [step, timestamp, value])
          .sort(([a = 0, b = 0, c = 0], [d = 0, e = 0, f = 0]) => a - d || b - e || c - f)
        const points = own.length === 0 ? [] : await allPages<Point>(tracker, `${path}/${name}?limit=3`)
        expect(points.map(({ step, value, timestamp }) => [step, Date.parse(timestamp), value])).toEqual(
          shown,
        )
        const attempts = [...new Set(own.map(({ attempt }) => attempt))].sort()
        const told = async (query: string) =>
          (await summaries(run, query))
            .filter((summary) => summary.name === name)
            .map(({ attempt, count }) => [attempt, count])
        const counts = attempts.map((attempt) => [
          attempt,
          own.filter((point) => point.attempt === attempt).length,
        ])
        expect(await told('attempt=all')).toEqual(counts)
        expect(await told('attempt=newest')).toEqual(counts.slice(-1))
        const bulk = await mlflow.get<{ metrics: { step: number }[] }>('/metrics/get-history-bulk', {
          run_id: run.replaceAll('-', ''),
          metric_key: name,
        })
        expect(bulk.body.metrics).toHaveLength(shown.length)
      }
    }),
    { numRuns: 60, seed: 20261126 },
  )
}, 90_000)

it('one attempt is the newest, whichever of several that begin at once is the first', async () => {
  const names = ['a', 'b', 'c', 'd']
  for (let round = 0; round < 12; round++) {
    const run = await newRun()
    const calls = [0, 1, 2, 3, 0, 1].map((attempt, i) => ({
      attempt,
      metrics: (i % 2 === 0 ? names : names.toReversed()).map((name) => ({ name, step: i, value: i })),
    }))
    const answers = await Promise.all(calls.map((call) => log<Stored>(run, call)))
    expect(answers.map(({ status, body }) => [status, body.stored])).toEqual(calls.map(() => [200, 4]))
    const rows =
      await tracker.sql`select name, attempt from series where run_id = ${run} and newest order by name`
    expect(rows).toEqual(names.map((name) => ({ name, attempt: 3 })))
  }
})

describe('what is found by a metric', () => {
  let experiment: string
  let resumed: string
  let other: string
  beforeAll(async () => {
    experiment = (await tracker.post<Experiment>('/experiments', { name: 'x', owner: 'y' })).body.id
    const create = async (lr: number) =>
      (await tracker.post<Run>(`/experiments/${experiment}/runs`, { params: { lr } })).body.id
    resumed = await create(1)
    other = await create(2)
    await log(resumed, { metrics: [{ name: 'loss', step: 900, value: 9 }] })
    await log(resumed, { metrics: [{ name: 'loss', step: 500, value: 1 }], attempt: 1 })
    await log(other, { metrics: [{ name: 'loss', step: 1, value: 5 }] })
    const third = await create(3)
    await log(third, { metrics: [{ name: 'loss', step: 1, value: 6 }] })
  })

  const ids = async (query: string) =>
    (await tracker.get<Run[]>(`/experiments/${experiment}/runs?${query}`)).body.map(({ id }) => id)

  it('is that of the newest attempt: filters, orders, columns, groups, correlations and names', async () => {
    expect(await ids(`filter=${encodeURIComponent('metrics.loss < 2')}`)).toEqual([resumed])
    expect(await ids(`filter=${encodeURIComponent('metrics.loss = 9')}`)).toEqual([])
    expect(await ids('order_by=metrics.loss&limit=2')).toEqual([resumed, other])
    expect(await ids('order_by=metrics.loss')).toHaveLength(3)
    expect(await ids('order_by=attributes.name&order_by=metrics.loss')).toHaveLength(3)
    const listed = await tracker.get<{ id: string; metrics: Record<string, { last: number }> }[]>(
      `/experiments/${experiment}/runs?metrics=loss`,
    )
    expect(listed.body.find(({ id }) => id === resumed)?.metrics.loss).toMatchObject({
      last: 1,
      count: 1,
      step: 500,
    })
    const groups = await tracker.get<{ metrics: Record<string, { count: number; max: number }> }[]>(
      `/experiments/${experiment}/groups?by=${encodeURIComponent('attributes.status')}&metrics=loss`,
    )
    expect(groups.body[0]?.metrics.loss).toMatchObject({ count: 3, max: 6, min: 1 })
    const correlations = await tracker.get(`/experiments/${experiment}/correlations?metric=loss`)
    expect(correlations.body).toEqual([{ param: 'lr', runs: 3, correlation: 1 }])
    const fields = await tracker.get(`/experiments/${experiment}/fields?kind=metrics`)
    expect(fields.body).toEqual([{ name: 'loss' }])
  })

  it('is what MLflow sees', async () => {
    const run_id = resumed.replaceAll('-', '')
    const { body } = await mlflow.get<{ run: { data: { metrics: unknown[] } } }>('/runs/get', { run_id })
    expect(body.run.data.metrics).toMatchObject([{ key: 'loss', value: 1, step: 500 }])
    await mlflow.post('/runs/log-metric', { run_id, key: 'loss', value: 3, step: 300, timestamp: 1 })
    const points = (
      await mlflow.get<{ metrics: { step: number }[] }>('/metrics/get-history', {
        run_id,
        metric_key: 'loss',
      })
    ).body
    expect(points.metrics.map(({ step }) => step)).toEqual([300, 500])
    const sampled = await mlflow.get<{ metrics: { step: number }[] }>('/metrics/get-history-bulk-interval', {
      run_ids: run_id,
      metric_key: 'loss',
    })
    expect(sampled.body.metrics.map(({ step }) => step)).toEqual([300, 500])
  })
})

describe('a run of one attempt', () => {
  it('is logged and read in as many round trips, and a page of its history reads no more chunks', async () => {
    const run = await newRun()
    for (let step = 0; step < 40; step++) await log(run, stretch(0, step, step + 1))
    const before = roundTrips()
    await log(run, stretch(0, 40, 41))
    await history(run)
    await summaries(run)
    expect(roundTrips() - before).toBe(3)
    const { rows } = await reading(tracker, (scope) =>
      new MetricRepository(scope).history(run, 'loss', 0, 'newest', { from: 30n, to: 100n, limit: 2 }),
    )
    // Of the series its row; of the chunks those of the page once to count and once to read, and behind it heads.
    expect(rows.series).toBe(1)
    expect(rows.chunks).toBeLessThan(20)
  })
})
