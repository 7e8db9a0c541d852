/** The table: of 100,000 rows and 12,000 columns those are drawn that are in sight. */
import type { Signal } from '@preact/signals'
import { useVirtualizer } from '@tanstack/react-virtual'
import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useMemo, useRef } from 'preact/hooks'
import { type Stroke, strokeOf } from '../colour.ts'
import { useScrollPlace } from '../ui/scroll-place.ts'
import type { Column } from './columns.ts'
import { Heads } from './heads.tsx'
import { gridOf, ROWS, rowOf } from './roles.ts'
import { type Drawn, type RowActions, RunRow } from './row.tsx'
import type { SortKey } from './sorting.ts'
import type { RunStore } from './store.ts'

/** Heights, in pixels, which the stylesheet has too. */
const LINE = 28
const GROUP = 44
const TOP = 30

/** A line of the table. */
export type Line =
  | { kind: 'run'; id: string; isInGroup: boolean }
  | { kind: 'group' | 'rest'; id: string; isOpen?: boolean; draw: (drawn: Drawn) => ComponentChildren }

/** What is in sight: runs, and names of metrics. */
export interface InSight {
  ids: string[]
  names: string[]
}

interface GridProps {
  lines: readonly Line[]
  columns: readonly Column[]
  store: RunStore
  chosen: ReadonlySet<string>
  shown: ReadonlyMap<string, Stroke>
  /** The id of the line that keys are about. */
  active: string | undefined
  actions: RowActions
  sort: readonly SortKey[]
  onSort: (keys: SortKey[]) => void
  onColumns: (columns: Column[], isPassing?: boolean) => void
  onKeyDown: (event: KeyboardEvent) => void
  inSight: Signal<InSight>
  /** Where rows scroll, for whoever wants to know whether that is at its beginning. */
  scroller: { current: HTMLDivElement | null }
  /** How many there are in all, where that is known. */
  total: number | undefined
  isOld: boolean
  /** Called when the last line comes into sight. */
  onEnd: () => void
}

export function Grid(props: GridProps) {
  const { lines, columns, store, chosen, shown, active, actions, inSight, scroller, onEnd } = props
  const pinned = useMemo(() => columns.filter(({ isPinned }) => isPinned), [columns])
  const others = useMemo(() => columns.filter(({ isPinned }) => !isPinned), [columns])
  const fixed = pinned.reduce((sum, { width }) => sum + width, 0)

  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: useCallback((i) => (lines[i]?.kind === 'group' ? GROUP : LINE), [lines]),
    // The same function as long as the lines are the same: with another one all are measured again.
    getItemKey: useCallback((i) => lines[i]?.id ?? i, [lines]),
    scrollMargin: TOP,
    scrollPaddingStart: TOP,
    overscan: 8,
  })
  const across = useVirtualizer({
    horizontal: true,
    count: others.length,
    getScrollElement: () => scroller.current,
    estimateSize: useCallback((i) => others[i]?.width ?? 0, [others]),
    getItemKey: useCallback((i) => others[i]?.id ?? i, [others]),
    paddingStart: fixed,
    scrollPaddingStart: fixed,
    overscan: 2,
  })

  const cells = across.getVirtualItems()
  const first = cells[0]?.index ?? 0
  const last = cells.at(-1)?.index ?? -1
  const gap = (cells[0]?.start ?? fixed) - fixed
  const drawn = useMemo<Drawn>(
    () => ({ pinned, gap, first, others: others.slice(first, last + 1) }),
    [pinned, others, gap, first, last],
  )
  const items = rows.getVirtualItems()
  const end = items.at(-1)?.index ?? -1

  const seen = useRef('')
  useEffect(() => {
    const ids = items.flatMap(({ index }) => {
      const line = lines[index]
      return line?.kind === 'run' ? [line.id] : []
    })
    const names = [...drawn.pinned, ...drawn.others].flatMap(({ kind, key }) =>
      kind === 'metrics' ? [key] : [],
    )
    const now = { ids, names: [...new Set(names)].sort() }
    const text = JSON.stringify(now)
    if (text === seen.current) return
    seen.current = text
    inSight.value = now
  })
  useEffect(() => {
    if (end >= lines.length - 1) onEnd()
  }, [end, lines.length, onEnd])

  // A column that was just added comes into sight.
  const known = useRef(others)
  useEffect(() => {
    const before = new Set(known.current.map(({ id }) => id))
    const added = others.findIndex(({ id }) => !before.has(id))
    if (added >= 0 && others.length === before.size + 1) across.scrollToIndex(added)
    known.current = others
  }, [others, across])

  // Not at each step of scrolling: there may be 100,000.
  const isTree = useMemo(() => lines.some(({ kind }) => kind === 'group'), [lines])
  const at = useMemo(() => lines.findIndex(({ id }) => id === active), [lines, active])
  const place = useRef(at)
  place.current = at
  // Only when another line is meant: not when lines come before it.
  useEffect(() => {
    if (active !== undefined && place.current >= 0) rows.scrollToIndex(place.current, { align: 'auto' })
  }, [active, rows])

  const keep = useCallback(
    (element: HTMLDivElement | null) => {
      scroller.current = element
    },
    [scroller],
  )

  useScrollPlace(scroller, 'runs')

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: what it is says `roles.ts`
    <div
      ref={keep}
      {...gridOf(isTree, props.total, columns.length, at < 0 ? undefined : `run-${active}`, props.isOld)}
      class={props.isOld ? 'grid old' : 'grid'}
      onKeyDown={props.onKeyDown}
    >
      <div {...ROWS} class="top-line" style={{ width: across.getTotalSize() }}>
        <Heads
          columns={columns}
          drawn={drawn}
          sort={props.sort}
          onSort={props.onSort}
          onColumns={props.onColumns}
        />
      </div>
      <div {...ROWS} class="lines" style={{ height: rows.getTotalSize(), width: across.getTotalSize() }}>
        {items.map(({ index, key, start }) => {
          const line = lines[index]
          if (!line) return null
          const top = start - TOP
          if (line.kind !== 'run') {
            return (
              <div
                key={key}
                {...rowOf(
                  index,
                  line.kind === 'group' ? { level: 1, isExpanded: line.isOpen === true } : { level: 2 },
                )}
                id={`run-${line.id}`}
                class={`line ${line.kind} ${line.id === active ? 'active' : ''}`}
                style={{ transform: `translateY(${top}px)` }}
                onPointerDown={() => actions.activate(line.id)}
              >
                {line.draw(drawn)}
              </div>
            )
          }
          return (
            <RunRow
              key={key}
              id={line.id}
              run={store.of(line.id)}
              index={index}
              top={top}
              drawn={drawn}
              stroke={shown.get(line.id) ?? strokeOf(line.id)}
              isShown={shown.has(line.id)}
              isChosen={chosen.has(line.id)}
              isActive={line.id === active}
              isInGroup={line.isInGroup}
              actions={actions}
            />
          )
        })}
      </div>
    </div>
  )
}
