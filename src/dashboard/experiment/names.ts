/** Names of fields as the filter language writes them, which is also how the address does. */

/** What can be had of a metric. */
export type Aggregate = 'last' | 'min' | 'max'
/** What an experiment has names of. */
export type NamedKind = 'metrics' | 'params' | 'tags'

export interface FieldName {
  /** Undefined for a field of the run itself. */
  kind: NamedKind | undefined
  key: string
  of: Aggregate
}

const WORD = /^[\p{L}_][\p{L}\p{N}_/:@-]*$/u

/** A key as a filter can read it: in backticks where it is more than words with dots between them. */
export function quoted(key: string): string {
  if (key.split('.').every((part) => WORD.test(part))) return key
  return key.includes('`') ? `"${key.replaceAll('"', '""')}"` : `\`${key}\``
}

function unquoted(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1)
  if (text.startsWith('"')) return text.slice(1, -1).replaceAll('""', '"')
  return text
}

/** A text as a filter writes it. */
export const stringOf = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** A field as a filter writes it: `status`, `params.lr`, `min(metrics.loss)`. */
export function fieldText({ kind, key, of }: FieldName): string {
  const name = kind === undefined ? key : `${kind}.${quoted(key)}`
  return of === 'last' ? name : `${of}(${name})`
}

/** The field that a text of `fieldText` names. */
export function fieldOf(text: string): FieldName {
  const [, of, within] = /^(min|max|last)\((.*)\)$/s.exec(text) ?? []
  const name = within ?? text
  const [, kind, key] = /^(metrics|params|tags)\.(.+)$/s.exec(name) ?? []
  return {
    kind: kind as NamedKind | undefined,
    key: key === undefined ? name : unquoted(key),
    of: (of as Aggregate | undefined) ?? 'last',
  }
}

/** The parts of a list, at commas that are not within quotes. */
export function splitList(text: string | null): string[] {
  const parts = (text ?? '').match(/(?:`[^`]*`|"(?:[^"]|"")*"|[^,`"]|[`"])+/g) ?? []
  return parts.map((part) => part.trim()).filter(Boolean)
}
