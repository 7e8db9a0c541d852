import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { type Bucket, type Chart, m4, type Sample, wireBuckets } from '../support/m4.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'
import type { Run } from '../support/wire.ts'

let tracker: Tracker
let experiment: string
beforeAll(async () => {
  tracker = await newTracker()
  experiment = (await tracker.post<{ id: string }>('/experiments', { name: 'x', owner: 'y' })).body.id
})

const START = Date.parse('2026-01-01T00:00:00Z')

/** A stretch of steps, as one call brings it. */
interface Stretch {
  rank: number
  attempt: number
  from: number
  stride: number
  count: number
  /** Milliseconds from one step to the next; 0 for times that jump about. */
  pace: number
  seed: number
}

const stretch: fc.Arbitrary<Stretch> = fc.record({
  rank: fc.constantFrom(0, 0, 1),
  attempt: fc.constantFrom(0, 0, 0, 1, 3),
  from: fc.oneof(fc.integer({ min: -5_000, max: 20_000 }), fc.constantFrom(0, 4_096)),
  stride: fc.constantFrom(0, 1, 1, 2, 7, 100),
  count: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 500, max: 3_000 })),
  pace: fc.constantFrom(0, 10, 1_000, -3),
  seed: fc.integer({ min: 1, max: 1_000 }),
})

type Event = Stretch | 'seal'
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof({ weight: 4, arbitrary: stretch }, fc.constant('seal' as const)),
  {
    minLength: 1,
    maxLength: 7,
  },
)

const zoom = fc.record({
  x: fc.constantFrom('step', 'time', 'relative'),
  buckets: fc.constantFrom(2, 5, 40, 320, 2_000),
  window: fc.option(
    fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
    {
      nil: undefined,
    },
  ),
})

/** No two of them have one step and value, so none is a duplicate, and none ties with another at one step and time. */
function samplesOf({ from, stride, count, pace, seed }: Stretch, call: number): Sample[] {
  return Array.from({ length: count }, (_, i) => {
    const noise = (Math.imul(i + 1, seed * 2_654_435) >>> 0) % 1_000
    const value = noise === 7 ? Number.NaN : noise === 8 ? Number.POSITIVE_INFINITY : noise / 10
    const unique = Number.isFinite(value) ? value + call * 1_000 + (stride === 0 ? i * 0.001 : 0) : value
    return {
      step: from + i * stride,
      value: Number.isFinite(value) || stride > 0 ? unique : i,
      time: START + call + 10 * (pace === 0 ? noise * 977 : i * Math.abs(pace)) * Math.sign(pace || 1),
    }
  })
}

const wire = (value: number) => (Number.isFinite(value) ? value : String(value))

