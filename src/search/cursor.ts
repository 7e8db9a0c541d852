/** Cursors of pages whose order the caller chose: opaque text on the wire, the values of the order's keys in it. */
import { invalid } from '../errors.ts'
import type { OrderKey } from './sql.ts'

/** What the text of each type looks like; anything else Postgres could not read. */
const FORMS: Record<OrderKey['type'], RegExp> = {
  text: /^[^\0]*$/,
  'double precision': /^(NaN|-?Infinity|-?\d[\d.]*(e[-+]?\d{1,3})?)$/,
  bigint: /^-?\d{1,18}$/,
  integer: /^-?\d{1,9}$/,
  timestamptz: /^\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d){0,2}$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
}

/** The cursor of a row whose keys have these values. */
export const writeCursor = (values: (string | null)[]): string =>
  new TextEncoder().encode(JSON.stringify(values)).toBase64({ alphabet: 'base64url', omitPadding: true })

/**
 * The values that a cursor holds.
 *
 * @throws TrackerError when it is no cursor of an order with these keys
 */
export function readCursor(cursor: string, keys: Pick<OrderKey, 'type'>[]): (string | null)[] {
  const values = decoded(cursor)
  const fits =
    values !== undefined &&
    values.length === keys.length &&
    keys.every(({ type }, i) => {
      const value = values[i]
      return value === null || (value !== undefined && FORMS[type].test(value))
    })
  if (fits) return values
  throw invalid([
    { path: 'cursor', message: 'is not a cursor of this list and order: take it from the page before' },
  ])
}

function decoded(cursor: string): (string | null)[] | undefined {
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: 'base64url' })
    const values: unknown = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes),
    )
    return Array.isArray(values) && values.every(isKey) ? values : undefined
  } catch {
    return undefined
  }
}

const isKey = (value: unknown): value is string | null => value === null || typeof value === 'string'
