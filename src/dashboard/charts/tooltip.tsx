/** What all curves say where the pointer is, the highest first. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { duration, exact, short } from '../format.ts'
import type { Axis } from './buckets.ts'
import type { Place } from './plot.ts'
import type { Reading } from './reading.ts'
import type { Shape } from './shape.ts'

/** As many as fit a screen. */
const MOST = 100
const A_COLUMN = 25
/** From the pointer, in CSS pixels. */
const AWAY = 10

/** A place of an axis in words. */
export const placeText = (x: Axis, value: number): string =>
  x === 'step'
    ? `step ${Math.round(value).toLocaleString('en')}`
    : x === 'time'
      ? exact(new Date(value).toISOString())
      : `after ${duration(value)}`

const nameOf = ({ run, rank, attempt }: Shape, hasRanks: boolean) =>
  `${run.name}${hasRanks && rank !== null ? ` · rank ${rank}` : ''}${attemptText(attempt)}`

/** Behind the name of a run, which attempt of it is meant; nothing where attempts are put together. */
export const attemptText = (attempt: number | null): string =>
  attempt === null ? '' : ` · attempt ${attempt}`

/** A value in words. */
const valueText = ({ value, mark }: Pick<Reading, 'value' | 'mark'>): string => {
  if (!Number.isNaN(value)) return short(value)
  return mark === undefined || mark === 'odd' ? 'NaN' : mark.replace('Infinity', '∞')
}

export function Tooltip({
  place,
  readings,
  x,
  hasRanks,
  around,
  lifted,
}: {
  place: Place
  readings: readonly Reading[]
  x: Axis
  hasRanks: boolean
  /** Where the plot is on the screen. */
  around: () => DOMRect
  lifted: string | null
}) {
  const box = useRef<HTMLDivElement>(null)
  // Beside the pointer where there is room, and never beyond the window: nothing that scrolls cuts it off.
  useLayoutEffect(() => {
    if (!box.current) return
    const { offsetWidth: width, offsetHeight: height, style } = box.current
    const { left, top } = around()
    const right = left + place.left + AWAY
    const x = right + width <= innerWidth - AWAY ? right : left + place.left - AWAY - width
    style.left = `${Math.max(AWAY, x)}px`
    style.top = `${Math.max(AWAY, Math.min(top + AWAY, innerHeight - AWAY - height))}px`
  })
  const shown = readings.slice(0, MOST)
  const columns = Math.ceil(shown.length / A_COLUMN)
  // The point of the curve that the pointer is on, where it is on one.
  const at = readings.find(({ shape }) => shape.run.id === lifted)?.x ?? place.x
  return (
    <div
      ref={box}
      class="tooltip"
      style={{ '--columns': columns }}
      role={place.isPointed ? undefined : 'status'}
    >
      <p>{placeText(x, at)}</p>
      <ol>
        {shown.map((reading) => {
          const { shape, raw, spread } = reading
          const { run, rank, attempt, stroke } = shape
          return (
            <li key={`${run.id} ${rank} ${attempt}`} class={run.id === lifted ? 'lifted' : undefined}>
              <i style={{ background: stroke.colour }} />
              <span class="name">{nameOf(shape, hasRanks)}</span>
              <b class="number">{valueText(reading)}</b>
              {raw !== undefined && !Number.isNaN(raw) && <span class="faint number">{short(raw)}</span>}
              {spread && (
                <span class="faint number">
                  {short(spread[0])}…{short(spread[1])}
                </span>
              )}
            </li>
          )
        })}
      </ol>
      {readings.length > shown.length && <p class="faint">and {readings.length - shown.length} lower</p>}
    </div>
  )
}
