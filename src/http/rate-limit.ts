/**
 * How often a key may ask, counted by Cloudflare's rate limiting binding in each of its locations; and how many keys that are
 * none an address may try, counted here. The binding tells whether a request is one too many and nothing else, so what
 * is left is only said where that is nothing. Headers:
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
import { LRUCache } from 'lru-cache'
import { TrackerError } from '../errors.ts'
import type { AppContext } from './context.ts'

/** The period that wrangler.toml gives the binding, in seconds. */
const PERIOD = 60

/** How many addresses are known at a time that have tried keys which are none. */
const MAX_ADDRESSES = 1_000

/** How often one key of which nothing is known may be looked up at a time. */
const MAX_AT_ONCE = 100

/** How many keys are known that were good once. */
const MAX_TRUSTED = 10_000

/** Keys of which the binding has last said that they ask too often: only of those its answer is waited for. */
const throttled = new LRUCache<string, true>({
  max: 10_000,
  ttl: PERIOD * 1_000,
  // As in grants.ts.
  ttlResolution: 0,
})

/** What tells keys apart here: 53 bits of their hash, as many as a number holds. */
const markOf = (hash: Uint8Array) => {
  const bytes = new DataView(hash.buffer, hash.byteOffset)
  return (bytes.getUint32(0) >>> 11) * 2 ** 32 + bytes.getUint32(4)
}

interface Tries {
  /** Epoch milliseconds. */
  until: number
  /** Of each key that was tried and not let in, by its mark, how often it is being looked up. */
  keys: Map<number, number>
}

const tries = new LRUCache<string, Tries>({ max: MAX_ADDRESSES })
const trusted = new LRUCache<number, true>({ max: MAX_TRUSTED })

/**
 * Counts a request of a key that was let in.
 *
 * @throws TrackerError 429 when it is one too many
 */
export async function spend(c: AppContext, keyId: string): Promise<void> {
  const wasThrottled = throttled.has(keyId)
  const isFine = count(c, keyId)
  // Else the route goes on meanwhile, and the next request of the key hears of it.
  if (!wasThrottled || (await isFine)) return
  throw tooManyOfKey(c)
}

function tooManyOfKey(c: AppContext): TrackerError {
  const policy = policyOf(c)
  if (policy !== undefined) c.header('RateLimit-Policy', policy)
  const { REQUESTS_PER_MINUTE: most } = c.var.limits
  return tooMany(c, 'key', PERIOD, `This API key may make ${most} requests a minute`)
}

/**
 * Of a key of which nothing is known but that it asked too often a moment ago.
 *
 * @throws TrackerError 429
 */
export function refuseThrottled(c: AppContext, keyId: string): void {
  if (throttled.has(keyId)) throw tooManyOfKey(c)
}

/** Counts a request, and gives whether it is none too many. */
export async function count(c: AppContext, keyId: string): Promise<boolean> {
  if (c.env.KEY_RATE === undefined) return true
  // A binding that fails is no reason to refuse anybody.
  const asked = c.env.KEY_RATE.limit({ key: keyId }).catch(() => ({ success: true }))
  c.executionCtx.waitUntil(asked)
  const { success } = await asked
  if (success) throttled.delete(keyId)
  else throttled.set(keyId, true)
  return success
}

/** What `RateLimit-Policy` says in the answer to a request with a key; undefined where nothing is counted. */
export const policyOf = (c: AppContext): string | undefined =>
  c.env.KEY_RATE && `"key";q=${c.var.limits.REQUESTS_PER_MINUTE};w=${PERIOD}`

/**
 * Counts a key of which nothing is known here, and which the database has to be asked for: `trust` takes back one that
 * turns out to be good, `lookedUp` says that the answer is there.
 *
 * @throws TrackerError 429 when the address has tried as many that were none, or this one often at once
 */
export function tryKey(c: AppContext, hash: Uint8Array): void {
  const mark = markOf(hash)
  if (trusted.get(mark)) return
  const { keys } = triesOf(c, mark)
  const underWay = keys.get(mark) ?? 0
  if (underWay >= MAX_AT_ONCE) throw tooMany(c, 'unknown-keys', 1, 'This API key is being looked up already')
  keys.set(mark, underWay + 1)
}

/** Counts what can be no key, for which nobody has to be asked: it may be a guess at the bootstrap secret. */
export function countGuess(c: AppContext, hash: Uint8Array): void {
  const mark = markOf(hash)
  triesOf(c, mark).keys.set(mark, 0)
}

/** What the address of a request has tried, among which there is room for one more. */
function triesOf(c: AppContext, mark: number): Tries {
  const address = addressOf(c)
  const now = Date.now()
  let tried = tries.get(address)
  if (tried === undefined || tried.until <= now) {
    tried = { until: now + PERIOD * 1_000, keys: new Map() }
    tries.set(address, tried)
  }
  const { UNKNOWN_KEYS_PER_MINUTE: most } = c.var.limits
  if (tried.keys.size < most || tried.keys.has(mark)) return tried
  c.header('RateLimit-Policy', `"unknown-keys";q=${most};w=${PERIOD}`)
  const rest = Math.ceil((tried.until - now) / 1_000)
  throw tooMany(
    c,
    'unknown-keys',
    rest,
    `From this address came ${most} API keys within a minute that are none`,
  )
}

/** The database was asked for the key, whatever it said. */
export function lookedUp(c: AppContext, hash: Uint8Array): void {
  const mark = markOf(hash)
  const keys = tries.get(addressOf(c))?.keys
  const underWay = keys?.get(mark)
  if (keys && underWay) keys.set(mark, underWay - 1)
}

/** The key was let in. */
export function trust(c: AppContext, hash: Uint8Array): void {
  const mark = markOf(hash)
  if (trusted.get(mark)) return
  trusted.set(mark, true)
  tries.get(addressOf(c))?.keys.delete(mark)
}

/** The key that was good is none any more. */
export const distrust = (hash: Uint8Array): void => {
  trusted.delete(markOf(hash))
}

function tooMany(c: AppContext, policy: string, seconds: number, detail: string): TrackerError {
  c.header('RateLimit', `"${policy}";r=0;t=${seconds}`)
  c.header('Retry-After', String(seconds))
  return new TrackerError('too_many_requests', `${detail}; try again in ${seconds} s`)
}

/** Who calls, as Cloudflare says; of IPv6 the network, of which one has 2^64 addresses. Without Cloudflare all are one. */
function addressOf(c: AppContext): string {
  const address = c.req.header('CF-Connecting-IP') ?? ''
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':')
  if (tail !== undefined) groups.push(...Array<string>(8).fill('0'))
  return groups.slice(0, 4).join(':')
}
