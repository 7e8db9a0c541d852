import { and, desc, isNull, type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'
import { ACTIVE_RUN_STATUSES, type RunRow, runs, type Scalar } from '../db/schema.ts'
import { MAX_NAMED_BYTES } from '../http/schemas.ts'
import { LISTED, type ListedRun } from './search.ts'

/** A run to be. */
export interface NewRun {
  id: string
  experimentId: string
  name: string | null
  seed?: number | null
  parentRunId: string | null
  /** Whether the run goes without a parent when there is no such run, instead of being refused. */
  parentMayLack?: boolean
  startedAt?: Date
  /** In seconds. */
  heartbeatTimeout?: number
  userId?: string | null
  params: Record<string, Scalar>
  tags: Record<string, Scalar>
  creationHash: string
}

/** What changes in a run: absent stays, a tag that is null goes. */
export interface RunPatch {
  name?: string | null | undefined
  status?: RunRow['status'] | undefined
  endedAt?: Date | undefined
  params?: Record<string, Scalar> | undefined
  tags?: Record<string, Scalar | null> | undefined
  /** Becomes the parent if there is such a run; null for no parent. */
  parentRunId?: string | null | undefined
  /** In seconds; null for never. */
  heartbeatTimeout?: number | null | undefined
}

/** A param that a run holds with another value than a patch would give it. */
export interface ChangedParam {
  key: string
  old: string
}

/** How often the runs of an experiment are counted while it grows to its limit. */
const RECOUNTS = 100

/** Runs are not the native API's to show while they are in the trash. */
const shown = isNull(runs.deletedAt)

const isActive = (status: RunRow['status']) => ACTIVE_RUN_STATUSES.some((active) => active === status)

/** Lazy statements on runs; a batch or a unit of work sends them. */
export class RunRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /**
   * Creates a run; on an id that is there, as `ExperimentRepository.insert`. An experiment that does not exist violates
   * a foreign key; one in the trash makes the id null, which its column refuses; one that may have as many runs as it
   * was counted to have is counted again. Gives the run.
   */
  insert(run: NewRun) {
    const parent = run.parentMayLack
      ? sql`(select id from runs where ${this.#is(run.parentRunId)})`
      : sql`${run.parentRunId}::uuid`
    const most = this.#scope.limits.MAX_RUNS_PER_EXPERIMENT
    return this.#db.execute<ListedRun & Record<string, unknown>>(sql`
      insert into runs (
        workspace_id, id, experiment_id, parent_run_id, name, seed, started_at, user_id, artifact_uri, params, tags, creation_hash,
        heartbeat_timeout, alive_at
      )
      select workspace.id, ${run.id}::uuid, case when experiments.deleted_at is null then experiment.id end, ${parent}, ${run.name}, ${run.seed ?? null}::bigint,
        coalesce(${run.startedAt?.toISOString() ?? null}::timestamptz, now()), ${run.userId ?? null},
        -- Before the query of the URI, if it has one.
        regexp_replace(experiments.artifact_location, '/*([?].*)?$', ${`/${run.id.replaceAll('-', '')}/artifacts\\1`}::text),
        ${JSON.stringify(run.params)}::jsonb, ${JSON.stringify(run.tags)}::jsonb, ${run.creationHash},
        ${run.heartbeatTimeout ?? null}::int, ${run.heartbeatTimeout === undefined ? null : sql`clock_timestamp()`}::timestamptz
      from (select ${run.experimentId}::uuid as id) as experiment
      cross join (select ${this.#scope.workspace} as id) as workspace
      -- Whoever is about to put it into the trash waits for us, or we for him.
      left join (
        select id, deleted_at, artifact_location, runs_counted from experiments
        where workspace_id = ${this.#scope.workspace} and id = ${run.experimentId}::uuid for share
      ) as experiments on experiments.id = experiment.id
      where case when coalesce(experiments.runs_counted, 0) < ${most}::int then true
        else has_room(workspace.id, experiment.id, ${run.id}::uuid, ${most}::int) end
      on conflict (workspace_id, id) do update set
        creation_hash = case when runs.creation_hash = excluded.creation_hash then excluded.creation_hash end
      returning ${LISTED}`)
  }

  /**
   * Counts, before a run is created, the runs of its experiment: once in so many times that an experiment outgrows its
   * limit by one in a hundred before that is noticed, and each time where a hundred are the limit or more. Counting
   * them always would make creating the last of 100,000 several times as slow (docs/limits.md has the figures).
   */
  recount(experimentId: string) {
    const most = this.#scope.limits.MAX_RUNS_PER_EXPERIMENT
    if (Math.random() * most > RECOUNTS) return []
    const experiment = sql`workspace_id = ${this.#scope.workspace} and id = ${experimentId}::uuid`
    return [
      // Alone first: whoever had to wait within the next one would count what was there before.
      this.#db.execute(sql`select from experiments where ${experiment} for no key update`),
      this.#db.execute(sql`
        update experiments set runs_counted = (
          select count(*) from (select from runs where ${this.#of(experimentId)} limit ${most}::int) as counted
        )
        where ${experiment}`),
    ]
  }

  find(id: string) {
    return this.#db
      .select()
      .from(runs)
      .where(and(this.#is(id), shown))
  }

  /** Whether there is such a run: one row, or none. */
  exists(id: string) {
    return this.#db
      .select({ id: runs.id })
      .from(runs)
      .where(and(this.#is(id), shown))
  }

  /** The newest runs of an experiment, no more of each than an experiment shows. */
  summaries(experimentId: string, filter: { limit: number }) {
    const { id, startedAt, status } = runs
    return this.#db
      .select({ id, startedAt, status })
      .from(runs)
      .where(and(this.#of(experimentId), shown))
      .orderBy(desc(runs.startedAt), desc(runs.id))
      .limit(filter.limit)
  }

  /**
   * Locks a run until the transaction ends and tells what a patch would run against: no row where there is no run,
   * `deleted` when it is in the trash, `changedParams` those that hold another value already, `tooLarge` when params or tags would outgrow their limit,
   * `endsNothing` when it sets an end to a run that goes on. The lock leaves alone those who only insert points.
   */
  check(id: string, patch: RunPatch) {
    return this.#db
      .select({
        deleted: sql<boolean>`${runs.deletedAt} is not null`,
        changedParams: sql<ChangedParam[]>`(
          select coalesce(json_agg(json_build_object('key', key, 'old', old)), '[]') from (${changedParams(patch)}) as changed
        )`,
        tooLarge: tooLarge(patch),
        endsNothing: endsNothing(patch),
      })
      .from(runs)
      .where(this.#is(id))
      .for('no key update')
  }

  /** Applies a patch unless `check` has something against it. Applying it again changes nothing. */
  update(id: string, patch: RunPatch) {
    return this.#db
      .update(runs)
      .set({
        ...(patch.name === undefined ? {} : { name: patch.name }),
        ...ending(patch),
        ...watching(patch),
        ...(patch.params && { params: mergedParams(patch.params) }),
        ...(patch.tags && { tags: mergedTags(patch.tags) }),
        ...(patch.parentRunId !== undefined && {
          parentRunId: sql`(
            select parent.id from runs as parent
            where parent.workspace_id = ${runs.workspaceId} and parent.id = ${patch.parentRunId}::uuid
          )`,
        }),
        // Drizzle refuses an update that sets nothing.
        id,
      })
      .where(and(this.#is(id), sql`${allowed(patch)}`))
  }

  /** Removes a tag of a run that is not in the trash, and what it stood for; a row where it was there. */
  deleteTag(id: string, key: string, patch: Pick<RunPatch, 'heartbeatTimeout'> = {}) {
    return this.#db
      .update(runs)
      .set({ tags: sql`${runs.tags} - ${key}::text`, ...watching(patch) })
      .where(and(this.#is(id), shown, sql`${runs.tags} ? ${key}::text`))
      .returning({ id: runs.id })
  }

  /** Removes the tag that tells a run's parent, and so the parent, of a run not in the trash; a row where it had one. */
  deleteParent(id: string, key: string) {
    return this.#db
      .update(runs)
      .set({ parentRunId: null, tags: sql`${runs.tags} - ${key}::text` })
      .where(and(this.#is(id), shown, sql`(${runs.parentRunId} is not null or ${runs.tags} ? ${key}::text)`))
      .returning({ id: runs.id })
  }

  /** Removes the name of a run that is not in the trash; a row where it had one. */
  deleteName(id: string) {
    return this.#db
      .update(runs)
      .set({ name: null })
      .where(and(this.#is(id), shown, sql`${runs.name} is not null`))
      .returning({ id: runs.id })
  }

  /** Appends to the list, as JSON, that a tag of a run which is not in the trash holds. */
  appendToTag(id: string, key: string, item: unknown) {
    const held = sql`(${runs.tags} ->> ${key}::text)`
    // What is no list has been set by hand, and is replaced.
    const list = sql`case when ${held} is json array then ${held}::jsonb else '[]' end || ${JSON.stringify([item])}::jsonb`
    return this.#db
      .update(runs)
      .set({ tags: sql`${runs.tags} || jsonb_build_object(${key}::text, (${list})::text)` })
      .where(and(this.#is(id), shown))
  }

  /** Puts a run into the trash or takes it out; a row where there is such a run, wherever it was. */
  setDeleted(id: string, deleted: boolean) {
    return this.#db
      .update(runs)
      .set({ deletedAt: deleted ? sql`coalesce(${runs.deletedAt}, now())` : null })
      .where(this.#is(id))
      .returning({ id: runs.id })
  }

  /** As `setDeleted`, all runs of an experiment. */
  setAllDeleted(experimentId: string, deleted: boolean) {
    return this.#db
      .update(runs)
      .set({ deletedAt: deleted ? sql`now()` : null })
      .where(and(this.#of(experimentId), deleted ? shown : sql`not ${shown}`))
  }

  /** Deletes a run and, by cascade, its points; gives the id when there was one. */
  delete(id: string) {
    return this.#db.delete(runs).where(this.#is(id)).returning({ id: runs.id })
  }

  #is(id: string | null): SQL {
    return sql`(${runs.workspaceId} = ${this.#scope.workspace} and ${runs.id} = ${id}::uuid)`
  }

  #of(experimentId: string): SQL {
    return sql`(${runs.workspaceId} = ${this.#scope.workspace} and ${runs.experimentId} = ${experimentId}::uuid)`
  }
}

/** Whether a patch can be applied to the row: the opposite of what `RunRepository.check` tells. */
export const allowed = (patch: RunPatch): SQL =>
  sql`(${shown} and not exists (${changedParams(patch)}) and not ${tooLarge(patch)} and not (${endsNothing(patch)}))`

/** Those of `patch.params` that the run holds with another value, and that value. */
function changedParams(patch: RunPatch): SQL {
  // Both unfolded once: looked up one by one, each lookup would unpack all of the run's params.
  return sql`select new.key, old.value as old from jsonb_each_text(${JSON.stringify(patch.params ?? {})}::jsonb) as new
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
  if (isActive(status)) return { status, endedAt: null, statusReason: null }
  return {
    status,
    // What the tracker took for the end was a guess.
    endedAt:
      endedAt ??
      sql`case when ${runs.status} = ${status} and ${runs.statusReason} is null then ${runs.endedAt} else now() end`,
    statusReason: null,
  }
}

/**
 * Watching a run from now on is a sign of life, as if it had shown one by itself. So is that it runs (again): from a time
 * at which it was not watched nothing follows.
 */
function watching({ status, endedAt, heartbeatTimeout }: RunPatch) {
  if (typeof heartbeatTimeout === 'number') {
    const revives = status === undefined && endedAt === undefined
    return {
      heartbeatTimeout,
      aliveAt: sql`clock_timestamp()`,
      ...(revives && {
        status: sql`case when ${runs.statusReason} is null then ${runs.status} else 'running' end`,
        endedAt: sql`case when ${runs.statusReason} is null then ${runs.endedAt} end`,
        statusReason: null,
      }),
    }
  }
  return {
    ...(heartbeatTimeout === null && { heartbeatTimeout }),
    ...(status === 'running' && {
      aliveAt: sql`case when ${runs.heartbeatTimeout} is null then ${runs.aliveAt} else clock_timestamp() end`,
    }),
  }
}
