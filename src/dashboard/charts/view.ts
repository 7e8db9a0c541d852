/** What a view of charts shows, and how it stands in the address. */
import { useCallback, useMemo, useRef } from 'preact/hooks'
import { type Changes, listOf, useUrlState } from '../url.ts'
import type { Axis, Range } from './buckets.ts'

/** Rank 0, the mean of all ranks, or a curve for each. */
export type Ranks = 'one' | 'mean' | 'all'

/** One curve of what stands after all attempts of a job, or a curve for each. */
export type Attempts = 'newest' | 'all'

export interface View {
  x: Axis
  /** The half-life of smoothing, in percent of the axis; 0 for none. */
  smooth: number
  isLogX: boolean
  isLogY: boolean
  ranks: Ranks
  attempts: Attempts
  range: Range | undefined
  /** The metric whose chart is enlarged. */
  chart: string | null
  /** What names of metrics are searched for. */
  metric: string
  closed: ReadonlySet<string>
}

export const AXES: readonly Axis[] = ['step', 'time', 'relative']

const isAxis = (text: string | null): text is Axis => AXES.some((axis) => axis === text)

function endOf(text: string | null, x: Axis): number {
  if (text === null) return Number.NaN
  return x === 'time' ? Date.parse(text) : Number(text)
}

/** What a name in a list stands for; itself where it is not encoded as it should be. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function viewOf(search: URLSearchParams): View {
  const asked = search.get('x')
  const x = isAxis(asked) ? asked : 'step'
  const log = search.get('log') ?? ''
  const ranks = search.get('ranks')
  const [from, to] = [endOf(search.get('from'), x), endOf(search.get('to'), x)]
  const smooth = Number(search.get('smooth'))
  return {
    x,
    smooth: smooth > 0 && smooth <= 100 ? smooth : 0,
    isLogX: log.includes('x') && x !== 'time',
    isLogY: log.includes('y'),
    ranks: ranks === 'mean' || ranks === 'all' ? ranks : 'one',
    attempts: search.get('attempts') === 'all' ? 'all' : 'newest',
    range: from < to ? [from, to] : undefined,
    chart: search.get('chart'),
    metric: search.get('metric') ?? '',
    closed: new Set(listOf(search.get('closed')).map(decoded)),
  }
}

/** A range as an address has it: to a thousandth of a pixel, which is short. */
export function rangeChanges(range: Range | undefined, x: Axis): Changes {
  if (!range) return { from: null, to: null }
  const digits = Math.min(12, Math.max(0, 6 - Math.floor(Math.log10(range[1] - range[0]))))
  const text = (value: number) =>
    x === 'time' ? new Date(value).toISOString() : String(Number(value.toFixed(digits)))
  return { from: text(range[0]), to: text(range[1]) }
}

/** For how long changes of one kind are one step on the way back, in milliseconds. */
const GESTURE = 1_000

export interface ViewState {
  view: View
  set: (changes: Changes) => void
  /** As while something is being dragged: the first change is a step on the way back, what follows is part of it. */
  drag: (gesture: string, changes: Changes) => void
}

export function useView(): ViewState {
  const { search, set } = useUrlState()
  const view = useMemo(() => viewOf(search), [search])
  const last = useRef({ gesture: '', at: 0 })
  const drag = useCallback<ViewState['drag']>(
    (gesture, changes) => {
      const now = performance.now()
      const isSame = last.current.gesture === gesture && now - last.current.at < GESTURE
      last.current = { gesture, at: now }
      set(changes, { replace: isSame })
    },
    [set],
  )
  return { view, set, drag }
}
