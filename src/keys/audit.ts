/** What is written down for good: who made, revoked or deleted what, and when. */
import { desc, type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'
import { audit } from '../db/schema.ts'

export const ACTIONS = [
  'key.made',
  'key.revoked',
  'session.opened',
  'workspace.made',
  'experiment.deleted',
  'experiment.trashed',
  'experiment.restored',
  'run.deleted',
  'run.trashed',
  'run.restored',
  'logged_model.trashed',
  'registered_model.deleted',
  'model_version.deleted',
  'artifact.deleted',
] as const
export type Action = (typeof ACTIONS)[number]

/** Lazy statements on the audit of a workspace. */
export class AuditRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /**
   * Writes down what is about to be done in the same transaction, or was done in it.
   *
   * @param rows a statement that gives a row where it is, which it locks: of two who delete a thing one does it
   */
  record(action: Action, subject: string, rows: SQL = sql`select`) {
    return this.#db.execute(sql`
      insert into audit (workspace_id, actor, action, subject)
      select workspace.id, ${this.#scope.actor}, ${action}, ${subject}
      from (select ${this.#scope.workspace} as id) as workspace cross join (${rows}) as found
      where workspace.id is not null`)
  }

  /** The newest first; one row more than `limit` when there is a next page. */
  list({ before, limit }: { before: number | undefined; limit: number }) {
    return this.#db
      .select({
        id: audit.id,
        at: audit.at,
        actor: audit.actor,
        action: audit.action,
        subject: audit.subject,
      })
      .from(audit)
      .where(
        sql`${audit.workspaceId} = ${this.#scope.workspace} and ${audit.id} < coalesce(${before ?? null}::bigint, 9223372036854775807)`,
      )
      .orderBy(desc(audit.id))
      .limit(limit + 1)
  }
}
