/** What comes in on `POST /sql`, in the words of Neon's driver, and what goes out. */
import type { IncomingMessage } from 'node:http'
import type { Result } from './exchange.ts'
import type { Statement } from './messages.ts'
import type { Login } from './pool.ts'
import { addressOf, type Upstream } from './upstream.ts'

/** The most that a request may hold, in bytes. Neon's own limit. */
export const MAX_REQUEST = 10 * 1024 * 1024

/** The most parameters that Postgres' protocol can count. */
const MAX_PARAMS = 65_535

/** A request that is refused before Postgres sees it. */
export class Refused extends Error {
  readonly status: number
  readonly code: string | undefined

  /** @param code a SQLSTATE that says to the driver's caller that trying again is of no use */
  constructor(status: number, message: string, code?: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const ISOLATION_LEVELS: Record<string, string> = {
  ReadUncommitted: 'read uncommitted',
  ReadCommitted: 'read committed',
  RepeatableRead: 'repeatable read',
  Serializable: 'serializable',
}

/** Reads a header that occurs once. */
function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Reads who asks, as `readLogin` does, and remembers the last one: as a rule they are all the same. */
export function loginReader(upstream: Upstream): (request: IncomingMessage) => Login {
  let last: { text: string; login: Login } | undefined
  return (request) => {
    const text = header(request, 'neon-connection-string')
    if (text === undefined) throw new Refused(400, 'missing header neon-connection-string', '28000')
    if (header(request, 'neon-raw-text-output') !== 'true') {
      throw new Refused(400, 'this gateway gives raw text only: set neon-raw-text-output to true', '0A000')
    }
    if (last?.text !== text) last = { text, login: readLogin(text, upstream) }
    return last.login
  }
}

/**
 * Reads `Neon-Connection-String`. Its host is compared and never followed.
 *
 * @throws Refused when it is no Postgres URL with user, password and database, or leads elsewhere
 */
function readLogin(text: string, upstream: Upstream): Login {
  let url: URL
  let who: Omit<Login, 'key'>
  try {
    url = new URL(text)
    who = {
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: decodeURIComponent(url.pathname.slice(1)),
    }
  } catch {
    throw new Refused(400, 'invalid connection string', '28000')
  }
  if (!/^postgres(ql)?:$/.test(url.protocol)) throw new Refused(400, 'incorrect scheme', '28000')
  // In the start-up message a NUL ends a name.
  if (/%00/.test(text)) throw new Refused(400, 'invalid connection string', '28000')
  if (who.user === '') throw new Refused(400, 'missing username', '28000')
  if (who.database === '') throw new Refused(400, 'missing database name', '28000')
  const { host, port } = addressOf(url)
  if (host !== upstream.host || port !== upstream.port) {
    throw new Refused(400, 'the connection string leads to another server than this gateway does', '28000')
  }
  for (const name of ['application_name', 'options'] as const) {
    const value = url.searchParams.get(name)
    if (value !== null) who[name] = value
  }
  const { user, password, database, application_name, options } = who
  return { ...who, key: JSON.stringify([user, password, database, application_name, options]) }
}

/** A body of `POST /sql`, and how to open its transaction when it is a batch. */
export interface Job {
  statements: Statement[]
  begin: string | undefined
  arrayMode: boolean
}

/** @throws Refused when the body or a header is not what the driver sends */
export function readJob(request: IncomingMessage, body: string): Job {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw new Refused(400, 'could not parse the HTTP request body', '08P01')
  }
  const arrayMode = header(request, 'neon-array-mode') === 'true'
  if (!isObject(parsed) || !('queries' in parsed)) {
    return { statements: [readStatement(parsed)], begin: undefined, arrayMode }
  }
  if (!Array.isArray(parsed.queries)) throw new Refused(400, 'queries is not an array', '08P01')
  return { statements: parsed.queries.map(readStatement), begin: readBegin(request), arrayMode }
}

function readBegin(request: IncomingMessage): string {
  let begin = 'begin'
  const isolation = header(request, 'neon-batch-isolation-level')
  if (isolation !== undefined) {
    const level = ISOLATION_LEVELS[isolation]
    if (level === undefined) throw new Refused(400, 'invalid isolation level', '22023')
    begin += ` isolation level ${level}`
  }
  if (header(request, 'neon-batch-read-only') === 'true') begin += ' read only'
  if (header(request, 'neon-batch-deferrable') === 'true') begin += ' deferrable'
  return begin
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function readStatement(value: unknown): Statement {
  if (!isObject(value) || typeof value.query !== 'string')
    throw new Refused(400, 'query is not a string', '08P01')
  const { query, params = [] } = value
  if (!Array.isArray(params)) throw new Refused(400, 'params is not an array', '08P01')
  if (params.length > MAX_PARAMS) throw new Refused(400, `more than ${MAX_PARAMS} parameters`, '54023')
  // A parameter has a length, but the text ends with its first NUL, and what follows would be taken for something else.
  if (query.includes('\0')) throw new Refused(400, 'the statement holds a NUL', '22021')
  return { query, params: params.map(readParam) }
}

/** The driver prepares every value itself, so all that arrives is text or null. */
function readParam(value: unknown): string | null {
  if (value === null) return value
  if (typeof value === 'string') {
    // Half of a surrogate pair has no UTF-8: it would be stored as another character.
    if (!value.isWellFormed()) throw new Refused(400, 'a parameter holds a lone surrogate', '22021')
    return value
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new Refused(400, 'a parameter is neither text nor null', '08P01')
}

/**
 * Reads a body of at most MAX_REQUEST bytes.
 *
 * @throws Refused with 413 when it is longer
 */
export function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      // Read to its end all the same: workerd sends its next request on this connection, behind what is left of this.
      if (length <= MAX_REQUEST) chunks.push(chunk)
    })
    request.once('end', () => {
      if (length <= MAX_REQUEST) resolve(Buffer.concat(chunks).toString())
      else reject(new Refused(413, `request is too large (max is ${MAX_REQUEST} bytes)`))
    })
    request.once('error', reject)
    request.once('close', () => {
      if (!request.complete) reject(new Error('The client went away'))
    })
  })
}

