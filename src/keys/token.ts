/**
 * API keys: `er_<id>_<secret><checksum>`, all of it in base62. The id finds the key and is no secret; the secret has 131
 * bits; the checksum tells what only looks like a key from one, to us and to scanners of leaked secrets.
 */
import { str as crc32 } from 'crc-32'
import { customAlphabet } from 'nanoid'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ID_LENGTH = 12
const SECRET_LENGTH = 22
const CHECKSUM_LENGTH = 6

const KEY = /^er_([0-9A-Za-z]{12})_[0-9A-Za-z]{22}([0-9A-Za-z]{6})$/

/** What a key's id looks like. */
export const KEY_ID = /^[0-9A-Za-z]{12}$/

const random = customAlphabet(DIGITS)

/** A key as somebody presents it, and the hash under which it would be stored. */
export interface PresentedKey {
  id: string
  hash: Uint8Array
}

/** A new key, which nobody will be able to read again, and what is stored of it. */
export async function newKey(): Promise<PresentedKey & { key: string }> {
  const id = random(ID_LENGTH)
  const text = `er_${id}_${random(SECRET_LENGTH)}`
  const key = text + checksum(text)
  return { id, key, hash: await hashOf(key) }
}

/** Reads a key; undefined for what can be none. */
export async function readKey(key: string): Promise<PresentedKey | undefined> {
  const [, id, sum] = KEY.exec(key) ?? []
  if (id === undefined || sum !== checksum(key.slice(0, -CHECKSUM_LENGTH))) return undefined
  return { id, hash: await hashOf(key) }
}

/** CRC-32 of the text as six digits of base 62. */
function checksum(text: string): string {
  let rest = crc32(text) >>> 0
  let digits = ''
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    digits = DIGITS.charAt(rest % DIGITS.length) + digits
    rest = Math.floor(rest / DIGITS.length)
  }
  return digits
}

/** SHA-256. A secret of 131 random bits needs no slow hash. */
export const hashOf = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))

/** Whether two hashes are the same, in a time that tells nothing of where they differ. */
export const isSameHash = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && crypto.subtle.timingSafeEqual(a, b)
