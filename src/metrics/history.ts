/** A page of a history, from the chunks that it lies in. */
import { readChunk } from './chunk.ts'
import { before, comparePoints, exact, firstAt, merge, type PlacedPoint, pointAt } from './columns.ts'
import type { HistoryRow } from './repository.ts'

/** Points from step `from` to step `to`, and after a point where one is named. */
export interface Range {
  from: bigint
  to: bigint
  after?: PlacedPoint | undefined
}

/** The steps that the points of a range can have. */
export function reach({ from, to, after }: Range): { from: bigint; to: bigint } {
  const start = after === undefined ? from : BigInt(after.step)
  return { from: start > from ? start : from, to }
}

/** The first points of a range: at most `limit`, and one more when there is another page. */
export function pageOf(rows: HistoryRow[], range: Range, limit: number): PlacedPoint[] {
  const points = merge(rows.map((row) => before(readChunk(row), row.until)))
  const { steps } = points
  const { from, to } = reach(range)
  let start = firstAt(points, exact(from))
  const { after } = range
  if (after !== undefined) {
    while (start < steps.length && comparePoints(pointAt(points, start), after) <= 0) start += 1
  }
  const last = exact(to)
  const page: PlacedPoint[] = []
  for (let i = start; i < steps.length && page.length <= limit; i++) {
    const point = pointAt(points, i)
    if (point.step > last) break
    page.push(point)
  }
  return page
}
