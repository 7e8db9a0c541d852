/** The fields of logged models that filters and orders can name. */

import { type SQL, sql } from 'drizzle-orm'
import { experimentId, hexId } from '../db/ids.ts'
import { LOGGED_MODEL_STATUSES } from '../db/schema.ts'
import { type Comparator, type Comparison, type Field, FilterError, type Value } from '../search/filter.ts'
import { compareNumber, comparesNumbers, compareText, type OrderKey } from '../search/sql.ts'
import { MODEL_LOCATION } from './rows.ts'

const NUMBER_COMPARATORS = ['<', '<=', '>', '>=', '=', '!='] as const
const TEXT_COMPARATORS = ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'] as const

const ENTITIES = ['attributes', 'metrics', 'params', 'tags'] as const

/** Attributes of `logged_models as m` that are text. */
const TEXTS: Record<string, SQL | undefined> = {
  name: sql`m.name`,
  model_id: sql`('m-' || ${hexId(sql`m.id`)})`,
  experiment_id: experimentId(sql`m.experiment_id`),
  artifact_location: MODEL_LOCATION,
  lifecycle_stage: sql`(case when m.deleted_at is null then 'active' else 'deleted' end)`,
  model_type: sql`coalesce(m.model_type, '')`,
  source_run_id: sql`coalesce(m.source_run_id, '')`,
  status: sql`m.status`,
  status_message: sql`m.status_message`,
}

/** And those that are moments. */
const MOMENTS: Record<string, SQL | undefined> = {
  creation_timestamp: sql`m.created_at`,
  creation_timestamp_ms: sql`m.created_at`,
  creation_time: sql`m.created_at`,
  last_updated_timestamp: sql`m.updated_at`,
  last_updated_timestamp_ms: sql`m.updated_at`,
}

/** A dataset by which metrics are told apart; by any digest where it has none. */
export interface DatasetName {
  name: string | undefined
  digest: string | undefined
}

/** What of a page of models comes first: an attribute, or a metric, maybe of one dataset. */
export interface ModelOrder {
  field: string
  ascending: boolean
  dataset: DatasetName
}

const tuple = (words: readonly string[]) => words.map((word) => `'${word}'`).join(', ')

/**
 * The condition that a comparison puts on a row of `logged_models as m`; null where nothing is there to compare.
 *
 * @param datasets of which a metric has to be, where there are any
 */
export function modelComparison(text: string, datasets: DatasetName[]): (comparison: Comparison) => SQL {
  return ({ field, comparator, value }) => {
    const fault = (message: string, at = value.at) => new FilterError(message, text, at)
    const entity = entityOf(field, text)
    const check = (allowed: readonly Comparator[]) => {
      if (allowed.includes(comparator)) return
      throw fault(
        `Invalid comparison operator for ${entity}.${field.key}: '${comparator}'. Expected one of (${tuple(allowed)}).`,
        field.at,
      )
    }
    const moment = entity === 'attributes' ? of(MOMENTS, field.key) : undefined
    if (entity === 'metrics' || moment !== undefined) {
      check(NUMBER_COMPARATORS)
      if (value.type !== 'number' || !comparesNumbers(comparator)) {
        throw fault(`Expected numeric value type for ${entity}.${field.key}. Found ${value.text}`)
      }
      const compared = (number: SQL) => compareNumber(number, comparator, value.value)
      if (moment !== undefined) return compared(sql`(extract(epoch from ${moment}) * 1000)::double precision`)
      return hasMetric(sql`metric.name = ${field.key} and ${compared(sql`metric.value`)}`, datasets)
    }
    check(TEXT_COMPARATORS)
    if (entity !== 'attributes') {
      return compareText(sql`(m.${sql.raw(entity)} ->> ${field.key}::text)`, comparator, textsOf(value))
    }
    const held = of(TEXTS, field.key)
    if (held === undefined) throw fault(`Invalid attribute key '${field.key}' specified`, field.at)
    return compareText(held, comparator, field.key === 'status' ? statusesOf(value) : textsOf(value))
  }
}

/** Models that have any metric of one of the datasets. */
export const hasMetricOf = (datasets: DatasetName[]): SQL => hasMetric(sql`true`, datasets)

function hasMetric(condition: SQL, datasets: DatasetName[]): SQL {
  const ofDatasets = datasets.length === 0 ? sql`true` : sql`(${sql.join(datasets.map(isOf), sql` or `)})`
  return sql`exists (
    select from logged_model_metrics as metric where metric.model_id = m.id and ${condition} and ${ofDatasets}
  )`
}

