/** What curves say at a place of the axis. */
import { placeOf, type Range } from './buckets.ts'
import { type MarkKind, markAt } from './line.ts'
import type { Shape } from './shape.ts'

export interface Reading {
  shape: Shape
  /** Where the point lies that is nearest. */
  x: number
  /** NaN where it has no place on an axis: `mark` says why. */
  value: number
  mark: MarkKind | undefined
  /** The value before smoothing. */
  raw: number | undefined
  /** Between which values the points of its bucket lie, where it has more than are drawn. */
  spread: Range | undefined
  count: number
}

/** The place in an ascending column whose value is the nearest. */
function nearest(x: Float64Array, value: number): number {
  const after = placeOf(x, value)
  const [before, behind] = [x[after - 1], x[after]]
  if (before === undefined) return after
  return behind === undefined || value - before < behind - value ? after - 1 : after
}

/**
 * Of each curve the point that is nearest, the highest first.
 *
 * @param reach how far it may lie beyond an end of its curve
 */
export function readAt(shapes: readonly Shape[], x: number, reach: number): Reading[] {
  const readings = shapes.flatMap((shape): Reading[] => {
    const { drawn, line } = shape
    const [first, last] = [drawn.x[0], drawn.x[drawn.x.length - 1]]
    if (first === undefined || last === undefined || x < first - reach || x > last + reach) return []
    const i = nearest(drawn.x, x)
    const at = drawn.x[i] ?? x
    const point = drawn.y[i] ?? Number.NaN
    const isSmooth = line !== drawn
    const value = isSmooth ? (line.y[nearest(line.x, x)] ?? Number.NaN) : point
    const count = drawn.count[i] ?? 1
    const [low, high] = [drawn.low[i] ?? Number.NaN, drawn.high[i] ?? Number.NaN]
    return [
      {
        shape,
        x: at,
        value,
        mark: Number.isNaN(point) ? markAt(drawn, at) : undefined,
        raw: isSmooth ? point : undefined,
        spread: count > DRAWN && low < high ? [low, high] : undefined,
        count,
      },
    ]
  })
  const rank = ({ value, mark }: Reading) =>
    Number.isNaN(value)
      ? mark === 'Infinity'
        ? Number.MAX_VALUE
        : mark === '-Infinity'
          ? -Number.MAX_VALUE
          : Number.NEGATIVE_INFINITY
      : value
  return readings.sort((a, b) => rank(b) - rank(a))
}

/** How many points of a bucket are drawn at most. */
const DRAWN = 4
