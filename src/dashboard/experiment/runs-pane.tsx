/** The table with what is above and below it: search, columns, groups, and what can be done with selected runs. */
import type { Signal } from '@preact/signals'
import { useMemo, useRef } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { Empty, Failure, Skeleton } from '../ui/parts.tsx'
import type { UrlState } from '../url.ts'
import { Bulk } from './bulk.tsx'
import { FilterBox } from './filter-box.tsx'
import { Grid, type InSight, type Line } from './grid.tsx'
import { faultOf } from './search.ts'
import { sortText } from './sorting.ts'
import type { RunStore } from './store.ts'
import { useChoice } from './use-choice.ts'
import { useColumns } from './use-columns.ts'
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
  const { store, list, text, filter, sort, shown } = runs
  const { columns, change, isReady } = useColumns(experiment, url)
  const box = useRef<HTMLInputElement>(null)
  const fault = faultOf(list.error, text)
  const lines = useMemo<Line[]>(
    () => list.ids.map((id) => ({ kind: 'run', id, isInGroup: false })),
    [list.ids],
  )
  const open = (id: string) => route(`/r/${id}`)
  const choice = useChoice({ experiment, url, runs, lines, box, open })

  return (
    <>
      <div class="tools">
        <FilterBox
          text={text}
          onText={(text) => set({ filter: text }, { replace: true })}
          fault={fault}
          box={box}
        />
      </div>
      {list.waiting && (
        <button
          type="button"
          class="waiting"
          onClick={() => {
            list.show()
            runs.scroller.current?.scrollTo({ top: 0 })
          }}
        >
          {list.waiting.isNew
            ? list.waiting.count === 1
              ? '1 new run'
              : `${list.waiting.count} new runs`
            : 'The order has changed'}
        </button>
      )}
      {list.error && !fault ? <Failure error={list.error} again={list.again} /> : null}
      {list.isPending || !isReady ? (
        <Skeleton lines={16} />
      ) : lines.length === 0 && list.hasMore === false ? (
        <Empty title="No run is like that">
          <button type="button" onClick={() => set({ filter: null })}>
            Show all
          </button>
        </Empty>
      ) : (
        <Grid
          lines={lines}
          columns={columns}
          store={store}
          chosen={choice.chosen}
          shown={shown}
          active={choice.active}
          actions={choice.actions}
          sort={sort}
          onSort={(keys) => set({ sort: sortText(keys) })}
          onColumns={change}
          onKeyDown={choice.press}
          inSight={runs.inSight}
          scroller={runs.scroller}
          total={list.hasMore ? (filter === '' ? count : undefined) : lines.length}
          isOld={list.isOld}
          onEnd={choice.more}
        />
      )}
      <InSightValues experiment={experiment} store={store} inSight={runs.inSight} />
      {runs.chosen !== undefined && (
        <Bulk
          chosen={runs.chosen}
          store={store}
          onCompare={choice.compare}
          onClear={() => set({ runs: null })}
          onAll={choice.all}
          onDeleted={choice.forget}
        />
      )}
    </>
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
