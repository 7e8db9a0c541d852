/**
 * The form in which the points of a call go to the database: what can be known of them without looking at what is
 * there is worked out here, so that Postgres touches no single point of a call that only appends.
 */
import { doubleBits, doubleText } from './double.ts'
import type { SeriesPoints } from './points.ts'

/** A point and its place in the order of its series. */
export interface PlacedPoint {
  step: number | bigint
  value: number
  /** Epoch milliseconds. */
  time: number
}

/** Points that become one chunk. */
export interface Chunk {
  /** Which series of the call they belong to, counted from 1. */
  series: number
  /** Whether the client said when they were; else they are the same as points of any time. */
  timed: boolean
  count: number
  firstStep: number | bigint
  lastStep: number | bigint
  /** The distance of the steps, where it is the same all through; else `steps` has them, as a Postgres array. */
  stride: number | null
  steps: string | null
  /** A Postgres array of doubles. */
  values: string
  firstTime: number
  /** As `stride` and `steps`; `times` has the distances from the first. */
  timeStride: number | null
  times: string | null
}

/** What a series gains if none of its points is there yet. `min` and `max` are null where no value is finite. */
export interface Gain {
  name: string
  rank: number
  count: number
  firstStep: number | bigint
  last: PlacedPoint
  min: PlacedPoint | null
  max: PlacedPoint | null
}

/** The points of a call, by series and by chunk. */
export interface Call {
  gains: Gain[]
  chunks: Chunk[]
}

/** Distances in time within a chunk are stored in 32 bits. */
const MAX_TIME_SPAN = 2 ** 31 - 1

/** @param now epoch milliseconds, the time of points that came without one */
export function toCall(series: SeriesPoints[], now: number): Call {
  const call: Call = { gains: [], chunks: [] }
  for (const { name, rank, ...columns } of series) {
    const points = sorted(columns, now)
    call.gains.push({ name, rank, ...summarize(points) })
    for (const part of parts(points)) call.chunks.push(encode(part, call.gains.length))
  }
  return call
}

/** Points as columns of one length, sorted by step, then time. */
interface Columns {
  steps: (number | bigint)[]
  values: number[]
  times: number[]
  timed: boolean[]
}

function sorted(series: Omit<SeriesPoints, 'name' | 'rank'>, now: number): Columns {
  const { steps, values } = series
  const times = series.times.map((time) => time ?? now)
  const timed = series.times.map((time) => time !== null)
  const columns = { steps, values, times, timed }
  if (series.increasing) return columns
  const order = steps.map((_, i) => i)
  order.sort(
    (a, b) => compare(steps[a], steps[b]) || compare(times[a], times[b]) || compareBits(values[a], values[b]),
  )
  return pick(columns, order)
}

function compare<T extends number | bigint>(a: T | undefined, b: T | undefined): number {
  if (a === undefined || b === undefined || a === b) return 0
  return a < b ? -1 : 1
}

const compareBits = (a = 0, b = 0) => (doubleBits(a) < doubleBits(b) ? -1 : 1)

function pick({ steps, values, times, timed }: Columns, order: number[]): Columns {
  const of = <T>(column: T[]) => order.flatMap((i) => column.slice(i, i + 1))
  return { steps: of(steps), values: of(values), times: of(times), timed: of(timed) }
}

function summarize(points: Columns): Omit<Gain, 'name' | 'rank'> {
  const { steps, values } = points
  let min = -1
  let max = -1
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value === undefined || !Number.isFinite(value)) continue
    // Of equal values the earliest counts, whatever call it comes in.
    if (value < lowest) {
      lowest = value
      min = i
    }
    if (value > highest) {
      highest = value
      max = i
    }
  }
  const last = point(points, steps.length - 1)
  const firstStep = steps[0]
  if (last === null || firstStep === undefined) throw new Error('A series without points')
  return { count: steps.length, firstStep, last, min: point(points, min), max: point(points, max) }
}

function point({ steps, values, times }: Columns, i: number): PlacedPoint | null {
  const step = steps[i]
  const value = values[i]
  const time = times[i]
  return step === undefined || value === undefined || time === undefined ? null : { step, value, time }
}

/** Parts the points so that each part is timed or not, and spans no more time than a chunk can hold: nearly always one. */
function* parts(points: Columns): Generator<Columns> {
  for (const timed of [true, false]) {
    const all = points.timed.every((one) => one === timed)
    const some = all ? points : pick(points, indexesOf(points.timed, timed))
    if (some.steps.length === 0) continue
    let start = 0
    let earliest = Number.POSITIVE_INFINITY
    let latest = Number.NEGATIVE_INFINITY
    for (const [i, time] of some.times.entries()) {
      if (Math.max(latest, time) - Math.min(earliest, time) > MAX_TIME_SPAN) {
        yield slice(some, start, i)
        start = i
        earliest = Number.POSITIVE_INFINITY
        latest = Number.NEGATIVE_INFINITY
      }
      earliest = Math.min(earliest, time)
      latest = Math.max(latest, time)
    }
    yield start === 0 ? some : slice(some, start, some.steps.length)
    if (all) return
  }
}

const indexesOf = (flags: boolean[], flag: boolean) => flags.flatMap((one, i) => (one === flag ? [i] : []))

function slice({ steps, values, times, timed }: Columns, from: number, to: number): Columns {
  return {
    steps: steps.slice(from, to),
    values: values.slice(from, to),
    times: times.slice(from, to),
    timed: timed.slice(from, to),
  }
}

function encode({ steps, values, times, timed }: Columns, series: number): Chunk {
  const firstStep = steps[0]
  const lastStep = steps.at(-1)
  const firstTime = times[0]
  if (firstStep === undefined || lastStep === undefined || firstTime === undefined)
    throw new Error('An empty chunk')
  const stride = steps.every((step) => typeof step === 'number') ? strideOf(steps) : null
  const timeStride = strideOf(times)
  return {
    series,
    timed: timed[0] === true,
    count: steps.length,
    firstStep,
    lastStep,
    stride,
    steps: stride === null ? `{${steps.join(',')}}` : null,
    values: doubles(values),
    firstTime,
    timeStride,
    times: timeStride === null ? `{${times.map((time) => time - firstTime).join(',')}}` : null,
  }
}

/** The distance between neighbours, where it is the same all through and exact; else null. */
function strideOf(numbers: number[]): number | null {
  const [first = 0, second = first] = numbers
  const stride = second - first
  if (!Number.isSafeInteger(stride)) return null
  for (let i = 1; i < numbers.length; i++) {
    if ((numbers[i] ?? 0) - (numbers[i - 1] ?? 0) !== stride) return null
  }
  return stride
}

/** Doubles as a Postgres array. */
function doubles(values: number[]): string {
  const hasNegativeZero = values.some((value) => Object.is(value, -0))
  return `{${(hasNegativeZero ? values.map(doubleText) : values).join(',')}}`
}
