/** What all charts are set by. */
import { SearchBox } from '../ui/search-box.tsx'
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
  const setLog = (axis: 'x' | 'y', isOn: boolean) => {
    const logs = { x: view.isLogX, y: view.isLogY, [axis]: isOn }
    set({ log: `${logs.x ? 'x' : ''}${logs.y ? 'y' : ''}` })
  }
  return (
    <div class="chart-tools">
      <SearchBox
        label="Search charts"
        value={view.metric}
        onSearch={(metric) => drag('metric', { metric })}
        shortcut="m"
        what="search charts"
      />
      {/* A place on one axis is none on another. */}
      <Choice
        label="Horizontal axis"
        value={view.x}
        options={AXES}
        onChoice={(x) => set({ x: x === 'step' ? null : x, from: null, to: null })}
      />
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
      <Choice
        label="Ranks of a distributed job"
        value={view.ranks}
        options={RANKS}
        onChoice={(ranks) => set({ ranks: ranks === 'one' ? null : ranks })}
      />
      <Choice
        label="Attempts of a job that was preempted"
        value={view.attempts}
        options={ATTEMPTS}
        onChoice={(attempts) => set({ attempts: attempts === 'newest' ? null : attempts })}
      />
      <WholeAxis shared={shared} />
      <Live feed={shared.feed} />
    </div>
  )
}

function Choice<T extends string>({
  label,
  value,
  options,
  onChoice,
}: {
  label: string
  value: T
  options: readonly [value: T, label: string][]
  onChoice: (value: string) => void
}) {
  return (
    <label>
      <span class="hidden">{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChoice(currentTarget.value)}>
        {options.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
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
