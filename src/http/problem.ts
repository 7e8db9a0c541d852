import { z } from '@hono/zod-openapi'
import type { Context, ErrorHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { type $ZodError, toDotPath } from 'zod/v4/core'
import { type Finding, TrackerError } from '../errors.ts'
import { describeError, log } from './log.ts'

/** RFC 9457 problem details, as every error of the native API is told. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    request_id: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem')

/** The standard phrase of each status that is answered. */
export const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** Seconds after which it is worth asking again when the database is away. */
const RETRY_AFTER = '1'

/** What the caller is told of whatever was thrown; the log is told its cause. An unknown failure tells nothing of it. */
export function asTrackerError(thrown: unknown, c: Context): TrackerError {
  const error = known(thrown)
  const cause = error === undefined ? thrown : error.cause
  if (cause !== undefined) log('error', { request_id: c.get('requestId'), ...describeError(cause) })
  return (
    error ?? new TrackerError('internal', 'Something went wrong here; the request id finds it in the log')
  )
}

/** The headers that tell what to do about a failure of this status. */
export function adviseOn(status: number, c: Context): void {
  if (status === 401) c.header('WWW-Authenticate', 'Bearer')
  if (status === 503) c.header('Retry-After', RETRY_AFTER)
}

/** Turns whatever was thrown into a problem document. */
export const onError: ErrorHandler = (thrown, c) => {
  const requestId: string = c.get('requestId')
  const { status, message, errors } = asTrackerError(thrown, c)
  adviseOn(status, c)
  return c.body(
    JSON.stringify({
      type: 'about:blank',
      title: TITLES[status],
      status,
      detail: message,
      request_id: requestId,
      ...(errors.length > 0 && { errors }),
    }),
    status,
    { 'Content-Type': 'application/problem+json' },
  )
}

function known(thrown: unknown): TrackerError | undefined {
  if (thrown instanceof TrackerError) return thrown
  if (!(thrown instanceof HTTPException)) return undefined
  if (thrown.status === 415) return new TrackerError('unsupported_media_type', thrown.message)
  return thrown.status < 500 ? new TrackerError('bad_request', thrown.message) : undefined
}

/** All that a schema has against its input, one finding a field, with paths as in `run.params.lr`. */
export function findingsOf(error: $ZodError): Finding[] {
  return error.issues.flatMap((issue) => {
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({ path: toDotPath([...issue.path, key]), message: 'unknown field' }))
      case 'invalid_key':
        return [{ path: toDotPath(issue.path), message: issue.issues[0]?.message ?? issue.message }]
      default:
        return [{ path: toDotPath(issue.path), message: issue.message }]
    }
  })
}
