/** What all curves say where the pointer is, the highest first. */
import { duration, exact, short } from '../format.ts'
import type { Axis } from './buckets.ts'
import type { Place } from './plot.ts'
import type { Reading } from './reading.ts'

/** As many as fit a screen. */
const MOST = 100
const A_COLUMN = 25

/** A place of an axis in words. */
export const placeText = (x: Axis, value: number): string =>
  x === 'step'
    ? `step ${Math.round(value).toLocaleString('en')}`
    : x === 'time'
      ? exact(new Date(value).toISOString())
      : `after ${duration(value)}`

const nameOf = ({ shape: { run, rank } }: Reading, hasRanks: boolean) =>
  hasRanks && rank !== null ? `${run.name} · rank ${rank}` : run.name

/** A value in words. */
export const valueText = ({ value, mark }: Pick<Reading, 'value' | 'mark'>): string => {
  if (!Number.isNaN(value)) return short(value)
  return mark === undefined || mark === 'odd' ? 'NaN' : mark.replace('Infinity', '∞')
}

export function Tooltip({
  place,
  readings,
  x,
  hasRanks,
  box,
  lifted,
}: {
  place: Place
  readings: readonly Reading[]
  x: Axis
  hasRanks: boolean
  /** How wide the plot is, in CSS pixels. */
  box: number
  lifted: string | null
}) {
  const isOnTheRight = place.left < box / 2
  const shown = readings.slice(0, MOST)
  const columns = Math.ceil(shown.length / A_COLUMN)
  // The point of the curve that the pointer is on, where it is on one.
  const at = readings.find(({ shape }) => shape.run.id === lifted)?.x ?? place.x
  return (
    <div
      class={`tooltip ${isOnTheRight ? 'right' : 'left'}`}
      style={{ '--left': `${place.left}px`, '--columns': columns }}
      role={place.isPointed ? undefined : 'status'}
    >
      <p>{placeText(x, at)}</p>
      <ol>
        {shown.map((reading) => {
          const { shape, raw, spread } = reading
          const { run, rank, stroke } = shape
          return (
            <li key={`${run.id} ${rank}`} class={run.id === lifted ? 'lifted' : undefined}>
              <i style={{ background: stroke.colour }} />
              <span class="name">{nameOf(reading, hasRanks)}</span>
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
