/** What the charts of a view have in common. */
import { type Signal, signal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { Range } from './buckets.ts'
import type { ChartedRun } from './charts.tsx'
import { Feed } from './feed.ts'
import { rangeChanges, type View, type ViewState } from './view.ts'

export interface Shared {
  feed: Feed
  runs: readonly ChartedRun[]
  view: View
  /** What is in sight, also while it is being moved; undefined for all there is. */
  range: Signal<Range | undefined>
  /** Where on the axis the pointer is, in whichever chart. */
  cursor: Signal<number | null>
  theme: Signal<string>
  zoom: (range: Range | undefined) => void
  pan: (range: Range, isOver: boolean) => void
  enlarge: (name: string | null) => void
}

const darkness = matchMedia('(prefers-color-scheme: dark)')
/** Changes with the colours of the page. */
const theme = signal(String(darkness.matches))
darkness.addEventListener('change', ({ matches }) => {
  theme.value = String(matches)
})

export function useShared(runs: readonly ChartedRun[], { view, set, drag }: ViewState): Shared {
  const { x, ranks, attempts } = view
  const feed = useMemo(() => new Feed(x, ranks, attempts), [x, ranks, attempts])
  useEffect(() => () => feed.close(), [feed])
  useEffect(() => feed.setLive(new Set(runs.flatMap(({ id, isLive }) => (isLive ? [id] : [])))), [feed, runs])

  const range = useMemo(() => signal(view.range), [])
  const cursor = useMemo(() => signal<number | null>(null), [])
  const [from, to] = view.range ?? []
  useEffect(() => {
    range.value = from === undefined || to === undefined ? undefined : [from, to]
    feed.show(range.value)
  }, [feed, range, from, to])

  // The same functions for ever: charts are not rendered again because one of them has moved.
  const latest = useRef({ x, set, drag, feed })
  latest.current = { x, set, drag, feed }
  const actions = useMemo(
    (): Pick<Shared, 'zoom' | 'pan' | 'enlarge'> => ({
      zoom: (part) => {
        // At once: the address is read with the next rendering.
        range.value = part
        latest.current.feed.show(part)
        latest.current.set(rangeChanges(part, latest.current.x))
      },
      pan: (part, isOver) => {
        range.value = part
        latest.current.feed.show(part)
        if (isOver) latest.current.drag('pan', rangeChanges(part, latest.current.x))
      },
      enlarge: (chart) => latest.current.set({ chart }),
    }),
    [range],
  )
  return useMemo(
    () => ({ feed, runs, view, range, cursor, theme, ...actions }),
    [feed, runs, view, range, cursor, actions],
  )
}
