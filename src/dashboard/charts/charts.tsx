/** Charts of runs, one for each metric. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Stroke } from '../colour.ts'
import { Empty, Failure, onEscape, Skeleton } from '../ui/parts.tsx'
import { Card } from './card.tsx'
import './charts.css'
import { isFound, type Owner, type Section, sectionsOf, useMetricNames } from './names.ts'
import { type Shared, useShared } from './shared.ts'
import { Toolbar } from './toolbar.tsx'
import { useView, type ViewState } from './view.ts'

/** A run whose curves are shown. */
export interface ChartedRun {
  id: string
  name: string
  stroke: Stroke
  /** Whether points may still come. */
  isLive: boolean
}

/** How many charts of a section are laid out before somebody asks for more. */
const AT_ONCE = 60

/** @param of what has the metrics: all that its runs have, or those of one run */
export function Charts({
  runs,
  of,
  only,
}: {
  runs: readonly ChartedRun[]
  of: Owner
  /** Which metrics are shown; all where it is left out. */
  only?: (name: string) => boolean
}) {
  const state = useView()
  const shared = useShared(runs, state)
  const names = useMetricNames(
    of,
    runs.some(({ isLive }) => isLive),
  )
  const { view } = state
  const found = useMemo(
    () => (names.data ?? []).filter((name) => (only?.(name) ?? true) && isFound(name, view.metric)),
    [names.data, only, view.metric],
  )
  return (
    <div class="charts">
      <Toolbar shared={shared} state={state} />
      {runs.length === 0 ? (
        <Empty title="No run is selected">
          <p>Select some, and their curves are here.</p>
        </Empty>
      ) : view.chart !== null ? (
        <Enlarged name={view.chart} shared={shared} />
      ) : names.error && !names.data ? (
        <Failure error={names.error} again={() => names.refetch()} />
      ) : !names.data ? (
        <div class="chart-grid" aria-hidden="true">
          {[0, 1, 2, 3].map((i) => (
            <Skeleton key={i} height={220} />
          ))}
        </div>
      ) : found.length === 0 ? (
        <Nothing state={state} />
      ) : (
        <Sections names={found} shared={shared} state={state} />
      )}
    </div>
  )
}

function Enlarged({ name, shared }: { name: string; shared: Shared }) {
  const box = useRef<HTMLDivElement>(null)
  const back = () => {
    shared.enlarge(null)
    focusTitle(name)
  }
  // What had the focus is gone with the other charts.
  useEffect(() => {
    if (document.activeElement === document.body) box.current?.focus({ preventScroll: true })
  }, [])
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape is one more way to press its button.
    <div ref={box} tabIndex={-1} onKeyDown={onEscape(back)}>
      <button type="button" class="quiet" onClick={back}>
        ← All charts
      </button>
      <Card key={name} name={name} shared={shared} isLarge />
    </div>
  )
}

/** Gives the focus to the title of a chart, as soon as that is there: within half a second. */
function focusTitle(name: string): void {
  const deadline = performance.now() + 500
  const look = () => {
    const title = document.querySelector<HTMLElement>(
      `figure:not(.large)[aria-label="${CSS.escape(name)}"] .chart-title`,
    )
    if (title) title.focus()
    else if (performance.now() < deadline) requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}

function Nothing({ state: { view, set } }: { state: ViewState }) {
  if (view.metric === '') return <Empty title="No metric has been logged yet" />
  return (
    <Empty title="No metric is called like that">
      <button type="button" onClick={() => set({ metric: null })}>
        Show all
      </button>
    </Empty>
  )
}

function Sections({
  names,
  shared,
  state: { view, set },
}: {
  names: readonly string[]
  shared: Shared
  state: ViewState
}) {
  const sections = useMemo(() => sectionsOf(names), [names])
  const toggle = (prefix: string) => {
    const closed = new Set(view.closed)
    if (!closed.delete(prefix)) closed.add(prefix)
    set({ closed: [...closed].map(encodeURIComponent).join() })
  }
  return (
    <>
      {sections.map((section) => (
        <ChartSection
          key={section.prefix}
          section={section}
          shared={shared}
          isClosed={view.closed.has(section.prefix)}
          toggle={() => toggle(section.prefix)}
        />
      ))}
    </>
  )
}

function ChartSection({
  section: { prefix, names },
  shared,
  isClosed,
  toggle,
}: {
  section: Section
  shared: Shared
  isClosed: boolean
  toggle: () => void
}) {
  const [shown, show] = useState(AT_ONCE)
  const rest = names.length - shown
  return (
    <section class="chart-section" aria-label={prefix || 'Metrics'}>
      {prefix !== '' && (
        <h2>
          <button type="button" class="quiet" aria-expanded={!isClosed} onClick={toggle}>
            {prefix} <span class="faint number">{names.length.toLocaleString('en')}</span>
          </button>
        </h2>
      )}
      {!isClosed && (
        <>
          <div class="chart-grid">
            {names.slice(0, shown).map((name) => (
              <Card key={name} name={name} shared={shared} isLarge={false} />
            ))}
          </div>
          {rest > 0 && (
            <button type="button" onClick={() => show(shown + AT_ONCE)}>
              {Math.min(rest, AT_ONCE)} more of {rest.toLocaleString('en')}
            </button>
          )}
        </>
      )}
    </section>
  )
}
