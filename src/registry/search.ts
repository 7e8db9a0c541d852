/** The fields of registered models and of versions that filters and orders can name. */
import { type SQL, sql } from 'drizzle-orm'
import { comparisonsOf } from '../search/comparisons.ts'
import {
  type Comparator,
  type Comparison,
  type Field,
  type Filter,
  FilterError,
  type Order,
  type Value,
} from '../search/filter.ts'
import { compareNumber, comparesNumbers, compareText, condition, type OrderKey } from '../search/sql.ts'

const TEXT_COMPARATORS = ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'] as const
const TAG_COMPARATORS = ['=', '!=', 'LIKE', 'ILIKE'] as const

/** A model whose tag says so is a prompt: searches leave prompts out unless they ask for them. */
const PROMPT = 'mlflow.prompt.is_prompt'

/** What of a table can be named: its alias, its columns of text, those that take a list, and its number. */
interface Words {
  alias: string
  texts: Record<string, string>
  lists: readonly string[]
  number?: { name: string; column: string }
}

const MODEL_WORDS: Words = { alias: 'm', texts: { name: 'name' }, lists: ['name'] }

const VERSION_WORDS: Words = {
  alias: 'v',
  texts: { name: 'name', run_id: 'run_id', source_path: 'source' },
  lists: ['name', 'run_id'],
  number: { name: 'version_number', column: 'version' },
}

/** MLflow's names of what has numbers for values, of which filters know but one. */
const NUMERIC = ['creation_timestamp', 'last_updated_timestamp', 'version_number']

const set = (words: readonly string[]) => `{${words.map((word) => `'${word}'`).join(', ')}}`

/** The conditions that a filter puts on a row of `registered_models as m`. */
export const modelConditions = (filter: Filter | undefined, text: string): SQL[] =>
  conditions(filter, text, MODEL_WORDS)

/** The conditions that a filter puts on a row of `model_versions as v`. */
export const versionConditions = (filter: Filter | undefined, text: string): SQL[] =>
  conditions(filter, text, VERSION_WORDS)

function conditions(filter: Filter | undefined, text: string, words: Words): SQL[] {
  const tag = (key: string) => sql`(${sql.raw(words.alias)}.tags ->> ${key}::text)`
  const asksForPrompts = comparisonsOf(filter).some(({ field }) => isTag(field) && field.key === PROMPT)
  return [
    ...(filter === undefined ? [] : [condition(filter, (found) => compare(found, text, words, tag))]),
    ...(asksForPrompts ? [] : [sql`${tag(PROMPT)} is distinct from 'true'`]),
  ]
}

const isTag = ({ entity }: Field) => entity === 'tag' || entity === 'tags'

function compare(found: Comparison, text: string, words: Words, tag: (key: string) => SQL): SQL {
  const { field, comparator, value } = found
  const fault = (message: string, at = value.at) => new FilterError(message, text, at)
  const check = (allowed: readonly Comparator[], message: string) => {
    if (!allowed.includes(comparator)) throw fault(`${message}: ${comparator}`, field.at)
  }
  if (isTag(field)) {
    if (value.type === 'number' || value.type === 'list') {
      throw fault(`Expected a quoted string value for tag (e.g. 'my-value'). Got value ${value.text}`)
    }
    check(TAG_COMPARATORS, 'Invalid comparator for tag')
    // What does not say that it is a prompt is none.
    const held = field.key === PROMPT ? sql`coalesce(${tag(field.key)}, 'false')` : tag(field.key)
    return compareText(held, comparator, value.type === 'string' ? value.value : null)
  }
  checkEntity(field, text, 'filter')
  const { texts, number, alias } = words
  const valid = [...Object.keys(texts), ...(number ? [number.name] : [])]
  if (!valid.includes(field.key)) {
    throw fault(`Invalid attribute key '${field.key}' specified. Valid keys are '${set(valid)}'`, field.at)
  }
  if (value.type === 'list' && !words.lists.includes(field.key)) {
    const lists = words.lists.map((name) => `'${name}'`).join(', ')
    throw fault(`Only [${lists}] attributes support comparison with a list of quoted string values.`)
  }
  if (number?.name === field.key)
    return compareVersion(found, number.name, sql.raw(`${alias}.${number.column}`), fault)
  if (value.type === 'number') {
    throw fault(
      number
        ? `Only the '${set(NUMERIC)}' attributes support comparison with numeric values.`
        : `Expected a quoted string value or a list of quoted string values for attributes. Got value ${value.text}`,
    )
  }
  check(TEXT_COMPARATORS, 'Invalid comparator for attribute')
  const column = sql.raw(`${alias}.${texts[field.key]}`)
  // Equal is equal in any collation, and in the one of the column there is an index.
  if (comparator === '=' && value.type === 'string') return sql`${column} = ${value.value}::text`
  return compareText(column, comparator, textsOf(value))
}

