/** JSON as people read it. */

export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Json[]
  | { readonly [name: string]: Json }

/** The value of a text, in a box, for null is one; undefined where it is no JSON. */
export function readJson(text: string): { json: Json } | undefined {
  try {
    return { json: JSON.parse(text, exactly) as Json }
  } catch {
    return undefined
  }
}

/** Whole numbers that a double does not hold stay what they are, where the browser tells what was written. */
function exactly(_name: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value
}

/** What is inside; undefined of what has no inside. */
export function entriesOf(value: Json): [string, Json][] | undefined {
  return typeof value === 'object' && value !== null ? Object.entries(value) : undefined
}

/** In one line: a value itself, or how much is inside. */
export function summaryOf(value: Json): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const count = Object.keys(value).length
  if (Array.isArray(value)) return count === 0 ? '[]' : `[${count.toLocaleString('en')}]`
  return count === 0 ? '{}' : `{${count.toLocaleString('en')}}`
}
