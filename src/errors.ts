import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** Every way a request can fail, and the HTTP status that tells it. */
const STATUS = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  misdirected: 421,
  invalid: 422,
  too_many_requests: 429,
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
 * @param errors what is wrong with the input, and where
 * @param options with a `cause` that the log should know and the caller should not
 */
export class TrackerError extends Error {
  readonly code: ErrorCode
  readonly errors: Finding[]

  constructor(code: ErrorCode, detail: string, errors: Finding[] = [], options?: ErrorOptions) {
    super(detail, options)
    this.name = 'TrackerError'
    this.code = code
    this.errors = errors
  }

  get status() {
    return STATUS[this.code]
  }
}

/** Nothing has the id, or the name, that was asked for; in the course's words. */
export const notFound = (
  what: 'Experiment' | 'Run' | 'Parent run' | 'Metric' | 'Key' | 'Workspace',
  errors: Finding[] = [],
) => new TrackerError('not_found', `${what} not found`, errors)

/** How many findings are told; the rest are only counted, so that an answer cannot outgrow its request. */
export const MAX_FINDINGS = 100

/** Names of fields are the client's, and so are as long as he likes. */
const MAX_TOLD = 1_000
const cut = (text: string) => (text.length > MAX_TOLD ? `${text.slice(0, MAX_TOLD)}…` : text)

/**
 * Input that was read but cannot be accepted: one sentence, and the findings with their paths.
 *
 * @param total how many there are, where not all of them were kept
 */
export function invalid(findings: Finding[], total = findings.length): TrackerError {
  const told = findings
    .slice(0, MAX_FINDINGS)
    .map(({ path, message }) => ({ path: cut(path), message: cut(message) }))
  if (total > told.length) told.push({ path: '', message: `and ${total - told.length} more` })
  return new TrackerError('invalid', 'The request is not valid; errors says what and where', told)
}