const textsOf = (value: Value) =>
  value.type === 'string' ? value.value : value.type === 'list' ? value.values : null

/** A version's number, which may be quoted. */
function compareVersion(
  { comparator, value }: Comparison,
  name: string,
  column: SQL,
  fault: (message: string) => FilterError,
): SQL {
  if (!comparesNumbers(comparator)) throw fault(`Invalid comparator for attribute ${name}: ${comparator}`)
  const text = value.type === 'string' ? value.value : value.text
  if (!/^\s*[-+]?\d+\s*$/.test(text)) {
    const told = value.type === 'string' ? `'${text}'` : text
    throw fault(`Invalid value for numeric attribute '${name}': ${told}`)
  }
  return compareNumber(sql`${column}::double precision`, comparator, Number(text))
}

function checkEntity({ entity, at }: Field, text: string, path: string) {
  if (['', 'attribute', 'tag', 'tags'].includes(entity)) return
  throw new FilterError(
    `Invalid entity type '${entity}'. Valid entity types are ('attribute', 'tag', 'tags')`,
    text,
    at,
    path,
  )
}

/** The order of registered models by some clauses, and at last by name. */
export function modelOrder(clauses: Order[], texts: string[]): OrderKey[] {
  const columns = { name: 'm.name', timestamp: 'm.updated_at', last_updated_timestamp: 'm.updated_at' }
  const keyOf = ({ entity, key, at }: Field, text: string) => {
    const name = entity === '' ? key : `${entity}.${key}`
    const column = Object.entries(columns).find(([known]) => known === name)?.[1]
    if (column !== undefined) return column
    throw new FilterError(
      `Invalid order by key '${name}' specified. Valid keys are '${set(['name', 'timestamp'])}'`,
      text,
      at,
      'order_by',
    )
  }
  return orderKeys(clauses, texts, keyOf, [['m.name', true]])
}

/** The order of versions by some clauses, else those first that changed last; at last by name and number. */
export function versionOrder(clauses: Order[], texts: string[]): OrderKey[] {
  const columns = {
    name: 'v.name',
    version_number: 'v.version',
    creation_timestamp: 'v.created_at',
    last_updated_timestamp: 'v.updated_at',
  }
  const valid = set(Object.keys(columns))
  const keyOf = (field: Field, text: string) => {
    const { key, at } = field
    checkEntity(field, text, 'order_by')
    const column = isTag(field) ? undefined : Object.entries(columns).find(([known]) => known === key)?.[1]
    if (column !== undefined) return column
    const message = isTag(field)
      ? `Invalid order by key '${key}' specified. Valid keys are ${valid}`
      : `Invalid attribute key '${key}' specified. Valid keys are '${valid}'`
    throw new FilterError(message, text, at, 'order_by')
  }
  return orderKeys(clauses, texts, keyOf, [
    ...(clauses.length === 0 ? [['v.updated_at', false] as const] : []),
    ['v.name', true],
    ['v.version', false],
  ])
}

const TYPES: Record<string, OrderKey['type'] | undefined> = { name: 'text', version: 'integer' }

function orderKeys(
  clauses: Order[],
  texts: string[],
  keyOf: (field: Field, text: string) => string,
  last: (readonly [column: string, ascending: boolean])[],
): OrderKey[] {
  const keys = new Map<string, boolean>()
  for (const [i, { field, ascending }] of clauses.entries()) {
    const text = texts[i] ?? ''
    const column = keyOf(field, text)
    if (keys.has(column)) {
      const told = texts.map((clause) => `'${clause}'`).join(', ')
      throw new FilterError(`\`order_by\` contains duplicate fields: [${told}]`, text, field.at, 'order_by')
    }
    keys.set(column, ascending)
  }
  for (const [column, ascending] of last) {
    if (!keys.has(column)) keys.set(column, ascending)
  }
  return [...keys].map(([column, ascending]) => {
    const type = TYPES[column.slice(2)] ?? 'timestamptz'
    const expression = type === 'text' ? sql`${sql.raw(column)} collate "C"` : sql.raw(column)
    return { expression, ascending, type }
  })
}
