/** Every metric of a run in a few numbers, one row a name and rank. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useMemo } from 'preact/hooks'
import { api, type Run, readPage, type SeriesSummary } from '../api.ts'
import { nothing } from '../queries.ts'
import { Ago, Empty, Failure, Skeleton, Value } from '../ui/parts.tsx'
import { Scrolls } from '../ui/scrolls.tsx'
import { SearchBox } from '../ui/search-box.tsx'
import { useUrlState } from '../url.ts'
import { isLike, isLive } from './about.ts'

/** Of the API; a run comes with as many. */
const AT_ONCE = 1_000
const ROWS = 100
/** Pages that are read for one table: beyond them a search is better. */
const MOST_PAGES = 50

export function Summaries({ run }: { run: Run }) {
  const { search, set } = useUrlState()
  const isCut = run.metrics.length >= AT_ONCE
  const rest = useInfiniteQuery({
    queryKey: ['run', run.id, 'summaries'],
    queryFn: ({ pageParam }) =>
      readPage(
        api.runs[':id'].metrics.$get({
          param: { id: run.id },
          query: { limit: '5000', ...(pageParam && { cursor: pageParam }) },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }, pages) => (pages.length < MOST_PAGES ? next : undefined),
    enabled: isCut,
    refetchInterval: isLive(run) ? 30_000 : false,
    placeholderData: nothing,
  })
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = rest
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, fetchNextPage])

  const all = isCut ? (rest.data?.pages.flatMap(({ items }) => items) ?? run.metrics) : run.metrics
  const q = search.get('q') ?? ''
  const found = useMemo(() => (q ? all.filter(({ name }) => isLike(q, name)) : all), [all, q])
  const pages = Math.max(1, Math.ceil(found.length / ROWS))
  const page = Math.min(pages, Math.max(1, Number(search.get('page')) || 1))
  const shown = found.slice((page - 1) * ROWS, page * ROWS)

  if (run.metrics.length === 0) {
    return (
      <Empty title="No metric has been logged yet">{isLive(run) && <p>They appear by themselves.</p>}</Empty>
    )
  }
  return (
    <>
      <div class="bar">
        <SearchBox
          label="Search metrics"
          value={q}
          onSearch={(q) => set({ q, page: null }, { replace: true })}
          what="search metrics"
        />
        <span class="faint number" role="status">
          {found.length.toLocaleString('en')} series
          {hasNextPage && ', reading more…'}
        </span>
        {pages > 1 && (
          <nav class="row pager" aria-label="Pages">
            <button type="button" disabled={page === 1} onClick={() => set({ page: String(page - 1) })}>
              Previous
            </button>
            <span class="number">
              {page} of {pages}
            </span>
            <button type="button" disabled={page === pages} onClick={() => set({ page: String(page + 1) })}>
              Next
            </button>
          </nav>
        )}
      </div>
      {rest.error && <Failure error={rest.error} again={() => rest.refetch()} />}
      {isCut && rest.isPending && !rest.error && <Skeleton lines={4} />}
      {found.length === 0 ? (
        <Empty title="No metric is called like that">
          <button type="button" onClick={() => set({ q: null })}>
            Show all
          </button>
        </Empty>
      ) : (
        <SummaryTable series={shown} />
      )}
    </>
  )
}

function SummaryTable({ series }: { series: readonly SeriesSummary[] }) {
  return (
    <Scrolls>
      <table class="list summaries">
        <thead>
          <tr>
            <th>Metric</th>
            <th class="right">Rank</th>
            <th class="right">Last</th>
            <th class="right">At step</th>
            <th class="right">Min</th>
            <th class="right">At step</th>
            <th class="right">Max</th>
            <th class="right">At step</th>
            <th class="right">Points</th>
            <th>Logged</th>
          </tr>
        </thead>
        <tbody>
          {series.map(({ name, rank, last, min, max, count }) => (
            <tr key={`${rank} ${name}`}>
              <th scope="row">{name}</th>
              <td class="right number">{rank}</td>
              {[last, min, max].map((point, i) => (
                <PointCells key={i} point={point} />
              ))}
              <td class="right number">{count.toLocaleString('en')}</td>
              <td>
                <Ago at={last.timestamp} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolls>
  )
}

function PointCells({ point }: { point: SeriesSummary['min'] }) {
  return (
    <>
      <td class="right number">
        <Value value={point?.value} />
      </td>
      <td class="right number faint">{point?.step.toLocaleString('en')}</td>
    </>
  )
}
