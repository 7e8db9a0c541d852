/**
 * What a call brings, in the form in which it goes to the database: all that can be known of it without looking at
 * what is there is worked out here, so that Postgres looks at no point of a call that only appends.
 */
import { type Chunk, toChunk } from './chunk.ts'
import { orderOf, pick, pickPoints } from './columns.ts'
import type { SeriesPoints, Source } from './points.ts'

/** What one call brings to one series. */
export interface SeriesOfCall extends Source {
  name: string
  chunk: Chunk
  /**
   * Which of the points the client said the time of, a byte each: one without is the same as a point of any time.
   * True where that is all of them, false where it is none.
   */
  timed: Uint8Array | boolean
}

export const toCall = (series: SeriesPoints[]): SeriesOfCall[] =>
  series.map(({ name, rank, attempt, timed, increasing, ...columns }) => {
    const order = increasing ? null : orderOf(columns)
    const flags = typeof timed === 'boolean' ? timed : order === null ? timed : pick(timed, order)
    return {
      name,
      rank,
      attempt,
      chunk: toChunk(order === null ? columns : pickPoints(columns, order)),
      timed: typeof flags === 'boolean' ? flags : Uint8Array.from(flags, Number),
    }
  })
