/**
 * How many trips to the database this isolate waits for. Where it is slow, whoever comes when there are as many as there
 * may be is told so at once: waiting would take memory, and more of the database when it has least to give. A burst at
 * one that keeps up may be larger.
 */
import { TrackerError } from '../errors.ts'

/** The database is slow when a trip has not ended after so long, in milliseconds. */
const SLOW = 1_000

/** How many times as many trips there may be where it is not. */
const BURST = 10

interface Trip {
  begun: number
  /** When it will have ended at the latest. Of one whose request was cut off nothing is heard any more. */
  until: number
}

const under = new Set<Trip>()

/**
 * Makes a trip, if it is not one too many.
 *
 * @param longest how long it can take, in milliseconds
 * @throws TrackerError 503
 */
export async function counted<T>(most: number, longest: number, trip: () => Promise<T>): Promise<T> {
  const now = Date.now()
  if (under.size >= most) forgetLost(now)
  const [oldest] = under
  const isSlow = oldest !== undefined && now - oldest.begun > SLOW
  if (under.size >= (isSlow ? most : BURST * most))
    throw new TrackerError('unavailable', 'The database has more to do than it keeps up with; try again')
  const each = { begun: now, until: now + longest }
  under.add(each)
  try {
    return await trip()
  } finally {
    under.delete(each)
  }
}

function forgetLost(now: number): void {
  for (const trip of under) if (trip.until < now) under.delete(trip)
}
