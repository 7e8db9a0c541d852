import { and, count, desc, eq, isNull, type SQL, sql } from 'drizzle-orm'
import type { Db, Scope, TimeCursor } from '../db/database.ts'
import { type ExperimentRow, experiments, runs } from '../db/schema.ts'
import { DEFAULT_EXPERIMENT } from '../ids.ts'
import { type PageQuery, type Placed, pageStatement } from '../search/page.ts'
import { contains } from '../search/sql.ts'

export type NewExperiment = Omit<typeof experiments.$inferInsert, 'workspaceId'>
export type ExperimentPatch = Partial<Pick<ExperimentRow, 'name' | 'owner' | 'description' | 'status'>>

/** Experiments are not the native API's to show while they are in the trash. */
const shown = isNull(experiments.deletedAt)

/**
 * When something happened in an experiment, as far as it and its newest run tell: one entry of the index of runs, however
 * many there are. Raw names, because Drizzle takes the table away from a column that it selects.
 */
const activeAt = sql`greatest(${experiments.updatedAt}, (
  select greatest(started_at, ended_at, alive_at) from runs
  where runs.workspace_id = experiments.workspace_id and runs.experiment_id = experiments.id and runs.deleted_at is null
  order by started_at desc, id desc limit 1
))`.mapWith(experiments.updatedAt)

/** Where a page of owners begins: after this one, most experiments first. */
export interface OwnerCursor {
  count: number
  owner: string
}

/** An experiment as a search gives it; times are epoch milliseconds. */
export interface FoundExperiment {
  id: string
  name: string
  artifactLocation: string | null
  tags: Record<string, string>
  deleted: boolean
  created: number
  updated: number
}

