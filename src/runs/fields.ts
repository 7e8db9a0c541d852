/** The fields of a run that filters and orders can name, under MLflow's names and those of the native API. */

import { type SQL, sql } from 'drizzle-orm'
import { experimentId, hexId } from '../db/ids.ts'
import { runs } from '../db/schema.ts'
import { epochMilliseconds } from '../http/schemas.ts'
import { type Comparator, type Comparison, type Field, FilterError, type Order } from '../search/filter.ts'
import { compareNumber, comparesNumbers, compareText, type OrderKey } from '../search/sql.ts'

/** How an API writes what a run has: statuses and ids are compared as its users see them. */
export interface RunWords {
  id: SQL
  parentId: SQL
  status: SQL
  artifactUri: SQL
}

/** A run's status in MLflow's words, and its id in MLflow's form. */
export const MLFLOW_WORDS: RunWords = {
  id: hexId(runs.id),
  parentId: hexId(runs.parentRunId),
  status: sql`case ${runs.status} when 'completed' then 'FINISHED' else upper(${runs.status}) end`,
  artifactUri: sql`coalesce(
    ${runs.artifactUri},
    'mlflow-artifacts:/' || ${experimentId(runs.experimentId)} || '/' || ${hexId(runs.id)} || '/artifacts'
  )`,
}

export const NATIVE_WORDS: RunWords = {
  id: sql`${runs.id}::text`,
  parentId: sql`${runs.parentRunId}::text`,
  status: sql`${runs.status}`,
  artifactUri: MLFLOW_WORDS.artifactUri,
}

type Entity = 'metric' | 'parameter' | 'tag' | 'attribute' | 'dataset'

const ENTITIES: Record<string, Entity | undefined> = {
  '': 'attribute',
  attribute: 'attribute',
  attributes: 'attribute',
  attr: 'attribute',
  run: 'attribute',
  metric: 'metric',
  metrics: 'metric',
  parameter: 'parameter',
  parameters: 'parameter',
  param: 'parameter',
  params: 'parameter',
  tag: 'tag',
  tags: 'tag',
  dataset: 'dataset',
  datasets: 'dataset',
}

type Attribute =
  | 'run_id'
  | 'parent_run_id'
  | 'run_name'
  | 'user_id'
  | 'status'
  | 'start_time'
  | 'end_time'
  | 'artifact_uri'
  | 'seed'

const ATTRIBUTES: Record<string, Attribute | undefined> = {
  run_id: 'run_id',
  id: 'run_id',
  parent_run_id: 'parent_run_id',
  run_name: 'run_name',
  'run name': 'run_name',
  'Run name': 'run_name',
  'Run Name': 'run_name',
  name: 'run_name',
  user_id: 'user_id',
  status: 'status',
  start_time: 'start_time',
  created: 'start_time',
  Created: 'start_time',
  started_at: 'start_time',
  end_time: 'end_time',
  ended_at: 'end_time',
  artifact_uri: 'artifact_uri',
  seed: 'seed',
}

const NUMERIC: readonly Attribute[] = ['start_time', 'end_time', 'seed']

/** Attributes that a run may lack, under the native API's names: MLflow knows no such question. */
const NULLABLE = ['parent_run_id', 'name', 'seed', 'ended_at']

const DATASET_KEYS = ['name', 'digest', 'context']

const NUMBER_COMPARATORS = ['=', '!=', '<', '<=', '>', '>='] as const
const TEXT_COMPARATORS = ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'] as const
const NAMED_COMPARATORS = ['=', '!=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL', 'IN', 'NOT IN'] as const

const set = (words: readonly string[]) => `{${words.map((word) => `'${word}'`).join(', ')}}`

/** The tags that a run shows but does not hold: they are columns. */
const RUN_NAME = 'mlflow.runName'
const PARENT_RUN = 'mlflow.parentRunId'

/** What a filter's text was, for messages. */
type Text = string

