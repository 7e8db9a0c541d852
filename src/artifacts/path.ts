/** Paths of artifacts, as clients send them, and the keys of the store. */
import { TrackerError } from '../errors.ts'

/** The longest key that R2 takes, in bytes. */
const MAX_KEY_BYTES = 1_024

/** How often a path is decoded at most; as MLflow does it. */
const MAX_DECODINGS = 10

/**
 * The one form of a path that a client names: decoded until nothing is left to decode, because MLflow's clients decode
 * and encode names again on their way, and without `.` and empty parts. So a file is found by whatever came of its name.
 *
 * @throws TrackerError "Invalid path" for what leads, or would lead on some file system, out of where it begins
 */
export function safePath(path: string): string {
  const normal = normalPath(checked(path))
  return normal === '.' ? '' : normal
}

/**
 * The path of a file to be written. It has to be in its one form already but for its encoding: else the file would end
 * up under another name than the client thinks.
 *
 * @throws TrackerError as `safePath`, and for what names no file
 */
export function newFilePath(path: string): string {
  const plain = checked(path)
  const normal = normalPath(plain)
  if (normal === '.' || plain.endsWith('/')) {
    throw new TrackerError('invalid', "Artifact path must include a filename (cannot end with '/').")
  }
  if (normal !== plain) {
    throw new TrackerError('invalid', `Invalid artifact path: '${plain}'. ${badPath(normal)}`)
  }
  return normal
}

/** A path below another one; either may be empty. */
export const joined = (...parts: string[]): string => parts.filter((part) => part !== '').join('/')

/** The last part of a path. */
export const fileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

function checked(path: string): string {
  const plain = decoded(path).replace(CONTROL, percentEncoded)
  if (UNSAFE.some((unsafe) => unsafe.test(plain)) || !plain.isWellFormed()) throw invalidPath()
  if (new TextEncoder().encode(plain).byteLength > MAX_KEY_BYTES) {
    throw invalidPath(`: it has more than ${MAX_KEY_BYTES} bytes`)
  }
  return plain
}

const invalidPath = (why = '') => new TrackerError('invalid', `Invalid path${why}`)

/** Control characters are kept as MLflow keeps them, encoded; NUL is not kept. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0001-\u001f\u007f]/g

const percentEncoded = (character: string) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`

const UNSAFE = [
  /(^|\/)\.\.(\/|$)/,
  /^\//,
  // What is a slash, a drive and an address of a file to some clients.
  /\\/,
  /^[a-z]:(\/|$)/i,
  /^file:/i,
  // MLflow's clients refuse it in what they read, too.
  /#/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
  /\u0000/,
]

/** @throws TrackerError when there is no end to it: each time costs as much as the path is long */
function decoded(path: string): string {
  let text = path
  for (let i = 0; i < MAX_DECODINGS; i++) {
    // A tab or a line break is in no URL: MLflow leaves them out as well.
    const next = decodedOnce(text).replace(/[\t\n\r]/g, '')
    if (next === text) return text
    text = next
  }
  throw invalidPath()
}

/** A text of which each percent-encoding is decoded once. */
export const decodedOnce = (text: string) => text.replace(/(?:%[0-9a-f]{2})+/gi, decodeBytes)

/** As Python decodes: what is no UTF-8 becomes the replacement character. */
function decodeBytes(escapes: string): string {
  const bytes = escapes
    .slice(1)
    .split('%')
    .map((pair) => Number.parseInt(pair, 16))
  return new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(new Uint8Array(bytes))
}

/** A path without `.`, `..` and doubled slashes, as Python's posixpath.normpath() makes it. */
export function normalPath(path: string): string {
  const root = /^\/\/(?!\/)/.test(path) ? '//' : path.startsWith('/') ? '/' : ''
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..' || (root === '' && (parts.length === 0 || parts.at(-1) === '..'))) parts.push(part)
    else parts.pop()
  }
  return root + parts.join('/') || '.'
}

/** What is wrong with a name that is a path to another one. */
export const badPath = (normal: string) =>
  `Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '${normal}'`
