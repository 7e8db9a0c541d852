import { NeonDbError } from '@neondatabase/serverless'
import { notFound, TrackerError } from '../errors.ts'
import type { Limits } from '../limits.ts'

/**
 * SQLSTATEs after which the same statement may well succeed: serialization failure, deadlock, server shutting down
 * or starting, too many connections, connection exceptions (class 08).
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const PASSING = /^(40001|40P01|57P0[123]|53300|08...)$/

/** What a violated constraint means to the caller. */
const VIOLATIONS: Record<string, (limits: Limits) => TrackerError> = {
  runs_experiment_id_experiments_id_fk: () => notFound('Experiment'),
  series_run_id_runs_id_fk: () => notFound('Run'),
  runs_parent_check: () => new TrackerError('conflict', 'A run is not its own parent'),
  runs_parent_run_id_runs_id_fk: () =>
    notFound('Parent run', [{ path: 'parent_run_id', message: 'there is no run with this id' }]),
  registered_models_pkey: () => new TrackerError('conflict', 'There is a registered model of this name'),
  experiments_tags_check: () => oversized('An experiment'),
  registered_models_size_check: () => oversized('A registered model'),
  model_versions_size_check: () => oversized('A version of a model'),
  logged_models_params_check: () => oversized('A logged model'),
  logged_models_tags_check: () => oversized('A logged model'),
  series_limit: ({ MAX_SERIES_PER_RUN: most }) =>
    new TrackerError(
      'too_large',
      `The run would have more than ${most} curves (names times ranks times attempts), the most it may have`,
    ),
  sessions_limit: () =>
    new TrackerError('conflict', 'This API key has 1,000 sessions already: end some of them'),
  runs_limit: ({ MAX_RUNS_PER_EXPERIMENT: most }) =>
    new TrackerError('too_large', `The experiment would have more than ${most} runs, the most it may have`),
}

const oversized = (what: string) =>
  new TrackerError(
    'too_large',
    `${what} holds at most 1 MiB of params, tags and what else is written about it`,
  )

/** A database failure as the driver tells it: over HTTP a NeonDbError, over WebSocket a plain error with `code`. */
function fields(error: unknown): { code?: string; constraint?: string; column?: string; table?: string } {
  if (!(error instanceof Error)) return {}
  const of = (name: string) => {
    const value: unknown = Reflect.get(error, name)
    return typeof value === 'string' ? { [name]: value } : {}
  }
  return { ...of('code'), ...of('constraint'), ...of('column'), ...of('table') }
}

/**
 * The database's answer did not come whole, or is none of the database's: the connection was lost while the answer
 * came, or something on the way answered in its place.
 */
export class LostAnswer extends Error {
  override readonly name = 'LostAnswer'
}

/** What the driver throws when a WebSocket cannot be opened, is lost, or brings no answer in time. */
const CONNECTION_LOST = /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout)/

export const NO_SUCH_KEY = 'There is no such API key: it never was one, it was revoked, or it has expired'
export const NOT_ALLOWED =
  'This API key may not do that: it has another scope, or is for another workspace, experiment or run'

/** Whether the error comes from the database or from the way to it, and not from our own code. */
export function isDatabaseError(error: unknown): boolean {
  if (error instanceof NeonDbError || error instanceof LostAnswer || error instanceof ErrorEvent) return true
  return sqlState(error) !== undefined || (error instanceof Error && CONNECTION_LOST.test(error.message))
}

/** The five characters of the Postgres error code, or undefined when the database did not get to answer. */
export function sqlState(error: unknown): string | undefined {
  const { code } = fields(error)
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** Whether the same trip may succeed when it is made again: decided by SQLSTATE, never by HTTP status. */
export function isPassing(error: unknown): boolean {
  if (!isDatabaseError(error)) return false
  if (tooLarge(error)) return false
  const state = sqlState(error)
  return state === undefined || PASSING.test(state)
}

/** Whether the transaction is known to have left nothing behind; after a lost answer it may have committed. */
export function isRolledBack(error: unknown): boolean {
  const state = sqlState(error)
  return state !== undefined && !/^(57P0|08)/.test(state)
}

/** Neon's HTTP endpoint limits request (413) and answer (507) to 10 MiB; the driver tells it in its message alone. */
function tooLarge(error: unknown): boolean {
  return error instanceof NeonDbError && /\(HTTP status (413|507)\)/.test(error.message)
}

/** Text that Postgres does not keep: NUL, or half a surrogate pair, which in JSON is one that cannot be read. */
function unstorable(error: unknown): boolean {
  const state = sqlState(error)
  if (state === '22021' || state === '22P05') return true
  return state === '22P02' && error instanceof Error && /for type json/.test(error.message)
}

/**
 * What a failed trip means to the caller, or the error itself where it can only be a mistake of ours.
 * Nothing of the database's own message gets through: it may hold SQL, parameters and what others stored.
 */
export function translate(error: unknown, limits: Limits): unknown {
  if (!isDatabaseError(error)) return error
  const { constraint, column, table } = fields(error)
  const state = sqlState(error)
  // The function admit_key.
  if (state === 'ER401') return new TrackerError('unauthorized', NO_SUCH_KEY)
  if (state === 'ER403') return new TrackerError('forbidden', NOT_ALLOWED)
  if (state === '23502' && column === 'creation_hash') {
    const what = table === 'runs' ? 'A run' : 'An experiment'
    return new TrackerError('conflict', `${what} with this id was created with other content`)
  }
  if (state === '23502' && table === 'runs' && column === 'experiment_id') {
    return notFound('Experiment', [{ path: 'experiment_id', message: 'is in the trash' }])
  }
  if (state === '23502' && table === 'logged_model_metrics' && column === 'model_id') {
    return new TrackerError('bad_request', 'There is no logged model of an id that a metric names')
  }
  const violation = constraint === undefined ? undefined : VIOLATIONS[constraint]
  if (violation) return violation(limits)
  if (tooLarge(error)) {
    return new TrackerError(
      'too_large',
      'This is more than the database takes or sends in one piece: send or ask for less',
    )
  }
  if (unstorable(error)) {
    return new TrackerError('invalid', 'Text must not hold a NUL character or half a surrogate pair')
  }
  if (state === '57014' || state === '55P03')
    return unavailable('The database took too long to answer', error)
  if (isPassing(error)) return unavailable('The database is away; try again', error)
  return error
}

const unavailable = (detail: string, cause: unknown) => new TrackerError('unavailable', detail, [], { cause })
