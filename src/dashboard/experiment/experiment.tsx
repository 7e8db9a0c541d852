/** One experiment: its runs in a table, and beside it the charts of those that are selected. */
import { useQuery } from '@tanstack/react-query'
import { useRef } from 'preact/hooks'
import { api, Problem, read } from '../api.ts'
import { Empty, Failure } from '../ui/parts.tsx'
import { useScrollPlace } from '../ui/scroll-place.ts'
import { useUrlState } from '../url.ts'
import { ChartsPane } from './charts-pane.tsx'
import { NoRuns } from './empty.tsx'
import './experiment.css'
import { nothing } from '../queries.ts'
import { Header, useRunCount } from './header.tsx'
import { RunsPane } from './runs-pane.tsx'
import { Splitter, splitOf, USUAL_SPLIT } from './splitter.tsx'
import { useRuns } from './use-runs.ts'

export function Experiment({ id }: { id: string }) {
  const experiment = useQuery({
    queryKey: ['experiment', id],
    queryFn: () => read(api.experiments[':id'].$get({ param: { id } })),
    placeholderData: nothing,
    refetchInterval: 30_000,
  })
  const count = useRunCount(experiment.data)
  const { error } = experiment
  if (error instanceof Problem && error.status === 404) {
    return (
      <main>
        <Empty title="There is no such experiment">
          <p>
            <a href="/">See all experiments</a>
          </p>
        </Empty>
      </main>
    )
  }
  return (
    <main class="workspace">
      <Header experiment={experiment.data} count={count} />
      {error && !experiment.data ? (
        <Failure error={error} again={() => experiment.refetch()} />
      ) : (
        // What is chosen and typed belongs to one experiment.
        <Workspace key={id} experiment={id} count={count} />
      )}
    </main>
  )
}

function Workspace({ experiment, count }: { experiment: string; count: number | undefined }) {
  const url = useUrlState()
  const { search, set } = url
  const runs = useRuns(experiment, url)
  const curves = useRef<HTMLElement>(null)
  const { list } = runs
  const isEmpty = !list.isPending && !list.error && list.ids.length === 0 && runs.filter === ''
  if (isEmpty) return <NoRuns experiment={experiment} />
  const split = splitOf(search.get('split'))
  const view = search.get('view') === 'charts' ? 'charts' : 'runs'
  return (
    <>
      <fieldset class="switch">
        <legend class="hidden">What is shown</legend>
        <button type="button" aria-pressed={view === 'runs'} onClick={() => set({ view: null })}>
          Runs
        </button>
        <button type="button" aria-pressed={view === 'charts'} onClick={() => set({ view: 'charts' })}>
          Charts
        </button>
      </fieldset>
      <div class={`halves view-${view}`} style={{ '--split': `${split}%` }}>
        <section class="runs" aria-label="Runs">
          <RunsPane experiment={experiment} url={url} runs={runs} count={count} />
        </section>
        <Splitter
          percent={split}
          onChange={(percent) =>
            set({ split: percent === USUAL_SPLIT ? null : String(percent) }, { replace: true })
          }
        />
        <section ref={curves} class="curves" aria-label="Charts">
          <ChartsPane
            experiment={experiment}
            store={runs.store}
            shown={runs.shown}
            isChosen={runs.chosen !== undefined}
          />
        </section>
        <ScrollPlace of={curves} />
      </div>
    </>
  )
}

/** For a part that is not always there. */
function ScrollPlace({ of }: { of: { current: HTMLElement | null } }) {
  useScrollPlace(of, 'charts')
  return null
}
