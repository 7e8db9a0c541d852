/** Lists in variables: by which names a tracker is called, and from whose pages. */
import type { Env } from '../env.ts'
import { TrackerError } from '../errors.ts'

/**
 * The names in `HOSTS`.
 *
 * @throws TrackerError when one is no name
 */
export const hostsOf = ({ HOSTS }: Env): string[] =>
  listOf(
    'HOSTS',
    HOSTS,
    isHostname,
    'a host name in small letters, as in tracker.example.com, without a port',
  )

/**
 * The origins in `ALLOWED_ORIGINS`.
 *
 * @throws TrackerError when one is none, `*` among them
 */
export const originsOf = ({ ALLOWED_ORIGINS }: Env): string[] =>
  listOf(
    'ALLOWED_ORIGINS',
    ALLOWED_ORIGINS,
    isOrigin,
    'an origin as in https://app.example.com, without a path',
  )

function listOf(variable: string, text = '', isGood: (entry: string) => boolean, form: string): string[] {
  const entries = text.split(',').flatMap((entry) => entry.trim() || [])
  // A URL's host may have an asterisk in it, which means nothing more.
  const bad = entries.findIndex((entry) => entry.includes('*') || !isGood(entry))
  if (bad < 0) return entries
  // Not what it says: that may have been meant for another variable.
  throw new TrackerError(
    'unavailable',
    `${variable} of the tracker is set wrong: entry ${bad + 1} is not ${form}`,
  )
}

const isHostname = (entry: string) => URL.parse(`http://${entry}`)?.hostname === entry

const isOrigin = (entry: string) => /^https?:/.test(entry) && URL.parse(entry)?.origin === entry
