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
const orNull = <S extends z.ZodType>(schema: S) => z.union([schema, z.null()])

export const SeriesSummary = z
  .object({
    name: z.string(),
    rank: z.int().nonnegative(),
    count: z.int().nonnegative(),
    last: Point.openapi({ description: 'The point with the highest step, then timestamp.' }),
    min: orNull(Point).openapi({ description: 'The lowest finite value; null where there is none.' }),
    max: orNull(Point).openapi({ description: 'The highest finite value; null where there is none.' }),
  })
  .openapi('SeriesSummary')

/** JSON.stringify writes -0 as `0`. The type says number because that is what the text is to whoever parses it. */
const NEGATIVE_ZERO = rawJson('-0.0')

function rawJson(text: string): number {
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

function valueText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`
  return Object.is(value, -0) ? '-0.0' : String(value)
}

let minute = Number.NaN
let minuteText = ''

/** ISO 8601 in UTC with milliseconds. Points follow each other closely: the part down to the minute is mostly known. */
export function isoTime(time: number): string {
  const start = Math.floor(time / 60_000) * 60_000
  if (start !== minute) {
    minute = start
    minuteText = new Date(start).toISOString().slice(0, -7)
  }
  const milliseconds = time - start
  const seconds = Math.floor(milliseconds / 1_000)
  return `${minuteText}${String(seconds).padStart(2, '0')}.${String(milliseconds % 1_000).padStart(3, '0')}Z`
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
    count: row.count,
    last,
    min: point(row.minStep, row.minValue, row.minTime),
    max: point(row.maxStep, row.maxValue, row.maxTime),
  }
}
