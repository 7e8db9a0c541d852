/** How charts look on the wire: in columns, which are half as long as objects and are what chart libraries take. */
import { z } from '@hono/zod-openapi'
import { isoTimestamp } from '../http/schemas.ts'
import { type PlacedPoint, type Step, startOf } from '../metrics/columns.ts'
import type { Node } from '../metrics/node.ts'
import { isoTime, orNull, WireStep, WireValue, wireStep, wireValue } from '../metrics/wire.ts'
import type { Scale } from './buckets.ts'
import { AXES, type Axis } from './repository.ts'

const column = <S extends z.ZodType>(schema: S) => z.array(orNull(schema))

const Points = z
  .object({ step: column(WireStep), value: column(WireValue), timestamp: column(isoTimestamp) })
  .openapi('PointColumns')

export const Chart = z
  .object({
    x: z.enum(AXES),
    bits: z.int().nonnegative().openapi({
      description: 'A bucket is 2^bits steps, or milliseconds, and begins at a multiple of that.',
    }),
    complete: z.boolean().openapi({
      description:
        'False where `since` has left out what was there before: put these buckets in the place of those.',
    }),
    next: z
      .string()
      .openapi({ description: 'Give it as `since` to get what is new then.', example: '9.1790000000000' }),
    series: z.array(
      z.object({
        run_id: z.guid(),
        name: z.string(),
        rank: z
          .union([z.int().nonnegative(), z.null()])
          .openapi({ description: 'Null for the mean of all ranks.' }),
        attempt: z
          .union([z.int().nonnegative(), z.null()])
          .openapi({ description: 'Null with `newest`, where several may be put together.' }),
        buckets: z
          .object({
            start: z.array(z.union([z.int(), z.string()])).openapi({
              description: 'Where each begins: a step, a moment, or milliseconds since the run started.',
            }),
            count: z.array(z.int().positive()).openapi({ description: 'Points in it.' }),
            nonfinite: z.array(z.int().nonnegative()).openapi({
              description: 'How many of them are NaN or infinite; min, max and mean are of the others.',
            }),
            min: Points,
            max: Points,
            first: Points.optional(),
            last: Points.optional(),
            mean: column(WireValue).optional(),
          })
          .openapi({ description: 'Columns of one length: a bucket with points each, in order.' }),
      }),
    ),
  })
  .openapi('Chart')

function points(of: (PlacedPoint | null)[]) {
  return {
    step: of.map((point) => point && wireStep(point.step)),
    value: of.map((point) => point && wireValue(point.value)),
    timestamp: of.map((point) => point && isoTime(point.time)),
  }
}

/** @param mean whether the mean is wanted, in the place of first and last */
export function bucketColumns(entries: [Step, Node][], x: Axis, { bits }: Scale, mean: boolean) {
  const nodes = entries.map(([, node]) => node)
  const start = ([range]: [Step, Node]) => {
    const first = startOf(range, bits)
    return x === 'time' ? isoTime(Number(first)) : wireStep(first)
  }
  return {
    start: entries.map(start),
    count: nodes.map(({ count }) => count),
    nonfinite: nodes.map(({ nonFinite }) => nonFinite),
    min: points(nodes.map(({ min }) => min)),
    max: points(nodes.map(({ max }) => max)),
    ...(mean
      ? {
          mean: nodes.map(({ sum, count, nonFinite }) =>
            count > nonFinite ? wireValue(sum / (count - nonFinite)) : null,
          ),
        }
      : { first: points(nodes.map(({ first }) => first)), last: points(nodes.map(({ last }) => last)) }),
  }
}
