/**
 * Attempts: a job that was preempted goes on from its checkpoint and logs steps again. What it logged before stays, as the
 * series of an earlier attempt, and ends where a later attempt begins (docs/decisions/0015-attempts.md).
 */
import { z } from '@hono/zod-openapi'
import { type SQL, sql } from 'drizzle-orm'
import { series } from '../db/schema.ts'
import { queryInteger } from '../http/schemas.ts'
import { MAX_ATTEMPT } from './points.ts'

/** `newest` is each attempt up to the first step of a later one. */
export type Attempt = number | 'newest'

export const attemptQuery = z
  .union([z.enum(['newest']), queryInteger(0, MAX_ATTEMPT)])
  .optional()
  .transform((attempt): Attempt => attempt ?? 'newest')
  .openapi({
    description:
      'One attempt, or `newest` for what stands after all of them: of each step the points of the newest attempt that has ' +
      'reached it. An attempt ends where a later one begins.',
    type: 'string',
    pattern: '^(newest|[0-9]{1,9})$',
    default: 'newest',
  })

/** As `attemptQuery`, or each attempt by itself. */
export const attemptsQuery = (newest: string) =>
  z
    .union([z.enum(['newest', 'all']), queryInteger(0, MAX_ATTEMPT)])
    .optional()
    .transform((attempt): Attempt | 'all' => attempt ?? 'newest')
    .openapi({
      description: `One attempt, \`all\` for a series each, or \`newest\` for ${newest}.`,
      type: 'string',
      pattern: '^(all|newest|[0-9]{1,9})$',
      default: 'newest',
    })

/** The step from which on a later attempt stands in the place of a series; null where there is none. */
export const UNTIL: SQL = sql`case when not series.newest then (
  select min(later.cut_step) from series as later
  where later.workspace_id = series.workspace_id and later.run_id = series.run_id and later.name = series.name
    and later.rank = series.rank and later.attempt > series.attempt
) end`

/** Whether a series is of what is asked for: each of them is, where several are shown or put together. */
export const isOfAttempt = (attempt: Attempt | 'all'): SQL =>
  typeof attempt === 'number' ? sql`${series.attempt} = ${attempt}::int` : sql`true`
