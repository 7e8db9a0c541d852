/**
 * Creates a version of a registered model. What its source has to be, and who has to vouch for it, is decided where the
 * version is made, in one statement: the database knows the runs, models and versions that a request only names.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { Scope } from '../db/database.ts'
import { MODEL_LOCATION } from '../models/rows.ts'
import { MLFLOW_WORDS } from '../runs/fields.ts'
import type { Stage } from './rows.ts'

/** Which version of a registered model a source means. */
export interface Origin {
  name: string
  which: { version: number } | { alias: string } | { stage: Stage } | 'newest'
}

/** A place that must lie within the artifacts of a run or of a logged model, whose UUID is null where it can be none. */
export interface Inside {
  of: 'run' | 'model'
  id: string | null
  /** Scheme, host and the parts of the path, as they were sent and with nothing left to decode. */
  parts: string[]
  decoded: string[]
}

export interface NewVersion {
  creationId: string
  name: string
  description: string
  runLink: string
  tags: Record<string, string>
  source: string
  /** As the request has them; undefined where it does not. */
  runId: string | undefined
  modelId: string | undefined
  /** The logged model that it is made of, as a UUID; null where `modelId` can be none. */
  model: string | null | undefined
  /** Whether `source` is that logged model. */
  isModel: boolean
  origin: Origin | undefined
  inside: Inside | undefined
}

/** Why there is no new version: the first of what MLflow finds fault with. */
export type Fault =
  | 'no origin'
  | 'prompt'
  | 'no such version'
  | 'other lineage'
  | 'outside'
  | 'no logged model'
  | 'no model'

/** `Fault`, or none, of a version that is to be. */
type Outcome = { fault: Fault | null } & Record<string, unknown>

/**
 * Creates a version with the next number; again it does nothing. After `RegisteredModelRepository.lock`: else two
 * requests at once, or one that is sent twice, would both find the number free.
 */
export function createVersion({ db, workspace }: Scope, version: NewVersion) {
  const { creationId, name, description, runLink, tags, runId, modelId, origin, isModel } = version
  const source =
    origin === undefined
      ? sql`${version.source}::text`
      : sql`'models:/' || ${origin.name}::text || '/' || origin.version`
  const location = origin
    ? sql`origin.location`
    : isModel
      ? sql`model.location`
      : sql`${version.source}::text`
  return db.execute<Outcome>(sql`
    with facts as (
      select ${faultOf(workspace, version)} as fault, ${source} as source, ${location} as location,
        coalesce(nullif(${runId ?? ''}::text, ''), nullif(origin.run_id, ''), model.source_run_id, '') as run_id
      from (select 1) as one
      left join (${origin ? versionOf(workspace, origin) : NO_VERSION}) as origin on true
      left join (${version.model === undefined ? NO_MODEL : modelOf(workspace, version.model)}) as model on true
    ),
    numbered as (
      update registered_models set last_version = last_version + 1, updated_at = now()
      from facts
      where registered_models.workspace_id = ${workspace} and registered_models.name = ${name} and facts.fault is null
        and not exists (select from model_versions where creation_id = ${creationId}::uuid)
      returning last_version
    ),
    made as (
      insert into model_versions (
        workspace_id, creation_id, name, version, description, run_link, tags, source, storage_location, run_id, model_id
      )
      select ${workspace}, ${creationId}::uuid, ${name}, numbered.last_version, ${description}, ${runLink},
        ${JSON.stringify(tags)}::jsonb, facts.source, facts.location, facts.run_id, ${modelId || null}::text
      from numbered cross join facts
    )
    select fault from facts`)
}

/** Writes down at a logged model which version was made of it, in the tag that MLflow has for it. */
export function linkVersion({ db, workspace }: Scope, model: string, creationId: string) {
  const tag = 'mlflow.modelVersions'
  // What is no list has been set by hand, and is replaced.
  const held = sql`(m.tags ->> ${tag}::text)`
  const linked = sql`case when ${held} is json array then ${held}::jsonb else '[]'::jsonb end`
  const link = sql`jsonb_build_array(jsonb_build_object('name', v.name, 'version', v.version))`
  return db.execute(sql`
    update logged_models as m set tags = m.tags || jsonb_build_object(${tag}::text, ((${linked}) || ${link})::text)
    from model_versions as v
    where m.workspace_id = ${workspace} and m.id = ${model}::uuid
      and v.workspace_id = m.workspace_id and v.creation_id = ${creationId}::uuid and not (${linked}) @> ${link}`)
}