function entityOf({ entity, at }: Field, text: Text, path: string): Entity {
  const known = Object.hasOwn(ENTITIES, entity) ? ENTITIES[entity] : undefined
  if (known) return known
  throw new FilterError(
    `Invalid entity type '${entity}'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']`,
    text,
    at,
    path,
  )
}

function attributeOf({ key, at }: Field, text: Text, path: string): Attribute {
  const known = Object.hasOwn(ATTRIBUTES, key) ? ATTRIBUTES[key] : undefined
  if (known) return known
  throw new FilterError(
    `Invalid attribute key '${key}' specified. Valid keys are '${set(Object.keys(ATTRIBUTES))}'`,
    text,
    at,
    path,
  )
}

const seconds = (column: SQL) => sql`(extract(epoch from ${column}) * 1000)::bigint`

/** The value of an attribute: text, or a number where it is one of NUMERIC. */
function attributeValue(attribute: Attribute, words: RunWords): SQL {
  switch (attribute) {
    case 'run_id':
      return words.id
    case 'parent_run_id':
      return words.parentId
    case 'run_name':
      return sql`${runs.name}`
    case 'user_id':
      return sql`coalesce(${runs.userId}, '')`
    case 'status':
      return words.status
    case 'artifact_uri':
      return words.artifactUri
    case 'seed':
      return sql`${runs.seed}`
    case 'start_time':
      return seconds(sql`${runs.startedAt}`)
    case 'end_time':
      return seconds(sql`${runs.endedAt}`)
  }
}

function tagValue(key: string): SQL {
  if (key === RUN_NAME) return sql`${runs.name}`
  const held = sql`${runs.tags} ->> ${key}::text`
  if (key !== PARENT_RUN) return sql`(${held})`
  return sql`coalesce(${held}, ${hexId(runs.parentRunId)})`
}

/** The condition that a comparison puts on a row of `runs`; null where nothing is there to compare. */
export function runComparison(text: Text, words: RunWords): (comparison: Comparison) => SQL {
  return ({ field, comparator, value }) => {
    const fault = (message: string, at = value.at) => new FilterError(message, text, at)
    const check = (allowed: readonly Comparator[]) => {
      if (!allowed.includes(comparator)) {
        throw fault(`Invalid comparator '${comparator}' not one of '${set(allowed)}'`, field.at)
      }
    }
    const entity = entityOf(field, text, 'filter')
    if (field.aggregate !== 'last' && entity !== 'metric') {
      throw fault(`${field.aggregate}() is of metrics alone`, field.at)
    }
    const isNull = comparator === 'IS NULL' || comparator === 'IS NOT NULL'
    const isNullable = entity === 'attribute' && NULLABLE.includes(field.key)
    if (isNull && entity !== 'parameter' && entity !== 'tag' && !isNullable) {
      throw fault(
        `IS NULL / IS NOT NULL is only supported for tags and params, not for '${entity}' '${field.key}'` +
          (entity === 'attribute' ? ` (of attributes for ${NULLABLE.join(', ')})` : ''),
        field.at,
      )
    }
    const texts = (what: string) => {
      if (value.type === 'string') return value.value
      if (value.type === 'list') return value.values
      if (value.type === 'none') return null
      throw fault(`Expected a quoted string value for ${what} (e.g. 'my-value'). Got value ${value.text}`)
    }
    switch (entity) {
      case 'metric': {
        if (value.type !== 'number' && comparesNumbers(comparator)) {
          throw fault(`Expected numeric value type for metric. Found ${value.text}`)
        }
        check(NUMBER_COMPARATORS)
        if (value.type !== 'number' || !comparesNumbers(comparator)) throw fault('Expected a number')
        const column = sql.raw(`series.${field.aggregate}_value`)
        return sql`exists (
          select from series
          -- Said for the index: that of the run follows from it.
          where series.workspace_id = ${runs.workspaceId} and series.experiment_id = ${runs.experimentId}
            and series.run_id = ${runs.id} and series.name = ${field.key} and series.rank = 0 and series.newest
            and ${compareNumber(column, comparator, value.value)}
        )`
      }
      case 'parameter':
        check(NAMED_COMPARATORS)
        return guessed(
          compareText(sql`(${runs.params} ->> ${field.key}::text)`, comparator, texts('parameter')),
        )
      case 'tag':
        check(NAMED_COMPARATORS)
        return guessed(compareText(tagValue(field.key), comparator, texts('tag')))
      case 'dataset': {
        if (!DATASET_KEYS.includes(field.key)) {
          throw fault(
            `Invalid dataset key '${field.key}' specified. Valid keys are '${set(DATASET_KEYS)}'`,
            field.at,
          )
        }
        check(TEXT_COMPARATORS)
        const compared = (held: SQL) => compareText(held, comparator, texts('dataset attributes'))
        return sql`exists (
          select from run_datasets join datasets on datasets.id = run_datasets.dataset_id
          where run_datasets.workspace_id = ${runs.workspaceId} and run_datasets.run_id = ${runs.id} and ${
            field.key === 'context'
              ? sql`exists (
                  select from jsonb_array_elements(run_datasets.tags) as tag
                  where tag ->> 'key' = 'mlflow.data.context' and ${compared(sql`(tag ->> 'value')`)}
                )`
              : compared(sql.raw(`datasets.${field.key}`))
          }
        )`
      }
      case 'attribute': {
        const attribute = attributeOf(field, text, 'filter')
        const held = attributeValue(attribute, words)
        if (isNull) return compareText(held, comparator, null)
        if (NUMERIC.includes(attribute)) {
          const number = value.type === 'number' ? value.value : momentOf(field, value)
          if (number === undefined) {
            throw fault(
              `Expected numeric value type for numeric attribute: ${field.key}. Found ${value.text}`,
            )
          }
          check(NUMBER_COMPARATORS)
          if (!comparesNumbers(comparator)) throw fault('Expected a number')
          return compareNumber(sql`${held}::double precision`, comparator, number)
        }
        check(TEXT_COMPARATORS)
        if (attribute === 'run_id') return compareIds(sql`${runs.id}`, comparator, texts('attributes'), held)
        if (attribute === 'parent_run_id') {
          return compareIds(sql`${runs.parentRunId}`, comparator, texts('attributes'), held)
        }
        return compareText(held, comparator, texts('attributes'))
      }
    }
  }
}

