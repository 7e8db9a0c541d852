/**
 * How much there may be of what: each limit has a default, and a variable of the same name that sets another one.
 * docs/limits.md has the table, and the limits that are fixed.
 */
import { z } from 'zod'
import { TrackerError } from './errors.ts'
import { log } from './http/log.ts'

/** A whole number; the message never repeats what was set, which may have been meant for another variable. */
const count = (byDefault: number, max: number, min = 1) => {
  const error = `must be a whole number from ${min} to ${max}`
  return z
    .union([z.string(), z.number().transform(String)], { error })
    .pipe(z.string().regex(/^\d{1,15}$/, { error }))
    .transform(Number)
    .pipe(z.number().min(min, { error }).max(max, { error }))
    .default(byDefault)
}

const MIB = 1024 ** 2

const Variables = z.object({
  /** Of a body after inflating; of what is larger the database would not take what it becomes. */
  MAX_BODY_BYTES: count(8 * MIB, 8 * MIB, 1024),
  MAX_POINTS_PER_CALL: count(20_000, 20_000),
  /** Curves of one run: metric names times ranks times attempts. */
  MAX_SERIES_PER_RUN: count(100_000, 10_000_000),
  MAX_RUNS_PER_EXPERIMENT: count(100_000, 10_000_000),
  /** In UTF-16 units. */
  MAX_FILTER_LENGTH: count(10_000, 100_000),
  MAX_FILTER_DEPTH: count(50, 200),
  /** Each on a metric is a join: of 50 with AND between them planning takes seconds. */
  MAX_FILTER_COMPARISONS: count(30, 1_000),
  /** How long Postgres works on one statement, in milliseconds; on a deletion, whatever hangs on it, another time. */
  STATEMENT_TIMEOUT_MS: count(10_000, 12_000, 100),
  DELETE_TIMEOUT_MS: count(60_000, 60_000, 100),
  /** Trips to the database that one isolate waits for at a time. */
  MAX_TRIPS_IN_FLIGHT: count(100, 10_000),
  /** Of one artifact. R2 takes no more than 5 TiB. */
  MAX_ARTIFACT_BYTES: count(100 * 1024 * MIB, 5 * 1024 ** 2 * MIB),
  MAX_ARTIFACT_PARTS: count(10_000, 10_000),
  /** What `[[ratelimits]]` of wrangler.toml says, which the Worker cannot read from there. */
  REQUESTS_PER_MINUTE: count(12_000, 1_000_000),
  /** Different keys that are none, from one address, before it has to wait; counted in each isolate. */
  UNKNOWN_KEYS_PER_MINUTE: count(300, 10_000),
})

export type Limits = z.output<typeof Variables>

/** The names of the variables. */
export const LIMITS: readonly string[] = Object.keys(Variables.shape)

/** What holds where no variable says otherwise. */
export const DEFAULT_LIMITS: Limits = Variables.parse({})

/** What a Worker's variables say; they are the same object as long as it runs. */
const known = new WeakMap<object, Limits | TrackerError>()

/** @throws TrackerError 503 that names the variables that are no limits; the log has it once */
export function limitsOf(env: object): Limits {
  const limits = known.get(env) ?? read(env)
  known.set(env, limits)
  if (limits instanceof TrackerError) throw limits
  return limits
}

function read(env: object): Limits | TrackerError {
  const { success, data, error } = Variables.safeParse(env)
  if (success) return data
  const faults = error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
  log('error', { event: 'limits', faults })
  return new TrackerError('unavailable', `The tracker is not set up right: ${faults.join('; ')}`)
}
