/** One chart: its title, its plot, what is done with it, and the table behind it. */
import { effect, type Signal, signal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { hovered } from '../hover.ts'
import { say } from '../ui/notices.tsx'
import { Failure, Skeleton, useSettled } from '../ui/parts.tsx'
import type { Range } from './buckets.ts'
import { DataTable } from './data-table.tsx'
import { act } from './keys.ts'
import { type Gestures, type Picture, type Place, Plot } from './plot.ts'
import { readAt } from './reading.ts'
import type { Saved } from './save.ts'
import { SaveMenu } from './save-menu.tsx'
import type { Shape } from './shape.ts'
import type { Shared } from './shared.ts'
import { Tooltip } from './tooltip.tsx'
import { type Found, useCurves } from './use-curves.ts'
import { useNear } from './use-near.ts'

/** Within how many CSS pixels a curve is the one that is pointed at, and a point is one that is read. */
const CLOSE = 24
const REACH = 16

export function Card({ name, shared, isLarge }: { name: string; shared: Shared; isLarge: boolean }) {
  const figure = useRef<HTMLElement>(null)
  const isNear = useNear(figure)
  return (
    <figure ref={figure} class={isLarge ? 'chart large' : 'chart'} aria-label={name}>
      {isNear ? (
        <Chart name={name} shared={shared} isLarge={isLarge} figure={figure} />
      ) : (
        <figcaption>{name}</figcaption>
      )}
    </figure>
  )
}

function Chart({
  name,
  shared,
  isLarge,
  figure,
}: {
  name: string
  shared: Shared
  isLarge: boolean
  figure: RefObject<HTMLElement | null>
}) {
  const { view, range, cursor, feed } = shared
  const [buckets, setBuckets] = useState(() => pixelsOf(figure.current?.clientWidth ?? 400))
  const { found, state } = useCurves(name, shared, buckets)
  const [isTable, showTable] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<Plot | null>(null)
  const place = useMemo(() => signal<Place | null>(null), [])
  const { x, isLogX, isLogY } = view
  const theme = shared.theme.value

  const pictureOf = (): Picture => ({
    shapes: found.value.shapes,
    range: range.value ?? found.value.domain ?? [0, 1],
  })
  const gestures: Gestures = {
    read: (at) => {
      place.value = at
      cursor.value = at?.x ?? null
      hovered.value = at?.isPointed ? runNear(found.value.shapes, at, plot.current) : null
    },
    zoom: shared.zoom,
    pan: shared.pan,
  }
  const latest = useRef(gestures)
  latest.current = gestures

  useLayoutEffect(() => {
    if (!box.current || !state.hasCurves) return
    const own = new Plot(box.current, { x, isLogX, isLogY }, pictureOf(), {
      read: (at) => latest.current.read(at),
      zoom: (part) => latest.current.zoom(part),
      pan: (part, isOver) => latest.current.pan(part, isOver),
    })
    plot.current = own
    const stops = [
      effect(() => own.show(pictureOf())),
      effect(() => own.lift(hovered.value)),
      effect(() => own.point(cursor.value)),
    ]
    const observer = new ResizeObserver(() => {
      own.resize()
      setBuckets(pixelsOf(own.width))
    })
    observer.observe(box.current)
    return () => {
      observer.disconnect()
      for (const stop of stops) stop()
      own.destroy()
      plot.current = null
    }
  }, [state.hasCurves, x, isLogX, isLogY, theme, found, range, cursor])
  useEffect(
    () => () => {
      if (place.value) cursor.value = null
    },
    [place, cursor],
  )

  const press = (event: KeyboardEvent) => {
    if (!plot.current || event.ctrlKey || event.metaKey || event.altKey) return
    if (!act(event, plot.current, pictureOf().range, shared, place.value, gestures.read)) {
      if (event.key !== 'Enter' || event.target !== box.current) return
      shared.enlarge(isLarge ? null : name)
    }
    event.preventDefault()
    event.stopPropagation()
  }
  const saved = (): Saved => ({ ...pictureOf(), name, axes: { x, isLogX, isLogY } })
  const hasRanks = view.ranks === 'all'

  return (
    <>
      <figcaption>
        <button
          type="button"
          class="quiet chart-title"
          title={isLarge ? 'Back to all charts' : 'Enlarge'}
          onClick={() => shared.enlarge(isLarge ? null : name)}
        >
          {name}
        </button>
        {state.hasCurves && (
          <span class="chart-actions">
            {!isLarge && (
              <button type="button" class="quiet" aria-pressed={isTable} onClick={() => showTable(!isTable)}>
                Table
              </button>
            )}
            <SaveMenu of={saved} plot={plot} />
            <button
              type="button"
              class="quiet"
              aria-label="Full screen"
              title="Full screen"
              onClick={() => toggleFullScreen(figure.current)}
            >
              <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
                <path d="M1 4V1h3M8 1h3v3M11 8v3H8M4 11H1V8" fill="none" stroke="currentColor" />
              </svg>
            </button>
          </span>
        )}
      </figcaption>
      {state.error && !state.hasCurves ? (
        <Failure error={state.error} again={() => feed.retry(name)} />
      ) : state.hasCurves ? (
        <>
          <div
            ref={box}
            class="plot"
            // biome-ignore lint/a11y/noNoninteractiveTabindex: it is moved in by keyboard.
            tabIndex={0}
            role="application"
            aria-roledescription="chart"
            aria-label={`${name}${state.stragglers}: arrows read, shift and arrows pan, plus and minus zoom, 0 shows all, Enter enlarges`}
            onKeyDown={press}
            onBlur={() => gestures.read(null)}
          >
            <Reader place={place} shared={shared} found={found} plot={plot} hasRanks={hasRanks} />
          </div>
          {(isTable || isLarge) && <Behind name={name} found={found} shared={shared} hasRanks={hasRanks} />}
        </>
      ) : state.isComplete ? (
        <p class="chart-empty faint">No points of these runs</p>
      ) : (
        <Skeleton height={150} />
      )}
    </>
  )
}

const WHOLE: Range = [0, 1]

/** Reads values where the pointer is; apart, so that nothing else is rendered while it moves. */
function Reader({
  place,
  shared,
  found,
  plot,
  hasRanks,
}: {
  place: { value: Place | null }
  shared: Shared
  found: Signal<Found>
  plot: RefObject<Plot | null>
  hasRanks: boolean
}) {
  const at = place.value
  const own = plot.current
  if (!at || !own) return null
  const readings = readAt(found.value.shapes, at.x, own.reach(at.x, REACH))
  return (
    <Tooltip
      place={at}
      readings={readings}
      x={shared.view.x}
      hasRanks={hasRanks}
      around={() => own.rect}
      lifted={hovered.value}
    />
  )
}

function Behind({
  name,
  found,
  shared,
  hasRanks,
}: {
  name: string
  found: Signal<Found>
  shared: Shared
  hasRanks: boolean
}) {
  const { shapes, domain } = found.value
  // It is not read while it moves.
  const range = useSettled(shared.range.value ?? domain ?? WHOLE, 150)
  return <DataTable name={name} shapes={shapes} range={range} x={shared.view.x} hasRanks={hasRanks} />
}

/** A bucket for each pixel: more are not seen. A multiple of 64, so that one pixel more asks for nothing. */
const pixelsOf = (width: number): number =>
  Math.min(2_048, Math.max(256, Math.ceil((width * Math.min(devicePixelRatio, 2)) / 64) * 64))

function toggleFullScreen(element: HTMLElement | null): void {
  if (document.fullscreenElement) void document.exitFullscreen()
  else
    element
      ?.requestFullscreen()
      .catch(() => say('The browser does not let it fill the screen', { failed: true }))
}

/** The run whose curve is pointed at. */
function runNear(shapes: readonly Shape[], { x, top }: Place, plot: Plot | null): string | null {
  if (!plot) return null
  let best: { id: string; distance: number } | undefined
  for (const { shape, value } of readAt(shapes, x, plot.reach(x, REACH))) {
    const distance = Math.abs(plot.topOf(value) - top)
    if (distance <= CLOSE && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { id: shape.run.id, distance }
    }
  }
  return best?.id ?? null
}
