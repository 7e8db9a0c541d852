/** What is drawn of a curve: a line through the points of its buckets, a band, and marks of what is not finite. */
import { type Buckets, placeOf, type Range } from './buckets.ts'

export type MarkKind = 'NaN' | 'Infinity' | '-Infinity' | 'odd'

/** One or more points that no vertical axis has a place for; `odd` where the bucket does not tell which they are. */
export interface Mark {
  x: number
  kind: MarkKind
  count: number
}

export interface Line {
  x: Float64Array
  /** NaN where the line is broken. */
  y: Float64Array
}

export interface Drawn extends Line {
  /** Of the bucket of each point: its lowest and its highest value, and how many points it has. */
  low: Float64Array
  high: Float64Array
  count: Float64Array
  band: { x: Float64Array; low: Float64Array; high: Float64Array }
  /** What smoothing goes through: points where all are known, else one for a bucket. */
  samples: Line
  marks: Mark[]
}

/** What stands at a place of a curve where no value does. */
export const markAt = ({ marks }: Pick<Drawn, 'marks'>, x: number): MarkKind | undefined =>
  marks.find((mark) => mark.x === x)?.kind

class Growing {
  readonly x: number[] = []
  readonly y: number[] = []
  add(x: number, y: number): void {
    this.x.push(x)
    this.y.push(y)
  }
}

const at = (column: readonly number[] | undefined, i: number): number => column?.[i] ?? Number.NaN

const kindOf = (value: number): MarkKind =>
  Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'

/** The points of a bucket that are known, in order, each once. */
function pointsOf(buckets: Buckets, i: number): [x: number, y: number][] {
  const points: [number, number][] = []
  const { first, last, min, max, count } = buckets
  const add = (x: number, y: number) => {
    if (Number.isNaN(x)) return
    if (points.some(([px, py]) => px === x && Object.is(py, y))) return
    points.push([x, y])
  }
  if (first) add(at(first.x, i), at(first.y, i))
  const [low, high] = [at(min.x, i), at(max.x, i)]
  const ends: [number, number][] = [
    [low, at(min.y, i)],
    [high, at(max.y, i)],
  ]
  if (high < low) ends.reverse()
  for (const [x, y] of ends) add(x, y)
  if (last && (count[i] ?? 0) > 1) {
    const [x, y] = [at(last.x, i), at(last.y, i)]
    // The last one stands last, also where it is the lowest or the highest.
    const same = points.findIndex(([px, py]) => px === x && Object.is(py, y))
    if (same > 0) points.splice(same, 1)
    if (same !== 0) points.push([x, y])
  }
  return points
}

/** The lines of all buckets of a curve. */
export function drawnOf(buckets: Buckets): Drawn {
  const line = new Growing()
  const extents = { low: [] as number[], high: [] as number[], count: [] as number[] }
  const band = { x: [] as number[], low: [] as number[], high: [] as number[] }
  const samples = new Growing()
  const marks: Mark[] = []
  for (let i = 0; i < buckets.start.length; i++) {
    const count = at(buckets.count, i)
    const odd = at(buckets.odd, i)
    const middle = at(buckets.start, i) + (buckets.width - 1) / 2
    const [low, high] = [at(buckets.min.y, i), at(buckets.max.y, i)]
    const draw = (x: number, y: number) => {
      line.add(x, Number.isFinite(y) ? y : Number.NaN)
      extents.low.push(low)
      extents.high.push(high)
      extents.count.push(count)
    }
    let marked = 0
    const mark = (x: number, value: number) => {
      marks.push({ x, kind: kindOf(value), count: 1 })
      marked++
    }
    const mean = at(buckets.mean, i)
    if (buckets.mean) {
      draw(middle, mean)
      samples.add(middle, mean)
    } else {
      const points = pointsOf(buckets, i)
      for (const [x, y] of points) {
        draw(x, y)
        if (!Number.isFinite(y)) mark(x, y)
      }
      if (points.length === 0) draw(middle, Number.NaN)
      // Of a bucket of many, its first and its last one are no others than any: their mean leans to no side.
      if (count === points.length) for (const [x, y] of points) samples.add(x, y)
      else {
        const ends = [at(buckets.first?.y, i), at(buckets.last?.y, i)].filter(Number.isFinite)
        const x = (at(buckets.first?.x, i) + at(buckets.last?.x, i)) / 2
        samples.add(x, ends.length > 0 ? ends.reduce((a, b) => a + b) / ends.length : (low + high) / 2)
      }
    }
    if (odd > marked) marks.push({ x: middle, kind: 'odd', count: odd - marked })
    if (Number.isFinite(low)) {
      band.x.push(middle)
      band.low.push(low)
      band.high.push(high)
    }
  }
  return {
    x: Float64Array.from(line.x),
    y: Float64Array.from(line.y),
    low: Float64Array.from(extents.low),
    high: Float64Array.from(extents.high),
    count: Float64Array.from(extents.count),
    band: {
      x: Float64Array.from(band.x),
      low: Float64Array.from(band.low),
      high: Float64Array.from(band.high),
    },
    samples: { x: Float64Array.from(samples.x), y: Float64Array.from(samples.y) },
    marks,
  }
}

/** A coarse curve with a fine one in its place where there is one, so that it can be panned out of it. */
export function splice(coarse: Drawn, fine: Drawn, [from, to]: Range): Drawn {
  const joined = (part: (drawn: Drawn) => Float64Array, xs: (drawn: Drawn) => Float64Array): Float64Array => {
    const whole = part(coarse)
    const x = xs(coarse)
    const before = whole.subarray(0, placeOf(x, from))
    let end = placeOf(x, to)
    while (x[end] === to) end++
    const after = whole.subarray(end)
    const inner = part(fine)
    const all = new Float64Array(before.length + inner.length + after.length)
    all.set(before)
    all.set(inner, before.length)
    all.set(after, before.length + inner.length)
    return all
  }
  const ofLine = (part: (drawn: Drawn) => Float64Array) => joined(part, ({ x }) => x)
  const ofBand = (part: (drawn: Drawn) => Float64Array) => joined(part, ({ band }) => band.x)
  const ofSamples = (part: (drawn: Drawn) => Float64Array) => joined(part, ({ samples }) => samples.x)
  return {
    x: ofLine(({ x }) => x),
    y: ofLine(({ y }) => y),
    low: ofLine(({ low }) => low),
    high: ofLine(({ high }) => high),
    count: ofLine(({ count }) => count),
    band: {
      x: ofBand(({ band }) => band.x),
      low: ofBand(({ band }) => band.low),
      high: ofBand(({ band }) => band.high),
    },
    samples: { x: ofSamples(({ samples }) => samples.x), y: ofSamples(({ samples }) => samples.y) },
    marks: [
      ...coarse.marks.filter(({ x }) => x < from),
      ...fine.marks,
      ...coarse.marks.filter(({ x }) => x > to),
    ],
  }
}
