/** What the address says of an experiment's runs, and the runs themselves. */
import { type Signal, useSignal } from '@preact/signals'
import { useCallback, useMemo, useRef } from 'preact/hooks'
import { type Stroke, strokesOf } from '../colour.ts'
import { useSettled } from '../ui/parts.tsx'
import { listOf, type UrlState } from '../url.ts'
import type { InSight } from './grid.tsx'
import { type Fault, faultOfForm, filterOf } from './search.ts'
import { runsOf, SHOWN_AT_FIRST } from './selection.ts'
import { type SortKey, sortOf } from './sorting.ts'
import { type RunStore, storeOf } from './store.ts'
import { type ListedRuns, useList } from './use-list.ts'
import { MOST_NAMES } from './use-values.ts'

/** How long somebody has to stop typing before the tracker is asked, in milliseconds. */
const PAUSE = 200

export interface Runs {
  store: RunStore
  list: ListedRuns
  /** What is typed, and the filter that it stands for once the typing has paused: while that has a fault, the one before. */
  text: string
  filter: string
  fault: Fault | undefined
  sort: SortKey[]
  /** As the filter language says it. */
  order: readonly string[]
  /** Undefined while nobody has chosen any. */
  chosen: string[] | undefined
  /** Those in the charts, with their strokes. */
  shown: ReadonlyMap<string, Stroke>
  inSight: Signal<InSight>
  scroller: { current: HTMLDivElement | null }
}

export function useRuns(experiment: string, { search }: UrlState): Runs {
  const store = useMemo(() => storeOf(experiment), [experiment])
  const text = search.get('filter') ?? ''
  const meant = filterOf(useSettled(text, PAUSE))
  const fault = useMemo(() => faultOfForm(meant), [meant])
  const good = useRef('')
  if (!fault) good.current = meant
  const filter = good.current
  const sortText = search.get('sort')
  const sort = useMemo(() => sortOf(sortText), [sortText])
  const order = useMemo(
    () => sort.map(({ id, isDescending }) => `${id} ${isDescending ? 'DESC' : 'ASC'}`),
    [sort],
  )

  const inSight = useSignal<InSight>({ ids: [], names: [] })
  const scroller = useRef<HTMLDivElement | null>(null)
  const names = useCallback(() => inSight.peek().names.slice(0, MOST_NAMES), [inSight])
  const mayMove = useCallback(() => {
    const grid = scroller.current
    return grid === null || (grid.scrollTop < 4 && !grid.matches(':hover, :focus-within'))
  }, [])
  const list = useList({ experiment, filter, order }, store, names, mayMove)

  const runsText = search.get('runs')
  const chosen = useMemo(() => runsOf(runsText), [runsText])
  const first = list.ids.slice(0, SHOWN_AT_FIRST).join()
  const shown = useMemo(
    // The oldest first: then a new run takes no colour from one that is there already.
    () => strokesOf(chosen ?? listOf(first).reverse()),
    [chosen, first],
  )
  return { store, list, text, filter, fault, sort, order, chosen, shown, inSight, scroller }
}