it('a chart is M4 of all points, whatever the axis, the zoom and the state of sealing', async () => {
  await fc.assert(
    fc.asyncProperty(events, fc.array(zoom, { minLength: 3, maxLength: 6 }), async (sequence, zooms) => {
      const { body: run } = await tracker.post<Run>(`/experiments/${experiment}/runs`, {
        started_at: new Date(START).toISOString(),
      })
      const logged: Logged[] = []
      const seen = new Set<string>()
      for (const [call, event] of sequence.entries()) {
        if (event === 'seal') {
          await tracker.seal(call % 2 === 0 ? 10 : 1_500)
          continue
        }
        const samples = samplesOf(event, call).filter(({ step, value }) => {
          const key = `${event.rank} ${event.attempt} ${step} ${value}`
          return !seen.has(key) && seen.add(key)
        })
        const body = {
          rank: event.rank,
          attempt: event.attempt,
          series: [
            {
              name: 'a,b',
              steps: samples.map(({ step }) => step),
              values: samples.map(({ value }) => wire(value)),
              timestamps: samples.map(({ time }) => time),
            },
          ],
        }
        const { body: stored } = await tracker.post(`/runs/${run.id}/metrics`, body)
        expect(stored).toEqual({ stored: samples.length, duplicates: 0 })
        logged.push({ rank: event.rank, attempt: event.attempt, samples })
      }
      for (const [{ x, buckets, window }, attempt] of zooms.flatMap((zoom) =>
        ['newest', 'all', '1'].map((attempt) => [zoom, attempt] as const),
      )) {
        const curves = curvesOf(logged, attempt)
        const origin = x === 'step' ? undefined : x === 'time' ? 0 : START
        const all = curves.flatMap(({ samples }) => samples)
        if (all.length === 0) continue
        const position = ({ step, time }: Sample) => (origin === undefined ? step : time - origin)
        const positions = all.map(position)
        const low = Math.min(...positions)
        const high = Math.max(...positions)
        const [a, b] = (window ?? [0, 1])
          .map((part) => low + Math.floor(part * (high - low)))
          .sort((x, y) => x - y)
        const range = window === undefined ? '' : `&from=${a}&to=${b}`
        const path = `/charts?runs=${run.id}&names=${encodeURIComponent('a,b')}&x=${x}&buckets=${buckets}&attempt=${attempt}${range}`

        const { status, body: chart } = await tracker.get<Chart>(`${path}&rank=all`)
        expect([status, chart.x, chart.complete]).toEqual([200, x, true])
        const width = 2 ** chart.bits
        const bucketOf = (at: number) => Math.floor(at / width)
        const [from = 0, to = 0] = window === undefined ? [low, high] : [a, b]
        // No more than were asked for, and as fine as that allows wherever the range begins.
        expect(bucketOf(to) - bucketOf(from)).toBeLessThan(buckets)
        // By time a chunk is as long as it was logged, also where a later attempt begins within it.
        if (chart.bits > 0 && (x === 'step' || window !== undefined || attempt !== 'newest'))
          expect(Math.floor((to - from) / (width / 2)) + 2).toBeGreaterThan(buckets)

        const isShown = (sample: Sample) => {
          const bucket = bucketOf(position(sample))
          return bucket >= bucketOf(from) && bucket <= bucketOf(to)
        }
        const expected = curves
          .map(({ samples, ...of }) => ({ ...of, buckets: m4(samples.filter(isShown), chart.bits, origin) }))
          .filter(({ buckets }) => buckets.length > 0)
          .map(({ buckets, ...of }) => ({
            run_id: run.id,
            name: 'a,b',
            ...of,
            buckets: wireBuckets(buckets, x),
          }))
        expect(chart.series).toEqual(expected)

        const { body: mean } = await tracker.get<Chart>(`${path}&rank=mean`)
        const means = [...Map.groupBy(curves, ({ attempt }) => attempt)]
          .map(([attempt, some]): [number | null, Bucket[]] => {
            const samples = some.flatMap(({ samples }) => samples)
            return [attempt, m4(samples.filter(isShown), chart.bits, origin)]
          })
          .filter(([, buckets]) => buckets.length > 0)
        expect(mean.series.map(({ attempt }) => attempt).sort()).toEqual(
          means.map(([attempt]) => attempt).sort(),
        )
        for (const { rank, attempt, buckets } of mean.series) {
          expect(rank).toBe(null)
          const pooled = new Map(means).get(attempt) ?? []
          expect(buckets.count).toEqual(pooled.map(({ count }) => count))
          expect(buckets.max).toEqual(wireBuckets(pooled, x).max)
          expect(buckets.min).toEqual(wireBuckets(pooled, x).min)
          expectClose(buckets.mean ?? [], pooled)
        }
      }
    }),
    { numRuns: 60, seed: 20261124 },
  )
}, 120_000)

interface Logged {
  rank: number
  attempt: number
  samples: Sample[]
}

/** What there is to show, in order: of `newest` what no later attempt of the same rank has come to. */
function curvesOf(
  logged: Logged[],
  attempt: string,
): { rank: number; attempt: number | null; samples: Sample[] }[] {
  const samplesOf = (some: Logged[]) => some.flatMap(({ samples }) => samples)
  const newest = attempt === 'newest'
  const groups = Map.groupBy(logged, ({ rank, attempt }) => (newest ? `${rank}` : `${rank} ${attempt}`))
  return [...groups.values()]
    .flatMap(([first, ...rest]) => (first === undefined ? [] : [[first, ...rest] as const]))
    .map((group) => {
      const [{ rank, attempt }] = group
      if (!newest) return { rank, attempt, samples: samplesOf([...group]) }
      const samples = group.flatMap((one) => {
        const later = samplesOf(group.filter((other) => other.attempt > one.attempt))
        const end = later.reduce((least, { step }) => Math.min(least, step), Number.POSITIVE_INFINITY)
        return one.samples.filter(({ step }) => step < end)
      })
      return { rank, attempt: null, samples }
    })
    .filter((curve) => newest || attempt === 'all' || String(curve.attempt) === attempt)
    .sort((one, other) => one.rank - other.rank || (one.attempt ?? 0) - (other.attempt ?? 0))
}

function expectClose(means: (number | string | null)[], pooled: Bucket[]) {
  expect(means.length).toBe(pooled.length)
  for (const [i, { mean }] of pooled.entries()) {
    if (mean === null) expect(means[i]).toBe(null)
    else expect(Math.abs(Number(means[i]) - mean)).toBeLessThan(1e-9 * (1 + Math.abs(mean)))
  }
}
