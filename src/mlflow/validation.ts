/** What MLflow's server accepts as names and values, and its words for what it does not. */
import { badPath, normalPath } from '../artifacts/path.ts'
import { LONGEST_TIMEOUT, SHORTEST_TIMEOUT } from '../runs/heartbeat.ts'
import { heartbeatTimeout } from '../runs/wire.ts'
import { invalidParameter } from './errors.ts'
import { HEARTBEAT_TIMEOUT } from './run-wire.ts'
import { pythonJson } from './wire.ts'

export const MAX_KEY = 250
const MAX_PARAM_VALUE = 6_000
export const MAX_TAG_VALUE = 8_000
export const MAX_EXPERIMENT_NAME = 500
export const MAX_EXPERIMENT_TAG_VALUE = 20_000

/** How many characters a text has as Python counts them, which is by code point. */
export const length = (text: string) => [...text].length

/** @throws MlflowError when `value` is longer than `limit` characters */
export function checkLength(what: string, limit: number, value: string) {
  if (value.length > limit && length(value) > limit) {
    throw invalidParameter(`'${what}' exceeds the maximum length of ${limit} characters`)
  }
}

/** The value, or as much of it as is kept: MLflow cuts long params and tags of runs instead of refusing them. */
export const truncated = (value: string, limit: number) =>
  value.length > limit && length(value) > limit ? [...value].slice(0, limit).join('') : value

/** @throws MlflowError when a metric, param or tag cannot be called so */
export function checkName(name: string, path: string) {
  if (!/^[/\p{L}\p{N}_.\- :]*$/u.test(name)) {
    throw invalidValue(
      path,
      name,
      'Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).',
    )
  }
  const normal = normalPath(name)
  if (normal !== name || normal === '.' || normal.startsWith('..') || normal.startsWith('/')) {
    throw invalidValue(path, name, badPath(normal))
  }
}

export const invalidValue = (path: string, value: unknown, why: string) =>
  invalidParameter(`Invalid value ${shown(value)} for parameter '${path}' supplied: ${why}`)

/** How much of a value is told back: in ASCII it is up to six times as long as it came. */
const MAX_SHOWN = 1_000

/**
 * A value as it is told back in what is wrong with it.
 *
 * @throws MlflowError when it is nested so deeply that it cannot be
 */
export function shown(value: unknown): string {
  if (typeof value === 'string') return cut(pythonJson(value.slice(0, MAX_SHOWN + 1)))
  try {
    return cut(pythonJson(value))
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep()
    throw error
  }
}

const cut = (text: string) => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text)

export const tooDeep = () => invalidParameter('The body is nested too deeply')

/** The value that is kept of a param. */
export function checkParam(key: string, value: string, path: string): string {
  checkName(key, path)
  checkLength('Param key', MAX_KEY, key)
  return truncated(value, MAX_PARAM_VALUE)
}

/** The seconds in the tag `edgerun.heartbeat_timeout`. */
export function checkHeartbeatTimeout(value: string): number {
  const { data, error } = heartbeatTimeout.safeParse(/^\d{1,15}$/.test(value) ? Number(value) : undefined)
  if (!error) return data
  throw invalidValue(
    HEARTBEAT_TIMEOUT,
    value,
    `must be a whole number of seconds from ${SHORTEST_TIMEOUT} to ${LONGEST_TIMEOUT}`,
  )
}

/** The value that is kept of a run's tag. */
export function checkTag(key: string, value: string, path: string): string {
  checkName(key, path)
  checkLength(path, MAX_KEY, key)
  return truncated(value, MAX_TAG_VALUE)
}

interface DatasetFields {
  name: string | undefined
  digest: string | undefined
  source_type: string | undefined
  source: string | undefined
  schema: string | undefined
  profile: string | undefined
}

/** A dataset as a run takes it in; what is left out is empty, as in protobuf. */
export function checkDataset(dataset: DatasetFields, tags: { key: string; value: string }[]) {
  const { name = '', digest = '', source_type = '', source = '', schema, profile } = dataset
  checkLength('name', 500, name)
  checkLength('digest', 36, digest)
  checkLength('source', 65_535, source)
  checkLength('schema', 1_048_575, schema ?? '')
  checkLength('profile', 16_777_215, profile ?? '')
  for (const { key, value } of tags) {
    checkLength('key', 255, key)
    checkLength('value', 500, value)
  }
  return { name, digest, sourceType: source_type, source, schema: schema ?? null, profile: profile ?? null }
}
