/** Curves as they stand on the axes of a chart: smoothed, and as logarithms, where that is asked for. */
import { type Stroke, shaded } from '../colour.ts'
import { placeOf, type Range } from './buckets.ts'
import type { ChartedRun } from './charts.tsx'
import type { Curve } from './feed.ts'
import { type Drawn, drawnOf, type Line, splice } from './line.ts'
import { ema } from './smooth.ts'

/** How a chart lays out its values. */
export interface Layout {
  isLogX: boolean
  isLogY: boolean
  /** The half-life of smoothing, in percent of the axis; 0 for none. */
  smooth: number
}

export interface Shape {
  run: ChartedRun
  rank: number | null
  /** Null where attempts are put together. */
  attempt: number | null
  /** That of the run, lighter or darker by rank and attempt where there are several. */
  stroke: Stroke
  drawn: Drawn
  /** What is read: smoothed where it is asked for. */
  line: Line
  /** What is drawn, from here on in the units of the layout: `line`, … */
  full: Line
  /** … what it was smoothed from, … */
  behind: Line | undefined
  /** … and between which values its buckets lie, as two lines. */
  band: { low: Line; high: Line } | undefined
}

/** What of a shape only its curve and the layout decide. */
type Laid = Omit<Shape, 'run' | 'stroke'>

interface Cached {
  version: number
  drawn: Drawn
  layout: string
  shape: Laid
}

const lastOf = (x: Float64Array): number => x[x.length - 1] ?? Number.NaN

/** The part of the axis that curves cover; undefined where they have no point. */
function domainOf(drawn: readonly Drawn[], isLog: boolean): Range | undefined {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { x } of drawn) {
    const first = x[isLog ? placeOf(x, Number.MIN_VALUE) : 0] ?? Number.NaN
    if (first < from) from = first
    if (lastOf(x) > to) to = lastOf(x)
  }
  return from <= to ? [from, to] : undefined
}

export class Shapes {
  readonly #cached = new WeakMap<Curve, Cached>()

  /** Shapes in the order of the runs, then of ranks and attempts, and the part of the axis that they cover. */
  of(
    curves: readonly Curve[],
    runs: readonly ChartedRun[],
    layout: Layout,
  ): { shapes: Shape[]; domain: Range | undefined } {
    const places = new Map(runs.map(({ id }, i) => [id, i]))
    const shown = curves
      .filter(({ run }) => places.has(run))
      .sort(
        (a, b) =>
          (places.get(a.run) ?? 0) - (places.get(b.run) ?? 0) ||
          Number(a.rank) - Number(b.rank) ||
          Number(a.attempt) - Number(b.attempt),
      )
    const drawn = shown.map((curve) => this.#drawn(curve))
    const domain = domainOf(drawn, layout.isLogX)
    const length = domain ? domain[1] - domain[0] : 0
    const ranks = 1 + Math.max(0, ...shown.map(({ rank }) => rank ?? 0))
    const attempts = 1 + Math.max(0, ...shown.map(({ attempt }) => attempt ?? 0))
    const shapes = shown.flatMap((curve, i) => {
      const run = runs[places.get(curve.run) ?? -1]
      const one = drawn[i]
      if (!run || !one) return []
      const shade = (curve.rank ?? 0) * attempts + (curve.attempt ?? 0)
      const stroke = shaded(run.stroke, shade, ranks * attempts - 1)
      return [{ ...this.#shape(curve, one, layout, length), run, stroke }]
    })
    return { shapes, domain }
  }

  #drawn(curve: Curve): Drawn {
    const cached = this.#cached.get(curve)
    if (cached?.version === curve.version) return cached.drawn
    const { whole, detail } = curve
    if (!whole || !detail) {
      const buckets = whole ?? detail?.buckets
      return buckets ? drawnOf(buckets) : NOTHING
    }
    const { buckets, range } = detail
    const end = (buckets.start.at(-1) ?? Number.NEGATIVE_INFINITY) + buckets.width - 1
    const covered: Range = [
      Math.min(range[0], buckets.start[0] ?? Number.POSITIVE_INFINITY),
      Math.max(range[1], end),
    ]
    return splice(drawnOf(whole), drawnOf(buckets), covered)
  }

  #shape(curve: Curve, drawn: Drawn, layout: Layout, length: number): Laid {
    const { isLogX, isLogY, smooth } = layout
    const halfLife = (smooth / 100) * length
    const key = `${isLogX} ${isLogY} ${halfLife}`
    const cached = this.#cached.get(curve)
    if (cached?.drawn === drawn && cached.layout === key) return cached.shape
    const laid = ({ x, y }: Line): Line => {
      const begin = isLogX ? placeOf(x, Number.MIN_VALUE) : 0
      const part = (values: Float64Array, isLog: boolean) => {
        const kept = values.subarray(begin)
        return isLog ? kept.map((value) => (value > 0 ? Math.log10(value) : Number.NaN)) : kept
      }
      return { x: part(x, isLogX), y: part(y, isLogY) }
    }
    const isSmooth = halfLife > 0
    const line = isSmooth ? ema(drawn.samples, halfLife) : drawn
    const hasBand = isSmooth || curve.whole?.mean !== undefined || curve.detail?.buckets.mean !== undefined
    const { x, low, high } = drawn.band
    const shape: Laid = {
      rank: curve.rank,
      attempt: curve.attempt,
      drawn,
      line,
      full: laid(line),
      behind: isSmooth ? laid(drawn) : undefined,
      band: hasBand ? { low: laid({ x, y: low }), high: laid({ x, y: high }) } : undefined,
    }
    this.#cached.set(curve, { version: curve.version, drawn, layout: key, shape })
    return shape
  }
}

const none = new Float64Array()
const NOTHING: Drawn = {
  x: none,
  y: none,
  low: none,
  high: none,
  count: none,
  band: { x: none, low: none, high: none },
  samples: { x: none, y: none },
  marks: [],
}

/**
 * The lowest and the highest value that shapes reach within a part of the axis, spikes and bands among them.
 *
 * @param isPositive only what a logarithmic axis has a place for
 */
export function extentOf(
  shapes: readonly Shape[],
  [from, to]: Range,
  isPositive: boolean,
): Range | undefined {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const take = (value: number) => {
    if (!Number.isFinite(value) || (isPositive && value <= 0)) return
    if (value < least) least = value
    if (value > most) most = value
  }
  for (const { drawn, line } of shapes) {
    const { x, y, low, high } = drawn
    let end = placeOf(x, from)
    for (; end < x.length && (x[end] ?? 0) <= to; end++) {
      take(y[end] ?? Number.NaN)
      take(low[end] ?? Number.NaN)
      take(high[end] ?? Number.NaN)
    }
    if (line === drawn) continue
    for (let i = placeOf(line.x, from); i < line.x.length && (line.x[i] ?? 0) <= to; i++) {
      take(line.y[i] ?? Number.NaN)
    }
  }
  return least <= most ? [least, most] : undefined
}
