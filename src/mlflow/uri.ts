/** URIs as MLflow's server takes them apart, which is as Python does it. */
import { decodedOnce } from '../artifacts/path.ts'
import { invalidParameter } from './errors.ts'

export interface Uri {
  /** In lower case; empty for a path. */
  scheme: string
  /** The host and what stands with it, as it was written. */
  authority: string
  path: string
}

export function splitUri(text: string): Uri {
  // Spaces and control characters in front, line breaks and tabs anywhere, are not part of it.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
  const plain = text.replace(/^[\u0000- ]+/, '').replace(/[\t\r\n]/g, '')
  const [, scheme = '', authority = '', path = ''] =
    /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)/.exec(plain) ?? []
  return { scheme: scheme.toLowerCase(), authority, path }
}

/** The host of an authority, in lower case, without user and port. */
export const hostOf = (authority: string) =>
  authority
    .slice(authority.lastIndexOf('@') + 1)
    .replace(/:\d*$/, '')
    .toLowerCase()

/** The parts of a path that are not empty. */
export const partsOf = (path: string) => path.split('/').filter((part) => part !== '')

/** How often a text is decoded at most, as in `src/artifacts/path.ts`: each time costs as much as the text is long. */
const MAX_DECODINGS = 10

/**
 * The text with nothing left to decode.
 *
 * @throws MlflowError when there is no end to it
 */
export function decodedWhole(text: string): string {
  let decoded = text
  for (let i = 0; i < MAX_DECODINGS; i++) {
    const next = decodedOnce(decoded)
    if (next === decoded) return decoded
    decoded = next
  }
  throw invalidParameter(`A URI must not be percent-encoded more than ${MAX_DECODINGS - 1} times`)
}
