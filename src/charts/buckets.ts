/** Buckets: what a series of a chart is reduced to. */

import { viewOf } from '../metrics/chunk.ts'
import {
  type Columns,
  comparePoints,
  type PlacedPoint,
  pickPoints,
  pointAt,
  rangeOf,
  type Step,
} from '../metrics/columns.ts'
import { mergeNodes, NODE_BYTES, type Node, nodeOf, nodesOf, readNode } from '../metrics/node.ts'

/** By time, then step: the order of points where the axis is time. */
const compareTimes = (a: PlacedPoint, b: PlacedPoint) => a.time - b.time || comparePoints(a, b)

/** Nodes as the database has them, one after another. */
export function readNodes(base64: string): Node[] {
  const view = viewOf(base64)
  const nodes: Node[] = []
  for (let at = 0; at < view.byteLength; at += NODE_BYTES) nodes.push(readNode(view, at))
  return nodes
}

/** The axis: steps, or milliseconds from an origin. */
export interface Scale {
  byStep: boolean
  /** A bucket is `x >> bits`. */
  bits: number
  /** The first and the last bucket shown. */
  low: Step
  high: Step
}

/** The buckets of one series that have points. */
export class Buckets {
  readonly #scale: Scale
  readonly #origin: number
  readonly #nodes = new Map<Step, Node>()

  /** @param origin epoch milliseconds where the axis of this series begins, if it is one of time */
  constructor(scale: Scale, origin: number) {
    this.#scale = scale
    this.#origin = origin
  }

  /** Adds the points of a node, if all of them lie in one bucket and it knows which are first and last there. */
  addNode(node: Node): boolean {
    const { byStep, bits } = this.#scale
    if (byStep) {
      this.#add(rangeOf(node.first.step, bits), node)
      return true
    }
    const { first, last, earliest, latest } = node
    const range = this.#rangeOfTime(earliest)
    if (first.time !== earliest || last.time !== latest || this.#rangeOfTime(latest) !== range) return false
    this.#add(range, node)
    return true
  }

  /** @param points in order */
  addPoints(points: Columns): void {
    const { byStep, bits } = this.#scale
    if (byStep) {
      for (const node of nodesOf(points, bits)) this.#add(rangeOf(node.first.step, bits), node)
      return
    }
    const places = Map.groupBy(points.times.keys(), (i) => this.#rangeOfTime(points.times[i] ?? 0))
    for (const [range, some] of places) this.#add(range, timeNodeOf(pickPoints(points, some)))
  }

  /** In order of the axis: bucket and node. */
  entries(): [Step, Node][] {
    return [...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** Adds all that another series has. */
  addAll(other: Buckets): void {
    for (const [range, node] of other.#nodes) this.#add(range, node)
  }

  #rangeOfTime(time: number): number {
    return Math.floor((time - this.#origin) / 2 ** this.#scale.bits)
  }

  #add(range: Step, node: Node): void {
    if (range < this.#scale.low || range > this.#scale.high) return
    const there = this.#nodes.get(range)
    const compare = this.#scale.byStep ? comparePoints : compareTimes
    this.#nodes.set(range, there === undefined ? node : mergeNodes(there, node, compare))
  }
}

/** The node of points in order of step, with first and last by time. */
function timeNodeOf(points: Columns): Node {
  const node = nodeOf(points, 0, points.steps.length)
  let { first, last } = node
  for (let i = 0; i < points.steps.length; i++) {
    const point = pointAt(points, i)
    if (compareTimes(point, first) < 0) first = point
    if (compareTimes(point, last) > 0) last = point
  }
  return { ...node, first, last }
}
