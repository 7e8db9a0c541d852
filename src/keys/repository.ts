import { and, desc, eq, isNotNull, isNull, or, type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'
import { apiKeys, type KEY_SCOPES, workspaces } from '../db/schema.ts'
import type { Action } from './audit.ts'

export type KeyScope = (typeof KEY_SCOPES)[number]

/** How many sessions a key may have at a time. */
const MAX_SESSIONS = 1_000

/** A key to be; its secret is not part of it. */
export interface NewKey {
  id: string
  hash: Uint8Array
  name: string
  scope: KeyScope
  experimentId?: string | undefined
  runId?: string | undefined
  expiresAt?: Date | undefined
}

/** A key as it is shown. */
export type KeyRow = Omit<typeof apiKeys.$inferSelect, 'hash' | 'workspaceId' | 'sessionOf'>

const SHOWN = {
  id: apiKeys.id,
  name: apiKeys.name,
  scope: apiKeys.scope,
  experimentId: apiKeys.experimentId,
  runId: apiKeys.runId,
  createdAt: apiKeys.createdAt,
  createdBy: apiKeys.createdBy,
  expiresAt: apiKeys.expiresAt,
  lastUsedAt: apiKeys.lastUsedAt,
  revokedAt: apiKeys.revokedAt,
}

/** Lazy statements on the keys of a workspace; a batch or a unit of work sends them. */
export class KeyRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /** Makes a key and writes it down, unless there is no such workspace, or not what the key is to be for. */
  insert(key: NewKey) {
    const { experimentId = null, runId = null, expiresAt } = key
    return this.#made(
      'key.made',
      sql`
      insert into api_keys (workspace_id, id, hash, name, scope, experiment_id, run_id, expires_at, created_by)
      select workspace.id, ${key.id}, decode(${key.hash.toHex()}, 'hex'), ${key.name}, ${key.scope},
        ${experimentId}::uuid, ${runId}::uuid, ${expiresAt?.toISOString() ?? null}::timestamptz, ${this.#scope.actor}
      from (select ${this.#scope.workspace} as id) as workspace
      where workspace.id is not null
        and (${experimentId}::uuid is null or exists (
          select from experiments where workspace_id = workspace.id and id = ${experimentId}::uuid
        ))
        and (${runId}::uuid is null or exists (
          select from runs where workspace_id = workspace.id and id = ${runId}::uuid
        ))`,
    )
  }

  /**
   * Makes a key for a browser and writes it down: with the scope of the one that it is opened with, for so many seconds
   * at most; unless that one is a session itself, or no good any more. Whoever is about to revoke it waits, or we for him.
   */
  insertSession(session: Pick<NewKey, 'id' | 'hash'>, seconds: number) {
    return this.#made(
      'session.opened',
      sql`
      insert into api_keys (workspace_id, id, hash, name, scope, expires_at, created_by, session_of)
      select workspace_id, ${session.id}, decode(${session.hash.toHex()}, 'hex'), name, scope,
        least(now() + ${seconds}::int * interval '1 second', expires_at), id, id
      from (
        select * from api_keys
        where ${this.#own} and id = ${this.#scope.actor} and session_of is null and is_live(api_keys) for share
      ) as root
      where (select count(*) from api_keys where session_of = root.id and is_live(api_keys)) < ${MAX_SESSIONS}::int
        or refuse('sessions_limit')`,
    )
  }

  /** Once, also where it is done again because the answer was lost. */
  #made(action: Action, insert: SQL) {
    return this.#db.execute(sql`
      with made as (${insert} on conflict (id) do nothing returning workspace_id, id)
      insert into audit (workspace_id, actor, action, subject)
      select workspace_id, ${this.#scope.actor}, ${action}, id from made`)
  }

  find(id: string) {
    return this.#db
      .select(SHOWN)
      .from(apiKeys)
      .where(and(this.#own, eq(apiKeys.id, id)))
  }

  /** A key with the name of its workspace, as its holder is shown it. */
  session(id: string) {
    return this.#db
      .select({ ...SHOWN, workspace: workspaces.name })
      .from(apiKeys)
      .innerJoin(workspaces, eq(workspaces.id, apiKeys.workspaceId))
      .where(and(this.#own, eq(apiKeys.id, id)))
  }

  /** Revokes the caller's key if it is a session. */
  endSession() {
    return this.#db
      .update(apiKeys)
      .set({ revokedAt: sql`now()` })
      .where(and(this.#own, eq(apiKeys.id, this.#scope.actor), isNotNull(apiKeys.sessionOf)))
  }

  /** The newest first, without sessions; one row more than `limit` when there is a next page. */
  list({ after, limit }: { after: { time: Date; id: string } | undefined; limit: number }) {
    return this.#db
      .select(SHOWN)
      .from(apiKeys)
      .where(
        and(
          this.#own,
          isNull(apiKeys.sessionOf),
          after &&
            sql`(${apiKeys.createdAt}, ${apiKeys.id}) < (${after.time.toISOString()}::timestamptz, ${after.id})`,
        ),
      )
      .orderBy(desc(apiKeys.createdAt), desc(apiKeys.id))
      .limit(limit + 1)
  }

  /** Revokes a key and the sessions that were opened with it; gives them, also those that were revoked already. */
  revoke(id: string) {
    return this.#db
      .update(apiKeys)
      .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())` })
      .where(and(this.#own, or(eq(apiKeys.id, id), eq(apiKeys.sessionOf, id))))
      .returning({ id: apiKeys.id })
  }

  get #own(): SQL {
    return sql`${apiKeys.workspaceId} = ${this.#scope.workspace}`
  }
}

/** Deletes the sessions of all workspaces that ended a day ago or more. */
export const endedSessions = (db: Db) =>
  db
    .delete(apiKeys)
    .where(
      and(
        isNotNull(apiKeys.sessionOf),
        sql`coalesce(${apiKeys.revokedAt}, ${apiKeys.expiresAt}) < now() - interval '1 day'`,
      ),
    )

/** What is known of a key that is good, of whatever workspace: none of it is for the caller. */
export const findLive = (db: Db, id: string) =>
  db
    .select({
      workspaceId: apiKeys.workspaceId,
      scope: apiKeys.scope,
      expiresAt: apiKeys.expiresAt,
      hash: sql<string>`encode(${apiKeys.hash}, 'base64')`,
      counted: sql<string>`coalesce(${apiKeys.sessionOf}, ${apiKeys.id})`,
    })
    .from(apiKeys)
    .where(and(eq(apiKeys.id, id), sql`is_live(api_keys)`))

/** Lazy statements on workspaces, which the operator alone sees. */
export class WorkspaceRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /** Makes a workspace unless the name is taken, and writes it down; a row when it did. */
  make(name: string) {
    return this.#db.execute<{ created: string }>(sql`
      with made as (
        insert into workspaces (name) values (${name}) on conflict do nothing returning id, created_at
      ),
      audited as (
        insert into audit (workspace_id, actor, action, subject)
        select id, ${this.#scope.actor}, 'workspace.made', ${name} from made
      )
      select (extract(epoch from created_at) * 1000)::bigint as created from made`)
  }

  /** By name; one row more than `limit` when there is a next page. */
  list({ after, limit }: { after: string | undefined; limit: number }) {
    const name = sql`${workspaces.name} collate "C"`
    return this.#db
      .select()
      .from(workspaces)
      .where(after === undefined ? undefined : sql`${name} > ${after}`)
      .orderBy(name)
      .limit(limit + 1)
  }
}
