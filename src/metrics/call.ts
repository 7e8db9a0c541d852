/**
 * What a call brings, in the form in which it goes to the database: all that can be known of it without looking at
 * what is there is worked out here, so that Postgres looks at no point of a call that only appends.
 */
import { type Chunk, toChunk } from './chunk.ts'
import { orderOf, pick, pickPoints } from './columns.ts'
import type { SeriesPoints } from './points.ts'

/** What one call brings to one series. */
export interface SeriesOfCall {
  name: string
  rank: number
  chunk: Chunk
  /**
   * Which of the points the client said the time of, a byte each: one without is the same as a point of any time.
   * True where that is all of them, false where it is none.
   */
  timed: Uint8Array | boolean
}

/** @param now epoch milliseconds, the time of points that came without one */
export const toCall = (series: SeriesPoints[], now: number): SeriesOfCall[] =>
  series.map(({ name, rank, steps, values, times, increasing }) => {
    const columns = { steps, values, times: times.map((time) => time ?? now) }
    const order = increasing ? null : orderOf(columns)
    const own = order === null ? times : pick(times, order)
    return {
      name,
      rank,
      chunk: toChunk(order === null ? columns : pickPoints(columns, order)),
      timed: flags(own),
    }
  })

function flags(times: (number | null)[]): Uint8Array | boolean {
  const untimed = times.reduce<number>((sum, time) => (time === null ? sum + 1 : sum), 0)
  if (untimed === 0) return true
  return untimed === times.length ? false : Uint8Array.from(times, (time) => (time === null ? 0 : 1))
}
