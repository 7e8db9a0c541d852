/** Points as columns of one length, as they are held in memory. */
import { doubleBits } from './double.ts'

/** An int64: a bigint where a number would not be exact, and only there. */
export type Step = number | bigint

export interface Columns {
  steps: Step[]
  values: number[]
  /** Epoch milliseconds. */
  times: number[]
}

/** A point and its place in the order of its series. */
export interface PlacedPoint {
  step: Step
  value: number
  /** Epoch milliseconds. */
  time: number
}

/** An int64 from its decimal text. */
export const toStep = (text: string): Step => exact(BigInt(text))

/** The shorter form of an int64. */
export function exact(step: bigint): Step {
  const number = Number(step)
  return Number.isSafeInteger(number) ? number : step
}

/** `step >> bits`: the number of the range of 2^bits steps that it lies in, counted from step 0. */
export const rangeOf = (step: Step, bits: number): Step =>
  typeof step === 'number' ? Math.floor(step / 2 ** bits) : exact(step >> BigInt(bits))

/** How far apart two are, `b` not below `a`: exact as long as it matters, which is below 2^53. */
export const distance = (a: Step, b: Step): number =>
  typeof a === 'number' && typeof b === 'number' ? b - a : Number(BigInt(b) - BigInt(a))

/** The first step of a range; the opposite of `rangeOf`. */
export function startOf(range: Step, bits: number): Step {
  const start = Number(range) * 2 ** bits
  return Number.isSafeInteger(start) ? start : exact(BigInt(range) << BigInt(bits))
}

/** The order of points in a series: by step, then time; then by bits, because a page must be able to begin between 0 and -0. */
export function comparePoints(a: PlacedPoint, b: PlacedPoint): number {
  if (a.step !== b.step) return a.step < b.step ? -1 : 1
  if (a.time !== b.time) return a.time - b.time
  return Object.is(a.value, b.value) ? 0 : doubleBits(a.value) < doubleBits(b.value) ? -1 : 1
}

export function pointAt({ steps, values, times }: Columns, i: number): PlacedPoint {
  const step = steps[i]
  const value = values[i]
  const time = times[i]
  if (step === undefined || value === undefined || time === undefined) throw new RangeError(`No point ${i}`)
  return { step, value, time }
}

/** The places of the points in their order; null where they are in order already. */
export function orderOf(columns: Columns): number[] | null {
  if (isSorted(columns)) return null
  return columns.steps
    .map((_, i) => i)
    .sort((a, b) => comparePoints(pointAt(columns, a), pointAt(columns, b)))
}

function isSorted(columns: Columns): boolean {
  const { steps } = columns
  for (let i = 1; i < steps.length; i++) {
    const step = steps[i] ?? 0
    const before = steps[i - 1] ?? 0
    if (step > before) continue
    if (step < before || comparePoints(pointAt(columns, i - 1), pointAt(columns, i)) > 0) return false
  }
  return true
}

/** What stands at some places of a column. */
export const pick = <T>(column: T[], places: number[]): T[] => places.flatMap((i) => column.slice(i, i + 1))

/** The points in order; the very same columns where they are in order already. */
function sorted(columns: Columns): Columns {
  const order = orderOf(columns)
  return order === null ? columns : pickPoints(columns, order)
}

export const pickPoints = ({ steps, values, times }: Columns, places: number[]): Columns => ({
  steps: pick(steps, places),
  values: pick(values, places),
  times: pick(times, places),
})

export const slice = ({ steps, values, times }: Columns, from: number, to: number): Columns => ({
  steps: steps.slice(from, to),
  values: values.slice(from, to),
  times: times.slice(from, to),
})

/** The place of the first point whose step is not below `step`, where points are in order. */
export function firstAt({ steps }: Columns, step: Step): number {
  let low = 0
  let high = steps.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((steps[middle] ?? 0) < step) low = middle + 1
    else high = middle
  }
  return low
}

/** The points before a step in decimal, of points in order; all of them where it is null. */
export const before = (columns: Columns, step: string | null): Columns =>
  step === null ? columns : slice(columns, 0, firstAt(columns, toStep(step)))

/** All points of several columns, in order. */
export function merge(parts: Columns[]): Columns {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return sorted(only)
  return sorted({
    steps: parts.flatMap(({ steps }) => steps),
    values: parts.flatMap(({ values }) => values),
    times: parts.flatMap(({ times }) => times),
  })
}
