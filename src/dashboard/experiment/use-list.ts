/** The list of runs: read page by page as somebody scrolls, and kept up to date without disturbing who looks at it. */
import { type InfiniteData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { api, Problem, readPage } from '../api.ts'
import { nothing } from '../queries.ts'
import { countNew, merged } from './merging.ts'
import type { RunStore } from './store.ts'

/** How many runs the first page has, and those behind it, and how many are looked at to see whether there are new ones. */
const FIRST = 200
const PAGE = 1_000
const HEAD = 50

/** How often, in milliseconds. */
export const EVERY = 5_000

interface Ids {
  ids: string[]
  next: string | undefined
}
type Pages = InfiniteData<Ids, string>

export interface Listing {
  experiment: string
  /** In the filter language. */
  filter: string
  /** Clauses of it; empty for the newest first. */
  order: readonly string[]
}

export interface ListedRuns {
  ids: readonly string[]
  isPending: boolean
  /** Whether what is shown is of what was asked before. */
  isOld: boolean
  error: unknown
  again: () => void
  hasMore: boolean
  isLoadingMore: boolean
  loadMore: () => void
  /** How many runs are new and not shown yet, or that the order is another by now. */
  waiting: { count: number; isNew: boolean } | undefined
  /** Shows them. */
  show: () => void
  /** Leaves out runs that are gone. */
  drop: (ids: readonly string[]) => void
  /** Whether the tracker has stopped answering. */
  isCutOff: boolean
}

/**
 * @param metrics the names of those that are wanted with each run, when it is read
 * @param mayMove whether rows may move now: nobody looks at any in particular
 */
export function useList(
  { experiment, filter, order }: Listing,
  store: RunStore,
  metrics: () => string[],
  mayMove: () => boolean,
): ListedRuns {
  const queries = useQueryClient()
  const key = useMemo(() => ['runs', experiment, 'list', filter, order], [experiment, filter, order])
  const read = useCallback(
    async (limit: number, cursor: string, signal: AbortSignal): Promise<Ids> => {
      // Further pages may well be scrolled past: what comes into sight is read then.
      const names = cursor ? [] : metrics()
      const query = {
        limit: String(limit),
        ...(filter && { filter }),
        ...(order.length > 0 && { order_by: [...order] }),
        ...(names.length > 0 && { metrics: names }),
        ...(cursor && { cursor }),
      }
      const answer = await readPage(
        api.experiments[':id'].runs.$get({ param: { id: experiment }, query }, { init: { signal } }),
      )
      store.put(answer.items, names)
      return { ids: answer.items.map(({ id }) => id), next: answer.next }
    },
    [experiment, filter, order, store, metrics],
  )

  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => read(pageParam ? PAGE : FIRST, pageParam, signal),
    initialPageParam: '',
    getNextPageParam: ({ next }: Ids) => next,
    // All of its pages are never read again: what is new is looked for below.
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    placeholderData: (before, query) => (query?.queryKey[1] === experiment ? before : undefined),
  })
  // What was shown last stays while a filter is wrong.
  const last = useRef<{ experiment: string; data: Pages }>(undefined)
  if (list.data) last.current = { experiment, data: list.data as Pages }
  const data = list.data ?? (last.current?.experiment === experiment ? last.current.data : undefined)
  const ids = useMemo(() => [...new Set(data?.pages.flatMap((page) => page.ids))], [data])

  const head = useQuery({
    queryKey: ['runs', experiment, 'head', filter, order],
    queryFn: ({ signal }) => read(HEAD, '', signal),
    enabled: list.isSuccess && !list.isPlaceholderData,
    refetchInterval: EVERY,
    placeholderData: nothing,
    gcTime: 0,
  })

  const [waiting, wait] = useState<ListedRuns['waiting']>()
  const isNewestFirst = order.length === 0
  const show = useCallback(() => {
    const now = queries.getQueryData<Ids>(['runs', experiment, 'head', filter, order])
    const old = queries.getQueryData<Pages>(key)
    if (!now || !old) return
    wait(undefined)
    const all = old.pages.flatMap((page) => page.ids)
    const both = isNewestFirst || now.next === undefined ? merged(all, now.ids, !now.next) : undefined
    const end = now.next === undefined ? undefined : old.pages.at(-1)?.next
    queries.setQueryData<Pages>(key, {
      pages: [both ? { ids: both, next: end } : now],
      pageParams: [''],
    })
  }, [queries, key, experiment, filter, order, isNewestFirst])

  useEffect(() => {
    const now = head.data
    const old = queries.getQueryData<Pages>(key)
    if (!now || !old) return wait(undefined)
    const all = old.pages.flatMap((page) => page.ids)
    const isSame =
      now.ids.every((id, i) => id === all[i]) && (now.next !== undefined || now.ids.length === all.length)
    if (isSame) return wait(undefined)
    if (mayMove()) return show()
    const count = countNew(all, now.ids)
    // Runs that are gone and nothing else: their rows may stay until somebody looks elsewhere.
    if (count > 0 || !isNewestFirst) wait({ count, isNew: isNewestFirst })
  }, [head.data, head.dataUpdatedAt, queries, key, show, mayMove, isNewestFirst])

  const drop = useCallback(
    (gone: readonly string[]) => {
      const out = new Set(gone)
      queries.setQueriesData<Pages>(
        { queryKey: ['runs', experiment, 'list'] },
        (pages) =>
          pages && {
            ...pages,
            pages: pages.pages.map((page) => ({ ...page, ids: page.ids.filter((id) => !out.has(id)) })),
          },
      )
      store.remove(gone)
    },
    [queries, experiment, store],
  )

  return {
    ids,
    isPending: list.isPending,
    isOld: list.isPlaceholderData || (list.isError && data !== undefined),
    error: list.error,
    again: () => list.refetch(),
    hasMore: list.hasNextPage && !list.isPlaceholderData,
    isLoadingMore: list.isFetchingNextPage,
    loadMore: list.fetchNextPage,
    waiting,
    show,
    drop,
    isCutOff: head.isPaused || (head.error instanceof Problem && head.error.mayPass),
  }
}
