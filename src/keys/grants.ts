/**
 * Which keys were let in lately, for the length of this isolate: checking one again costs no trip to the database. A key
 * that is revoked is refused everywhere as soon as what an isolate knows of it is too old.
 */
import { LRUCache } from 'lru-cache'
import type { KeyScope } from './repository.ts'
import { isSameHash, type PresentedKey } from './token.ts'

/** How old what is known of a key may be, counted from before the database was asked, in milliseconds. */
const MAX_AGE = 20_000

/** How many keys are known at a time, and of how many runs it is known that one of them is for them. */
const MAX_KEYS = 10_000
const MAX_RUNS = 1_000

/** The cache looks at the clock each time: the timer with which it would spare itself that ends with the request that set it. */
const AGING = { ttl: MAX_AGE, ttlResolution: 0 }

/** What a key is good for. */
export interface Grant {
  keyId: string
  /** Under which key its requests are counted. */
  counted: string
  hash: Uint8Array
  workspace: number
  scope: KeyScope
  /** What a key of scope `ingest` is for. */
  experimentId: string | null
  runId: string | null
  /** Runs that are known to be of `experimentId`. */
  runs: LRUCache<string, true>
  /** Epoch milliseconds; Infinity for never. */
  expires: number
}

const grants = new LRUCache<string, Grant>({ max: MAX_KEYS, ...AGING })
/** Hashes of what was presented as keys, and ids of what has signed, and are none. */
const refused = new LRUCache<string, true>({ max: MAX_KEYS, ...AGING })

export const knownRuns = () => new LRUCache<string, true>({ max: MAX_RUNS, ...AGING })

const textOf = (hash: Uint8Array) => hash.toBase64()

/** What a key was granted lately: undefined when the database has to be asked, "refused" when it need not be. */
export function recall({ id, hash }: PresentedKey): Grant | 'refused' | undefined {
  if (refused.has(textOf(hash))) return 'refused'
  const grant = recallById(id)
  return grant && isSameHash(grant.hash, hash) ? grant : undefined
}

/** As `recall`, for what a key has signed. */
export function recallById(id: string): Grant | undefined {
  const grant = grants.get(id)
  return grant && grant.expires > Date.now() ? grant : undefined
}

/** When keys were revoked here, on the clock of `performance.now()`. */
const forgotten = new LRUCache<string, number>({ max: MAX_KEYS, ...AGING })

/** @param asked when, on the clock of `performance.now()`, the database was asked at the latest */
export function remember(grant: Grant, asked: number): void {
  const age = performance.now() - asked
  // What was asked before it was revoked is no news.
  if (asked < (forgotten.get(grant.keyId) ?? Number.NEGATIVE_INFINITY)) return
  if (age < MAX_AGE) grants.set(grant.keyId, grant, { ttl: MAX_AGE - age })
}

/** Ids under which there is no good key. */
export const isNone = (id: string): boolean => refused.has(id)
export const rememberNone = (id: string): void => {
  refused.set(id, true)
}

export const rememberRefusal = ({ hash }: PresentedKey): void => {
  refused.set(textOf(hash), true)
}

/** Forgets a key that was revoked here; elsewhere it is forgotten in time. */
export const forget = (id: string): void => {
  grants.delete(id)
  forgotten.set(id, performance.now())
}
