/** A run's curves: those of the model, and those of the machine in a tab of their own. */
import { useMemo } from 'preact/hooks'
import type { Run } from '../api.ts'
import { Charts } from '../charts/charts.tsx'
import { strokeOf } from '../colour.ts'
import { Empty } from '../ui/parts.tsx'
import { Scrolls } from '../ui/scrolls.tsx'
import { isLive, noteTag } from './about.ts'
import { SafeMarkdown } from './safe-markdown.tsx'

export const isSystem = (name: string) => name.startsWith('system/')
const isOfModel = (name: string) => !isSystem(name)

export function Overview({ run }: { run: Run }) {
  const note = String(run.tags[noteTag(run.tags)] ?? '')
  return (
    <div class={note ? 'overview with-note' : 'overview'}>
      {run.metrics.length === 0 ? (
        <Empty title="No metric has been logged yet">
          <p>
            {isLive(run) ? (
              'Its curves appear here by themselves, as soon as its first point is there.'
            ) : (
              <a href="/start">The lines that log a first point</a>
            )}
          </p>
        </Empty>
      ) : (
        <RunCharts run={run} only={isOfModel} />
      )}
      {note && (
        <aside aria-label="Note">
          <Scrolls>
            <SafeMarkdown text={note} run={run.id} />
          </Scrolls>
        </aside>
      )}
    </div>
  )
}

export function System({ run }: { run: Run }) {
  if (run.metrics.some(({ name }) => isSystem(name))) return <RunCharts run={run} only={isSystem} />
  return (
    <Empty title="Nothing of the machine has been logged">
      <p>
        Metrics whose names begin with <code>system/</code> are shown here.
      </p>
    </Empty>
  )
}

function RunCharts({ run, only }: { run: Run; only: (name: string) => boolean }) {
  const { id, name } = run
  const live = isLive(run)
  const runs = useMemo(
    () => [{ id, name: name ?? 'Unnamed run', stroke: strokeOf(id), isLive: live }],
    [id, name, live],
  )
  const of = useMemo(() => ({ run: id }), [id])
  return <Charts runs={runs} of={of} only={only} />
}