function faultOf(workspace: SQL, { name, origin, runId, modelId, model, inside }: NewVersion): SQL {
  const faults: [Fault, SQL][] = []
  if (origin) {
    const originModel = sql`from registered_models where workspace_id = ${workspace} and name = ${origin.name}`
    faults.push(
      ['no origin', sql`not exists (select ${originModel})`],
      ['prompt', sql`exists (select ${originModel} and lower(tags ->> 'mlflow.prompt.is_prompt') = 'true')`],
      ['no such version', sql`origin.version is null`],
    )
    if (runId !== undefined)
      faults.push(['other lineage', sql`${runId}::text <> coalesce(origin.run_id, '')`])
    if (modelId) faults.push(['other lineage', sql`${modelId}::text <> coalesce(origin.model_id, '')`])
  }
  if (inside) faults.push(['outside', sql`not ${isInside(workspace, inside)}`])
  if (model !== undefined) faults.push(['no logged model', sql`model.location is null`])
  faults.push([
    'no model',
    sql`not exists (select from registered_models where workspace_id = ${workspace} and name = ${name})`,
  ])
  return sql`case ${sql.join(
    faults.map(([fault, holds]) => sql`when ${holds} then ${fault}`),
    sql` `,
  )} end`
}

const NO_VERSION = sql`
  select null::int as version, null::text as run_id, null::text as model_id, null::text as location where false`

function versionOf(workspace: SQL, { name, which }: Origin): SQL {
  const condition =
    which === 'newest'
      ? sql`true`
      : 'version' in which
        ? sql`v.version = ${which.version}::int`
        : 'stage' in which
          ? sql`v.stage = ${which.stage}`
          : sql`v.version = (select (aliases ->> ${which.alias}::text)::int from registered_models where workspace_id = ${workspace} and name = ${name})`
  return sql`
    select v.version, v.run_id, v.model_id, coalesce(nullif(v.storage_location, ''), v.source) as location
    from model_versions as v
    where v.workspace_id = ${workspace} and v.name = ${name} and ${condition} order by v.version desc limit 1`
}

const NO_MODEL = sql`select null::text as location, null::text as source_run_id where false`

const modelOf = (workspace: SQL, id: string | null): SQL => sql`
  select ${MODEL_LOCATION} as location, nullif(m.source_run_id, '') as source_run_id
  from logged_models as m
  where m.workspace_id = ${workspace} and m.id = ${id}::uuid and m.deleted_at is null`

/** Whether a place lies within the artifacts of a run or model: theirs are the parts that its own begin with. */
function isInside(workspace: SQL, { of, id, parts, decoded }: Inside): SQL {
  const uri =
    of === 'run'
      ? sql`select ${MLFLOW_WORDS.artifactUri} as uri from runs where workspace_id = ${workspace} and id = ${id}::uuid`
      : sql`select ${MODEL_LOCATION} as uri from logged_models as m where m.workspace_id = ${workspace} and m.id = ${id}::uuid and m.deleted_at is null`
  // What is local has no host worth the name: a path, file:/path, file://localhost/path.
  return sql`coalesce((
    select cardinality(root.parts) > 2
      and root.parts in (
        (${sql.param(parts)}::text[])[1:cardinality(root.parts)], (${sql.param(decoded)}::text[])[1:cardinality(root.parts)]
      )
    from (${uri}) as held
    cross join lateral regexp_match(held.uri, '^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)') as split
    cross join lateral (
      select array[
        lower(coalesce(split[1], 'file')),
        case when lower(coalesce(split[1], 'file')) = 'file' then '' else lower(coalesce(split[2], '')) end
      ] || array_remove(string_to_array(split[3], '/'), '') as parts
    ) as root
  ), false)`
}
