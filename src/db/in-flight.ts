/**
 * How many trips to the database this isolate waits for. Where it is slow, whoever comes when there are as many as there
 * may be is told so at once: waiting would take memory, and more of the database when it has least to give.
 */
import { TrackerError } from '../errors.ts'

interface Trip {
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
  if (under.size >= most) forgetLost()
  if (under.size >= most)
    throw new TrackerError('unavailable', 'The database has more to do than it keeps up with; try again')
  const each = { until: Date.now() + longest }
  under.add(each)
  try {
    return await trip()
  } finally {
    under.delete(each)
  }
}

function forgetLost(): void {
  const now = Date.now()
  for (const trip of under) if (trip.until < now) under.delete(trip)
}
