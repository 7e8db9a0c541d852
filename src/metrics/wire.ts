/** How points and summaries look on the wire. */
import { z } from '@hono/zod-openapi'
import type { SeriesRow } from '../db/schema.ts'
import { isoTimestamp } from '../http/schemas.ts'
import { exact, type PlacedPoint, type Step } from './columns.ts'

export const WireValue = z
  .union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])])
  .openapi({ description: 'A double; as a string where JSON has no number for it.', example: 0.25 })

export const WireStep = z
  .union([z.int(), z.string()])
  .openapi({ description: 'An int64; as a string beyond ±(2^53 - 1).', example: 100 })

export const Point = z.object({ step: WireStep, value: WireValue, timestamp: isoTimestamp }).openapi('Point')

/** `.nullable()` of a schema with a name loses the null on its way into the OpenAPI document. */
export const orNull = <S extends z.ZodType>(schema: S) => z.union([schema, z.null()])

export const SeriesSummary = z
  .object({
    name: z.string(),
    rank: z.int().nonnegative(),
    attempt: z.int().nonnegative(),
    count: z.int().nonnegative(),
    last: Point.openapi({ description: 'The point with the highest step, then timestamp.' }),
    min: orNull(Point).openapi({ description: 'The lowest finite value; null where there is none.' }),
    max: orNull(Point).openapi({ description: 'The highest finite value; null where there is none.' }),
  })
  .openapi('SeriesSummary')

/** JSON.stringify writes -0 as `0`. The type says number because that is what the text is to whoever parses it. */
const NEGATIVE_ZERO = rawJson('-0.0')

/** A number that JSON.stringify writes as this text. */
export function rawJson(text: string): number {
  // JSON.rawJSON is in the runtime but not yet in TypeScript's library.
  const rawJSON: (text: string) => number = Reflect.get(JSON, 'rawJSON')
  return rawJSON(text)
}

/** A double as JSON carries it. */
export function wireValue(value: number): z.infer<typeof WireValue> {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return 'Infinity'
  if (value === Number.NEGATIVE_INFINITY) return '-Infinity'
  return Object.is(value, -0) ? NEGATIVE_ZERO : value
}

/** An int64 as JSON carries it. */
export const wireStep = (step: Step): number | string => (typeof step === 'number' ? step : String(step))

/** A point as it leaves the API. */
export const wirePoint = ({ step, value, time }: PlacedPoint) => ({
  step: wireStep(step),
  value: wireValue(value),
  timestamp: isoTime(time),
})

/** A point as it leaves the API, as JSON text: to write it takes a fifth of the time of making it an object first. */
export const pointText = ({ step, value, time }: PlacedPoint) =>
  `{"step":${typeof step === 'number' ? step : `"${step}"`},"value":${valueText(value)},"timestamp":"${isoTime(time)}"}`

/** The texts of many points behind each other: appended one by one, in half the time of joining an array of them. */
export function textOf(points: PlacedPoint[], each: (point: PlacedPoint) => string): string {
  let text = ''
  for (const point of points) text += each(point)
  return text
}

/** A double as JSON text. */
export function valueText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`
  return Object.is(value, -0) ? '-0.0' : `${value}`
}

const DAY = 86_400_000
const HOUR = 3_600_000
const MINUTE = 60_000

/** The day that was last written. No more than a memory: what `isoTime` gives does not depend on it. */
let day = Number.NaN
let dayText = ''

/** ISO 8601 in UTC with milliseconds, in a tenth of the time of `toISOString`: points are many, and their days few. */
export function isoTime(time: number): string {
  const start = Math.floor(time / DAY) * DAY
  if (start !== day) {
    day = start
    dayText = new Date(start).toISOString().slice(0, -13)
  }
  const rest = time - start
  const hours = Math.floor(rest / HOUR)
  const minutes = Math.floor((rest % HOUR) / MINUTE)
  // hhmmssmmm with all its zeros, behind a 1.
  const digits = String(1e9 + hours * 1e7 + minutes * 1e5 + (rest % MINUTE))
  return `${dayText}${digits.slice(1, 3)}:${digits.slice(3, 5)}:${digits.slice(5, 7)}.${digits.slice(7)}Z`
}

export const seriesSummary = (row: SeriesRow) => {
  const point = (step: bigint | null, value: number | null, time: number | null) =>
    step === null || value === null || time === null ? null : wirePoint({ step: exact(step), value, time })
  const last = point(row.lastStep, row.lastValue, row.lastTime)
  // A series comes into being in the transaction that stores its first point.
  if (last === null) throw new Error('A series without points')
  return {
    name: row.name,
    rank: row.rank,
    attempt: row.attempt,
    count: row.count,
    last,
    min: point(row.minStep, row.minValue, row.minTime),
    max: point(row.maxStep, row.maxValue, row.maxTime),
  }
}
