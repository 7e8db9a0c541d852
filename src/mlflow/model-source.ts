/**
 * What the source of a model version may be, in MLflow's rules: a place in a store elsewhere; or what lies within the
 * artifacts of the run, or is the logged model, that the request names; or another version.
 */

import { normalPath } from '../artifacts/path.ts'
import { uuidOf } from '../ids.ts'
import type { Inside, Origin } from '../registry/creation.ts'
import { invalidParameter, type MlflowError } from './errors.ts'
import { modelUuid } from './logged-model-wire.ts'
import { checkAliasName, checkModelName, stageNamed, versionNumber } from './registry.ts'
import { decodedWhole, hostOf, partsOf, splitUri } from './uri.ts'

/** Schemes that name a host, which MLflow's server would call. */
const HOST_ADDRESSED = [
  'ftp',
  'sftp',
  'hdfs',
  'viewfs',
  'http',
  'https',
  'mlflow-artifacts',
  'r2',
  'b2',
  'abfss',
]

/** The only sources of prompts, which have no artifacts. */
const PROMPT_SOURCES = ['dummy-source', 'prompt-template']

/** A source, and what has to be true of it that only the database knows. */
export interface Source {
  origin: Origin | undefined
  inside: Inside | undefined
  /** Whether it is the logged model that the request names. */
  isModel: boolean
}

/** @throws MlflowError for a source that no prompt has */
export function checkPromptSource(source: string) {
  if (PROMPT_SOURCES.includes(source)) return
  throw invalidParameter(`Invalid prompt source: '${source}'. Prompt sources must use an MLflow placeholder.`)
}

/** @throws MlflowError for a source at a host that MLflow's server does not call */
export function checkHost(source: string) {
  const { scheme, authority } = splitUri(source)
  if (!HOST_ADDRESSED.includes(scheme) || (scheme === 'mlflow-artifacts' && authority === '')) return
  throw invalidParameter(
    `'source' cannot use the '${scheme}' scheme: the '${scheme}' scheme addresses a host other than the tracking server's configured artifact storage, so the server would connect to the host named in the URI.`,
  )
}

/**
 * What there is to a source.
 *
 * @throws MlflowError for what can be none, whatever the database says
 */
export function readSource(source: string, runId: string | undefined, modelId: string | undefined): Source {
  const { scheme, authority, path } = splitUri(source)
  const by = modelId ? 'model_id' : 'run_id'
  if (scheme === 'models') {
    if (authority !== '') {
      throw wrong(source, 'Registered model sources must use the active model registry.')
    }
    const named = readModelUri(source, path)
    checkPath(source)
    if (named.modelId === undefined) return { origin: named.origin, inside: undefined, isModel: false }
    if (named.modelId !== modelId) throw notContained(source, 'model_id')
    return { origin: undefined, inside: undefined, isModel: true }
  }
  const id = (modelId ? modelUuid(modelId) : uuidOf(runId ?? '')) ?? null
  const of: Inside['of'] = modelId ? 'model' : 'run'
  if (scheme === '' || scheme === 'file') {
    if (scheme === 'file' && !isThisHost(authority)) {
      throw invalidParameter(
        `${source} is not a valid remote uri. For remote access on windows, please consider using a different scheme such as SMB (e.g. smb://<hostname>/<path>).`,
      )
    }
    const place = normalPath(scheme === 'file' ? decodedWhole(path) : path)
    if (!(modelId || runId) || !place.startsWith('/')) throw localOutside(source, of)
    const parts = ['file', '', ...partsOf(place)]
    return { origin: undefined, inside: { of, id, parts, decoded: parts }, isModel: false }
  }
  checkPath(source)
  if (scheme === 'runs') {
    if (authority !== '' || modelId || !runId || partsOf(path)[0] !== runId) throw notContained(source, by)
  }
  if (scheme !== 'mlflow-artifacts') return { origin: undefined, inside: undefined, isModel: false }
  if (!modelId && !runId) throw notContained(source, by)
  const parts = partsOf(path)
  const decoded = parts.map(decodedWhole)
  const inside = { of, id, parts: [scheme, '', ...parts], decoded: [scheme, '', ...decoded] } satisfies Inside
  return { origin: undefined, inside, isModel: false }
}

/** Where `readSource` asked for a place within artifacts, and it does not lie there. */
export const outside = (source: string, { of, parts }: Inside): MlflowError =>
  parts[0] === 'file' ? localOutside(source, of) : notContained(source, of === 'run' ? 'run_id' : 'model_id')

const wrong = (source: string, why: string) =>
  invalidParameter(`Invalid model version source: '${source}'. ${why}`)

const notContained = (source: string, parameter: 'run_id' | 'model_id') =>
  wrong(source, `The ${parameter} request parameter must identify the resource that contains the source.`)

const localOutside = (source: string, of: 'run' | 'model') =>
  wrong(
    source,
    `To use a local path as a model version source, the ${of}_id request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the ${of}_id.`,
  )

function isThisHost(authority: string): boolean {
  const host = hostOf(authority)
  return host === '' || host === '.' || host.startsWith('localhost') || host.startsWith('127.0.0.1')
}

/** @throws MlflowError for a path that is none, or leads through `.` or `..`, encoded or not */
function checkPath(source: string) {
  let decoded = source
  for (;;) {
    const next = decodedWhole(decoded.replaceAll('+', ' '))
    if (next === decoded) break
    decoded = next
  }
  const path = splitUri(decoded).path.replace(/\/+/g, '/').replace(/\/$/, '')
  const leadsUp = decoded.split('/').includes('..')
  if (!leadsUp && path.startsWith('/') && normalPath(path) === path && !path.includes('\0')) return
  throw wrong(
    source,
    'If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path.',
  )
}

type ModelUri = { modelId: string; origin?: undefined } | { modelId?: undefined; origin: Origin }

/** `models:/id`, `models:/name/version`, `models:/name/stage`, `models:/name/latest` or `models:/name@alias`. */
function readModelUri(source: string, path: string): ModelUri {
  const parts = path.replace(/^\/+/, '').split('/')
  const [first = '', suffix] = parts
  const isNone = !path.startsWith('/') || parts.length > 2 || first.trim() === '' || suffix?.trim() === ''
  if (isNone) throw notContained(source, 'model_id')
  if (suffix === undefined && !first.includes('@')) return { modelId: first }
  const at = first.lastIndexOf('@')
  if (suffix === undefined && first.slice(at + 1).trim() === '') throw notContained(source, 'model_id')
  const name = suffix === undefined ? first.slice(0, at) : first
  checkModelName(name)
  return { origin: { name, which: whichVersion(suffix, first.slice(at + 1)) } }
}

function whichVersion(suffix: string | undefined, alias: string): Origin['which'] {
  if (suffix === undefined) {
    checkAliasName(alias)
    return alias.toLowerCase() === 'latest' ? 'newest' : { alias }
  }
  if (/^\d+$/.test(suffix)) return { version: versionNumber(suffix).number }
  return suffix.toLowerCase() === 'latest' ? 'newest' : { stage: stageNamed(suffix) }
}
