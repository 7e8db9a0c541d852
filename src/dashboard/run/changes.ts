/** Changes of a run: shown at once, taken back where the tracker refuses them, and undone by who made them. */
import type { QueryClient } from '@tanstack/react-query'
import { api, type Run, type RunStatus, read } from '../api.ts'
import { say } from '../ui/notices.tsx'
import type { Named, Scalar } from './about.ts'

export interface RunChange {
  name?: string | null
  status?: RunStatus
  /** Null takes a tag away. */
  tags?: Record<string, Scalar | null>
}

export const runKey = (id: string) => ['run', id] as const

/** The run as it would be after a change. */
export function changed(run: Run, { tags, ...rest }: RunChange): Run {
  const merged = Object.entries({ ...run.tags, ...tags })
  return { ...run, ...rest, tags: Object.fromEntries(merged.filter(isKept)) }
}

const isKept = (entry: [string, Scalar | null]): entry is [string, Scalar] => entry[1] !== null

/** What takes a change of tags back. */
export const inverse = (tags: Named, change: Record<string, Scalar | null>): Record<string, Scalar | null> =>
  Object.fromEntries(
    Object.keys(change).map((name) => [name, Object.hasOwn(tags, name) ? (tags[name] ?? null) : null]),
  )

/**
 * Changes a run.
 *
 * @throws Problem where the tracker refuses; what is shown is then what was there before
 */
export async function changeRun(queries: QueryClient, id: string, change: RunChange): Promise<Run> {
  const key = runKey(id)
  await queries.cancelQueries({ queryKey: key })
  const before = queries.getQueryData<Run>(key)
  if (before) queries.setQueryData(key, changed(before, change))
  try {
    const run = await read(api.runs[':id'].$patch({ param: { id }, json: change }))
    queries.setQueryData(key, run)
    void queries.invalidateQueries({ queryKey: ['runs'] })
    return run
  } catch (error) {
    if (before) queries.setQueryData(key, before)
    void queries.invalidateQueries({ queryKey: key })
    throw error
  }
}

/** As `changeRun`; says what was done, with a way to undo it, or why it was not. */
export async function changeAndSay(
  queries: QueryClient,
  id: string,
  change: RunChange,
  { done, undo }: { done: string; undo: RunChange },
): Promise<boolean> {
  const failed = (error: Error) => say(`Not changed: ${error.message}`, { failed: true })
  try {
    await changeRun(queries, id, change)
  } catch (error) {
    failed(error as Error)
    return false
  }
  const back = () => {
    changeRun(queries, id, undo).then(() => say('Undone'), failed)
  }
  say(done, { action: { label: 'Undo', run: back } })
  return true
}

/** What a tag is now, on the tracker: somebody else may have changed it since it was shown. The page then shows that. */
export async function currentTag(
  queries: QueryClient,
  id: string,
  name: string,
): Promise<Scalar | undefined> {
  const run = await read(api.runs[':id'].$get({ param: { id } }))
  queries.setQueryData(runKey(id), run)
  return Object.hasOwn(run.tags, name) ? run.tags[name] : undefined
}
