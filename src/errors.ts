import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** Every way a request can fail, and the HTTP status that tells it. */
const STATUS = {
  bad_request: 400,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  invalid: 422,
  internal: 500,
  unavailable: 503,
} as const satisfies Record<string, ContentfulStatusCode>

export type ErrorCode = keyof typeof STATUS

/** One thing that is wrong with a request: `path` as in `metrics[3].value`, empty for the request as a whole. */
export interface Finding {
  path: string
  message: string
}

/**
 * A failure that the caller is told about. Thrown anywhere, turned into an answer by the door it came in through.
 *
 * @param detail a sentence for the caller; it must not hold SQL, secrets or what other people stored
 * @param errors all that is wrong with the input, where `code` is `invalid`
 */
export class TrackerError extends Error {
  readonly code: ErrorCode
  readonly errors: Finding[]

  constructor(code: ErrorCode, detail: string, errors: Finding[] = []) {
    super(detail)
    this.name = 'TrackerError'
    this.code = code
    this.errors = errors
  }

  get status() {
    return STATUS[this.code]
  }
}

/** Input that was read but cannot be accepted: one sentence, and every finding with its path. */
export function invalid(errors: Finding[]): TrackerError {
  return new TrackerError('invalid', 'The request is not valid; errors says what and where', errors)
}
