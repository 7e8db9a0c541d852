/** What a request to create a version says, and why there may be none. */
import { z } from 'zod'
import type { AppContext } from '../http/context.ts'
import { newId } from '../ids.ts'
import type { Fault, NewVersion } from '../registry/creation.ts'
import { doesNotExist, invalidParameter, type MlflowError } from './errors.ts'
import { modelUuid } from './logged-model-wire.ts'
import { list, message, pair, requiredText, text } from './message.ts'
import { checkHost, checkPromptSource, outside, readSource } from './model-source.ts'
import { checkModelName, isPrompt, noModel, noVersion, readTags } from './registry.ts'
import { checkLength } from './validation.ts'

/** The longest texts that are kept of what a version came from. */
const MAX_ID = 256
const MAX_RUN_LINK = 500

const Request = z.object({
  name: requiredText,
  source: requiredText,
  run_id: text,
  tags: list(pair),
  run_link: text,
  description: text,
  model_id: text,
})

/** @throws MlflowError for what can be no version, whatever the database says */
export async function readNewVersion(c: AppContext): Promise<NewVersion> {
  const body = await message(c, Request)
  const { name, source, run_id: runId, run_link: runLink = '', description = '' } = body
  const ofPrompt = isPrompt(Object.fromEntries(body.tags.map(({ key, value }) => [key, value])))
  if (ofPrompt) checkPromptSource(source)
  checkHost(source)
  // A prompt is of no logged model, and its source leads nowhere.
  const modelId = ofPrompt ? undefined : body.model_id
  const read = ofPrompt ? NOWHERE : readSource(source, runId, modelId)
  checkModelName(name)
  const tags = readTags(body.tags)
  checkLength('run_id', MAX_ID, runId ?? '')
  checkLength('run_link', MAX_RUN_LINK, runLink)
  const model = modelId ? (modelUuid(modelId) ?? null) : undefined
  return { ...read, creationId: newId(), name, description, runLink, tags, source, runId, modelId, model }
}

const NOWHERE = { origin: undefined, inside: undefined, isModel: false }

/** Why a version was not created, in MLflow's words. */
export function refusal(
  fault: Fault,
  { name, source, modelId = '', origin, inside, isModel }: NewVersion,
): MlflowError {
  switch (fault) {
    case 'no origin':
      return noModel(origin?.name ?? '')
    case 'prompt':
      return invalidParameter(
        `Invalid model version source: '${source}'. Prompt versions cannot be used as model version sources.`,
      )
    case 'no such version':
      return noOrigin(origin, source)
    case 'other lineage':
      return invalidParameter(
        `Invalid model version source: '${source}'. The run_id and model_id request parameters must match the referenced model version.`,
      )
    case 'outside':
      return inside ? outside(source, inside) : noModel(name)
    case 'no logged model': {
      const missing = `Logged model with ID '${modelId}' not found.`
      return doesNotExist(
        isModel
          ? `Unable to fetch model from model URI source artifact location '${source}'.Error: ${missing}`
          : missing,
      )
    }
    case 'no model':
      return noModel(name)
  }
}

/** There is no such version for a source to mean. */
function noOrigin(origin: NewVersion['origin'], source: string): MlflowError {
  if (!origin) return doesNotExist(`There is no version ${source}`)
  const { name, which } = origin
  if (which === 'newest') {
    return doesNotExist(
      source.includes('@')
        ? `Latest version not found for model ${name}.`
        : `No versions of model with name '${name}' found`,
    )
  }
  if ('alias' in which) return invalidParameter(`Registered model alias ${which.alias} not found.`)
  if ('stage' in which) {
    return doesNotExist(`No versions of model with name '${name}' and stage '${which.stage}' found`)
  }
  return noVersion(name, source.slice(source.lastIndexOf('/') + 1))
}
