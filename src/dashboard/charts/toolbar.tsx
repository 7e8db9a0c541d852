/** What all charts are set by. */
import { useMemo, useRef } from 'preact/hooks'
import { useShortcuts } from '../ui/shortcuts.tsx'
import type { Axis } from './buckets.ts'
import type { Feed } from './feed.ts'
import type { Shared } from './shared.ts'
import type { Attempts, Ranks, ViewState } from './view.ts'

const AXES: [Axis, string][] = [
  ['step', 'Step'],
  ['time', 'Time'],
  ['relative', 'Relative time'],
]
const RANKS: [Ranks, string][] = [
  ['one', 'Rank 0'],
  ['mean', 'Mean of ranks'],
  ['all', 'All ranks'],
]
const ATTEMPTS: [Attempts, string][] = [
  ['newest', 'Newest attempt'],
  ['all', 'All attempts'],
]
/** Of the axis, in percent. */
const MOST_SMOOTH = 20

export function Toolbar({ shared, state: { view, set, drag } }: { shared: Shared; state: ViewState }) {
  const box = useRef<HTMLInputElement>(null)
  useShortcuts(useMemo(() => [{ key: 'm', what: 'search charts', run: () => box.current?.focus() }], []))
  const setLog = (axis: 'x' | 'y', isOn: boolean) => {
    const logs = { x: view.isLogX, y: view.isLogY, [axis]: isOn }
    set({ log: `${logs.x ? 'x' : ''}${logs.y ? 'y' : ''}` })
  }
  return (
    <div class="chart-tools">
      <input
        ref={box}
        type="search"
        aria-label="Search charts"
        placeholder="Search charts"
        value={view.metric}
        onInput={({ currentTarget }) => drag('metric', { metric: currentTarget.value })}
      />
      <label>
        <span class="hidden">Horizontal axis</span>
        {/* A place on one axis is none on another. */}
        <select
          value={view.x}
          onChange={({ currentTarget: { value } }) =>
            set({ x: value === 'step' ? null : value, from: null, to: null })
          }
        >
          {AXES.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        aria-pressed={view.isLogX}
        disabled={view.x === 'time'}
        onClick={() => setLog('x', !view.isLogX)}
      >
        Log x
      </button>
      <button type="button" aria-pressed={view.isLogY} onClick={() => setLog('y', !view.isLogY)}>
        Log y
      </button>
      <label class="smooth">
        Smooth
        <input
          type="range"
          min="0"
          max={MOST_SMOOTH}
          step="0.5"
          value={view.smooth}
          aria-valuetext={view.smooth ? `half-life of ${view.smooth} % of the axis` : 'off'}
          title="An exponential moving average; its half-life is a part of the axis"
          onInput={({ currentTarget: { value } }) => drag('smooth', { smooth: value === '0' ? null : value })}
        />
        <output class="number faint">{view.smooth ? `${view.smooth} %` : 'off'}</output>
      </label>
      <label>
        <span class="hidden">Ranks of a distributed job</span>
        <select
          value={view.ranks}
          onChange={({ currentTarget: { value } }) => set({ ranks: value === 'one' ? null : value })}
        >
          {RANKS.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="hidden">Attempts of a job that was preempted</span>
        <select
          value={view.attempts}
          onChange={({ currentTarget: { value } }) => set({ attempts: value === 'newest' ? null : value })}
        >
          {ATTEMPTS.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <WholeAxis shared={shared} />
      <Live feed={shared.feed} />
    </div>
  )
}

function WholeAxis({ shared: { range, zoom } }: { shared: Shared }) {
  if (!range.value) return null
  return (
    <button type="button" onClick={() => zoom(undefined)}>
      Whole axis
    </button>
  )
}

function Live({ feed }: { feed: Feed }) {
  const liveness = feed.liveness.value
  if (liveness === 'off') return null
  const isPaused = liveness === 'paused'
  return (
    <span class={`live ${liveness}`}>
      <span class="status status-running" role="status">
        <i aria-hidden="true" />
        {liveness === 'lost' ? 'connection lost, trying again' : liveness}
      </span>
      <button type="button" class="quiet" onClick={() => feed.pause(!isPaused)}>
        {isPaused ? 'Resume' : 'Pause'}
      </button>
    </span>
  )
}