const GROUPING: readonly Attribute[] = ['run_name', 'parent_run_id', 'status', 'seed']

/**
 * What runs are grouped by, as text: a param, a tag or one of some attributes.
 *
 * @throws FilterError for what they cannot be grouped by
 */
export function groupValue(field: Field, text: Text, words: RunWords): SQL {
  const entity = entityOf(field, text, 'by')
  if (field.aggregate === 'last' && entity === 'parameter')
    return sql`(${runs.params} ->> ${field.key}::text)`
  if (field.aggregate === 'last' && entity === 'tag') return tagValue(field.key)
  const attribute = entity === 'attribute' ? attributeOf(field, text, 'by') : undefined
  if (field.aggregate === 'last' && attribute !== undefined && GROUPING.includes(attribute)) {
    return sql`(${attributeValue(attribute, words)})::text`
  }
  throw new FilterError(
    `Runs are grouped by a param, a tag, or by name, parent_run_id, status or seed, not by '${text}'`,
    text,
    field.at,
    'by',
  )
}

/**
 * A comparison of which Postgres is to guess that half of the runs meet it. By itself it guesses one in two hundred, and
 * then reads a whole experiment instead of the index of its order: 250 ms instead of 6 with 100,000 runs.
 */
const guessed = (comparison: SQL) => sql`coalesce(${comparison}, false)`

/** The native names of moments take ISO 8601 too, as the native API writes them. */
const momentOf = ({ key }: Field, value: Comparison['value']) =>
  value.type === 'string' && key.endsWith('_at') ? epochMilliseconds(value.value) : undefined

