/**
 * Sealing: the small chunks that calls leave behind become few large ones, in the background. `docs/sealing.md` says what
 * happens when, and how to watch it.
 */
import { Database } from '../db/database.ts'
import type { AppContext } from '../http/context.ts'
import { describeError, log } from '../http/log.ts'
import { type Chunk, readChunk, toChunk } from './chunk.ts'
import { type Columns, merge, rangeOf, slice, startOf } from './columns.ts'
import { SealingRepository, type WaitingRow } from './sealing-repository.ts'

/**
 * A chunk of FULL points or more stays as it is. One of less than SMALL, which charts have to open, is merged soon after
 * it came. What lies between waits until MANY of a series do or it is quiet: while a job sends much at a time, the
 * database has better things to do than to read it all again.
 */
const FULL = 4096
const MOST = 2 * FULL
const SMALL = 256
const MANY = 256

/** What one pass reads at most: it comes in one answer of the database, and goes back in one request, of 10 MiB each. */
const BYTES_OF_PASS = 5 * 1024 * 1024
const POINTS_OF_PASS = 200_000

/** How many passes one cron run makes at most: the next run goes on. */
const PASSES = 50

/** Merges, after the answer, the series that a call found to be due: their ids with commas between them. */
export function sealDue(c: AppContext, due: string | null | undefined): void {
  if (!due) return
  const db = new Database(c.env, (promise) => c.executionCtx.waitUntil(promise))
  c.executionCtx.waitUntil(sealSmall(db, due.split(',')))
}

/**
 * Merges the small chunks of some series, after the call that made them many. Failing is no harm: the next call that
 * is due, or cron, tries again.
 *
 * @param seriesIds int64 in decimal
 */
async function sealSmall(db: Database, seriesIds: string[]): Promise<void> {
  try {
    const chunks = new SealingRepository(db.http)
    const { rows } = await db.single(chunks.waiting(seriesIds, BYTES_OF_PASS, SMALL))
    await replace(db, rows, () => false)
  } catch (error) {
    log('error', { event: 'sealing', ...describeError(error) })
  }
}

/**
 * Seals whatever is worth it, and says in one log line what was done and what is left: the cron job.
 *
 * @param due when the run was due; once an hour it also says what a point takes on disk
 * @throws what the database throws, so that the run counts as failed
 */
export async function sealAll(db: Database, due: Date): Promise<void> {
  const chunks = new SealingRepository(db.http)
  const done = { series: 0, chunks: 0, made: 0 }
  for (let pass = 0; pass < PASSES; pass++) {
    const { rows: series } = await db.single(
      chunks.due({ many: MANY, few: SMALL, full: FULL }, POINTS_OF_PASS),
    )
    if (series.length === 0) break
    const { rows } = await db.single(
      chunks.waiting(
        series.map(({ series_id }) => series_id),
        BYTES_OF_PASS,
      ),
    )
    const quiet = new Set(series.filter(({ quiet }) => quiet).map(({ series_id }) => series_id))
    const { replaced, made } = await replace(db, rows, (seriesId) => quiet.has(seriesId))
    // Others are at work on the same: they have to finish before there is more to do.
    if (replaced === 0) break
    done.series += replaced
    done.chunks += rows.length
    done.made += made
  }
  const { rows } = await db.single(chunks.state())
  const size = due.getUTCMinutes() === 0 ? (await db.single(chunks.bytesPerPoint())).rows[0] : undefined
  log('info', { event: 'sealing', ...done, ...rows[0], ...size })
}

/** Merges the given chunks, series by series. */
async function replace(db: Database, rows: WaitingRow[], isQuiet: (seriesId: string) => boolean) {
  const bySeries = Map.groupBy(rows, ({ series_id }) => series_id)
  const old: WaitingRow[] = []
  const come: { seriesId: string; arrived: number; sealed: boolean; chunk: Chunk }[] = []
  for (const [seriesId, waiting] of bySeries) {
    // Full ones wait where a call reached into what was there: they have no nodes yet.
    if (waiting.length === 1 && !isQuiet(seriesId) && waiting.every(({ count }) => count < FULL)) continue
    old.push(...waiting)
    const arrived = Math.max(...waiting.map((row) => Number(row.arrived)))
    for (const columns of cut(merge(waiting.map(readChunk)))) {
      const sealed = isQuiet(seriesId) || columns.steps.length >= FULL
      come.push({ seriesId, arrived, sealed, chunk: toChunk(columns) })
    }
  }
  if (old.length === 0) return { replaced: 0, made: 0 }
  const { rows: outcome } = await db.single(new SealingRepository(db.http).replace(old, come))
  return { replaced: Number(outcome[0]?.replaced ?? 0), made: come.length }
}

/**
 * Cuts points into parts of FULL to MOST each, and a last one that may be less. A part ends where a large power of two
 * divides the steps: so the parts of a chart, which are powers of two as well, seldom need half a chunk.
 */
export function cut(points: Columns): Columns[] {
  const parts: Columns[] = []
  let from = 0
  while (points.steps.length - from > MOST) {
    const to = cutBetween(points, from + FULL, from + MOST)
    parts.push(slice(points, from, to))
    from = to
  }
  parts.push(from === 0 ? points : slice(points, from, points.steps.length))
  return parts
}

/** The place of the first point behind the roundest step from place `low` to place `high`. */
function cutBetween({ steps }: Columns, low: number, high: number): number {
  const first = steps[low - 1] ?? 0
  const last = steps[high] ?? 0
  let bits = 63
  while (bits >= 0 && rangeOf(first, bits) === rangeOf(last, bits)) bits -= 1
  // Ten thousand points at one step.
  if (bits < 0) return high
  const boundary = startOf(rangeOf(last, bits), bits)
  let to = low
  while (to < high && (steps[to] ?? 0) < boundary) to += 1
  return to
}
