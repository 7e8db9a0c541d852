/** One run: what it is, its curves, and all that was logged with it. */
import { useQuery } from '@tanstack/react-query'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { api, Problem, type Run as RunRead, read } from '../api.ts'
import { nothing } from '../queries.ts'
import { Empty, Failure, Skeleton } from '../ui/parts.tsx'
import { type Tab, Tabs } from '../ui/tabs.tsx'
import { useUrlState } from '../url.ts'
import { isLive, noteTag } from './about.ts'
import { Artifacts } from './artifacts/artifacts.tsx'
import { runKey } from './changes.ts'
import { Header } from './header.tsx'
import { Models } from './models.tsx'
import { Nested, useChildren } from './nested.tsx'
import { isSystem, Overview, System } from './overview.tsx'
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
      <Content run={run} />
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

function Content({ run }: { run: RunRead }) {
  const { search, set } = useUrlState()
  const children = useChildren(run)
  const asked = search.get('tab') ?? 'overview'
  const note = noteTag(run.tags)
  const named = [...Object.keys(run.params), ...Object.keys(run.tags).filter((name) => name !== note)].length
  const nested = children.data && `${children.data.items.length}${children.data.next ? '+' : ''}`
  const tabs: Tab[] = [
    { name: 'overview', label: 'Charts' },
    { name: 'metrics', label: 'Metrics', count: countOf(run.metrics.length) },
    { name: 'params', label: 'Params & tags', count: String(named) },
    { name: 'artifacts', label: 'Artifacts' },
    ...(run.metrics.some(({ name }) => isSystem(name)) || asked === 'system'
      ? [{ name: 'system', label: 'System' }]
      : []),
    ...((nested && nested !== '0') || asked === 'nested'
      ? [{ name: 'nested', label: 'Nested runs', count: nested }]
      : []),
    { name: 'models', label: 'Models' },
    { name: 'raw', label: 'Raw' },
  ]
  const shown = tabs.find(({ name }) => name === asked)?.name ?? 'overview'
  // What was searched for in one tab is not what is searched for in the next.
  const show = (name: string) => set({ tab: name === 'overview' ? null : name, q: null, page: null })
  const View = VIEWS[shown] ?? Overview
  return (
    <>
      <Tabs label="Of this run" tabs={tabs} shown={shown} show={show} />
      <section id="tab" role="tabpanel" aria-labelledby={`tab-${shown}`}>
        <View run={run} />
      </section>
    </>
  )
}

const VIEWS: Record<string, (props: { run: RunRead }) => JSX.Element> = {
  overview: Overview,
  metrics: Summaries,
  params: ParamsAndTags,
  artifacts: Artifacts,
  system: System,
  nested: Nested,
  models: Models,
  raw: Raw,
}

/** What comes of the run itself is cut off at this. */
const SHOWN = 1_000

const countOf = (count: number) => (count >= SHOWN ? `${SHOWN.toLocaleString('en')}+` : String(count))
