/** Makes SQL of filters and orders. Whatever comes from a request goes in as a parameter. */
import { type SQL, sql } from 'drizzle-orm'
import type { Comparator, Comparison, Filter } from './filter.ts'

/**
 * The condition that a filter is, with `comparison` for the fields of what is searched. What is not there compares with
 * nothing: a comparison with it does not hold, and its negation does.
 */
export function condition(filter: Filter, comparison: (comparison: Comparison) => SQL): SQL {
  switch (filter.kind) {
    case 'comparison':
      return comparison(filter)
    case 'not':
      return sql`not coalesce(${condition(filter.part, comparison)}, false)`
    default:
      return sql`(${sql.join(
        filter.parts.map((part) => condition(part, comparison)),
        filter.kind === 'and' ? sql` and ` : sql` or `,
      )})`
  }
}

/** A text compared with what a filter says; `value` is a list for IN and NOT IN, and null for IS NULL. */
export function compareText(text: SQL, comparator: Comparator, value: string | string[] | null): SQL {
  switch (comparator) {
    case 'IS NULL':
      return sql`${text} is null`
    case 'IS NOT NULL':
      return sql`${text} is not null`
    case 'IN':
      return sql`${text} = any(${sql.param(value)}::text[])`
    case 'NOT IN':
      return sql`${text} <> all(${sql.param(value)}::text[])`
    case 'LIKE':
      return sql`${text} like ${pattern(value)}::text`
    case 'ILIKE':
      return sql`${text} ilike ${pattern(value)}::text`
    default:
      return sql`${text} collate "C" ${sql.raw(OPERATORS[comparator])} ${value}::text`
  }
}

/** A pattern for LIKE, in which a backslash takes the next character for what it is, and the last for itself. */
const pattern = (value: string | string[] | null) => String(value).replace(/(?<!\\)(?:\\\\)*\\$/, '$&\\')

/** Whether a text contains another, in any case; what LIKE has a meaning for is taken for what it is. */
export const contains = (text: SQL, part: string): SQL =>
  sql`${text} ilike ${`%${part.replace(/[\\%_]/g, '\\$&')}%`}::text`

/** A double compared with a number; NaN is greater than nothing, as nowhere but in Postgres it is. */
export function compareNumber(number: SQL, comparator: NumberComparator, value: number): SQL {
  const compared = sql`${number} ${sql.raw(OPERATORS[comparator])} ${value}::double precision`
  return comparator === '>' || comparator === '>=' ? sql`(${compared} and ${number} <> 'NaN')` : compared
}

export type NumberComparator = keyof typeof OPERATORS

const OPERATORS = { '=': '=', '!=': '<>', '<': '<', '<=': '<=', '>': '>', '>=': '>=' } as const

/** Whether a comparator compares numbers. */
export const comparesNumbers = (comparator: Comparator): comparator is NumberComparator =>
  comparator in OPERATORS

/** One key of an order: an expression that is never null, or one that a key before it tells the nulls of. */
export interface OrderKey {
  expression: SQL
  ascending: boolean
  /** The type that a cursor's text is cast to. */
  type: 'text' | 'double precision' | 'bigint' | 'integer' | 'timestamptz' | 'uuid'
}

/** `order by` these keys. */
export const orderBy = (keys: OrderKey[]): SQL =>
  sql.join(
    keys.map(({ expression, ascending }) => sql`${expression} ${ascending ? sql`asc` : sql`desc`}`),
    sql`, `,
  )

/** The values of the keys of a row, as text: the cursor of what follows it. */
export const cursorOf = (keys: OrderKey[]) =>
  sql<(string | null)[]>`array_to_json(array[${sql.join(
    keys.map(({ expression }) => sql`(${expression})::text`),
    sql`, `,
  )}])`

/** Whether a row comes after the one whose keys have these values. */
export function after(keys: OrderKey[], values: (string | null)[]): SQL {
  const alternatives = keys.map((key, i) => {
    const equal = keys.slice(0, i).map((before, j) => equals(before, values[j] ?? null))
    return sql`(${sql.join([...equal, follows(key, values[i] ?? null)], sql` and `)})`
  })
  return sql`(${sql.join(alternatives, sql` or `)})`
}

const typed = ({ type }: OrderKey, value: string) => sql`${value}::${sql.raw(type)}`

const equals = (key: OrderKey, value: string | null) =>
  value === null ? sql`${key.expression} is null` : sql`${key.expression} = ${typed(key, value)}`

const follows = (key: OrderKey, value: string | null) =>
  value === null ? sql`false` : sql`${key.expression} ${key.ascending ? sql`>` : sql`<`} ${typed(key, value)}`
