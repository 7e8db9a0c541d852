/** What the routes of registered models and those of their versions share: wire format, validation, messages. */

import { z } from 'zod'
import { badPath, normalPath } from '../artifacts/path.ts'
import { MODEL_STAGES } from '../db/schema.ts'
import type { ModelRow, Stage, VersionRow } from '../registry/rows.ts'
import { doesNotExist, invalidParameter, MlflowError } from './errors.ts'
import { integer, list, maybe, text } from './message.ts'
import { checkLength, checkName, invalidValue, length, MAX_KEY } from './validation.ts'
import { pairs } from './wire.ts'

/** The message of a search, whose pages have at most so many rows. */
export const searchMessage = (maxPage: number) =>
  z.object({
    filter: text,
    max_results: maybe(integer.refine((value) => value <= maxPage)),
    order_by: list(z.string()),
    page_token: text,
  })

const MAX_NAME = 256
const MAX_ALIAS = 255
const MAX_TAG_VALUE = 100_000

/** A model with this tag is a prompt, which has its name from the same set. */
export const PROMPT = 'mlflow.prompt.is_prompt'

/** Numbers of versions begin with 1. */
const NO_VERSION = 0
const MAX_VERSION = 2 ** 31 - 1

export function modelVersion(row: VersionRow, aliases: Record<string, number> = {}) {
  const own = Object.keys(aliases).filter((alias) => aliases[alias] === row.version)
  const tags = pairs(row.tags)
  return {
    name: row.name,
    version: String(row.version),
    creation_timestamp: row.created,
    last_updated_timestamp: row.updated,
    current_stage: row.stage,
    ...(row.description !== null && { description: row.description }),
    ...(row.source !== null && { source: row.source }),
    ...(row.run_id !== null && { run_id: row.run_id }),
    status: 'READY',
    ...(tags.length > 0 && { tags }),
    ...(row.run_link !== null && { run_link: row.run_link }),
    ...(own.length > 0 && { aliases: own.sort() }),
  }
}

export function registeredModel(row: ModelRow) {
  const tags = pairs(row.tags)
  const aliases = Object.entries(row.aliases)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([alias, version]) => ({ alias, version: String(version) }))
  // Within a model, versions come without their aliases: so does MLflow send them.
  const latest = (row.latest ?? []).map((version) => modelVersion(version))
  return {
    name: row.name,
    creation_timestamp: row.created,
    last_updated_timestamp: row.updated,
    ...(row.description && { description: row.description }),
    ...(latest.length > 0 && { latest_versions: latest }),
    ...(tags.length > 0 && { tags }),
    ...(aliases.length > 0 && { aliases }),
  }
}

export const noModel = (name: string) => doesNotExist(`Registered Model with name=${name} not found`)

export const noVersion = (name: string, version: string) =>
  doesNotExist(`Model Version (name=${name}, version=${version}) not found`)

/** @throws MlflowError when no registered model can be called so */
export function checkModelName(name: string, path = 'name') {
  if (name.trim() === '') throw invalidParameter(`Missing value for required parameter '${path}'.`)
  if (/[/:]/.test(name)) {
    throw invalidParameter(`Invalid model name '${name}'. Names cannot contain '/' or ':'.`)
  }
  const normal = normalPath(name)
  if (normal !== name || normal === '.' || normal.startsWith('..')) {
    throw invalidValue('name', name, badPath(normal))
  }
}

/** @throws MlflowError when a name is too long to be kept; nothing has one that long */
export function checkNewName(name: string) {
  if (length(name) <= MAX_NAME) return
  // The code that MLflow has for what its database refuses.
  throw new MlflowError('BAD_REQUEST', `'name' exceeds the maximum length of ${MAX_NAME} characters`)
}

/** @throws MlflowError when a registered model or version cannot have the tag */
export function checkTag(key: string, value: string) {
  checkName(key, 'key')
  checkLength('key', MAX_KEY, key)
  checkLength('value', MAX_TAG_VALUE, value)
}

/** Tags as an object: of several with one key the last one counts. */
export function readTags(tags: { key: string; value: string }[]): Record<string, string> {
  for (const { key, value } of tags) checkTag(key, value)
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]))
}

/** Whether tags say that what has them is a prompt. */
export const isPrompt = (tags: Record<string, string>) => tags[PROMPT]?.toLowerCase() === 'true'

/**
 * The number of a version, which is text on this wire, and how it is called in messages. The number is one that no
 * version has where it is out of range.
 *
 * @throws MlflowError when it is no whole number
 */
export function versionNumber(text: string): { number: number; told: string } {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) {
    throw invalidParameter(`Parameter 'version' must be an integer, got '${text}'.`)
  }
  const number = Number(text)
  const exists = number > 0 && number <= MAX_VERSION
  return { number: exists ? number : NO_VERSION, told: String(BigInt(text.trim().replace(/^\+/, ''))) }
}

/** @throws MlflowError when no alias can be called so */
export function checkAliasName(alias: string) {
  if (alias === '') throw invalidParameter('Registered model alias name cannot be empty.')
  if (!/^[\p{L}\p{N}_-]*$/u.test(alias)) {
    throw invalidParameter(
      `Invalid alias name: '${alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`,
    )
  }
  checkLength('Registered model alias name', MAX_ALIAS, alias)
}

/** @throws MlflowError for an alias that would be taken for something else */
export function checkNewAlias(alias: string) {
  checkAliasName(alias)
  if (alias.toLowerCase() === 'latest') {
    throw invalidParameter("'latest' alias name (case insensitive) is reserved.")
  }
  if (/^v\d+$/i.test(alias)) throw invalidParameter(`Version alias name '${alias}' is reserved.`)
}

/** The stage of a name in whatever case. */
export function stageNamed(name: string): Stage {
  const stage = MODEL_STAGES.find((stage) => stage.toLowerCase() === name.toLowerCase())
  if (stage !== undefined) return stage
  throw invalidParameter(
    `Invalid Model Version stage: ${name}. Value must be one of ${MODEL_STAGES.join(', ')}.`,
  )
}
