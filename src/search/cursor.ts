/** Cursors of pages whose order the caller chose: opaque text on the wire, the values of the order's keys in it. */
import { invalid } from '../errors.ts'
import { epochMilliseconds, isInt64 } from '../http/schemas.ts'
import type { OrderKey } from './sql.ts'

const TIMESTAMP = /^\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d\d(?::\d\d)?$/

/** Whether a text is a value of a type; anything else Postgres could not read. */
const FITS: Record<OrderKey['type'], (text: string) => boolean> = {
  text: (text) => !text.includes('\0'),
  'double precision': (text) =>
    /^(NaN|-?Infinity)$/.test(text) ||
    (/^-?\d+(\.\d+)?(e[-+]\d+)?$/.test(text) && Number.isFinite(Number(text))),
  bigint: (text) => /^-?\d{1,19}$/.test(text) && isInt64(BigInt(text)),
  integer: (text) => /^-?\d{1,9}$/.test(text),
  timestamptz: (text) =>
    TIMESTAMP.test(text) &&
    epochMilliseconds(text.replace(' ', 'T').replace(/[+-]\d\d$/, '$&:00')) !== undefined,
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text),
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
      return value === null || (value !== undefined && FITS[type](value))
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