const isOf = ({ name, digest }: DatasetName): SQL =>
  sql`(${name === undefined ? sql`true` : sql`metric.dataset_name = ${name}`} and ${
    digest === undefined ? sql`true` : sql`metric.dataset_digest = ${digest}`
  })`

function entityOf({ entity, aggregate, at }: Field, text: string): (typeof ENTITIES)[number] {
  const known = entity === '' ? 'attributes' : ENTITIES.find((each) => each === entity)
  if (known && aggregate === 'last') return known
  throw new FilterError(`Invalid entity type: '${entity}'. Expected one of [${tuple(ENTITIES)}].`, text, at)
}

/** Here a text needs no quotes where it is a number. */
function textsOf(value: Value): string | string[] | null {
  switch (value.type) {
    case 'string':
      return value.value
    case 'list':
      return value.values
    case 'number':
      return value.text
    case 'none':
      return null
  }
}

/** Statuses by their names, or by the numbers that MLflow has for them. */
function statusesOf(value: Value): string | string[] | null {
  const named = (text: string) => LOGGED_MODEL_STATUSES[Number(text)] ?? text
  const texts = textsOf(value)
  return Array.isArray(texts) ? texts.map(named) : texts === null ? null : named(texts)
}

/** The order of models, and what has to be joined to `logged_models as m` for it. */
export interface ModelOrderKeys {
  keys: OrderKey[]
  joins: SQL
}

/**
 * The order of models by some fields: what has no value comes last either way, NaN before that; then the newest first,
 * and at last by id. The value of a metric is the latest one.
 *
 * @param fault what is wrong with a field
 */
export function modelOrder(orders: ModelOrder[], fault: (message: string) => Error): ModelOrderKeys {
  const keys: OrderKey[] = []
  const joins: SQL[] = []
  for (const { field, ascending, dataset } of orders) {
    const moment = MOMENTS[field]
    const text = TEXTS[field]
    if (moment !== undefined) keys.push({ expression: moment, ascending, type: 'timestamptz' })
    else if (field === 'model_id') keys.push({ expression: sql`m.id`, ascending, type: 'uuid' })
    else if (field === 'status') keys.push({ expression: STATUS_NUMBER, ascending, type: 'integer' })
    else if (text !== undefined) {
      keys.push({ expression: sql`(${text} is null)::int`, ascending: true, type: 'integer' })
      keys.push({ expression: sql`${text} collate "C"`, ascending, type: 'text' })
    } else if (field.startsWith('metrics.')) {
      const alias = sql.raw(`ordered_${joins.length}`)
      joins.push(latestMetric(alias, field.slice('metrics.'.length), dataset))
      const number = sql`case when ${alias}.value is null then 2 when ${alias}.value = 'NaN' then 1 else 0 end`
      keys.push({ expression: sql`(${number})`, ascending: true, type: 'integer' })
      keys.push({ expression: sql`${alias}.value`, ascending, type: 'double precision' })
    } else {
      const only = field.includes('.') ? '. Only metrics are supported.' : ''
      throw fault(`Invalid order by field name: ${field}${only}`)
    }
  }
  if (!orders.some(({ field }) => field.startsWith('creation_time'))) {
    keys.push({ expression: sql`m.created_at`, ascending: false, type: 'timestamptz' })
  }
  if (!keys.some(({ type }) => type === 'uuid')) {
    keys.push({ expression: sql`m.id`, ascending: true, type: 'uuid' })
  }
  return { keys, joins: sql.join(joins, sql` `) }
}

/** Statuses are ordered by their numbers. */
const STATUS_NUMBER = sql`array_position(array[${sql.raw(tuple(LOGGED_MODEL_STATUSES))}], m.status::text)`

const latestMetric = (alias: SQL, name: string, dataset: DatasetName): SQL => sql`
  left join lateral (
    select metric.value from logged_model_metrics as metric
    where metric.model_id = m.id and metric.name = ${name} and ${isOf(dataset)}
    order by metric.time desc, metric.step desc, metric.run_id limit 1
  ) as ${alias} on true`

/** What a field is named, unless it is what every object has. */
const of = (fields: Record<string, SQL | undefined>, key: string): SQL | undefined =>
  Object.hasOwn(fields, key) ? fields[key] : undefined
