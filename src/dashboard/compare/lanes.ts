/** The axes of parallel coordinates, and which runs go through what is brushed of them. */
import type { Span } from './address.ts'
import { type Axis, axisOf, offsOf } from './axis.ts'
import { type Compared, fieldOf, type Of } from './compared.ts'

export const HEIGHT = 420
export const TOP = 48
export const BOTTOM = HEIGHT - 28

export interface Lane {
  field: string
  axis: Axis
  /** Beyond its ends. */
  offs: { at: number; off: string }[]
}

export const lanesOf = (
  runs: readonly Compared[],
  fields: readonly string[],
  of: Of,
  logs: readonly string[],
): Lane[] =>
  fields.map((field) => {
    const values = runs.map((run) => fieldOf(run, field, of))
    const axis = axisOf(values, { isLog: logs.includes(field), range: [BOTTOM, TOP], room: 8 })
    const places = values.flatMap((value) => (value === undefined ? [] : (axis.place(value) ?? [])))
    return { field, axis, offs: offsOf(places) }
  })

/** Whether a run is within every span. What has no value, or none with a place on the axis, is in none. */
export const isThrough = (
  run: Compared,
  lanes: readonly Lane[],
  spans: ReadonlyMap<string, Span>,
  of: Of,
): boolean =>
  lanes.every(({ field, axis }) => {
    const span = spans.get(field)
    if (span === undefined) return true
    const value = fieldOf(run, field, of)
    const at = value === undefined ? undefined : axis.measure(value)
    return at !== undefined && at >= span[0] && at <= span[1]
  })

/** The line of a run, broken where it has no value. */
export function lineOf(
  run: Compared,
  lanes: readonly Lane[],
  of: Of,
  across: (lane: number) => number,
): string {
  let line = ''
  let isOn = false
  for (const [i, { field, axis }] of lanes.entries()) {
    const value = fieldOf(run, field, of)
    const place = value === undefined ? undefined : axis.place(value)
    if (place) line += `${isOn ? 'L' : 'M'}${across(i).toFixed(1)} ${place.at.toFixed(1)}`
    isOn = place !== undefined
  }
  return line
}
