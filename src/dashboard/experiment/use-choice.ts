/** Which runs are selected, which line the keys are about, and what the keys do. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { api, read } from '../api.ts'
import { say } from '../ui/notices.tsx'
import { useShortcuts } from '../ui/shortcuts.tsx'
import type { UrlState } from '../url.ts'
import type { Line } from './grid.tsx'
import type { RowActions } from './row.tsx'
import { between, MOST_CHOSEN, runsText, withIds, withoutIds } from './selection.ts'
import type { Runs } from './use-runs.ts'

interface Choosing {
  experiment: string
  url: UrlState
  runs: Runs
  lines: readonly Line[]
  box: { current: HTMLInputElement | null }
  /** Opens a line: a run's page, or a group. */
  open: (id: string) => void
  /** Selects what a line stands for that is no run. */
  chooseLine: (id: string) => void
}

/** What a page is, for the keys that move by one. */
const BY_PAGE = 20

export function useChoice({ experiment, url, runs, lines, box, open, chooseLine }: Choosing) {
  const { route } = useLocation()
  const [active, activate] = useState<string>()
  const anchor = useRef<string>(undefined)
  const chosen = useMemo(() => new Set(runs.chosen), [runs.chosen])

  const put = (ids: readonly string[] | undefined) => url.set({ runs: runsText(ids) })
  const choose = (id: string, isRange: boolean) => {
    const now = runs.chosen ?? []
    if (isRange && anchor.current !== undefined) {
      const order = lines.flatMap((line) => (line.kind === 'run' ? [line.id] : []))
      put(withIds(now, between(order, anchor.current, id)))
    } else if (chosen.has(id)) {
      put(withoutIds(now, [id]))
    } else {
      if (now.length >= MOST_CHOSEN) say(`No more than ${MOST_CHOSEN} runs can be selected`, { failed: true })
      put(withIds(now, [id]))
    }
    anchor.current = id
  }
  const toggleShown = (id: string) => {
    const now = [...runs.shown.keys()]
    put(now.includes(id) ? now.filter((other) => other !== id) : withIds(now, [id]))
  }
  const move = (by: number) => {
    const at = lines.findIndex((line) => line.id === active)
    // The first step is to the first line; the end is the end from anywhere.
    const to =
      at < 0 && by !== Number.POSITIVE_INFINITY ? 0 : Math.max(0, Math.min(lines.length - 1, at + by))
    activate(lines[to]?.id)
    runs.scroller.current?.focus({ preventScroll: true })
  }
  // The last line is not there yet: it is meant until another is.
  const toEnd = useRef(false)
  useEffect(() => {
    if (toEnd.current) move(Number.POSITIVE_INFINITY)
  }, [lines])
  const compare = () => {
    const ids = [...runs.shown.keys()]
    if (ids.length > 0) route(`/e/${experiment}/compare?runs=${ids.join(',')}`)
  }
  /** Selects all that meet a filter, beside those that are selected already or instead of them; gives which these are. */
  const all = async (filter: string, isAdded: boolean): Promise<string[]> => {
    const query = {
      limit: String(MOST_CHOSEN),
      ...(filter && { filter }),
      ...(runs.order.length > 0 && { order_by: [...runs.order] }),
    }
    try {
      const found = await read(api.experiments[':id'].runs.$get({ param: { id: experiment }, query }))
      runs.store.put(found, [])
      const ids = found.map(({ id }) => id)
      put(isAdded ? withIds(runs.chosen ?? [], ids) : ids)
      if (found.length === MOST_CHOSEN) say(`The first ${MOST_CHOSEN} are selected: no more can be`)
      return ids
    } catch (error) {
      say(`Not selected: ${(error as Error).message}`, { failed: true })
      return []
    }
  }
  const forget = (ids: readonly string[]) => {
    runs.list.drop(ids)
    put(withoutIds(runs.chosen ?? [], ids))
  }
  const mark = (isRange: boolean) => {
    const line = lines.find(({ id }) => id === active)
    if (line?.kind === 'run') choose(line.id, isRange)
    else if (line) chooseLine(line.id)
  }

  // The latest of them, for handlers that stay the same: rows are not drawn anew because of them.
  const latest = { choose, toggleShown, move, compare, mark, open, active, list: runs.list }
  const now = useRef(latest)
  now.current = latest
  const actions = useMemo<RowActions>(
    () => ({
      choose: (id, isRange) => now.current.choose(id, isRange),
      toggleShown: (id) => now.current.toggleShown(id),
      activate: (id) => {
        toEnd.current = false
        activate(id)
      },
    }),
    [],
  )
  const more = useCallback(() => {
    const { list } = now.current
    if (list.hasMore && !list.isLoadingMore) list.loadMore()
  }, [])
  const press = useCallback((event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: BY_PAGE, PageUp: -BY_PAGE }[event.key]
    const far = { Home: Number.NEGATIVE_INFINITY, End: Number.POSITIVE_INFINITY }[event.key]
    toEnd.current = event.key === 'End'
    if (by !== undefined || far !== undefined) now.current.move(by ?? far ?? 0)
    else if (event.key === 'Enter' && now.current.active !== undefined) now.current.open(now.current.active)
    else if (event.key === ' ') now.current.mark(event.shiftKey)
    else return
    event.preventDefault()
  }, [])
  useShortcuts(
    useMemo(
      () => [
        { key: '/', what: 'filter runs', run: () => box.current?.focus() },
        { key: 'j', what: 'next run', run: () => now.current.move(1) },
        { key: 'k', what: 'run before', run: () => now.current.move(-1) },
        { key: 'x', what: 'select the run', run: () => now.current.mark(false) },
        { key: 'X', what: 'select up to the run', run: () => now.current.mark(true) },
        { key: 'c', what: 'compare the selected', run: () => now.current.compare() },
      ],
      [box],
    ),
  )
  return { chosen, active, actions, press, more, compare, all, forget }
}