/** By the key where that is possible; either API's form of an id will do. */
function compareIds(column: SQL, comparator: Comparator, value: string | string[] | null, held: SQL): SQL {
  const digits = (id: string) => id.replaceAll('-', '').toLowerCase()
  const ids = [value ?? []]
    .flat()
    .map(digits)
    .filter((id) => /^[0-9a-f]{32}$/.test(id))
  if (comparator === '=' || comparator === 'IN') return sql`${column} = any(${sql.param(ids)}::uuid[])`
  if (comparator === '!=' || comparator === 'NOT IN') return sql`${column} <> all(${sql.param(ids)}::uuid[])`
  return compareText(held, comparator, value)
}

/** A metric that runs are ordered by: its series is joined under an alias. */
export interface OrderedMetric {
  alias: string
  name: string
}

export interface RunOrder {
  keys: OrderKey[]
  metrics: OrderedMetric[]
  /** Whether the first key is a metric, and then which way. */
  first?: { metric: OrderedMetric; value: SQL; ascending: boolean }
}

/**
 * The order of runs by some clauses: what has no value comes last either way, NaN before that; then the newest first,
 * and at last by id.
 *
 * @throws FilterError for what runs cannot be ordered by
 */
export function runOrder(clauses: Order[], texts: Text[], words: RunWords, idAscending: boolean): RunOrder {
  const keys: OrderKey[] = []
  const metrics: OrderedMetric[] = []
  const seen = new Set<string>()
  let first: RunOrder['first']
  for (const [i, { field, ascending }] of clauses.entries()) {
    const text = texts[i] ?? ''
    const entity = entityOf(field, text, 'order_by')
    const key = entity === 'attribute' ? attributeOf(field, text, 'order_by') : field.key
    const name = `${entity} ${field.aggregate} ${key}`
    if (seen.has(name)) {
      throw new FilterError(
        `\`order_by\` contains duplicate fields: [${texts.map((clause) => `'${clause}'`).join(', ')}]`,
        text,
        field.at,
        'order_by',
      )
    }
    seen.add(name)
    const textKeys = (value: SQL): OrderKey[] => [
      { expression: sql`(${value} is null)::int`, ascending: true, type: 'integer' },
      { expression: sql`${value} collate "C"`, ascending, type: 'text' },
    ]
    switch (entity) {
      case 'metric': {
        const metric = { alias: `ordered_${metrics.length}`, name: field.key }
        const value = sql.raw(`${metric.alias}.${field.aggregate}_value`)
        metrics.push(metric)
        keys.push(
          {
            expression: sql`case when ${value} = 'NaN' then 1 when ${value} is null then 2 else 0 end`,
            ascending: true,
            type: 'integer',
          },
          { expression: value, ascending, type: 'double precision' },
        )
        if (i === 0 && field.aggregate === 'last') first = { metric, value, ascending }
        break
      }
      case 'parameter':
        keys.push(...textKeys(sql`(${runs.params} ->> ${field.key}::text)`))
        break
      case 'tag':
        keys.push(...textKeys(tagValue(field.key)))
        break
      case 'attribute': {
        const attribute = attributeOf(field, text, 'order_by')
        if (attribute === 'start_time') {
          keys.push({ expression: sql`${runs.startedAt}`, ascending, type: 'timestamptz' })
        } else if (attribute === 'end_time' || attribute === 'seed') {
          const value = attributeValue(attribute, words)
          keys.push(
            { expression: sql`(${value} is null)::int`, ascending: true, type: 'integer' },
            { expression: value, ascending, type: 'bigint' },
          )
        } else if (attribute === 'run_id') {
          keys.push({ expression: sql`${runs.id}`, ascending, type: 'uuid' })
        } else keys.push(...textKeys(attributeValue(attribute, words)))
        break
      }
      case 'dataset':
        throw new FilterError(`Invalid identifier type '${entity}'`, text, field.at, 'order_by')
    }
  }
  if (!seen.has('attribute last start_time')) {
    keys.push({ expression: sql`${runs.startedAt}`, ascending: false, type: 'timestamptz' })
  }
  if (!seen.has('attribute last run_id')) {
    keys.push({ expression: sql`${runs.id}`, ascending: idAscending, type: 'uuid' })
  }
  return { keys, metrics, ...(first && { first }) }
}
