import { type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'
import { type PageQuery, type Placed, pageStatement } from '../search/page.ts'
import { type Stage, VERSION, type VersionRow } from './rows.ts'

/** A version, and the aliases of its model. */
type Version<V = VersionRow> = { version: V; aliases: Record<string, number> } & Record<string, unknown>

/** Lazy statements on versions of registered models; a batch or a unit of work sends them. */
export class ModelVersionRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  find(name: string, version: number) {
    return this.#read(sql`model_versions`, this.#is(name, version))
  }

  /** The version that a request made. */
  findCreated(creationId: string) {
    return this.#read(
      sql`model_versions`,
      sql`v.workspace_id = ${this.#scope.workspace} and v.creation_id = ${creationId}::uuid`,
    )
  }

  /** The version that an alias stands for: null where it stands for none, no row where there is no such model. */
  findByAlias(name: string, alias: string) {
    return this.#one(name, sql`v.version = (m.aliases ->> ${alias}::text)::int`)
  }

  /** As `findByAlias`, the version with the highest number. */
  findNewest(name: string) {
    return this.#one(name, sql`true`)
  }

  /** Where the artifacts of a version lie. */
  location(name: string, version: number) {
    return this.#db.execute<{ location: string | null } & Record<string, unknown>>(sql`
      select coalesce(nullif(v.storage_location, ''), v.source) as location
      from model_versions as v where ${this.#is(name, version)}`)
  }

  /** Sets the description; gives the version as it is then. */
  describe(name: string, version: number, description: string | null) {
    return this.#update(name, version, sql`description = ${description}::text, updated_at = now()`)
  }

  /** Moves a version to a stage. */
  setStage(name: string, version: number, stage: Stage) {
    return this.#update(name, version, sql`stage = ${stage}, updated_at = now()`)
  }

  /** Archives what else is in the stage that a version is about to move to. After `RegisteredModelRepository.lock`. */
  archiveOthers(name: string, version: number, stage: Stage) {
    return this.#db.execute(sql`
      update model_versions as v set stage = 'Archived', updated_at = now()
      where v.workspace_id = ${this.#scope.workspace} and v.name = ${name} and v.version <> ${version}::int
        and v.stage = ${stage}
        and exists (
          select from model_versions as moved
          where moved.workspace_id = v.workspace_id and moved.name = v.name and moved.version = ${version}::int
        )`)
  }

  /** Says that all versions of a model changed, because it gets another name. */
  touchAll(name: string) {
    return this.#db.execute(
      sql`update model_versions set updated_at = now() where workspace_id = ${this.#scope.workspace} and name = ${name}`,
    )
  }

  setTag(name: string, version: number, key: string, value: string) {
    return this.#update(name, version, sql`tags = tags || jsonb_build_object(${key}::text, ${value}::text)`)
  }

  deleteTag(name: string, version: number, key: string) {
    return this.#update(name, version, sql`tags = tags - ${key}::text`)
  }

  delete(name: string, version: number) {
    return this.#db.execute<{ version: number } & Record<string, unknown>>(
      sql`delete from model_versions as v where ${this.#is(name, version)} returning version`,
    )
  }

  /** A page of versions. */
  search(query: Pick<PageQuery, 'conditions' | 'order' | 'after' | 'limit'>) {
    return this.#db.execute<{ row: VersionRow } & Placed & Record<string, unknown>>(
      pageStatement({
        ...query,
        conditions: [sql`v.workspace_id = ${this.#scope.workspace}`, ...query.conditions],
        key: sql`v.creation_id`,
        from: sql`model_versions as v`,
        row: VERSION,
        read: sql`model_versions as v on v.creation_id = placed.key`,
      }),
    )
  }

  #update(name: string, version: number, set: SQL) {
    return this.#read(
      sql`changed`,
      sql`true`,
      sql`with changed as (
        update model_versions as v set ${set} where ${this.#is(name, version)} returning *
      )`,
    )
  }

  #read(from: SQL, condition: SQL, before = sql``) {
    return this.#db.execute<Version>(sql`
      ${before} select ${VERSION} as version, m.aliases
      from ${from} as v join registered_models as m on m.workspace_id = v.workspace_id and m.name = v.name where ${condition}`)
  }

  /** The newest of a model's versions under a condition. */
  #one(name: string, condition: SQL) {
    return this.#db.execute<Version<VersionRow | null>>(sql`
      select newest.version, m.aliases
      from registered_models as m left join lateral (
        select ${VERSION} as version from model_versions as v
        where v.workspace_id = m.workspace_id and v.name = m.name and ${condition}
        order by v.version desc limit 1
      ) as newest on true
      where m.workspace_id = ${this.#scope.workspace} and m.name = ${name}`)
  }

  #is(name: string, version: number): SQL {
    return sql`v.workspace_id = ${this.#scope.workspace} and v.name = ${name} and v.version = ${version}::int`
  }
}
