/**
 * Reads a request of this API: a JSON object in the body, or the query of a GET or HEAD. Protobuf's JSON decides what is
 * accepted, as in MLflow: int64 as numbers or strings, null as if it was left out, unknown fields ignored.
 */
import { z } from 'zod'
import { decodedBody, mediaType, whyNotJson } from '../http/body.ts'
import type { AppContext } from '../http/context.ts'
import { isInt64 } from '../http/schemas.ts'
import { type Step, toStep } from '../metrics/columns.ts'
import { invalidParameter, MlflowError } from './errors.ts'
import { shown, tooDeep } from './validation.ts'

/** Text that may be left out: then it is undefined. */
export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)

/** Text that must be there and not be empty. */
export const requiredText = z.string().min(1)

const isWhole = (value: string | number) => /^-?\d{1,19}$/.test(String(value)) && isInt64(BigInt(value))

const whole = z.union([z.number(), z.string()]).refine(isWhole)

/** An int64, exactly. */
export const int64Field = whole.transform(
  (value): Step => (typeof value === 'number' ? value : toStep(value)),
)

/** A whole number, for what is never large. */
export const integer = whole.transform(Number)

/** Epoch milliseconds. */
export const milliseconds = integer

/** A boolean; in a query it is text. */
export const boolean = z
  .union([z.boolean(), z.enum(['true', 'false', 'True', 'False'])])
  .transform((value) => value === true || value === 'true' || value === 'True')

/** What may be left out, or be null. */
export const maybe = <S extends z.ZodType>(schema: S) =>
  schema.nullish().transform((value): z.output<S> | undefined => value ?? undefined)

/** A list that may be left out: then it is empty. */
export const list = <S extends z.ZodType>(item: S) =>
  z
    .array(item)
    .nullish()
    .transform((value) => value ?? [])

/** A key and a value, as tags and params come; protobuf takes what is left out for empty. */
export const pair = z.object({
  key: text.transform((key) => key ?? ''),
  value: text.transform((value) => value ?? ''),
})

/** What MLflow adds to whatever it says of a field. */
export const HINT = ' See the API docs for more information about request parameters.'

/**
 * The request's message, as the schema has it.
 *
 * @param repeated fields that are lists, which a query repeats
 * @throws MlflowError 400, in MLflow's words, for the first field that is missing or wrong
 */
export async function message<S extends z.ZodType>(
  c: AppContext,
  schema: S,
  repeated: readonly string[] = [],
): Promise<z.output<S>> {
  const input = ['GET', 'HEAD'].includes(c.req.method) ? query(c, repeated) : await body(c)
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const name = String(issue?.path[0] ?? '')
  const value = input[name]
  if (issue?.code === 'custom' && issue.message !== 'Invalid input')
    throw invalidParameter(issue.message + HINT)
  if (value === undefined || value === null || value === '') {
    throw invalidParameter(`Missing value for required parameter '${name}'.${HINT}`)
  }
  throw invalidParameter(
    `Invalid value ${shown(value)} for parameter '${name}' supplied:  Hint: Value was of type '${pythonType(value)}'.${HINT}`,
  )
}

function query(c: AppContext, repeated: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, values]) => [
      name,
      repeated.includes(name) ? values : values[0],
    ]),
  )
}

async function body(c: AppContext): Promise<Record<string, unknown>> {
  const { raw } = c.req
  if (raw.method === 'POST' || raw.method === 'PUT') {
    if (!raw.headers.has('Content-Type')) {
      throw invalidParameter('Bad Request. Content-Type header is missing.')
    }
    if (mediaType(raw) !== 'application/json') {
      throw invalidParameter("Bad Request. Content-Type must be one of ['application/json'].")
    }
  }
  const text = await decodedBody(raw, c.var.limits.MAX_BODY_BYTES)
  const value = text.trim() === '' ? {} : parse(text)
  // Old clients encode their JSON twice.
  const object = typeof value === 'string' ? parse(value) : value
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    throw new MlflowError('BAD_REQUEST', 'The body must be a JSON object')
  }
  return Object.fromEntries(Object.entries(object))
}

const WORDS = /-?\b(?:NaN|Infinity)\b/g

/** Parses JSON; whole numbers beyond 2^53 become their text, and the bare NaN and Infinity of Python's `json` are read. */
function parse(text: string): unknown {
  try {
    const strict = /\b(?:NaN|Infinity)\b/.test(text) ? withoutWords(text) : text
    return strict !== text || /\d{16}/.test(text) ? JSON.parse(strict, exactly) : JSON.parse(text)
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep()
    throw new MlflowError('BAD_REQUEST', `The body is not JSON: ${whyNotJson(error)}`)
  }
}

/**
 * The words that Python writes as numbers as strings that `exactly` reads, but for those within strings. By hand: a
 * pattern that finds strings goes through the rest of the text once for every quote when the last string does not end.
 */
function withoutWords(text: string): string {
  let strict = ''
  for (let at = 0; at < text.length; ) {
    const opening = text.indexOf('"', at)
    const start = opening < 0 ? text.length : opening
    const end = endOfString(text, start)
    strict += text.slice(at, start).replace(WORDS, (word) => `"\\u0000${word}"`) + text.slice(start, end)
    at = end
  }
  return strict
}

/** Where the string ends whose opening quote is at `start`: behind its closing one, or with the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const character = text[i]
    if (character === '\\') i += 1
    else if (character === '"') return i + 1
  }
  return text.length
}

/** Reviver of `JSON.parse`, of which TypeScript does not know the third argument yet. */
function exactly(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  // No text that Postgres takes begins so.
  if (typeof value === 'string' && /^\0(NaN|-?Infinity)$/.test(value)) return Number(value.slice(1))
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return /^-?\d+$/.test(source) ? source : value
}

function pythonType(value: unknown): string {
  if (Array.isArray(value)) return 'list'
  switch (typeof value) {
    case 'string':
      return 'str'
    case 'boolean':
      return 'bool'
    case 'number':
      return Number.isInteger(value) ? 'int' : 'float'
    default:
      return 'dict'
  }
}
