/** What can happen to a request on its way, and how often it does. */
import fc from 'fast-check'

export type Fault =
  | { kind: 'none' }
  /** The connection is cut: before anything was done (`request`, `half request`), or after (`answer`, `half answer`). */
  | { kind: 'cut'; at: 'request' | 'half request' | 'answer' | 'half answer' }
  /** Comes late, also to somebody who has left, who may have sent the same again in the meantime. */
  | { kind: 'late'; what: 'request' | 'answer'; milliseconds: number }
  /** Arrives twice; one of the answers goes back. */
  | { kind: 'twice'; apart: number; answer: 0 | 1 }
  /** Something on the way answers in its place. */
  | { kind: 'stranger' }

const none = fc.constant<Fault>({ kind: 'none' })

const cut = fc.record({
  kind: fc.constant('cut' as const),
  at: fc.constantFrom('request' as const, 'half request' as const, 'answer' as const, 'half answer' as const),
})

const late = (min: number, max: number) =>
  fc.record({
    kind: fc.constant('late' as const),
    what: fc.constantFrom('request' as const, 'answer' as const),
    milliseconds: fc.integer({ min, max }),
  })

const twice = fc.record({
  kind: fc.constant('twice' as const),
  apart: fc.constantFrom(0, 0, 5, 50),
  answer: fc.constantFrom(0 as const, 1 as const),
})

/** Between a client and the Worker. */
export const betweenClientAndWorker = fc.oneof(
  { weight: 70, arbitrary: none },
  { weight: 12, arbitrary: cut },
  { weight: 6, arbitrary: late(5, 300) },
  // Longer than the patience of a writer.
  { weight: 1, arbitrary: late(3_000, 4_000) },
  { weight: 11, arbitrary: twice },
)

/** Between the Worker and the database. */
export const betweenWorkerAndDatabase = fc.oneof(
  { weight: 700, arbitrary: none },
  { weight: 140, arbitrary: cut },
  { weight: 60, arbitrary: late(5, 300) },
  // Longer than the 12 seconds that the Worker waits for a trip.
  { weight: 3, arbitrary: late(12_500, 13_000) },
  { weight: 80, arbitrary: twice },
  { weight: 17, arbitrary: fc.constant<Fault>({ kind: 'stranger' }) },
)
