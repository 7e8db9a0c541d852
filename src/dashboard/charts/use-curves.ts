/** What the feed has of a metric, laid out for a chart. */
import { type Signal, useSignal } from '@preact/signals'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Range } from './buckets.ts'
import { stragglersOf } from './paint.ts'
import { type Shape, Shapes } from './shape.ts'
import type { Shared } from './shared.ts'

export interface Found {
  shapes: Shape[]
  /** Of the axis; undefined where there is no point. */
  domain: Range | undefined
}

interface State {
  error: unknown
  isComplete: boolean
  hasCurves: boolean
  /** Which ranks lag behind, in words; empty where none does. */
  stragglers: string
}

const isSame = (a: State, b: State) =>
  a.error === b.error &&
  a.isComplete === b.isComplete &&
  a.hasCurves === b.hasCurves &&
  a.stragglers === b.stragglers

const stragglersText = (shapes: readonly Shape[]) =>
  stragglersOf(shapes)
    .map(({ rank }) => `, rank ${rank} lags behind`)
    .join('')

/** Watches what the feed has of a metric, and lays it out. */
export function useCurves(
  name: string,
  shared: Shared,
  buckets: number,
): { found: Signal<Found>; state: State } {
  const { feed, runs, view } = shared
  const { isLogX, isLogY, smooth } = view
  const cache = useMemo(() => new Shapes(), [])
  const found = useSignal<Found>({ shapes: [], domain: undefined })
  const [state, setState] = useState<State>({
    error: undefined,
    isComplete: false,
    hasCurves: false,
    stragglers: '',
  })
  const ids = useMemo(() => runs.map(({ id }) => id), [runs])
  const lay = useCallback(() => {
    found.value = cache.of(feed.curves(name), runs, { isLogX, isLogY, smooth })
    const { error, isComplete } = feed.state(name)
    const hasCurves = found.value.shapes.length > 0
    const next = { error, isComplete, hasCurves, stragglers: stragglersText(found.value.shapes) }
    setState((before) => (isSame(before, next) ? before : next))
  }, [cache, found, feed, name, runs, isLogX, isLogY, smooth])
  const latest = useRef(lay)
  latest.current = lay
  // Several answers may come within one frame.
  useEffect(() => {
    let wish: number | undefined
    const stop = feed.watch(name, ids, buckets, () => {
      wish ??= requestAnimationFrame(() => {
        wish = undefined
        latest.current()
      })
    })
    // What has come in the meantime.
    latest.current()
    return () => {
      stop()
      if (wish !== undefined) cancelAnimationFrame(wish)
    }
  }, [feed, name, ids, buckets])
  useLayoutEffect(lay, [lay])
  return { found, state }
}
