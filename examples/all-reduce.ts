import { blend } from './vector.ts'

/** What the ranks of a job share; a worker gets it as it is. */
export interface Shared {
  ranks: number
  /** How many ranks have arrived, the round they are in, whether someone asked to stop, whether they stopped. */
  control: Int32Array
  /** What each rank adds to the sum, for rounds of even and then of odd number. */
  slots: Float32Array
}

const ARRIVED = 0
const ROUND = 1
const ASKED = 2
const STOPPED = 3

/** Memory for sums of `size` numbers over `ranks` ranks. */
export const shareAmong = (ranks: number, size: number): Shared => ({
  ranks,
  control: new Int32Array(new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT)),
  slots: new Float32Array(new SharedArrayBuffer(2 * ranks * size * Float32Array.BYTES_PER_ELEMENT)),
})

/**
 * Puts the sum over all ranks in the place of `vector`: the same bits on every rank and every time, because they add
 * in the order of the ranks. Waits for the others, blocking the thread.
 *
 * @returns false, on all ranks in the same round, when the job is to stop
 */
export function allReduce({ ranks, control, slots }: Shared, rank: number, vector: Float32Array): boolean {
  const round = Atomics.load(control, ROUND)
  // Two sets of slots in turn: nobody fills one again before everybody has read it and come to the next round.
  const slot = (of: number) => {
    const start = ((round % 2) * ranks + of) * vector.length
    return slots.subarray(start, start + vector.length)
  }
  if (Atomics.load(control, STOPPED) === 1) return false
  slot(rank).set(vector)
  if (Atomics.add(control, ARRIVED, 1) === ranks - 1) {
    Atomics.store(control, ARRIVED, 0)
    // Only the last one looks, so that all stop in the same round.
    if (Atomics.load(control, ASKED) === 1) Atomics.store(control, STOPPED, 1)
    nextRound(control)
  } else Atomics.wait(control, ROUND, round)
  if (Atomics.load(control, STOPPED) === 1) return false

  vector.fill(0)
  for (let other = 0; other < ranks; other++) blend(vector, 1, 1, slot(other))
  return true
}

/** Asks all ranks to stop after the step that they are in. */
export const askToStop = ({ control }: Shared) => Atomics.store(control, ASKED, 1)

/** Stops all ranks at once, also those that wait for one that will not come. */
export function stopNow({ control }: Shared) {
  Atomics.store(control, STOPPED, 1)
  nextRound(control)
}

function nextRound(control: Int32Array) {
  Atomics.add(control, ROUND, 1)
  Atomics.notify(control, ROUND)
}