/** Lazy statements on experiments; a batch or a unit of work sends them. */
export class ExperimentRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /**
   * Creates an experiment, or does nothing when it is there and was created by the same request. Created by another
   * one, the statement fails, and with it the transaction: the hash becomes null, which its column refuses.
   */
  insert(experiment: NewExperiment) {
    const same = sql`case when ${experiments.creationHash} = excluded.creation_hash then excluded.creation_hash end`
    return this.#db
      .insert(experiments)
      .values({ ...experiment, workspaceId: this.#scope.workspace })
      .onConflictDoUpdate({ target: [experiments.workspaceId, experiments.id], set: { creationHash: same } })
  }

  /** Whether there is such an experiment: one row, or none. */
  exists(id: string) {
    return this.#db
      .select({ id: experiments.id })
      .from(experiments)
      .where(and(this.#is(id), shown))
  }

  find(id: string) {
    return this.#db
      .select()
      .from(experiments)
      .where(and(this.#is(id), shown))
  }

  /** As `find`, in the trash too. */
  findAny(id: string) {
    return this.#db.select().from(experiments).where(this.#is(id))
  }

  /** The experiments of a name, in the trash too: those that are not come first, then the newest. */
  findByName(name: string) {
    return this.#db
      .select()
      .from(experiments)
      .where(and(this.#own, eq(experiments.name, name)))
      .orderBy(sql`${experiments.deletedAt} is not null`, desc(experiments.createdAt), desc(experiments.id))
      .limit(1)
  }

  /** Sees to it that the default experiment is there. */
  ensureDefault() {
    return this.#db
      .insert(experiments)
      .values({
        workspaceId: this.#scope.workspace,
        id: DEFAULT_EXPERIMENT,
        name: 'Default',
        owner: 'mlflow',
        creationHash: '',
      })
      .onConflictDoNothing()
  }

  /** Makes others who want this name wait until the transaction ends, where names must differ. */
  lockName(name: string) {
    return this.#db.execute(
      sql`select pg_advisory_xact_lock(hashtextextended(${name}, ${this.#scope.workspace}))`,
    )
  }

  /**
   * Creates an experiment unless its name is taken, also in the trash; again it does nothing. After `lockName` in the
   * same transaction, no two get one name.
   */
  insertNamed({
    id,
    name,
    owner,
    tags,
    artifactLocation,
    creationHash,
  }: Required<Pick<NewExperiment, 'id' | 'name' | 'owner' | 'tags' | 'artifactLocation' | 'creationHash'>>) {
    return this.#db.execute(sql`
      insert into experiments (workspace_id, id, name, owner, tags, artifact_location, creation_hash)
      select ${this.#scope.workspace}, ${id}::uuid, ${name}, ${owner}, ${JSON.stringify(tags)}::jsonb, ${artifactLocation}::text, ${creationHash}
      where not exists (select from experiments where ${this.#own} and name = ${name} and id <> ${id}::uuid)
      on conflict (workspace_id, id) do nothing`)
  }

  /** Renames an experiment that is not in the trash unless the name is taken; after `lockName`, as `insertNamed`. */
  rename(id: string, name: string) {
    return this.#db
      .update(experiments)
      .set({ name, updatedAt: sql`now()` })
      .where(
        and(
          this.#is(id),
          shown,
          sql`not exists (
            select from experiments as other
            where other.workspace_id = ${experiments.workspaceId} and other.name = ${name} and other.id <> ${id}::uuid
          )`,
        ),
      )
  }

  /** Puts an experiment into the trash or takes it out; a row where it was not there already. */
  setDeleted(id: string, deleted: boolean) {
    return this.#db
      .update(experiments)
      .set({ deletedAt: deleted ? sql`now()` : null, updatedAt: sql`now()` })
      .where(and(this.#is(id), deleted ? shown : sql`not ${shown}`))
      .returning({ id: experiments.id })
  }

  /** Sets tags of an experiment that is not in the trash. */
  setTags(id: string, tags: Record<string, string>) {
    return this.#db
      .update(experiments)
      .set({ tags: sql`${experiments.tags} || ${JSON.stringify(tags)}::jsonb` })
      .where(and(this.#is(id), shown))
  }

  /** Removes a tag of an experiment that is not in the trash; a row where it was there. */
  deleteTag(id: string, key: string) {
    return this.#db
      .update(experiments)
      .set({ tags: sql`${experiments.tags} - ${key}::text` })
      .where(and(this.#is(id), shown, sql`${experiments.tags} ? ${key}::text`))
      .returning({ id: experiments.id })
  }

  /** A page of experiments; its rows are those of `pageStatement`. */
  search(query: Pick<PageQuery, 'conditions' | 'order' | 'after' | 'limit'>) {
    return this.#db.execute<{ row: FoundExperiment } & Placed & Record<string, unknown>>(
      pageStatement({
        ...query,
        conditions: [this.#own, ...query.conditions],
        key: sql`experiments.id`,
        from: sql`experiments`,
        row: sql`json_build_object(
          'id', experiments.id, 'name', name, 'artifactLocation', artifact_location, 'tags', tags,
          'deleted', deleted_at is not null,
          'created', (extract(epoch from created_at) * 1000)::bigint,
          'updated', (extract(epoch from updated_at) * 1000)::bigint
        )`,
        read: sql`experiments on ${this.#own} and experiments.id = placed.key`,
      }),
    )
  }

  /** Newest first, with the number of runs of each; one row more than `limit` when there is a next page. */
  list(filter: {
    /** What the name contains. */
    q?: string | undefined
    owner?: string | undefined
    status?: ExperimentRow['status'] | undefined
    after?: TimeCursor | undefined
    limit: number
  }) {
    const { q, owner, status, after, limit } = filter
    return this.#db
      .select({
        id: experiments.id,
        name: experiments.name,
        owner: experiments.owner,
        status: experiments.status,
        createdAt: experiments.createdAt,
        activeAt,
        // Counted for the rows of the page alone; an outer join would count before the limit is applied.
        runCount: this.#db.$count(
          runs,
          and(
            eq(runs.workspaceId, experiments.workspaceId),
            eq(runs.experimentId, experiments.id),
            isNull(runs.deletedAt),
          ),
        ),
      })
      .from(experiments)
      .where(
        and(
          this.#own,
          shown,
          q === undefined ? undefined : contains(sql`${experiments.name}`, q),
          owner === undefined ? undefined : eq(experiments.owner, owner),
          status === undefined ? undefined : eq(experiments.status, status),
          after &&
            sql`(${experiments.createdAt}, ${experiments.id}) < (${after.time.toISOString()}::timestamptz, ${after.id}::uuid)`,
        ),
      )
      .orderBy(desc(experiments.createdAt), desc(experiments.id))
      .limit(limit + 1)
  }

  update(id: string, patch: ExperimentPatch) {
    return this.#db
      .update(experiments)
      .set({ ...patch, updatedAt: sql`now()` })
      .where(and(this.#is(id), shown))
  }

  /** Deletes an experiment and, by cascade, everything below it; gives the id when there was one. */
  delete(id: string) {
    return this.#db.delete(experiments).where(this.#is(id)).returning({ id: experiments.id })
  }

  /** How many experiments each owner has, most first; one row more than `limit` when there is a next page. */
  owners({ after, limit }: { after?: OwnerCursor | undefined; limit: number }) {
    const experimentCount = count()
    return this.#db
      .select({ owner: experiments.owner, count: experimentCount })
      .from(experiments)
      .where(and(this.#own, shown))
      .groupBy(experiments.owner)
      .having(
        after &&
          sql`${experimentCount} < ${after.count} or (${experimentCount} = ${after.count} and ${experiments.owner} > ${after.owner})`,
      )
      .orderBy(desc(experimentCount), experiments.owner)
      .limit(limit + 1)
  }

  get #own(): SQL {
    return sql`${experiments.workspaceId} = ${this.#scope.workspace}`
  }

  #is(id: string): SQL {
    return sql`(${this.#own} and ${experiments.id} = ${id}::uuid)`
  }
}
