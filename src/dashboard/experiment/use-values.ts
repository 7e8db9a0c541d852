/** What rows show that are in sight: read when they come into it, and again every few seconds. */
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'preact/hooks'
import { api, read } from '../api.ts'
import { stringOf } from './names.ts'
import type { RunStore } from './store.ts'
import { EVERY } from './use-list.ts'

/** How many runs are asked for by their ids at once: a filter has an end. */
const AT_ONCE = 100
/** Names of metrics that the tracker takes. */
export const MOST_NAMES = 50

/** Reads runs by their ids, with some of their metrics, into the store. */
export async function readRuns(
  experiment: string,
  store: RunStore,
  ids: readonly string[],
  names: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  for (let begin = 0; begin < ids.length; begin += AT_ONCE) {
    const some = ids.slice(begin, begin + AT_ONCE)
    // At least once, for the runs themselves.
    for (let first = 0; first === 0 || first < names.length; first += MOST_NAMES) {
      const metrics = names.slice(first, first + MOST_NAMES)
      const query = {
        filter: `id IN (${some.map(stringOf).join(', ')})`,
        limit: String(AT_ONCE),
        ...(metrics.length > 0 && { metrics }),
      }
      const runs = await read(
        api.experiments[':id'].runs.$get(
          { param: { id: experiment }, query },
          signal ? { init: { signal } } : undefined,
        ),
      )
      store.put(runs, metrics, some)
    }
  }
}

/** Sees to it that what is in sight is in the store: all of it now, and again as it changes. */
export function useValues(
  experiment: string,
  store: RunStore,
  ids: readonly string[],
  names: readonly string[],
): void {
  const lacking = store.lacking(ids, names)
  const wanted = lacking.join()
  const named = names.join('\n')
  useEffect(() => {
    if (lacking.length === 0) return
    const stop = new AbortController()
    // Whoever scrolls past does not want it.
    const timer = setTimeout(
      () => readRuns(experiment, store, lacking, names, stop.signal).catch(() => {}),
      60,
    )
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [experiment, store, wanted, named])
  useQuery({
    queryKey: ['runs', experiment, 'in sight', ids, names],
    queryFn: async ({ signal }) => {
      await readRuns(experiment, store, ids, names, signal)
      return null
    },
    enabled: ids.length > 0,
    initialData: null,
    refetchInterval: EVERY,
    refetchOnMount: false,
    staleTime: EVERY,
    gcTime: 0,
  })
}
