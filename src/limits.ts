/** How much there may be of what: each limit has a default, and a variable that sets another one. README has the table. */
import { z } from 'zod'
import type { Env } from './env.ts'

const count = (byDefault: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .pipe(z.number().min(1).max(max))
    .default(byDefault)

const Variables = z.object({
  /** Curves of one run: metric names times ranks. */
  MAX_SERIES_PER_RUN: count(100_000, 10_000_000),
  MAX_RUNS_PER_EXPERIMENT: count(100_000, 10_000_000),
})

export type Limits = z.output<typeof Variables>

/** @throws ZodError for a variable that is no number, or out of its range */
export const limitsOf = (env: Env): Limits => Variables.parse(env)
