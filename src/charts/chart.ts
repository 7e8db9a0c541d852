/** Reads what a chart is made of, and puts it together. */
import type { Database } from '../db/database.ts'
import { invalid } from '../errors.ts'
import { type ChunkRow, readChunk } from '../metrics/chunk.ts'
import { before, toStep } from '../metrics/columns.ts'
import { Buckets, readNodes, type Scale } from './buckets.ts'
import {
  type ChartHead,
  type ChartQuery,
  ChartRepository,
  type ChartSeries,
  type ChunkPart,
  MAX_JOINED,
} from './repository.ts'

/** A series and its buckets; of `newest` one of the attempts, and the buckets of all. */
export interface Curve {
  series: ChartSeries
  buckets: Buckets
}

export interface Chart {
  head: ChartHead
  /** Undefined where there is nothing to show. */
  scale: Scale | undefined
  /** By run, name, rank and attempt. */
  curves: Curve[]
}

/** How many points are asked for at a time where the nodes of a chunk do not do. */
const POINTS_OF_TRIP = 200_000

/**
 * One trip to the database; one more for each further 8 MiB that the chart is made of; and where the axis is time, more
 * for the points around the ends of buckets, which no node knows.
 *
 * @throws TrackerError where there are too many series
 */
export async function readChart(db: Database, query: ChartQuery): Promise<Chart> {
  const charts = new ChartRepository(db.scope)
  const { rows } = await db.single(charts.rows(query))
  const [head] = rows
  if (head === undefined) throw new Error('A chart without a head')
  if (head.series > query.maxSeries) {
    throw invalid([{ path: 'rank', message: `gives ${head.series} series; at most ${query.maxSeries}` }])
  }
  if (head.attempts > MAX_JOINED) {
    const message = `puts together ${head.attempts} attempts; at most ${MAX_JOINED}`
    throw invalid([{ path: 'attempt', message }])
  }
  const { bits, low, high } = head
  if (bits === null || low === null || high === null) return { head, scale: undefined, curves: [] }
  const scale = { byStep: query.x === 'step', bits, low: toStep(low), high: toStep(high) }

  const curves = new Map<string, Curve>()
  const curveOf = (series: ChartSeries): Curve => {
    const { series_id, run_id, name, rank, origin } = series
    const key = query.attempt === 'newest' ? `${run_id} ${rank} ${name}` : series_id
    const curve = curves.get(key) ?? { series, buckets: new Buckets(scale, Number(origin)) }
    curves.set(key, curve)
    curves.set(series_id, curve)
    return curve
  }
  const open: ChunkPart[] = []
  for (let page = rows, next = head.rest_after; ; ) {
    for (const row of page) {
      if (!isOfSeries(row)) continue
      const { buckets } = curveOf(row)
      if (hasPoints(row)) buckets.addPoints(before(readChunk(row), row.until))
      const { nodes, last_step, id } = row
      if (!nodes) continue
      let place = 0
      for (const node of readNodes(nodes)) {
        const part = { low: place, high: place + node.count }
        place = part.high
        if (buckets.addNode(node)) continue
        if (!last_step || !id) throw new Error('Nodes without a chunk')
        open.push({ series_id: row.series_id, last_step, id, ...part })
      }
    }
    if (next === null) break
    const rest = await db.single(charts.rows(query, { afterSeries: next, bits, low, high }))
    page = rest.rows
    // An attempt that was begun in between has ended those of which the points are here.
    if (page[0]?.cuts !== head.cuts) return readChart(db, query)
    next = page[0]?.rest_after ?? null
  }
  for (const parts of trips(open)) {
    const { rows } = await db.single(charts.parts(parts))
    for (const row of rows) curves.get(row.series_id)?.buckets.addPoints(readChunk(row))
  }
  return { head, scale, curves: [...new Set(curves.values())].sort(byName) }
}

/** By run, name, rank and attempt, also where they came in several answers. */
function byName({ series: a }: Curve, { series: b }: Curve): number {
  if (a.run_id !== b.run_id) return a.run_id < b.run_id ? -1 : 1
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.rank - b.rank || a.attempt - b.attempt
}

const isOfSeries = <R extends Partial<ChartSeries>>(row: R): row is R & ChartSeries =>
  row.series_id !== undefined && row.series_id !== null

const hasPoints = <R extends Partial<ChunkRow>>(row: R): row is R & ChunkRow =>
  row.values !== undefined && row.values !== null

/** Parts of chunks, together where they follow each other, as many at a time as fit into an answer. */
function* trips(parts: ChunkPart[]): Generator<ChunkPart[]> {
  let some: ChunkPart[] = []
  let points = 0
  for (const part of parts) {
    const last = some.at(-1)
    if (last?.id === part.id && last.high === part.low) last.high = part.high
    else some.push({ ...part })
    points += part.high - part.low
    if (points < POINTS_OF_TRIP) continue
    yield some
    some = []
    points = 0
  }
  if (some.length > 0) yield some
}
