/**
 * Chunks: how points lie in the database, as bytes that only this file, `node.ts` and the functions of the migration
 * `packed_points` know. All numbers are big-endian, as Postgres' own int8send() and float8send() have them.
 */
import { type Columns, distance, exact, rangeOf, type Step, toStep } from './columns.ts'
import { mergeNodes, NODE_BYTES, type Node, nodeOf, nodesOf, writeNode } from './node.ts'

/** Points that become one row of `chunks`. */
export interface Chunk {
  /** In order. */
  columns: Columns
  /** The node of all its points. */
  all: Node
  /** The distance of the steps, where it is the same all through; then their width is 0. */
  stride: number | null
  /** Bytes a step: 1, 2 or 4 for the offset from the first one, 8 for the step itself. */
  stepWidth: number
  /** As `stride` and `stepWidth`; offsets are from the earliest time. */
  timeStride: number | null
  timeWidth: number
  nodeBits: number | null
  /** A node for each range of 2^nodeBits steps that has points. Few points have none. */
  nodes: Node[]
  /** A node for each range of 2^(nodeBits + COARSE_BITS) steps that has points, where there are several such ranges. */
  coarse: Node[]
}

/** A summary is longer than this many points. */
const POINTS_WITHOUT_SUMMARY = 12

/** How many times longer, in powers of two, the ranges of coarse nodes are. */
export const COARSE_BITS = 5

/** So many points, or more, lie between the nodes of a chunk, where steps are dense; chunks of twice as many have nodes. */
const POINTS_OF_NODE = 256

/** @param columns at least one point, in order */
export function toChunk(columns: Columns): Chunk {
  const { steps, times } = columns
  const all = nodeOf(columns, 0, steps.length)
  const stride = strideOf(steps)
  const timeStride = strideOf(times)
  const nodeBits = nodeBitsOf(all)
  const nodes = nodeBits === null ? [] : nodesOf(columns, nodeBits)
  return {
    columns,
    all,
    stride,
    stepWidth: stride === null ? widthOf(distance(all.first.step, all.last.step)) : 0,
    timeStride,
    timeWidth: timeStride === null ? widthOf(all.latest - all.earliest) : 0,
    nodeBits,
    nodes,
    coarse: nodeBits === null ? [] : coarseOf(nodes, nodeBits + COARSE_BITS),
  }
}

function coarseOf(nodes: Node[], bits: number): Node[] {
  const coarse: Node[] = []
  let range: Step | undefined
  for (const node of nodes) {
    const own = rangeOf(node.first.step, bits)
    const last = coarse.at(-1)
    if (last === undefined || own !== range) coarse.push(node)
    else coarse[coarse.length - 1] = mergeNodes(last, node)
    range = own
  }
  return coarse.length > 1 ? coarse : []
}

/** The distance between neighbours, where it is the same all through and exact; else null. */
function strideOf(numbers: Step[]): number | null {
  const [first = 0, second = first] = numbers
  if (typeof first !== 'number' || typeof second !== 'number') return null
  const stride = second - first
  if (!Number.isSafeInteger(stride)) return null
  let next = first
  for (let i = 0; i < numbers.length; i++, next += stride) {
    if (numbers[i] !== next) return null
  }
  return stride
}

/** Bytes that hold any offset up to `span`. */
const widthOf = (span: number) => (span < 2 ** 8 ? 1 : span < 2 ** 16 ? 2 : span < 2 ** 32 ? 4 : 8)

function nodeBitsOf({ count, first, last }: Node): number | null {
  if (count < 2 * POINTS_OF_NODE) return null
  let bits = 0
  const ranges = () => distance(rangeOf(first.step, bits), rangeOf(last.step, bits)) + 1
  while (ranges() > count / POINTS_OF_NODE && bits < 62) bits += 1
  return bits
}

