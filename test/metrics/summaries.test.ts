import { beforeAll, describe, expect, it } from 'vitest'
import { logger, newRun as newRunOf, UNKNOWN } from '../support/runs.ts'
import { allPages, newTracker, type Problem, type Tracker } from '../support/tracker.ts'
import type { Summary } from '../support/wire.ts'

const T1 = '2026-01-02T03:04:05.001Z'
const T2 = '2026-01-02T03:04:05.002Z'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})
const newRun = () => newRunOf(tracker)
const { log } = logger(() => tracker)

describe('summaries', () => {
  it('tell count, last, min and max, whatever the order of the calls', async () => {
    const points = [
      { step: 5, value: 'NaN', timestamp: T1 },
      { step: 1, value: 3, timestamp: T1 },
      { step: 5, value: 2, timestamp: T2 },
      { step: 3, value: -1, timestamp: T1 },
      { step: 4, value: -1, timestamp: T1 },
      { step: 2, value: 'Infinity', timestamp: T1 },
      { step: 0, value: 3, timestamp: T2 },
    ]
    const expected = {
      name: 'loss',
      rank: 0,
      attempt: 0,
      count: 7,
      last: { step: 5, value: 2, timestamp: T2 },
      min: { step: 3, value: -1, timestamp: T1 },
      max: { step: 0, value: 3, timestamp: T2 },
    }
    for (const order of [points, points.toReversed()]) {
      const run = await newRun()
      for (const point of order) await log(run, { metrics: [{ name: 'loss', ...point }] })
      expect((await tracker.get(`/runs/${run}/metrics`)).body).toEqual([expected])
    }
    const run = await newRun()
    await log(run, { metrics: points.map((point) => ({ name: 'loss', ...point })) })
    expect((await tracker.get<{ metrics: Summary[] }>(`/runs/${run}`)).body.metrics).toEqual([expected])
  })

  it('have no min and max where no value is finite', async () => {
    const run = await newRun()
    await log(run, { metrics: [{ name: 'loss', step: 1, value: '-Infinity', timestamp: T1 }] })
    expect((await tracker.get(`/runs/${run}/metrics`)).body).toEqual([
      {
        name: 'loss',
        rank: 0,
        attempt: 0,
        count: 1,
        last: { step: 1, value: '-Infinity', timestamp: T1 },
        min: null,
        max: null,
      },
    ])
  })

  it('come in pages, and a run with more of them than it shows can still be read and ended', async () => {
    const run = await newRun()
    const names = Array.from({ length: 1_200 }, (_, i) => `m${String(i).padStart(4, '0')}`)
    for (const rank of [0, 1])
      await log(run, { metrics: names.map((name) => ({ name, step: 1, value: 1 })), rank })
    const all = await allPages<Summary>(tracker, `/runs/${run}/metrics?limit=700`)
    expect(all.map(({ name, rank }) => `${name} ${rank}`)).toEqual(
      names.flatMap((name) => [`${name} 0`, `${name} 1`]),
    )
    expect((await tracker.get<unknown[]>(`/runs/${run}/metrics`)).body).toHaveLength(1_000)
    const { status, body } = await tracker.patch<{ status: string; metrics: unknown[] }>(`/runs/${run}`, {
      status: 'completed',
    })
    expect([status, body.status, body.metrics.length]).toEqual([200, 'completed', 1_000])
  })

  it('are empty for a run without points, and not found for no run', async () => {
    const run = await newRun()
    expect((await tracker.get(`/runs/${run}/metrics`)).body).toEqual([])
    expect((await tracker.get<Problem>(`/runs/${UNKNOWN}/metrics`)).body.detail).toBe('Run not found')
  })
})
