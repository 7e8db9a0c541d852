/**
 * What a chart needs to know of many points: M4 (first, min, max and last, as real points; Jugel et al., "M4: A
 * Visualization-Oriented Time Series Data Aggregation", VLDB 2014) with what else can be merged without the points.
 */
import {
  type Columns,
  comparePoints,
  exact,
  type PlacedPoint,
  pointAt,
  rangeOf,
  type Step,
  startOf,
} from './columns.ts'

export interface Node {
  count: number
  /** How many of them are NaN or infinite; `min`, `max` and `sum` are of the others. */
  nonFinite: number
  /** By step, then time. */
  first: PlacedPoint
  last: PlacedPoint
  /** Of equal values the first. Null where no value is finite. */
  min: PlacedPoint | null
  max: PlacedPoint | null
  /** Epoch milliseconds. */
  earliest: number
  latest: number
  sum: number
}

/** The node of the points from place `from` up to, not including, `to`; the columns are in order. */
export function nodeOf(columns: Columns, from: number, to: number): Node {
  const { values, times } = columns
  let min = -1
  let max = -1
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  let nonFinite = 0
  let sum = 0
  let earliest = Number.POSITIVE_INFINITY
  let latest = Number.NEGATIVE_INFINITY
  for (let i = from; i < to; i++) {
    const time = times[i] ?? 0
    if (time < earliest) earliest = time
    if (time > latest) latest = time
    const value = values[i] ?? 0
    if (!Number.isFinite(value)) {
      nonFinite += 1
      continue
    }
    sum += value
    if (value < lowest) {
      lowest = value
      min = i
    }
    if (value > highest) {
      highest = value
      max = i
    }
  }
  return {
    count: to - from,
    nonFinite,
    first: pointAt(columns, from),
    last: pointAt(columns, to - 1),
    min: min < 0 ? null : pointAt(columns, min),
    max: max < 0 ? null : pointAt(columns, max),
    earliest,
    latest,
    sum,
  }
}

/**
 * The node of all the points of two.
 *
 * @param compare the order by which there are a first and a last one
 */
export const mergeNodes = (a: Node, b: Node, compare = comparePoints): Node => ({
  count: a.count + b.count,
  nonFinite: a.nonFinite + b.nonFinite,
  first: compare(a.first, b.first) <= 0 ? a.first : b.first,
  last: compare(a.last, b.last) > 0 ? a.last : b.last,
  min: better(a.min, b.min, (x, y) => x < y),
  max: better(a.max, b.max, (x, y) => x > y),
  earliest: Math.min(a.earliest, b.earliest),
  latest: Math.max(a.latest, b.latest),
  sum: a.sum + b.sum,
})

function better(a: PlacedPoint | null, b: PlacedPoint | null, beats: (a: number, b: number) => boolean) {
  if (a === null || b === null) return a ?? b
  if (beats(a.value, b.value)) return a
  if (beats(b.value, a.value)) return b
  return comparePoints(a, b) <= 0 ? a : b
}

/** One node for each range of 2^bits steps that has points. */
export function nodesOf(columns: Columns, bits: number): Node[] {
  const { steps } = columns
  const nodes: Node[] = []
  for (let from = 0; from < steps.length; ) {
    const end = endOf(steps[from] ?? 0, bits)
    let to = from + 1
    while (to < steps.length && (steps[to] ?? 0) < end) to += 1
    nodes.push(nodeOf(columns, from, to))
    from = to
  }
  return nodes
}

/** The first step behind the range that a step lies in. */
function endOf(step: Step, bits: number): Step {
  const range = rangeOf(step, bits)
  return startOf(typeof range === 'number' ? range + 1 : range + 1n, bits)
}

/** How many bytes a node takes. */
export const NODE_BYTES = 128

const POINT_BYTES = 24

/** Writes a node, big-endian: first, min, max, last, each as step, value and time; then what else there is. */
export function writeNode(view: DataView, at: number, node: Node): void {
  const { first, last, min, max } = node
  // Where no value is finite, `count` and `nonFinite` tell that min and max are none.
  for (const [i, point] of [first, min ?? first, max ?? first, last].entries()) {
    const start = at + i * POINT_BYTES
    view.setBigInt64(start, BigInt(point.step))
    view.setFloat64(start + 8, point.value)
    view.setFloat64(start + 16, point.time)
  }
  view.setFloat64(at + 96, node.earliest)
  view.setFloat64(at + 104, node.latest)
  view.setFloat64(at + 112, node.sum)
  view.setUint32(at + 120, node.count)
  view.setUint32(at + 124, node.nonFinite)
}

export function readNode(view: DataView, at: number): Node {
  const point = (i: number): PlacedPoint => ({
    step: exact(view.getBigInt64(at + i * POINT_BYTES)),
    value: view.getFloat64(at + i * POINT_BYTES + 8),
    time: view.getFloat64(at + i * POINT_BYTES + 16),
  })
  const count = view.getUint32(at + 120)
  const nonFinite = view.getUint32(at + 124)
  const hasFinite = nonFinite < count
  return {
    count,
    nonFinite,
    first: point(0),
    min: hasFinite ? point(1) : null,
    max: hasFinite ? point(2) : null,
    last: point(3),
    earliest: view.getFloat64(at + 96),
    latest: view.getFloat64(at + 104),
    sum: view.getFloat64(at + 112),
  }
}
