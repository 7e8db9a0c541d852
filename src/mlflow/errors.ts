/** How failures are told to MLflow's clients: `{"error_code", "message"}`, with the statuses that MLflow has for them. */
import type { ErrorHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ErrorCode, TrackerError } from '../errors.ts'
import { adviseOn, asTrackerError } from '../http/problem.ts'
import { FilterError } from '../search/filter.ts'

const STATUS = {
  BAD_REQUEST: 400,
  INVALID_PARAMETER_VALUE: 400,
  // In MLflow it is 500, after which its client tries again and again.
  INVALID_STATE: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  RESOURCE_ALREADY_EXISTS: 400,
  RESOURCE_DOES_NOT_EXIST: 404,
  ENDPOINT_NOT_FOUND: 404,
  RESOURCE_CONFLICT: 409,
  MISDIRECTED_REQUEST: 421,
  REQUEST_LIMIT_EXCEEDED: 429,
  INTERNAL_ERROR: 500,
  NOT_IMPLEMENTED: 501,
  TEMPORARILY_UNAVAILABLE: 503,
} as const satisfies Record<string, ContentfulStatusCode>

export type MlflowErrorCode = keyof typeof STATUS

/** What a failure of the engine is called here. */
const CODES: Record<ErrorCode, MlflowErrorCode> = {
  bad_request: 'BAD_REQUEST',
  unauthorized: 'UNAUTHENTICATED',
  forbidden: 'PERMISSION_DENIED',
  not_found: 'RESOURCE_DOES_NOT_EXIST',
  method_not_allowed: 'ENDPOINT_NOT_FOUND',
  conflict: 'RESOURCE_CONFLICT',
  too_large: 'INVALID_PARAMETER_VALUE',
  unsupported_media_type: 'INVALID_PARAMETER_VALUE',
  misdirected: 'MISDIRECTED_REQUEST',
  invalid: 'INVALID_PARAMETER_VALUE',
  too_many_requests: 'REQUEST_LIMIT_EXCEEDED',
  internal: 'INTERNAL_ERROR',
  unavailable: 'TEMPORARILY_UNAVAILABLE',
}

/** A failure in MLflow's words, which its clients match on. */
export class MlflowError extends Error {
  readonly code: MlflowErrorCode

  constructor(code: MlflowErrorCode, message: string) {
    super(message)
    this.name = 'MlflowError'
    this.code = code
  }
}

export const invalidParameter = (message: string) => new MlflowError('INVALID_PARAMETER_VALUE', message)
export const doesNotExist = (message: string) => new MlflowError('RESOURCE_DOES_NOT_EXIST', message)
export const alreadyExists = (message: string) => new MlflowError('RESOURCE_ALREADY_EXISTS', message)

/** Messages repeat what was sent: so much of it, in UTF-16 units. */
const MAX_MESSAGE = 10_000

export const onMlflowError: ErrorHandler = (thrown, c) => {
  const { code, message } = thrown instanceof MlflowError ? thrown : fromTracker(asTrackerError(thrown, c))
  const told = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message
  const status = STATUS[code]
  adviseOn(status, c)
  return c.json({ error_code: code, message: told }, status)
}

function fromTracker(error: TrackerError): MlflowError {
  const { code, message, errors } = error
  if (error instanceof FilterError) return new MlflowError('INVALID_PARAMETER_VALUE', message)
  const findings = errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  return new MlflowError(CODES[code], findings.length === 0 ? message : findings.join('; '))
}
