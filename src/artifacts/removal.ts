/**
 * Removes the artifacts of what was deleted, in the background. A deletion leaves a row behind, in its own transaction;
 * what the row names is removed right after the answer, and once more by cron, which then removes the row. Any of it may
 * be done twice, or by two at once.
 *
 * Only files that were there when the row was made go: a run that was made again with the id of a deleted one keeps its
 * own. So a file whose upload ends after the deletion stays, with nothing that refers to it; deleting its path as an
 * artifact removes it.
 */
import type { Database } from '../db/database.ts'
import type { Env } from '../env.ts'
import { TrackerError } from '../errors.ts'
import type { AppContext } from '../http/context.ts'
import { describeError, log } from '../http/log.ts'
import { safePath } from './path.ts'
import { type Removal, RemovalRepository, type RemovalRow, removalOf } from './repository.ts'
import { ArtifactStore } from './store.ts'

/** How many pages of a thousand files one pass looks at: a request to a Worker has a limited number of operations. */
const PAGES = 200

/** Begins with it after the answer. Failing is no harm: cron comes to it within a minute. */
export function removeLater(c: AppContext, rows: RemovalRow[]): void {
  if (rows.length === 0 || !c.env.ARTIFACTS) return
  c.executionCtx.waitUntil(sweep(c.env, rows.map(removalOf), PAGES))
}

/**
 * Removes some of what is left to remove, and says in a log line what was done: the cron job.
 *
 * @throws what the database throws, so that the run counts as failed
 */
export async function removeDue(db: Database, env: Env, pages = PAGES): Promise<void> {
  if (!env.ARTIFACTS) return
  const repository = new RemovalRepository(db.http)
  const { rows } = await db.single(repository.removals())
  if (rows.length === 0) return
  const { done, files } = await sweep(env, rows.map(removalOf), pages)
  if (done.length > 0) await db.single(repository.removed(done))
  log('info', { event: 'artifact removal', files, done: done.length, waiting: rows.length - done.length })
}

/** Removes files until there are no more, or a pass is over. Gives the removals that have none left. */
async function sweep(env: Env, removals: Removal[], pages: number) {
  const done: Removal[] = []
  const budget = { pages, files: 0 }
  for (const removal of removals) {
    try {
      if (await removeBelow(new ArtifactStore(env, removal.workspace), removal, budget)) done.push(removal)
    } catch (error) {
      log('error', { event: 'artifact removal', ...describeError(error) })
    }
  }
  return { done, files: budget.files }
}

/** @returns whether all of it was looked at */
async function removeBelow(
  store: ArtifactStore,
  { prefix, deleted }: Removal,
  budget: { pages: number; files: number },
): Promise<boolean> {
  const place = placeOf(prefix)
  if (place === undefined) return true
  for (let cursor: string | undefined; budget.pages > 0; ) {
    budget.pages -= 1
    const { objects, next } = await store.walk(place, cursor)
    const keys = objects.filter(({ uploaded }) => uploaded.getTime() <= deleted).map(({ key }) => key)
    await store.delete(keys)
    budget.files += keys.length
    if (next === undefined) return true
    cursor = next
  }
  return false
}

/** The key of a place as uploads to it have made it; undefined where there can be none, or where it is everything. */
function placeOf(prefix: string): string | undefined {
  try {
    return safePath(prefix.replace(/\/+$/, '')) || undefined
  } catch (error) {
    if (error instanceof TrackerError) return undefined
    throw error
  }
}
