import { and, eq, isNull, type SQL, sql } from 'drizzle-orm'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'
import type { Db, Scope } from '../db/database.ts'
import { experimentId } from '../db/ids.ts'
import { experiments, loggedModels, runs } from '../db/schema.ts'
import { ownUri } from './location.ts'

/** All that lies below a prefix of the store and was there at a moment is to be removed. */
export interface Removal {
  workspace: number
  prefix: string
  /** When what it belonged to was deleted, in epoch milliseconds. */
  deleted: number
}

/** How many removals one pass begins with. */
const SOME = 100

/** Lazy statements on where artifacts lie, and on what is to be removed of them. */
export class ArtifactRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /** What `runLocation` makes a location of; also of a run in the trash. */
  ofRun(id: string) {
    const { experimentId, artifactUri } = runs
    return this.#db
      .select({ experimentId, artifactUri })
      .from(runs)
      .where(and(this.#own(runs), eq(runs.id, id)))
  }

  /** What `modelLocation` makes a location of. */
  ofModel(id: string) {
    const { experimentId, artifactLocation } = loggedModels
    return this.#db
      .select({ experimentId, artifactLocation })
      .from(loggedModels)
      .where(and(this.#own(loggedModels), eq(loggedModels.id, id), isNull(loggedModels.deletedAt)))
  }

  /**
   * Before a run is deleted, in the same transaction: its artifacts are to be removed, where they lie in our store.
   *
   * @param host as `ownUri` takes it
   */
  removeOfRun(id: string, host: string) {
    return this.#remove(sql`
      select coalesce(
        ${own(sql`artifact_uri`, host)},
        case when artifact_uri is null then ${experimentId(sql`experiment_id`)} || '/' || ${experimentId(sql`id`)} || '/artifacts' end
      ) as prefix
      from runs where ${this.#own(runs)} and id = ${id}::uuid`)
  }

  /**
   * As `removeOfRun`, of an experiment with its runs and logged models. Where artifacts go by themselves all of them lie
   * below one prefix; a place that was chosen may be shared, so that only what is theirs in it goes.
   */
  removeOfExperiment(id: string, host: string) {
    return this.#remove(sql`
      select ${experimentId(sql`id`)} as prefix from experiments where ${this.#own(experiments)} and id = ${id}::uuid and artifact_location is null
      union select ${own(sql`artifact_uri`, host)} from runs where ${this.#own(runs)} and experiment_id = ${id}::uuid
      union select ${own(sql`artifact_location`, host)} from logged_models where ${this.#own(loggedModels)} and experiment_id = ${id}::uuid`)
  }

  /** Gives the first of them. Deleted once more, because it was made again with its id, the later moment counts. */
  #remove(prefixes: SQL) {
    return this.#db.execute<RemovalRow>(sql`
      with removal as (
        insert into artifact_removals (workspace_id, prefix)
        -- No key of our store is longer.
        select ${this.#scope.workspace}, prefix from (${prefixes}) as place where octet_length(prefix) between 1 and 1024 order by prefix
        on conflict (workspace_id, prefix) do update set created_at = excluded.created_at
        returning workspace_id, prefix, created_at
      )
      select workspace_id as workspace, prefix, ${milliseconds} as deleted from removal order by prefix limit ${SOME}::int`)
  }

  #own(table: { workspaceId: AnyPgColumn }): SQL {
    return sql`${table.workspaceId} = ${this.#scope.workspace}`
  }
}

/** Lazy statements on what is to be removed, of all workspaces. */
export class RemovalRepository {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** Some of what is to be removed; which ones is left to chance, so that one that fails holds up no other. */
  removals() {
    return this.#db.execute<RemovalRow>(
      sql`select workspace_id as workspace, prefix, ${milliseconds} as deleted from artifact_removals order by random() limit ${SOME}::int`,
    )
  }

  /** Forgets removals that are done, unless there is more to remove since. */
  removed(done: Removal[]) {
    const workspaces = sql.param(done.map(({ workspace }) => workspace))
    const prefixes = sql.param(done.map(({ prefix }) => prefix))
    const times = sql.param(done.map(({ deleted }) => deleted))
    return this.#db.execute(sql`
      delete from artifact_removals
      using unnest(${workspaces}::int[], ${prefixes}::text[], ${times}::bigint[]) as done (workspace, prefix, deleted)
      where artifact_removals.workspace_id = done.workspace and artifact_removals.prefix = done.prefix and ${milliseconds} = done.deleted`)
  }
}

/** As the driver gives it. */
export type RemovalRow = { workspace: number; prefix: string; deleted: string }

export const removalOf = (row: RemovalRow): Removal => ({ ...row, deleted: Number(row.deleted) })

/** When a removal was made, which the driver would give in the session's time zone. */
const milliseconds = sql`(extract(epoch from created_at) * 1000)::bigint`

/** The path in a URI of our own store; null for any other. */
const own = (uri: SQL, host: string) => sql`substring(${uri} from ${ownUri(host)}::text)`
