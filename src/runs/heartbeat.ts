/**
 * Signs of life: a run that is watched, because it has a `heartbeat_timeout`, and shows none for longer counts as failed.
 * Points and heartbeats are such signs. `sign_of_life` in the database writes them down, no more than eight times within
 * a timeout, and brings back to life what was given up too early; only the database's clock counts.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { Database, Db, Scope } from '../db/database.ts'
import type { RunRow } from '../db/schema.ts'
import { log } from '../http/log.ts'

/**
 * What a timeout may be, in seconds. A call whose answer comes is over in less than the shortest one: it may
 * take STATEMENT_TIMEOUT_MS, of at most 12 s, and two more on its way. So no run is given up between a call's look at it and its commit.
 */
export const SHORTEST_TIMEOUT = 15
export const LONGEST_TIMEOUT = 7 * 24 * 60 * 60

/** How many runs one statement marks as failed, and how many such one cron run makes: the next one goes on. */
const RUNS_OF_PASS = 1_000
const PASSES = 20

/** Whether a sign of life changes anything in the row of `runs`: as `sign_of_life` and `log_points` have it. */
const IS_SIGN: SQL = sql`(
  runs.status_reason is not null
  or runs.status = 'running' and runs.alive_at < clock_timestamp() - runs.heartbeat_timeout * interval '125 ms'
)`

/** Takes a sign of life of a run, and gives the status it has then: one row, or none where there is no run to be seen. */
export const heartbeat = ({ db, workspace }: Scope, id: string) =>
  db.execute<{ status: RunRow['status'] | null }>(sql`
    select case when ${IS_SIGN} then sign_of_life(runs.workspace_id, runs.id) else runs.status end as status
    from runs where workspace_id = ${workspace} and id = ${id}::uuid and deleted_at is null`)

/**
 * Marks runs that have been silent for too long as failed, of all workspaces, and says in a log line how many: the cron
 * job. What it does not come to is left to the next one, and what is locked as well: whoever has it changes it.
 *
 * @throws what the database throws, so that the run counts as failed
 */
export async function failSilent(db: Database, passes = PASSES): Promise<void> {
  let failed = 0
  let found = RUNS_OF_PASS
  for (let pass = 0; pass < passes && found === RUNS_OF_PASS; pass++) {
    const { rows } = await db.single(silentToFailed(db.http))
    found = rows[0]?.failed ?? 0
    failed += found
  }
  if (failed > 0) log('info', { event: 'silent runs', failed, more: found === RUNS_OF_PASS })
}

/**
 * A sign may be up to an eighth of the timeout younger than what is written down of it: so long no run is given up.
 *
 * The end is the last sign that was written down. The run was alive then, and what came of it in the eighth after it lies
 * closer to that than to now: until now nothing has come for a whole timeout, and cron may have been away for longer.
 * To look for its very last point would take all of its series.
 */
const silentToFailed = (db: Db) =>
  db.execute<{ failed: number }>(sql`
    with silent as (
      select workspace_id, id from runs
      where heartbeat_timeout is not null and status = 'running'
        and alive_at < now() - heartbeat_timeout * interval '1125 ms'
      limit ${RUNS_OF_PASS}::int for no key update skip locked
    ),
    failed as (
      update runs set status = 'failed', ended_at = alive_at,
        status_reason = 'no sign of life for ' || heartbeat_timeout || ' s'
      from silent where runs.workspace_id = silent.workspace_id and runs.id = silent.id
      returning runs.id
    )
    select count(*)::int as failed from failed`)
