/** The fields of an experiment that filters and orders can name. */

import { type SQL, sql } from 'drizzle-orm'
import { experimentId } from '../db/ids.ts'
import { experiments } from '../db/schema.ts'
import { type Comparator, type Comparison, FilterError, type Order } from '../search/filter.ts'
import { compareNumber, comparesNumbers, compareText, type OrderKey } from '../search/sql.ts'

const ATTRIBUTES = ['name', 'experiment_id', 'creation_time', 'last_update_time']
const TEXT_COMPARATORS = ['=', '!=', 'LIKE', 'ILIKE'] as const
const ID_COMPARATORS = ['=', '!=', 'IN', 'NOT IN'] as const
const TAG_COMPARATORS = [...TEXT_COMPARATORS, 'IS NULL', 'IS NOT NULL'] as const

const moment = (column: SQL) => sql`(extract(epoch from ${column}) * 1000)::double precision`

/** The condition that a comparison puts on a row of `experiments`. */
export function experimentComparison(text: string): (comparison: Comparison) => SQL {
  return ({ field, comparator, value }) => {
    const fault = (message: string, at = value.at) => new FilterError(message, text, at)
    const isTag = field.entity === 'tag' || field.entity === 'tags'
    const check = (what: string, allowed: readonly Comparator[]) => {
      if (!allowed.includes(comparator))
        throw fault(`Invalid comparator for ${what}: ${comparator}`, field.at)
    }
    checkField(field, text, 'filter')
    if (value.type === 'list' && !isTag && field.key !== 'experiment_id') {
      throw fault(
        "Only ['experiment_id'] attributes support comparison with a list of quoted string values.",
        field.at,
      )
    }
    if (comparator.startsWith('IS') && !isTag) {
      throw fault(
        `IS NULL / IS NOT NULL is only supported for tags, not for attribute '${field.key}'`,
        field.at,
      )
    }
    const texts = () => {
      if (value.type === 'string') return value.value
      if (value.type === 'list') return value.values
      if (value.type === 'none') return null
      throw fault(
        isTag
          ? `Expected a quoted string value for tag (e.g. 'my-value'). Got value ${value.text}`
          : `Expected a quoted string value for attributes. Got value ${value.text}`,
      )
    }
    if (isTag) {
      check('tag', TAG_COMPARATORS)
      return compareText(sql`(${experiments.tags} ->> ${field.key}::text)`, comparator, texts())
    }
    if (field.key === 'name' || field.key === 'experiment_id') {
      const isName = field.key === 'name'
      check(isName ? 'string attribute' : 'experiment_id', isName ? TEXT_COMPARATORS : ID_COMPARATORS)
      return compareText(
        isName ? sql`${experiments.name}` : experimentId(experiments.id),
        comparator,
        texts(),
      )
    }
    if (value.type !== 'number') {
      throw fault(`Expected numeric value type for numeric attribute: ${field.key}. Found ${value.text}`)
    }
    if (!comparesNumbers(comparator)) {
      throw fault(`Invalid comparator for numeric attribute: ${comparator}`, field.at)
    }
    const column = field.key === 'creation_time' ? experiments.createdAt : experiments.updatedAt
    return compareNumber(moment(sql`${column}`), comparator, value.value)
  }
}

/** The order of experiments by some clauses, and else the newest first; at last by id. */
export function experimentOrder(clauses: Order[], texts: string[]): OrderKey[] {
  const keys = clauses.map(({ field, ascending }, i): OrderKey => {
    checkField(field, texts[i] ?? '', 'order_by')
    switch (field.key) {
      case 'name':
        return { expression: sql`${experiments.name} collate "C"`, ascending, type: 'text' }
      case 'experiment_id':
        return { expression: sql`${experiments.id}`, ascending, type: 'uuid' }
      case 'creation_time':
        return { expression: sql`${experiments.createdAt}`, ascending, type: 'timestamptz' }
      default:
        return { expression: sql`${experiments.updatedAt}`, ascending, type: 'timestamptz' }
    }
  })
  if (keys.length === 0) {
    keys.push({ expression: sql`${experiments.createdAt}`, ascending: false, type: 'timestamptz' })
  }
  if (!keys.some(({ type }) => type === 'uuid')) {
    keys.push({ expression: sql`${experiments.id}`, ascending: true, type: 'uuid' })
  }
  return keys
}

function checkField({ entity, key, at }: Comparison['field'], text: string, path: string) {
  const isTag = entity === 'tag' || entity === 'tags'
  if (!['', 'attribute', 'attributes'].includes(entity) && !(isTag && path === 'filter')) {
    throw new FilterError(
      `Invalid entity type '${entity}'. Valid entity types are ('attribute', 'tag', 'tags')`,
      text,
      at,
      path,
    )
  }
  if (!isTag && !ATTRIBUTES.includes(key)) {
    const valid = ATTRIBUTES.map((name) => `'${name}'`).join(', ')
    throw new FilterError(
      `Invalid attribute key '${key}' specified. Valid keys are '{${valid}}'`,
      text,
      at,
      path,
    )
  }
}
