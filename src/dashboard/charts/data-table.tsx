/** The table behind a chart: what its curves reach in sight. */
import { useMemo } from 'preact/hooks'
import type { WireValue } from '../api.ts'
import { Value } from '../ui/parts.tsx'
import { type Axis, placeOf, type Range } from './buckets.ts'
import { markAt } from './line.ts'
import type { Shape } from './shape.ts'
import { attemptText, placeText } from './tooltip.tsx'

interface At {
  x: number
  value: WireValue
}

interface Row {
  shape: Shape
  last: At | undefined
  min: At | undefined
  max: At | undefined
  /** How many points are NaN or infinite. */
  odd: number
}

/** A point with what it was logged with, where that has no place on an axis. */
function asLogged({ x, value }: { x: number; value: number }, { drawn }: Shape): At {
  if (!Number.isNaN(value)) return { x, value }
  const kind = markAt(drawn, x)
  return { x, value: kind === undefined || kind === 'odd' ? 'NaN' : kind }
}

function rowOf(shape: Shape, [from, to]: Range): Row {
  const { x, y, marks } = shape.drawn
  let [last, min, max]: { x: number; value: number }[] = []
  for (let i = placeOf(x, from); i < x.length && (x[i] ?? 0) <= to; i++) {
    const point = { x: x[i] ?? 0, value: y[i] ?? Number.NaN }
    last = point
    if (Number.isNaN(point.value)) continue
    if (!min || point.value < min.value) min = point
    if (!max || point.value > max.value) max = point
  }
  const seen = marks.filter(({ x }) => x >= from && x <= to)
  return {
    shape,
    last: last && asLogged(last, shape),
    min,
    max,
    odd: seen.reduce((sum, { count }) => sum + count, 0),
  }
}

export function DataTable({
  name,
  shapes,
  range,
  x,
  hasRanks,
}: {
  name: string
  shapes: readonly Shape[]
  range: Range
  x: Axis
  hasRanks: boolean
}) {
  const rows = useMemo(() => shapes.map((shape) => rowOf(shape, range)), [shapes, range])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard.
    <section class="data-table" tabIndex={0} aria-label={`Values of ${name}`}>
      <table class="list">
        <thead>
          <tr>
            <th>Run</th>
            {hasRanks && <th class="right">Rank</th>}
            <th class="right">Last</th>
            <th class="right">Lowest</th>
            <th class="right">Highest</th>
            <th class="right">Not finite</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ shape: { run, rank, attempt, stroke }, last, min, max, odd }) => (
            <tr key={`${run.id} ${rank} ${attempt}`}>
              <th scope="row">
                <i class="swatch" style={{ background: stroke.colour }} />
                {run.name}
                {attemptText(attempt)}
              </th>
              {hasRanks && <td class="right number">{rank ?? 'mean'}</td>}
              {[last, min, max].map((at, i) => (
                <td key={i} class="right number" title={at && placeText(x, at.x)}>
                  <Value value={at?.value} />
                </td>
              ))}
              <td class="right number">{odd || ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
