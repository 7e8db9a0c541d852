import { and, count, desc, eq, sql } from 'drizzle-orm'
import type { Db, TimeCursor } from '../db/database.ts'
import { type ExperimentRow, experiments, runs } from '../db/schema.ts'

export type NewExperiment = typeof experiments.$inferInsert
export type ExperimentPatch = Partial<Pick<ExperimentRow, 'name' | 'owner' | 'description' | 'status'>>

/** Where a page of owners begins: after this one, most experiments first. */
export interface OwnerCursor {
  count: number
  owner: string
}

/** Lazy statements on experiments; a batch or a unit of work sends them. */
export class ExperimentRepository {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /**
   * Creates an experiment, or does nothing when it is there and was created by the same request. Created by another
   * one, the statement fails, and with it the transaction: the hash becomes null, which its column refuses.
   */
  insert(experiment: NewExperiment) {
    const same = sql`case when ${experiments.creationHash} = excluded.creation_hash then excluded.creation_hash end`
    return this.#db
      .insert(experiments)
      .values(experiment)
      .onConflictDoUpdate({ target: experiments.id, set: { creationHash: same } })
  }

  /** Whether there is such an experiment: one row, or none. */
  exists(id: string) {
    return this.#db.select({ id: experiments.id }).from(experiments).where(eq(experiments.id, id))
  }

  find(id: string) {
    return this.#db.select().from(experiments).where(eq(experiments.id, id))
  }

  /** Newest first, with the number of runs of each; one row more than `limit` when there is a next page. */
  list(filter: {
    owner?: string | undefined
    status?: ExperimentRow['status'] | undefined
    after?: TimeCursor | undefined
    limit: number
  }) {
    const { owner, status, after, limit } = filter
    return this.#db
      .select({
        id: experiments.id,
        name: experiments.name,
        owner: experiments.owner,
        status: experiments.status,
        createdAt: experiments.createdAt,
        // Counted for the rows of the page alone; an outer join would count before the limit is applied.
        runCount: this.#db.$count(runs, eq(runs.experimentId, experiments.id)),
      })
      .from(experiments)
      .where(
        and(
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
    return this.#db.update(experiments).set(patch).where(eq(experiments.id, id))
  }

  /** Deletes an experiment and, by cascade, everything below it; gives the id when there was one. */
  delete(id: string) {
    return this.#db.delete(experiments).where(eq(experiments.id, id)).returning({ id: experiments.id })
  }

  /** How many experiments each owner has, most first; one row more than `limit` when there is a next page. */
  owners({ after, limit }: { after?: OwnerCursor | undefined; limit: number }) {
    const experimentCount = count()
    return this.#db
      .select({ owner: experiments.owner, count: experimentCount })
      .from(experiments)
      .groupBy(experiments.owner)
      .having(
        after &&
          sql`${experimentCount} < ${after.count} or (${experimentCount} = ${after.count} and ${experiments.owner} > ${after.owner})`,
      )
      .orderBy(desc(experimentCount), experiments.owner)
      .limit(limit + 1)
  }
}
