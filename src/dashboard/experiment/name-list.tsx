/** Names of the experiment's data, found by the tracker: of 12,000 those are drawn that are in sight. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { useVirtualizer } from '@tanstack/react-virtual'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { api, readPage } from '../api.ts'
import { Failure, Skeleton, useSettled } from '../ui/parts.tsx'
import type { NamedKind } from './names.ts'

/** How many names a page has, and how high each is drawn, in pixels. */
const PAGE = 500
const LINE = 28

interface NameListProps {
  experiment: string
  kind: NamedKind
  /** What the name contains. */
  q: string
  children: (name: string) => ComponentChildren
}

export function NameList({ experiment, kind, q, children }: NameListProps) {
  const settled = useSettled(q.trim(), 120)
  const found = useInfiniteQuery({
    queryKey: ['names', experiment, kind, settled, 'all'],
    queryFn: ({ pageParam, signal }) => {
      const query = {
        kind,
        limit: String(PAGE),
        ...(settled && { q: settled }),
        ...(pageParam && { cursor: pageParam }),
      }
      return readPage(
        api.experiments[':id'].fields.$get({ param: { id: experiment }, query }, { init: { signal } }),
      )
    },
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
    staleTime: 30_000,
    // Names of another kind are none of this.
    placeholderData: (before, query) => (query?.queryKey[2] === kind ? before : undefined),
  })
  const names = useMemo(
    () => found.data?.pages.flatMap(({ items }) => items.map(({ name }) => name)) ?? [],
    [found.data],
  )
  const scroller = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: names.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 6,
  })
  const items = rows.getVirtualItems()
  const end = items.at(-1)?.index ?? 0
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = found
  useEffect(() => {
    if (end >= names.length - 1 && hasNextPage && !isFetchingNextPage) fetchNextPage()
  }, [end, names.length, hasNextPage, isFetchingNextPage, fetchNextPage])

  return (
    <div class="names" ref={scroller}>
      {found.error ? <Failure error={found.error} again={() => found.refetch()} /> : null}
      {found.isPending && <Skeleton lines={6} />}
      {found.isSuccess && names.length === 0 && (
        <p class="faint">{settled ? `No ${kind} contain “${settled}”` : `There are no ${kind}`}</p>
      )}
      <ul style={{ height: rows.getTotalSize() }}>
        {items.map(({ index, start }) => {
          const name = names[index] ?? ''
          return (
            <li key={name} style={{ transform: `translateY(${start}px)` }}>
              {children(name)}
            </li>
          )
        })}
      </ul>
    </div>
  )
}
