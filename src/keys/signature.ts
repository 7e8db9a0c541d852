/**
 * URLs that stand for a key, for clients that send no credentials where they were told to go: MLflow's takes them for
 * those of a cloud's storage. Signed with the hash of the key that asked for them, which nobody else knows; so they end
 * with it when it is revoked.
 */
import { decodedOnce } from '../artifacts/path.ts'
import { TrackerError } from '../errors.ts'
import type { AppContext } from '../http/context.ts'
import { lookedUp, trust, tryKey } from '../http/rate-limit.ts'
import { type Grant, isNone, knownRuns, recallById, remember, rememberNone } from './grants.ts'
import { findLive } from './repository.ts'
import { hashOf, isSameHash, KEY_ID, type PresentedKey } from './token.ts'

/** What of a query is signed, beside the path. */
const SIGNED = ['upload_id', 'part_number', 'expires']

/**
 * Signs a URL.
 *
 * @param key whose it is
 * @param method `GET`, which is good for HEAD too, or `PUT`
 * @param seconds how long it is good
 */
export async function signUrl(url: URL, key: PresentedKey, method: string, seconds: number): Promise<void> {
  url.searchParams.set('expires', String(Math.ceil(Date.now() / 1000) + seconds))
  url.searchParams.set('key', key.id)
  const signature = await signatureOf(url, key.hash, method)
  url.searchParams.set('signature', signature.toBase64({ alphabet: 'base64url', omitPadding: true }))
}

/**
 * What the key was granted that has signed the URL of a request; undefined where it is not signed.
 *
 * @throws TrackerError for a signature that is not good, or not any more
 */
export async function signedGrant(c: AppContext): Promise<Grant | undefined> {
  const url = new URL(c.req.url)
  const signature = url.searchParams.get('signature')
  if (signature === null) return undefined
  const id = url.searchParams.get('key') ?? ''
  const isOver = !(Number(url.searchParams.get('expires')) * 1000 > Date.now())
  if (isOver || !KEY_ID.test(id)) throw notGood()
  const asked = performance.now()
  const known = recallById(id)
  const grant = known ?? (await lookUp(c, id))
  if (grant === undefined) throw notGood()
  const expected = await signatureOf(url, grant.hash, c.req.method === 'HEAD' ? 'GET' : c.req.method)
  if (!isSameHash(bytesOf(signature), expected)) throw notGood()
  if (known === undefined) remember(grant, asked)
  return grant
}

const notGood = () => new TrackerError('forbidden', 'The signature of this URL is not good, or not any more')

/** Keys of scope `ingest` sign nothing. */
async function lookUp(c: AppContext, id: string): Promise<Grant | undefined> {
  if (isNone(id)) return undefined
  const mark = await hashOf(id)
  tryKey(c, mark)
  const [row] = await c.var.db.single(findLive(c.var.db.http, id)).finally(() => lookedUp(c, mark))
  if (!row || row.scope === 'ingest') {
    rememberNone(id)
    return undefined
  }
  trust(c, mark)
  return {
    keyId: id,
    counted: row.counted,
    hash: Uint8Array.fromBase64(row.hash),
    workspace: row.workspaceId,
    scope: row.scope,
    experimentId: null,
    runId: null,
    runs: knownRuns(),
    expires: row.expiresAt?.getTime() ?? Infinity,
  }
}

async function signatureOf(url: URL, hash: Uint8Array, method: string): Promise<Uint8Array> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', hash, algorithm, false, ['sign'])
  const signed = [
    method,
    // A client may encode it in another way than we did.
    decodedOnce(url.pathname),
    ...SIGNED.map((name) => url.searchParams.get(name) ?? ''),
  ]
  const text = new TextEncoder().encode(JSON.stringify(signed))
  return new Uint8Array(await crypto.subtle.sign(algorithm, key, text))
}

function bytesOf(signature: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(signature, { alphabet: 'base64url' })
  } catch {
    return new Uint8Array()
  }
}
