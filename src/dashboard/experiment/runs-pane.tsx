/** The table with what is above and below it: search, groups, columns, and what can be done with selected runs. */
import type { Signal } from '@preact/signals'
import { useMemo, useRef } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { Empty, Failure, Skeleton } from '../ui/parts.tsx'
import type { UrlState } from '../url.ts'
import { Bulk } from './bulk.tsx'
import { ColumnsPanel } from './columns-panel.tsx'
import { FilterBox } from './filter-box.tsx'
import { Grid, type InSight } from './grid.tsx'
import { GroupPanel } from './group-panel.tsx'
import { faultOf } from './search.ts'
import { sortText } from './sorting.ts'
import type { RunStore } from './store.ts'
import { useChoice } from './use-choice.ts'
import { useColumns } from './use-columns.ts'
import { MOST_GROUPS } from './use-groups.ts'
import { useLines } from './use-lines.tsx'
import type { ListedRuns } from './use-list.ts'
import type { Runs } from './use-runs.ts'
import { useValues } from './use-values.ts'

interface RunsPaneProps {
  experiment: string
  url: UrlState
  runs: Runs
  /** How many the experiment has in all. */
  count: number | undefined
}

export function RunsPane({ experiment, url, runs, count }: RunsPaneProps) {
  const { route } = useLocation()
  const { set } = url
  const { store, list, text, filter, sort } = runs
  const { columns, change, reset, isReady } = useColumns(experiment, url)
  const box = useRef<HTMLInputElement>(null)
  const choose = useRef<(filter: string) => Promise<string[]>>(async () => [])
  const table = useLines({ experiment, url, runs, columns, onChoose: (filter) => choose.current(filter) })
  const { lines, by } = table
  const choice = useChoice({
    experiment,
    url,
    runs,
    lines,
    box,
    open: (id) => {
      if (!table.toggleLine(id)) route(`/r/${id}`)
    },
    chooseLine: table.chooseLine,
  })
  choose.current = (filter) => choice.all(filter, true)

  const fault = runs.fault ?? faultOf(list.error, text)
  const error = fault ? null : (list.error ?? table.error)
  const isWhole = by !== undefined || !list.hasMore
  const total = isWhole ? lines.length : filter === '' ? count : undefined
  const listed = useMemo(() => new Set(list.ids), [list.ids])
  // Of a list that goes on nobody knows.
  const hidden =
    list.isPending || list.hasMore ? 0 : (runs.chosen ?? []).filter((id) => !listed.has(id)).length
  return (
    <>
      <div class="tools">
        <FilterBox
          experiment={experiment}
          store={store}
          text={text}
          onText={(text) => set({ filter: text }, { replace: true })}
          fault={fault}
          box={box}
        />
        <GroupPanel
          experiment={experiment}
          by={by}
          onGroup={(by) => set({ group: by ?? null, open: null })}
        />
        <ColumnsPanel experiment={experiment} columns={columns} onColumns={change} reset={reset} />
      </div>
      {by === undefined && <Waiting list={list} scroller={runs.scroller} />}
      {error && <Failure error={error} again={table.error ? table.again : list.again} />}
      {list.isCutOff && !error && (
        <p class="cut-off" role="status">
          Paused: the tracker does not answer. What is here may be old.
        </p>
      )}
      {by !== undefined && table.count >= MOST_GROUPS && (
        <p class="cut-off">{`The ${MOST_GROUPS} largest groups.`}</p>
      )}
      {list.isPending || !isReady || table.isPending ? (
        error ? null : (
          <Skeleton lines={16} />
        )
      ) : lines.length === 0 && isWhole ? (
        error ? null : (
          <Empty title={fault ? 'The filter cannot be read' : 'No run is like that'}>
            <button type="button" onClick={() => set({ filter: null })}>
              Show all
            </button>
          </Empty>
        )
      ) : (
        <Grid
          lines={lines}
          columns={columns}
          store={store}
          chosen={choice.chosen}
          shown={runs.shown}
          active={choice.active}
          actions={choice.actions}
          sort={sort}
          onSort={(keys) => set({ sort: sortText(keys) })}
          onColumns={change}
          onKeyDown={choice.press}
          inSight={runs.inSight}
          scroller={runs.scroller}
          total={total}
          isOld={list.isOld || runs.fault !== undefined}
          onEnd={choice.more}
        />
      )}
      <InSightValues experiment={experiment} store={store} inSight={runs.inSight} />
      {runs.chosen !== undefined && (
        <Bulk
          chosen={runs.chosen}
          hidden={hidden}
          store={store}
          onCompare={choice.compare}
          onClear={() => set({ runs: null })}
          onAll={() => choice.all(filter, false)}
          onDeleted={choice.forget}
        />
      )}
    </>
  )
}

/** New runs that would push away what somebody looks at wait here. */
function Waiting({ list, scroller }: { list: ListedRuns; scroller: Runs['scroller'] }) {
  if (!list.waiting) return null
  const { count, isNew } = list.waiting
  return (
    <button
      type="button"
      class="waiting"
      onClick={() => {
        list.show()
        scroller.current?.scrollTo({ top: 0 })
      }}
    >
      {isNew ? (count === 1 ? '1 new run' : `${count} new runs`) : 'The order has changed: show it'}
    </button>
  )
}

/** Follows what is in sight, without drawing the table anew each time. */
function InSightValues({
  experiment,
  store,
  inSight,
}: {
  experiment: string
  store: RunStore
  inSight: Signal<InSight>
}) {
  const { ids, names } = inSight.value
  useValues(experiment, store, ids, names)
  return null
}