/** The answer to a job, as JSON. */
export function writeResults({ begin, arrayMode }: Job, results: Result[]): string {
  const shaped = arrayMode ? results : results.map(asObjects)
  return JSON.stringify(begin === undefined ? shaped[0] : { results: shaped })
}

const asObjects = (result: Result) => ({
  ...result,
  rowAsArray: false,
  rows: result.rows.map((row) => Object.fromEntries(row.map((value, i) => [result.fields[i]?.name, value]))),
})

const ERROR_FIELDS = [
  'message',
  'code',
  'detail',
  'hint',
  'position',
  'internalPosition',
  'internalQuery',
  'severity',
  'where',
  'table',
  'column',
  'schema',
  'dataType',
  'constraint',
  'file',
  'line',
  'routine',
] as const

/**
 * What a failure looks like to the driver: 400 with the fields of Postgres where Postgres spoke, and otherwise a
 * status that makes it throw without a SQLSTATE, which says that it was not the statement's fault.
 */
export function writeError(error: unknown): { status: number; body: string } {
  if (error instanceof Refused) {
    const body =
      error.status === 400 ? JSON.stringify({ message: error.message, code: error.code }) : error.message
    return { status: error.status, body }
  }
  if (
    error instanceof Error &&
    'code' in error &&
    'severity' in error &&
    typeof error.severity === 'string'
  ) {
    const fields = Object.fromEntries(ERROR_FIELDS.map((name) => [name, Reflect.get(error, name)]))
    return { status: 400, body: JSON.stringify(fields) }
  }
  return { status: 502, body: 'The connection to Postgres failed' }
}
