/**
 * Reads metrics, params and tags of a batch, by hand for the same reason as `src/metrics/points.ts`: a call brings up to
 * a thousand of them.
 */
import { EARLIEST, LATEST, NAME_LENGTH } from '../http/schemas.ts'
import { isObject, type NamedPoint, readStep } from '../metrics/points.ts'
import { invalidParameter } from './errors.ts'
import { HINT } from './message.ts'
import { checkLength, checkName, invalidValue } from './validation.ts'

export interface Metric extends NamedPoint {
  /** The logged model that it is of too, and the dataset. */
  modelId: string | undefined
  datasetName: string | undefined
  datasetDigest: string | undefined
}

export interface Pair {
  key: string
  value: string
}

const isMissing = (value: unknown) => value === undefined || value === null || value === ''

const missing = (path: string) => invalidParameter(`Missing value for required parameter '${path}'.${HINT}`)

const wrongType = (path: string, value: string) =>
  invalidValue(path, value, ` Hint: Value was of type 'str'.${HINT}`)

const optional = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

export function readMetrics(items: unknown[]): Metric[] {
  for (const [i, item] of items.entries()) {
    if (!isObject(item)) throw invalidValue(`metrics[${i}]`, item, 'must be an object')
    for (const field of ['key', 'value', 'timestamp']) {
      if (isMissing(item[field])) throw missing(`metrics[${i}].${field}`)
    }
  }
  return items.map((item, i) => readMetric(isObject(item) ? item : {}, `metrics[${i}].`))
}

/** @param path stands before the names of fields in what is wrong */
export function readMetric(item: Record<string, unknown>, path: string): Metric {
  for (const field of ['value', 'timestamp']) {
    if (isMissing(item[field])) throw missing(path + field)
  }
  const key = typeof item.key === 'string' ? item.key : ''
  if (typeof item.key !== 'string') throw invalidValue(`${path}key`, item.key, 'must be a string')
  checkName(key, `${path}name`)
  const value = readValue(item.value)
  if (value === undefined) {
    if (typeof item.value === 'string') throw wrongType(`${path}value`, item.value)
    throw invalidValue(
      `${path}value`,
      item.value,
      `(timestamp=${item.timestamp}). Please specify value as a valid double (64-bit floating point)`,
    )
  }
  const time = readStep(item.timestamp)
  if (time === undefined && typeof item.timestamp === 'string')
    throw wrongType(`${path}timestamp`, item.timestamp)
  if (time === undefined || time < 0 || time > LATEST || time < EARLIEST) {
    throw invalidValue(
      `${path}timestamp`,
      item.timestamp,
      `metric '${key}' (value=${pythonFloat(value)}). Timestamp must be a nonnegative long (64-bit integer) `,
    )
  }
  const step = isMissing(item.step) ? 0 : readStep(item.step)
  if (step === undefined) {
    if (typeof item.step === 'string') throw wrongType(`${path}step`, item.step)
    throw invalidValue(
      `${path}step`,
      item.step,
      `metric '${key}' (value=${pythonFloat(value)}). Step must be a valid long (64-bit integer).`,
    )
  }
  checkLength('Metric name', NAME_LENGTH, key)
  return {
    name: key,
    step,
    value,
    time: Number(time),
    modelId: optional(item.model_id),
    datasetName: optional(item.dataset_name),
    datasetDigest: optional(item.dataset_digest),
  }
}

export function readPairs(items: unknown[], path: 'params' | 'tags'): Pair[] {
  return items.map((item, i) => {
    if (!isObject(item)) throw invalidValue(`${path}[${i}]`, item, 'must be an object')
    if (isMissing(item.key)) throw missing(`${path}[${i}].key`)
    const { key, value = '' } = item
    if (typeof key !== 'string') throw invalidValue(`${path}[${i}].key`, key, 'must be a string')
    if (typeof value !== 'string') throw invalidValue(`${path}[${i}].value`, value, 'must be a string')
    return { key, value }
  })
}

/** @throws MlflowError when a batch has more than one may have, or a param twice */
export function checkBatch(metrics: unknown[], params: Pair[], tags: unknown[], maxPoints: number) {
  checkCount('metrics', Math.min(1_000, maxPoints), metrics.length)
  checkCount('params', 100, params.length)
  checkCount('tags', 100, tags.length)
  checkCount('metrics, params, and tags', 1_000, metrics.length + params.length + tags.length)
  const seen = new Set<string>()
  const twice: string[] = []
  for (const { key } of params) {
    if (seen.has(key)) twice.push(key)
    seen.add(key)
  }
  if (twice.length > 0) {
    throw invalidParameter(
      `Duplicate parameter keys have been submitted: [${twice.map((key) => `'${key}'`).join(', ')}]. Please ensure the request contains only one param value per param key.`,
    )
  }
}

function checkCount(what: string, limit: number, count: number) {
  if (count <= limit) return
  throw invalidParameter(
    `A batch logging request can contain at most ${limit} ${what}. Got ${count} ${what}. Please split up ${what} across multiple requests and try again.`,
  )
}

function readValue(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  // As Python reads them, in any case.
  if (/^nan$/i.test(value)) return Number.NaN
  const infinite = /^(-?)inf(inity)?$/i.exec(value)
  if (infinite) return infinite[1] ? -Infinity : Infinity
  const number = /^-?\d[\d.]*(e[-+]?\d+)?$/i.test(value) ? Number(value) : Number.NaN
  return Number.isNaN(number) ? undefined : number
}

/** A float as Python writes it. */
const pythonFloat = (value: number) => (Number.isInteger(value) ? value.toFixed(1) : String(value))
