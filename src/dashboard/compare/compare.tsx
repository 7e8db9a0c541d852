/** Runs side by side: in a table, as points, as lines over many axes; and which param goes with a metric. */
import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo } from 'preact/hooks'
import { api, Problem, read } from '../api.ts'
import { strokesOf } from '../colour.ts'
import { Empty, Failure, Skeleton } from '../ui/parts.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { listOf, useUrlState } from '../url.ts'
import './compare.css'
import { OFS, type Of } from './compared.ts'
import { Correlations } from './correlations.tsx'
import { Parallel } from './parallel.tsx'
import { Scatter } from './scatter.tsx'
import { SideBySide } from './side-by-side.tsx'

/** Runs that are compared where none are named. */
const NEWEST = 20

const TABS = [
  { name: 'table', label: 'Side by side' },
  { name: 'scatter', label: 'Scatter' },
  { name: 'parallel', label: 'Parallel' },
  { name: 'correlations', label: 'What matters' },
]

const isOf = (text: string | null): text is Of => OFS.some((of) => of === text)

export function Compare({ id }: { id: string }) {
  const { search, set } = useUrlState()
  const experiment = useQuery({
    queryKey: ['experiment', id],
    queryFn: () => read(api.experiments[':id'].$get({ param: { id } })),
    staleTime: 30_000,
  })
  const chosen = search.get('runs')
  const ids = useMemo(() => listOf(chosen).map((id) => id.toLowerCase()), [chosen])
  const strokes = useMemo(() => strokesOf(ids), [ids])
  const asked = search.get('of')
  const of = isOf(asked) ? asked : 'last'
  const shown = TABS.find(({ name }) => name === search.get('view'))?.name ?? 'table'
  const title = `Compare ${experiment.data?.name ?? ''}`
  useEffect(() => {
    document.title = `${title} · Edgerun`
    return () => {
      document.title = 'Edgerun'
    }
  }, [title])

  if (experiment.error instanceof Problem && experiment.error.status === 404) {
    return (
      <main>
        <Empty title="There is no such experiment">
          <p>
            No experiment has the id <code>{id}</code>: it was deleted, or the address is cut off.
          </p>
          <p>
            <a href="/">See all experiments</a>
          </p>
        </Empty>
      </main>
    )
  }
  const view = { experiment: id, ids, of, strokes }
  return (
    <main class="compare">
      <nav class="crumbs" aria-label="Where this is">
        <a href={`/e/${id}`}>{experiment.data?.name ?? 'Experiment'}</a>
      </nav>
      <div class="bar">
        <h1>Compare {ids.length > 0 && `${ids.length} runs`}</h1>
        <label class="row">
          <span class="faint">A metric is its</span>
          <select
            value={of}
            onChange={({ currentTarget: { value } }) => set({ of: value === 'last' ? null : value })}
          >
            <option value="last">last value</option>
            <option value="min">lowest value</option>
            <option value="max">highest value</option>
          </select>
        </label>
      </div>
      {experiment.error && <Failure error={experiment.error} again={() => experiment.refetch()} />}
      {ids.length === 0 ? (
        <NoRuns id={id} />
      ) : (
        <>
          <Tabs
            label="Ways to compare"
            tabs={TABS}
            shown={shown}
            show={(name) => set({ view: name === 'table' ? null : name })}
          />
          <section id="tab" role="tabpanel" aria-labelledby={`tab-${shown}`}>
            {shown === 'table' && <SideBySide {...view} />}
            {shown === 'scatter' && <Scatter {...view} />}
            {shown === 'parallel' && <Parallel {...view} />}
            {shown === 'correlations' && <Correlations {...view} />}
          </section>
        </>
      )}
    </main>
  )
}

function NoRuns({ id }: { id: string }) {
  const { set } = useUrlState()
  const newest = useQuery({
    queryKey: ['runs', id, 'newest', NEWEST],
    queryFn: () =>
      read(api.experiments[':id'].runs.$get({ param: { id }, query: { limit: String(NEWEST) } })),
  })
  if (newest.error) return <Failure error={newest.error} again={() => newest.refetch()} />
  if (!newest.data) return <Skeleton lines={4} />
  return (
    <Empty title="No runs are chosen">
      {newest.data.length > 0 && (
        <p>
          <button
            type="button"
            class="primary"
            onClick={() => set({ runs: newest.data.map(({ id }) => id).join(',') })}
          >
            Compare the newest {newest.data.length}
          </button>
        </p>
      )}
      <p>
        <a href={`/e/${id}`}>
          {newest.data.length > 0 ? 'Choose runs in the table' : 'Back to the experiment'}
        </a>
      </p>
    </Empty>
  )
}
