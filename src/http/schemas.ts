/** Wire types that several resources share. Lengths count Unicode code points, as JSON Schema and Postgres do. */

import { z } from '@hono/zod-openapi'
import { regexes } from 'zod/v4/core'
import { uuidOf } from '../ids.ts'

/** Postgres keeps no NUL in text, and half a surrogate pair is no character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what is looked for
const UNSTORABLE = /\u0000|\p{Surrogate}/u

const codePoints = (value: string) => {
  let count = 0
  for (const _ of value) count++
  return count
}

/** What is wrong with a text that must have `min` to `max` code points, or undefined. */
export function textFault(value: string, min: 0 | 1, max: number): string | undefined {
  if (UNSTORABLE.test(value)) return 'must not hold a NUL character or half a surrogate pair'
  // A string has at least as many UTF-16 units as code points: the exact count is needed only near the limit.
  if (value.length > max && codePoints(value) > max) return `must have at most ${max} characters`
  return value.length < min ? 'must not be empty' : undefined
}

/** Text of `min` to `max` code points that Postgres can store. */
export const text = (min: 0 | 1, max: number) =>
  z
    .string()
    .superRefine((value, ctx) => {
      const fault = textFault(value, min, max)
      if (fault !== undefined) ctx.addIssue({ code: 'custom', message: fault })
    })
    .openapi({ ...(min > 0 && { minLength: min }), maxLength: max, pattern: '^[^\\u0000]*$' })

/** A path's id: what is no UUID belongs to nothing, which is the same 404 as a UUID that belongs to nothing. */
export const pathId = (what: string) =>
  z
    .string()
    // Without dashes, as MLflow's API writes it, it will do as well.
    .transform((id) => uuidOf(id) ?? id)
    .pipe(z.guid({ error: `${what} not found` }))
    .openapi({ format: 'uuid', example: '01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b10' })

/** An id that the client may choose, so that it can send a create again. */
export const clientId = z.guid({ error: 'must be a UUID' }).transform((id) => id.toLowerCase())

/** The first and the last moment that a year of four digits can name, in epoch milliseconds. */
export const EARLIEST = Date.parse('0001-01-01T00:00:00Z')
export const LATEST = Date.parse('9999-12-31T23:59:59.999Z')

const ISO = regexes.datetime({ offset: true, local: true })

/**
 * Epoch milliseconds of a moment as clients send it: ISO 8601 (UTC where it names no offset, as Python's
 * `utcnow().isoformat()` leaves it out) or epoch milliseconds. Fractions of a millisecond are cut off.
 *
 * @returns undefined for what is no moment between the years 1 and 9999
 */
export function epochMilliseconds(value: unknown): number | undefined {
  let time: number
  if (typeof value === 'number') time = Math.floor(value)
  else if (typeof value === 'string' && ISO.test(value)) {
    time = Date.parse(/(?:Z|[+-]\d\d:\d\d)$/.test(value) ? value : `${value}Z`)
  } else return undefined
  return time >= EARLIEST && time <= LATEST ? time : undefined
}

export const TIMESTAMP_FAULT =
  'must be an ISO 8601 date and time or epoch milliseconds, of the years 1 to 9999'

/** A moment as `epochMilliseconds` takes it. */
export const timestamp = z
  .union([z.string(), z.number()])
  .transform((value, ctx) => {
    const time = epochMilliseconds(value)
    if (time !== undefined) return new Date(time)
    ctx.addIssue({ code: 'custom', message: TIMESTAMP_FAULT })
    return z.NEVER
  })
  .openapi({
    anyOf: [
      { type: 'string', format: 'date-time' },
      { type: 'number', minimum: EARLIEST, maximum: LATEST },
    ],
    example: '2026-11-24T09:30:00.000Z',
  })

/** A moment as it leaves the API: ISO 8601, UTC, milliseconds. */
export const isoTimestamp = z.iso.datetime().openapi({ example: '2026-11-24T09:30:00.000Z' })

/** Longest name of a run, a param, a tag or a metric, in characters. */
export const NAME_LENGTH = 250

/** How many params or tags one request may set, and the bytes of JSON that a run may hold of either. */
export const MAX_NAMED = 1_000
export const MAX_NAMED_BYTES = 1024 * 1024

/** JSON Schema's words for the names, which the types of OpenAPI 3.0 do not know yet. */
const nameSchema = {
  maxProperties: MAX_NAMED,
  propertyNames: { minLength: 1, maxLength: NAME_LENGTH, pattern: '^[^\\u0000]*$' },
}

/** Names, and values as `value` has them, of params or tags. */
export const named = <V extends z.ZodType>(value: V) =>
  z.preprocess(
    (input, ctx) => {
      if (typeof input !== 'object' || input === null || Array.isArray(input)) return input
      const names = Object.keys(input)
      // A record leaves out this key without a word; nothing is dropped silently here.
      if (names.includes('__proto__')) {
        ctx.addIssue({ code: 'custom', message: 'must not be used as a name', path: ['__proto__'], input })
      }
      // Before the schema sees them, which it then does not: it could not hold that many findings.
      if (names.length > MAX_NAMED) {
        const message = `has ${names.length} names; at most ${MAX_NAMED} a request`
        ctx.addIssue({ code: 'custom', message, input })
      }
      return input
    },
    z.record(text(1, NAME_LENGTH), value).openapi({
      description: `Names have 1 to ${NAME_LENGTH} characters. A run holds at most ${MAX_NAMED_BYTES} bytes, as JSON.`,
      ...nameSchema,
    }),
  )

/** Beyond these, JSON's numbers lose digits on their way through a double: whoever needs them all sends a string. */
const exactNumber = z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER)

/** A param's or tag's value: text of up to `longest` characters, a number or a boolean. */
export const scalar = (longest: number) => z.union([text(0, longest), exactNumber, z.boolean()])

export const PARAM_LENGTH = 6_000
export const TAG_LENGTH = 8_000

/** A whole number in a query, `min` to `max`. */
export const queryInteger = (min: number, max: number) =>
  z
    .string()
    .refine((value) => /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max, {
      error: `must be a whole number from ${min} to ${max}`,
    })
    .transform(Number)
    .openapi({ type: 'integer', minimum: min, maximum: max })

export const INT64_MIN = -(2n ** 63n)
export const INT64_MAX = 2n ** 63n - 1n

/** Whether a whole number fits the 64 bits that a step has. */
export const isInt64 = (value: bigint) => value >= INT64_MIN && value <= INT64_MAX

/** The step nearest to a whole number that may lie beyond int64. */
export const clampStep = (step: bigint) =>
  step < INT64_MIN ? INT64_MIN : step > INT64_MAX ? INT64_MAX : step

/** A step that bounds a range, `byDefault` where it is left out. */
export const queryStep = (byDefault: bigint) =>
  z
    .string()
    .refine((value) => /^-?\d{1,19}$/.test(value) && isInt64(BigInt(value)), { error: 'must be an int64' })
    .optional()
    .transform((value) => (value === undefined ? byDefault : BigInt(value)))
    .openapi({ type: 'integer', format: 'int64' })

/** A query parameter that may come several times. */
export const several = (description: string, max: number, items: { type: 'string' }) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform((value) => [value].flat())
    .openapi({
      param: { explode: true, description },
      type: 'array',
      items,
      minItems: 1,
      maxItems: max,
    })
