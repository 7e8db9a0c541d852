/** How the things that both APIs show look to MLflow's clients. */

import type { AppContext } from '../http/context.ts'
import type { Step } from '../metrics/columns.ts'
import { rawJson } from '../metrics/wire.ts'

/** Tags, params: a list of pairs on this wire, an object everywhere else. */
export const pairs = (named: Record<string, unknown>) =>
  Object.entries(named).map(([key, value]) => ({ key, value: String(value) }))

/** An int64, which is a JSON number on this wire however large it is. */
export const int64 = (value: Step | bigint) => (typeof value === 'number' ? value : rawJson(String(value)))

/** An answer whose JSON is written already. */
export const jsonText = (c: AppContext, text: string) =>
  c.body(text, 200, { 'Content-Type': 'application/json' })

/** Text as Python's repr() writes it, which MLflow's messages hold. */
export function repr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote
}

/** A JSON value as Python's repr() writes it. */
export function pythonRepr(value: unknown): string {
  if (typeof value === 'string') return repr(value)
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const items = Object.entries(value).map(([key, item]) => `${repr(key)}: ${pythonRepr(item)}`)
    return `{${items.join(', ')}}`
  }
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return value === null ? 'None' : String(value)
}

/** JSON as Python's json.dumps() writes it with sorted keys and no spaces. */
export function pythonJson(value: unknown): string {
  const text = JSON.stringify(value, (_key, item) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
  return (text ?? 'null').replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