/** The nodes that are read first: the one of the whole chunk, and the coarse ones. Few points have none. */
const summaryOf = ({ all, coarse }: Chunk) => (all.count < POINTS_WITHOUT_SUMMARY ? [] : [all, ...coarse])

export const summaryCount = (chunk: Chunk) => summaryOf(chunk).length

export const byteLength = (chunk: Chunk) =>
  chunk.all.count * (chunk.stepWidth + chunk.timeWidth + 8) +
  (summaryCount(chunk) + chunk.nodes.length) * NODE_BYTES

/** Writes steps, times, values, summary and nodes, in this order. */
export function writeChunk(chunk: Chunk, view: DataView, start: number): void {
  const { columns, all, nodes } = chunk
  let at = start
  writeNumbers(view, at, columns.steps, all.first.step, chunk.stepWidth)
  at += all.count * chunk.stepWidth
  writeNumbers(view, at, columns.times, all.earliest, chunk.timeWidth)
  at += all.count * chunk.timeWidth
  for (const value of columns.values) {
    view.setFloat64(at, value)
    at += 8
  }
  for (const node of [...summaryOf(chunk), ...nodes]) {
    writeNode(view, at, node)
    at += NODE_BYTES
  }
}

function writeNumbers(view: DataView, start: number, numbers: Step[], base: Step, width: number): void {
  if (width === 0) return
  for (let i = 0, at = start; i < numbers.length; i++, at += width) {
    const number = numbers[i] ?? 0
    const offset = distance(base, number)
    if (width === 8) view.setBigInt64(at, BigInt(number))
    else if (width === 4) view.setUint32(at, offset)
    else if (width === 2) view.setUint16(at, offset)
    else view.setUint8(at, offset)
  }
}

/** A row of `chunks` as the driver gives it: int64 in decimal, bytes in base64. */
export interface ChunkRow extends Record<string, unknown> {
  count: number
  first_step: string
  stride: string | null
  earliest: string
  latest: string
  time_stride: string | null
  steps: string | null
  times: string | null
  values: string
}

/** The points of a row, in order. */
export function readChunk(row: ChunkRow): Columns {
  const { count } = row
  const timeStride = row.time_stride === null ? null : Number(row.time_stride)
  const earliest = Number(row.earliest)
  const firstTime = timeStride !== null && timeStride < 0 ? Number(row.latest) : earliest
  const values = new Array<number>(count)
  const view = viewOf(row.values)
  for (let i = 0; i < count; i++) values[i] = view.getFloat64(i * 8)
  return {
    steps: readNumbers(
      row.steps,
      count,
      toStep(row.first_step),
      row.stride === null ? 0 : Number(row.stride),
    ),
    values,
    times: readNumbers(row.times, count, firstTime, timeStride ?? 0).map(Number),
  }
}

function readNumbers(base64: string | null, count: number, base: Step, stride: number): Step[] {
  const numbers = new Array<Step>(count)
  // A stride is one of numbers alone, of which each is exact.
  if (base64 === null) {
    for (let i = 0; i < count; i++) numbers[i] = stride === 0 ? base : Number(base) + i * stride
    return numbers
  }
  const view = viewOf(base64)
  const width = view.byteLength / count
  const read = {
    1: (i: number) => view.getUint8(i),
    2: (i: number) => view.getUint16(i * 2),
    4: (i: number) => view.getUint32(i * 4),
  }[width]
  const isPlain = typeof base === 'number' && Number.isSafeInteger(base + 2 ** 32)
  for (let i = 0; i < count; i++) {
    if (read === undefined) numbers[i] = exact(view.getBigInt64(i * 8))
    else numbers[i] = isPlain ? Number(base) + read(i) : exact(BigInt(base) + BigInt(read(i)))
  }
  return numbers
}

/** @param base64 as Postgres' encode() breaks it into lines */
export function viewOf(base64: string): DataView {
  const bytes = Uint8Array.fromBase64(base64)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
