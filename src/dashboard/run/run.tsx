/** One run: what it is, its curves, and all that was logged with it. */
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'preact/hooks'
import { api, Problem, type Run as RunRead, read } from '../api.ts'
import { nothing } from '../queries.ts'
import { Empty, Failure, Skeleton } from '../ui/parts.tsx'
import { useUrlState } from '../url.ts'
import { isLive } from './about.ts'
import { Artifacts } from './artifacts/artifacts.tsx'
import { runKey } from './changes.ts'
import { Header } from './header.tsx'
import { Models } from './models.tsx'
import { Nested, useChildren } from './nested.tsx'
import { Overview, System } from './overview.tsx'
import { ParamsAndTags } from './params-and-tags.tsx'
import { Raw } from './raw.tsx'
import './run.css'
import { Summaries } from './summaries.tsx'

/** How often a run that is running is read again, in milliseconds. */
const REFRESH = 4_000
/** And one that has ended, which somebody may resume. */
const REST = 30_000

/** A run that another follows is another page: nothing of the one stays on the other. */
export function Run({ id }: { id: string }) {
  return <RunPage key={id} id={id} />
}

function RunPage({ id }: { id: string }) {
  const found = useQuery({
    queryKey: runKey(id),
    queryFn: () => read(api.runs[':id'].$get({ param: { id } })),
    refetchInterval: ({ state }) => (state.data && isLive(state.data) ? REFRESH : REST),
    placeholderData: nothing,
  })
  const run = found.data
  const title = run ? (run.name ?? 'Unnamed run') : 'Run'
  useEffect(() => {
    document.title = `${title} · Edgerun`
    return () => {
      document.title = 'Edgerun'
    }
  }, [title])
  if (found.error instanceof Problem && found.error.status === 404) {
    return (
      <main>
        <Empty title="There is no such run">
          <p>
            No run has the id <code>{id}</code>: it was deleted, or the address is cut off.
          </p>
          <p>
            {run && <a href={`/e/${run.experiment_id}`}>Back to its experiment</a>}{' '}
            <a href="/">See all experiments</a>
          </p>
        </Empty>
      </main>
    )
  }
  if (!run) {
    return (
      <main class="run">
        {found.error ? <Failure error={found.error} again={() => found.refetch()} /> : <RunSkeleton />}
      </main>
    )
  }
  return (
    <main class="run">
      <Header run={run} />
      {found.error && <Failure error={found.error} again={() => found.refetch()} />}
      <Tabs run={run} />
    </main>
  )
}

function RunSkeleton() {
  return (
    <div class="run-skeleton" aria-hidden="true">
      <Skeleton lines={2} />
      <div class="tabs" />
      <div class="charts">
        {[0, 1, 2, 3].map((i) => (
          <Skeleton key={i} height={220} />
        ))}
      </div>
    </div>
  )
}

function Tabs({ run }: { run: RunRead }) {
  const { search, set } = useUrlState()
  const children = useChildren(run)
  const hasSystem = run.metrics.some(({ name }) => name.startsWith('system/'))
  const tabs = {
    overview: { label: 'Charts', count: undefined, show: () => <Overview run={run} /> },
    metrics: { label: 'Metrics', count: countOf(run.metrics.length), show: () => <Summaries run={run} /> },
    params: {
      label: 'Params & tags',
      count: countOf(Object.keys(run.params).length + Object.keys(run.tags).length),
      show: () => <ParamsAndTags run={run} />,
    },
    artifacts: { label: 'Artifacts', count: undefined, show: () => <Artifacts run={run} /> },
    ...(hasSystem && { system: { label: 'System', count: undefined, show: () => <System run={run} /> } }),
    ...((children.data?.items.length || search.get('tab') === 'nested') && {
      nested: {
        label: 'Nested runs',
        count: children.data && `${children.data.items.length}${children.data.next ? '+' : ''}`,
        show: () => <Nested run={run} />,
      },
    }),
    models: { label: 'Models', count: undefined, show: () => <Models run={run} /> },
    raw: { label: 'Raw', count: undefined, show: () => <Raw run={run} /> },
  }
  const asked = search.get('tab') ?? 'overview'
  const shown = Object.hasOwn(tabs, asked) ? asked : 'overview'
  const names = Object.keys(tabs)
  const go = (name: string | undefined) => {
    if (name === undefined) return
    set({ tab: name === 'overview' ? null : name, q: null }, { replace: true })
    document.getElementById(`tab-${name}`)?.focus()
  }
  const press = (event: KeyboardEvent) => {
    const at = names.indexOf(shown)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    go(names.at(to % names.length))
  }
  return (
    <>
      <div class="tabs" role="tablist" aria-label="Of this run" onKeyDown={press}>
        {Object.entries(tabs).map(([name, { label, count }]) => (
          <button
            type="button"
            key={name}
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === shown}
            aria-controls="tab"
            tabIndex={name === shown ? 0 : -1}
            onClick={() => go(name)}
          >
            {label}
            {count !== undefined && <span class="faint number"> {count}</span>}
          </button>
        ))}
      </div>
      <section id="tab" role="tabpanel" aria-labelledby={`tab-${shown}`}>
        {Object.entries(tabs)
          .find(([name]) => name === shown)?.[1]
          .show()}
      </section>
    </>
  )
}

/** What comes of the run itself is cut off at this. */
const SHOWN = 1_000

const countOf = (count: number) => (count >= SHOWN ? `${SHOWN.toLocaleString('en')}+` : String(count))
