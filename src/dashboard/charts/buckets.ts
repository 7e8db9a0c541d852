/** Buckets of a curve as the page keeps them: in columns, on the axis that is shown, as numbers. */

/** What the horizontal axis shows; milliseconds where it is one of time. */
export type Axis = 'step' | 'time' | 'relative'

/** A part of the axis. */
export type Range = readonly [from: number, to: number]

/** Points, NaN where a bucket has none. */
export interface Dots {
  x: number[]
  y: number[]
}

export interface Buckets {
  /** How long each is on the axis, a power of two. */
  width: number
  start: number[]
  count: number[]
  /** How many of its points are NaN or infinite. */
  odd: number[]
  min: Dots
  max: Dots
  /** Left out where it is a mean. */
  first?: Dots
  last?: Dots
  mean?: number[]
}

/** All columns, in one order. */
const columnsOf = ({ start, count, odd, min, max, first, last, mean }: Buckets): number[][] => [
  start,
  count,
  odd,
  min.x,
  min.y,
  max.x,
  max.y,
  ...(first ? [first.x, first.y] : []),
  ...(last ? [last.x, last.y] : []),
  ...(mean ? [mean] : []),
]

/** The first place in an ascending column whose value is not below `value`. */
export function placeOf(column: ArrayLike<number>, value: number): number {
  let low = 0
  let high = column.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((column[middle] ?? Number.POSITIVE_INFINITY) < value) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Puts news in the place of what is there: the answer has every bucket from its first one on, so what is kept is what
 * lies before that. In place, because a live chart does it every second.
 */
export function merge(there: Buckets, news: Buckets): void {
  const [begin] = news.start
  if (begin === undefined) return
  const kept = placeOf(there.start, begin)
  const fresh = columnsOf(news)
  for (const [i, column] of columnsOf(there).entries()) {
    column.length = kept
    for (const value of fresh[i] ?? []) column.push(value)
  }
}
