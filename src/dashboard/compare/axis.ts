/** Axes on which values of runs are placed: of numbers, or of words where not all values are numbers. */
import { scaleLinear, scaleLog, scalePoint } from 'd3-scale'
import { short, si } from '../format.ts'
import { numberOf, type Scalar } from './compared.ts'

export interface Place {
  at: number
  /** What the value is that has no place on the axis, and is put beyond its end. */
  off: 'NaN' | '∞' | '-∞' | '≤ 0' | undefined
}

export interface Axis {
  isWords: boolean
  /** From the first to the last that can be brushed: numbers, or the places of words in their order. */
  domain: [number, number]
  place: (value: Scalar) => Place | undefined
  /** Where a value is on the domain: a number itself, a word by its number in order. */
  measure: (value: Scalar) => number | undefined
  /** The place of what `measure` gives, and back. */
  at: (measure: number) => number
  invert: (at: number) => number
  ticks: { at: number; label: string }[]
  /** What `measure` gave, as people read it. */
  label: (measure: number) => string
}

/** Values that have no place on an axis, as the marks beyond its ends: `NaN, ≤ 0`. */
export function offsOf(places: readonly Place[]): { at: number; off: string }[] {
  const kinds = new Map(places.flatMap(({ at, off }) => (off === undefined ? [] : [[off, at] as const])))
  const ends = Map.groupBy(kinds, ([, at]) => at)
  return [...ends].map(([at, there]) => ({ at, off: there.map(([off]) => off).join(', ') }))
}

/** How far beyond the end of an axis is what has no place on it, in pixels. */
export const BEYOND = 14

const byName = new Intl.Collator('en', { numeric: true }).compare

/**
 * An axis for these values.
 *
 * @param range in pixels, from the lowest to the highest
 * @param room how many ticks there is room for
 */
export function axisOf(
  values: readonly (Scalar | undefined)[],
  { isLog, range, room }: { isLog: boolean; range: [number, number]; room: number },
): Axis {
  const there = values.filter((value) => value !== undefined)
  const numbers = there.map(numberOf)
  return numbers.every((number) => number !== undefined)
    ? ofNumbers(numbers, isLog, range, room)
    : ofWords(there.map(String), range, room)
}

function ofNumbers(numbers: number[], isLog: boolean, range: [number, number], room: number): Axis {
  const placed = numbers.filter((number) => Number.isFinite(number) && (number > 0 || !isLog))
  let [low, high] = isLog ? [1, 10] : [0, 1]
  if (placed.length > 0) {
    low = placed.reduce((a, b) => Math.min(a, b))
    high = placed.reduce((a, b) => Math.max(a, b))
  }
  if (low === high) {
    const around = Math.abs(low) / 2 || 1
    ;[low, high] = isLog ? [low / 2, high * 2] : [low - around, high + around]
  }
  const scale = (isLog ? scaleLog() : scaleLinear()).domain([low, high]).range(range)
  if (!isLog) scale.nice(room)
  const [first = low, last = high] = scale.domain()
  const outward = Math.sign(range[1] - range[0]) * BEYOND
  const offOf = (number: number): Place['off'] => {
    if (Number.isNaN(number)) return 'NaN'
    if (number === Number.POSITIVE_INFINITY) return '∞'
    if (number === Number.NEGATIVE_INFINITY) return '-∞'
    return isLog && number <= 0 ? '≤ 0' : undefined
  }
  return {
    isWords: false,
    domain: [first, last],
    measure: numberOf,
    place: (value) => {
      const number = numberOf(value)
      if (number === undefined) return undefined
      const off = offOf(number)
      if (off === undefined) return { at: scale(number), off }
      return { at: off === '∞' ? range[1] + outward : range[0] - outward, off }
    },
    at: (measure) => scale(measure),
    invert: (at) => Math.min(last, Math.max(first, scale.invert(at))),
    ticks: (isLog ? ofLog(scale.ticks(), room) : thinned(scale.ticks(room), room)).map((tick) => ({
      at: scale(tick),
      label: si(tick),
    })),
    label: short,
  }
}

function ofWords(texts: string[], range: [number, number], room: number): Axis {
  const words = [...new Set(texts)].sort(byName)
  const scale = scalePoint<string>().domain(words).range(range).padding(0.5)
  const step = scale.step() * Math.sign(range[1] - range[0])
  const start = range[0] + step / 2
  return {
    isWords: true,
    domain: [0, words.length - 1],
    measure: (value) => {
      const found = words.indexOf(String(value))
      return found < 0 ? undefined : found
    },
    place: (value) => {
      const at = scale(String(value))
      return at === undefined ? undefined : { at, off: undefined }
    },
    at: (measure) => start + measure * step,
    invert: (at) => Math.min(words.length - 1, Math.max(0, (at - start) / step)),
    ticks: thinned(words, room).map((word) => ({ at: scale(word) ?? start, label: word })),
    label: (measure) => words[Math.round(measure)] ?? '',
  }
}

/** Of the ticks of a logarithm those that are easy to read: 1, 2 and 5, or powers of ten alone. */
function ofLog(ticks: number[], room: number): number[] {
  const beginsWith = (digits: RegExp) => ticks.filter((tick) => digits.test(tick.toExponential()))
  for (const some of [ticks, beginsWith(/^[125](?!\.)/)]) if (some.length <= room) return some
  const powers = beginsWith(/^1(?!\.)/)
  return powers.length > 1 ? thinned(powers, room) : thinned(ticks, room)
}

/** As many of the ticks as there is room for, evenly. */
function thinned<T>(ticks: T[], room: number): T[] {
  const each = Math.max(1, Math.ceil(ticks.length / Math.max(1, room)))
  return each === 1 ? ticks : ticks.filter((_, i) => i % each === 0)
}
