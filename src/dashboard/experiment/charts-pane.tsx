/** The charts of the runs that are shown, beside the table. */
import { useMemo } from 'preact/hooks'
import { type ChartedRun, Charts } from '../charts/charts.tsx'
import type { Stroke } from '../colour.ts'
import { Empty } from '../ui/parts.tsx'
import { nameOf } from './cell.tsx'
import type { RunStore } from './store.ts'
import { useValues } from './use-values.ts'

const NO_METRICS: readonly string[] = []

export function ChartsPane({
  experiment,
  store,
  shown,
  isChosen,
}: {
  experiment: string
  store: RunStore
  shown: ReadonlyMap<string, Stroke>
  /** Whether somebody has chosen these runs. */
  isChosen: boolean
}) {
  // What is known of the runs changes with it.
  store.version.value
  const known = [...shown].flatMap(([id, stroke]) => {
    const run = store.get(id)
    return run ? [{ id, name: nameOf(run), stroke, isLive: run.status === 'running' }] : []
  })
  const live = new Set(known.filter(({ isLive }) => isLive).map(({ id }) => id))
  const followed = [...shown.keys()].filter((id) => live.has(id) || !store.get(id))
  useValues(experiment, store, followed, NO_METRICS)
  const text = JSON.stringify(known)
  const runs = useMemo<ChartedRun[]>(() => known, [text])
  const of = useMemo(() => ({ experiment }), [experiment])
  if (runs.length === 0) {
    return isChosen ? (
      <Empty title="No run is selected">
        <p>The dot beside a run shows it here.</p>
      </Empty>
    ) : null
  }
  const count = runs.length === 1 ? '1 run' : `${runs.length} runs`
  return (
    <>
      <p class="about faint" role="status">
        {isChosen
          ? `Charts of ${count} selected`
          : `Charts of the first ${count}: select others to see theirs`}
      </p>
      <Charts runs={runs} of={of} />
    </>
  )
}
