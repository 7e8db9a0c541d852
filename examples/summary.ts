/** A point as the API gives it; NaN and ±Infinity are strings. */
interface Point {
  step: number
  value: number | string
  timestamp: string
}

/** One metric of one rank, as `GET /runs/{id}/metrics` sums it up. */
export interface Summary {
  name: string
  rank: number
  count: number
  last: Point
  min: Point | null
  max: Point | null
}

/** The summaries as an aligned table. */
export function table(summaries: Summary[]): string {
  const line = (name: string, cells: unknown[]) =>
    name.padEnd(18) + cells.map((cell) => String(cell).padStart(10)).join('')
  return [
    line('name', ['rank', 'count', 'last', 'min', 'max']),
    ...summaries.map(({ name, rank, count, last, min, max }) =>
      line(name, [rank, count, ...[last, min, max].map(fourDigits)]),
    ),
  ].join('\n')
}

function fourDigits(point: Point | null) {
  if (point === null) return '-'
  if (typeof point.value === 'string') return point.value
  const digits = String(Number(point.value.toPrecision(4)))
  return digits.length < 10 ? digits : point.value.toExponential(3)
}
