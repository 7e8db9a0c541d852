/** Charts as simply as they can be said, from all the points: what the tracker's answers are compared with. */
import type { Point } from './wire.ts'

/** A point as a test holds it. */
export interface Sample {
  step: number
  value: number
  /** Epoch milliseconds. */
  time: number
}

export interface Bucket {
  start: number
  count: number
  nonfinite: number
  first: Sample
  last: Sample
  min: Sample | null
  max: Sample | null
  mean: number | null
}

const byStep = (a: Sample, b: Sample) => a.step - b.step || a.time - b.time
const byTime = (a: Sample, b: Sample) => a.time - b.time || a.step - b.step

/** @param origin undefined where the axis is that of steps, else where it begins, in epoch milliseconds */
export function m4(samples: Sample[], bits: number, origin?: number): Bucket[] {
  const at = ({ step, time }: Sample) => Math.floor((origin === undefined ? step : time - origin) / 2 ** bits)
  const groups = Map.groupBy(samples, at)
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([range, group]) => {
      const order = group.toSorted(origin === undefined ? byStep : byTime)
      const finite = group.filter(({ value }) => Number.isFinite(value)).toSorted(byStep)
      // A stable sort: of equal values the first stays first.
      const ascending = finite.toSorted((a, b) => a.value - b.value)
      const descending = finite.toSorted((a, b) => b.value - a.value)
      const [first] = order
      const last = order.at(-1)
      if (first === undefined || last === undefined) throw new Error('An empty bucket')
      return {
        start: range * 2 ** bits,
        count: group.length,
        nonfinite: group.length - finite.length,
        first,
        last,
        min: ascending[0] ?? null,
        max: descending[0] ?? null,
        mean: finite.length === 0 ? null : finite.reduce((sum, { value }) => sum + value, 0) / finite.length,
      }
    })
}

/** Columns of points as `GET /charts` gives them. */
export interface Columns {
  step: (number | string | null)[]
  value: (number | string | null)[]
  timestamp: (string | null)[]
}

export interface Chart {
  x: string
  bits: number
  complete: boolean
  next: string
  series: {
    run_id: string
    name: string
    rank: number | null
    attempt: number | null
    buckets: {
      start: (number | string)[]
      count: number[]
      nonfinite: number[]
      min: Columns
      max: Columns
      first?: Columns
      last?: Columns
      mean?: (number | string | null)[]
    }
  }[]
}

const columns = (points: (Sample | null)[]): Columns => ({
  step: points.map((point) => point?.step ?? null),
  value: points.map((point) => point && wireValue(point.value)),
  timestamp: points.map((point) => point && new Date(point.time).toISOString()),
})

const wireValue = (value: number): Point['value'] => (Number.isFinite(value) ? value : String(value))

/** Buckets as they must come out of `GET /charts` for one rank. */
export const wireBuckets = (buckets: Bucket[], x: string) => ({
  start: buckets.map(({ start }) => (x === 'time' ? new Date(start).toISOString() : start)),
  count: buckets.map(({ count }) => count),
  nonfinite: buckets.map(({ nonfinite }) => nonfinite),
  min: columns(buckets.map(({ min }) => min)),
  max: columns(buckets.map(({ max }) => max)),
  first: columns(buckets.map(({ first }) => first)),
  last: columns(buckets.map(({ last }) => last)),
})
