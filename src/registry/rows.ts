/** How rows of the registry are read: each as one JSON value, of the same form wherever it is read. */
import { type SQL, sql } from 'drizzle-orm'
import type { MODEL_STAGES } from '../db/schema.ts'

export type Stage = (typeof MODEL_STAGES)[number]

/** A version of a model. */
export interface VersionRow {
  name: string
  version: number
  /** Epoch milliseconds. */
  created: number
  updated: number
  description: string | null
  stage: Stage
  source: string | null
  run_id: string | null
  run_link: string | null
  tags: Record<string, string>
}

/** A registered model. */
export interface ModelRow {
  name: string
  /** Epoch milliseconds. */
  created: number
  updated: number
  description: string | null
  tags: Record<string, string>
  /** The version that an alias stands for. */
  aliases: Record<string, number>
  creation_id: string
  /** The latest version of each stage that has one, in the order in which the stages were reached. */
  latest: VersionRow[] | null
}

const milliseconds = (column: SQL) => sql`(extract(epoch from ${column}) * 1000)::bigint`

/** A row of `model_versions as v`. */
export const VERSION = sql`json_build_object(
  'name', v.name, 'version', v.version, 'created', ${milliseconds(sql`v.created_at`)},
  'updated', ${milliseconds(sql`v.updated_at`)}, 'description', v.description, 'stage', v.stage, 'source', v.source,
  'run_id', v.run_id, 'run_link', v.run_link, 'tags', v.tags
)`

/**
 * A row of `registered_models as m`. The latest versions are read from the end of each stage in the index: they cost
 * the same however many versions there are.
 */
export const MODEL = sql`json_build_object(
  'name', m.name, 'created', ${milliseconds(sql`m.created_at`)}, 'updated', ${milliseconds(sql`m.updated_at`)},
  'description', m.description, 'tags', m.tags, 'aliases', m.aliases, 'creation_id', m.creation_id,
  'latest', (
    select json_agg(latest.version order by latest.first)
    from unnest(array['None', 'Staging', 'Production', 'Archived']) as each (name)
    cross join lateral (
      select ${VERSION} as version, (
        select min(first.version) from model_versions as first
        where first.workspace_id = m.workspace_id and first.name = m.name and first.stage = each.name
      ) as first
      from model_versions as v
      where v.workspace_id = m.workspace_id and v.name = m.name and v.stage = each.name order by v.version desc limit 1
    ) as latest
  )
)`
