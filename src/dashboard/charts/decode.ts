/** Reads the curves of an answer into numbers on the axis. */
import type { Chart } from '../api.ts'
import type { Axis, Buckets, Dots } from './buckets.ts'

type Series = Chart['series'][number]
type WireDots = Series['buckets']['min']

/**
 * When runs began, as far as it can be told from where their points lie. An answer gives points their moment, and
 * buckets their distance from the beginning: each point says that the run began within one bucket's length, and all of
 * them together say it well within a pixel.
 */
export class Origins {
  readonly #of = new Map<string, { from: number; to: number }>()

  /** Epoch milliseconds. */
  of(run: string): number {
    const found = this.#of.get(run)
    return found ? (found.from + found.to) / 2 : 0
  }

  /** A point at `time` lies in the bucket from `start` on. */
  learn(run: string, time: number, start: number, width: number): void {
    const [low, high] = [time - start - width + 1, time - start]
    const known = this.#of.get(run)
    // Somebody may have changed when it began.
    if (!known || low > known.to || high < known.from) this.#of.set(run, { from: low, to: high })
    else this.#of.set(run, { from: Math.max(low, known.from), to: Math.min(high, known.to) })
  }
}

const numbers = (column: readonly (number | string | null)[]): number[] =>
  column.map((value) => (value === null ? Number.NaN : Number(value)))

const moments = (column: readonly (string | null)[]): number[] =>
  column.map((text) => (text === null ? Number.NaN : Date.parse(text)))

export function decode(series: Series, { x, bits }: Pick<Chart, 'x' | 'bits'>, origins: Origins): Buckets {
  const { run_id, buckets } = series
  const width = 2 ** bits
  const start = x === 'time' ? moments(buckets.start.map(String)) : numbers(buckets.start)
  const dots = (points: WireDots): Dots => ({
    x: x === 'step' ? numbers(points.step) : moments(points.timestamp),
    y: numbers(points.value),
  })
  const [min, max] = [dots(buckets.min), dots(buckets.max)]
  const first = buckets.first && dots(buckets.first)
  const last = buckets.last && dots(buckets.last)
  if (x === 'relative') toRelative(run_id, [min, max, first, last], start, width, origins)
  return {
    width,
    start,
    count: buckets.count,
    odd: buckets.nonfinite,
    min,
    max,
    ...(first && { first }),
    ...(last && { last }),
    ...(buckets.mean && { mean: numbers(buckets.mean) }),
  }
}

function toRelative(
  run: string,
  columns: (Dots | undefined)[],
  start: number[],
  width: number,
  origins: Origins,
): void {
  for (const dots of columns) {
    for (const [i, time] of dots?.x.entries() ?? []) {
      if (!Number.isNaN(time)) origins.learn(run, time, start[i] ?? 0, width)
    }
  }
  const origin = origins.of(run)
  for (const dots of columns) {
    if (dots) dots.x = dots.x.map((time) => time - origin)
  }
}

/** What the API takes for an end of the range. */
export const endOf = (x: Axis, value: number): string =>
  x === 'time'
    ? new Date(value).toISOString()
    : value.toLocaleString('en', { useGrouping: false, maximumFractionDigits: 0 })
