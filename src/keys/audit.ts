/** What is written down for good: who made, revoked or deleted what, and when. */
import { desc, type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'
import { audit } from '../db/schema.ts'

type Thing =
  | 'key'
  | 'session'
  | 'workspace'
  | 'experiment'
  | 'run'
  | 'logged_model'
  | 'registered_model'
  | 'model_version'
  | 'artifact'
type Deed = 'made' | 'opened' | 'ended' | 'revoked' | 'deleted' | 'trashed' | 'restored'

/** What was done, as in `run.deleted`. */
export type Action = `${Thing}.${Deed}`

/**
 * Lazy statements on the audit of a workspace. Those of a deed come before it in its transaction: they find whether there
 * is something to do it to, and lock it, so that of two who delete a thing one is written down.
 */
export class AuditRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  keyRevoked(id: string) {
    return this.#of('key.revoked', id, sql`api_keys`, sql`id = ${id} and revoked_at is null`)
  }

  /** Of the caller, if he has one. */
  sessionEnded() {
    const { actor } = this.#scope
    const condition = sql`id = ${actor} and session_of is not null and revoked_at is null`
    return this.#of('session.ended', actor, sql`api_keys`, condition)
  }

  experiment(deed: 'deleted' | 'trashed' | 'restored', id: string) {
    return this.#of(`experiment.${deed}`, id, sql`experiments`, sql`id = ${id}::uuid and ${STATE[deed]}`)
  }

  run(deed: 'deleted' | 'trashed' | 'restored', id: string) {
    return this.#of(`run.${deed}`, id, sql`runs`, sql`id = ${id}::uuid and ${STATE[deed]}`)
  }

  loggedModelTrashed(id: string) {
    const condition = sql`id = ${id}::uuid and ${STATE.trashed}`
    return this.#of('logged_model.trashed', id, sql`logged_models`, condition)
  }

  registeredModelDeleted(name: string) {
    return this.#of('registered_model.deleted', name, sql`registered_models`, sql`name = ${name}`)
  }

  modelVersionDeleted(name: string, version: number) {
    const condition = sql`name = ${name} and version = ${version}::int`
    return this.#of('model_version.deleted', `${name}/${version}`, sql`model_versions`, condition)
  }

  /** What lay at a path of the store, a file or a folder. */
  artifactDeleted(path: string) {
    return this.#record('artifact.deleted', path, sql`select`)
  }

  /** The newest first; one row more than `limit` when there is a next page. */
  list({ before, limit }: { before: number | undefined; limit: number }) {
    const { id, at, actor, action, subject } = audit
    return this.#db
      .select({ id, at, actor, action, subject })
      .from(audit)
      .where(
        sql`${audit.workspaceId} = ${this.#scope.workspace}
          and ${id} < coalesce(${before ?? null}::bigint, 9223372036854775807)`,
      )
      .orderBy(desc(id))
      .limit(limit + 1)
  }

  #of(action: Action, subject: string, table: SQL, condition: SQL) {
    return this.#record(
      action,
      subject,
      sql`select from ${table} as thing where ${this.#own} and ${condition} for update`,
    )
  }

  #record(action: Action, subject: string, found: SQL) {
    return this.#db.execute(sql`
      insert into audit (workspace_id, actor, action, subject)
      select workspace.id, ${this.#scope.actor}, ${action}, ${subject}
      from (select ${this.#scope.workspace} as id) as workspace cross join (${found}) as found
      where workspace.id is not null`)
  }

  get #own(): SQL {
    return sql`thing.workspace_id = ${this.#scope.workspace}`
  }
}

/** What is in the trash is not put there again, and only that is taken out of it. */
const STATE = {
  deleted: sql`true`,
  trashed: sql`deleted_at is null`,
  restored: sql`deleted_at is not null`,
}
