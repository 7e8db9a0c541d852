import { and, desc, eq, type SQL, sql } from 'drizzle-orm'
import type { Db, TimeCursor } from '../db/database.ts'
import { ACTIVE_RUN_STATUSES, type RunRow, runs, type Scalar } from '../db/schema.ts'
import { MAX_NAMED_BYTES } from '../http/schemas.ts'

export type NewRun = typeof runs.$inferInsert

/** What changes in a run: absent stays, a tag that is null goes. */
export interface RunPatch {
  name?: string | null | undefined
  status?: RunRow['status'] | undefined
  endedAt?: Date | undefined
  params?: Record<string, Scalar> | undefined
  tags?: Record<string, Scalar | null> | undefined
}

const isActive = (status: RunRow['status']) => ACTIVE_RUN_STATUSES.some((active) => active === status)

/** Lazy statements on runs; a batch or a unit of work sends them. */
export class RunRepository {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** Creates a run; on an id that is there, as `ExperimentRepository.insert`. */
  insert(run: NewRun) {
    const same = sql`case when ${runs.creationHash} = excluded.creation_hash then excluded.creation_hash end`
    return this.#db
      .insert(runs)
      .values(run)
      .onConflictDoUpdate({ target: runs.id, set: { creationHash: same } })
  }

  find(id: string) {
    return this.#db.select().from(runs).where(eq(runs.id, id))
  }

  /** Whether there is such a run: one row, or none. */
  exists(id: string) {
    return this.#db.select({ id: runs.id }).from(runs).where(eq(runs.id, id))
  }

  /** Runs of an experiment, newest first; one row more than `limit` when there is a next page. */
  list(
    experimentId: string,
    filter: { status?: RunRow['status'] | undefined; after?: TimeCursor | undefined; limit: number },
  ) {
    const { status, after, limit } = filter
    return this.#db
      .select()
      .from(runs)
      .where(
        and(
          eq(runs.experimentId, experimentId),
          status === undefined ? undefined : eq(runs.status, status),
          after &&
            sql`(${runs.startedAt}, ${runs.id}) < (${after.time.toISOString()}::timestamptz, ${after.id}::uuid)`,
        ),
      )
      .orderBy(desc(runs.startedAt), desc(runs.id))
      .limit(limit + 1)
  }

  /** As `list`, with no more of each run than an experiment shows. */
  summaries(experimentId: string, filter: { limit: number }) {
    const { id, startedAt, status } = runs
    return this.#db
      .select({ id, startedAt, status })
      .from(runs)
      .where(eq(runs.experimentId, experimentId))
      .orderBy(desc(runs.startedAt), desc(runs.id))
      .limit(filter.limit)
  }

  /**
   * Locks a run until the transaction ends and tells what a patch would run against: no row where there is no run,
   * `changedParams` the keys that hold another value already, `tooLarge` when params or tags would outgrow their limit,
   * `endsNothing` when it sets an end to a run that goes on. The lock leaves alone those who only insert points.
   */
  check(id: string, patch: RunPatch) {
    return this.#db
      .select({
        changedParams: sql<string[]>`array(${changedParams(patch)})`,
        tooLarge: tooLarge(patch),
        endsNothing: endsNothing(patch),
      })
      .from(runs)
      .where(eq(runs.id, id))
      .for('no key update')
  }

  /** Applies a patch unless `check` has something against it. Applying it again changes nothing. */
  update(id: string, patch: RunPatch) {
    return this.#db
      .update(runs)
      .set({
        ...(patch.name === undefined ? {} : { name: patch.name }),
        ...ending(patch),
        ...(patch.params && { params: mergedParams(patch.params) }),
        ...(patch.tags && { tags: mergedTags(patch.tags) }),
        // Drizzle refuses an update that sets nothing.
        id,
      })
      .where(
        and(
          eq(runs.id, id),
          sql`not exists (${changedParams(patch)})`,
          sql`not ${tooLarge(patch)}`,
          sql`not (${endsNothing(patch)})`,
        ),
      )
  }

  /** Deletes a run and, by cascade, its points; gives the id when there was one. */
  delete(id: string) {
    return this.#db.delete(runs).where(eq(runs.id, id)).returning({ id: runs.id })
  }
}

/** The keys of `patch.params` that the run holds with another value. */
function changedParams(patch: RunPatch): SQL {
  // Both unfolded once: looked up one by one, each lookup would unpack all of the run's params.
  return sql`select new.key from jsonb_each_text(${JSON.stringify(patch.params ?? {})}::jsonb) as new
    join jsonb_each_text(${runs.params}) as old using (key) where old.value <> new.value order by new.key`
}

/** What is there wins: a value that only looks different (1 and "1") stays as it was first logged. */
const mergedParams = (params: RunPatch['params']) => sql`${JSON.stringify(params)}::jsonb || ${runs.params}`

const mergedTags = (tags: RunPatch['tags']) =>
  sql`jsonb_strip_nulls(${runs.tags} || ${JSON.stringify(tags)}::jsonb)`

/** Whether the run's params or tags would take more than MAX_NAMED_BYTES. */
function tooLarge({ params, tags }: RunPatch): SQL<boolean> {
  const merged = [...(params ? [mergedParams(params)] : []), ...(tags ? [mergedTags(tags)] : [])]
  const sizes = merged.map((value) => sql`octet_length((${value})::text) > ${MAX_NAMED_BYTES}::int`)
  return sql<boolean>`(${sizes.length === 0 ? sql`false` : sql.join(sizes, sql` or `)})`
}

/** Whether the patch gives an end to a run that it leaves active. */
function endsNothing(patch: RunPatch): SQL<boolean> {
  if (patch.endedAt === undefined || patch.status !== undefined) return sql<boolean>`false`
  return sql<boolean>`${runs.endedAt} is null`
}

/**
 * A status that ends the run sets its end: the one that is given, else the one it has with this status already (so
 * that a retry changes nothing), else now. An active status clears it.
 */
function ending({ status, endedAt }: RunPatch) {
  if (status === undefined) return endedAt === undefined ? {} : { endedAt }
  if (isActive(status)) return { status, endedAt: null }
  return {
    status,
    endedAt: endedAt ?? sql`case when ${runs.status} = ${status} then ${runs.endedAt} else now() end`,
  }
}
