/** One exchange with Postgres over a connection of `pg`: a statement, or a batch of them as one transaction. */
import type { Connection, Submittable } from 'pg'
import { copyFail, extendedQueries, FLUSH, type Statement, SYNC } from './messages.ts'
import { RESET } from './reset.ts'

/** The most that an answer may hold, in bytes of its values as Postgres sends them. Neon's own limit. */
export const MAX_ANSWER = 10 * 1024 * 1024

/** A column of a result, in the words of `pg`. */
interface Field {
  name: string
  tableID: number
  columnID: number
  dataTypeID: number
  dataTypeSize: number
  dataTypeModifier: number
  format: string
}

/** What a statement gave: values are Postgres' own text, so nothing is lost on the way. */
export interface Result {
  command: string
  rowCount: number | null
  fields: Field[]
  rows: (string | null)[][]
  rowAsArray: boolean
}

export class AnswerTooLarge extends Error {}

/** What ends every exchange that may be followed by the reset at once. */
const END = Buffer.concat([SYNC, RESET])

const COMMIT = extendedQueries([{ query: 'commit', params: [] }], END)

/** Postgres takes what follows a COPY from its client for the data. Functions cannot do that. */
const MAY_COPY = /copy/i

/**
 * Sends all statements without waiting for the answer of each. In a batch, `begin` and the statements go together
 * and COMMIT follows when all their results are in: sent along with them, it could be done before it is known that
 * the answer is too large, and a batch that is refused must have done nothing. `pg` calls the `handle…` methods.
 *
 * The reset of the session goes out in the same write as the end of the exchange: Postgres answers first and resets
 * then, without having to be woken a second time.
 */
export class Exchange implements Submittable {
  /** Settles with one result a statement. */
  readonly done: Promise<Result[]>
  /** Whether the reset of the session is on its way. */
  resetSent = false
  readonly #statements: Statement[]
  readonly #begin: string | undefined
  readonly #results: Result[] = []
  #current: Result = emptyResult()
  #completed = 0
  #bytes = 0
  #committed = false
  #failed = false
  #resolve: (results: Result[]) => void = () => {}
  #reject: (error: Error) => void = () => {}

  /** @param begin opens the transaction of a batch; undefined for a single statement */
  constructor(statements: Statement[], begin?: string) {
    this.#statements = statements
    this.#begin = begin
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  submit(connection: Connection): void {
    if (this.#begin !== undefined) {
      write(connection, extendedQueries([{ query: this.#begin, params: [] }, ...this.#statements], FLUSH))
      return
    }
    this.resetSent = !this.#statements.some(({ query }) => MAY_COPY.test(query))
    write(connection, extendedQueries(this.#statements, this.resetSent ? END : SYNC))
  }

  handleRowDescription({ fields }: { fields: Field[] }): void {
    this.#current.fields = fields
  }

  handleDataRow({ fields, length }: { fields: (string | null)[]; length: number }): void {
    // The message counts itself and the number of columns: six bytes that are no value's. Neon counts likewise.
    this.#bytes += length - 6
    if (this.#bytes <= MAX_ANSWER) this.#current.rows.push(fields)
    else this.#fail(new AnswerTooLarge(`response is too large (max is ${MAX_ANSWER} bytes)`))
  }

  handleCommandComplete({ text }: { text: string }, connection: Connection): void {
    const [command = '', ...numbers] = text.split(' ')
    // `INSERT 0 5`: the first number was a row's oid, a long time ago.
    const count = Number.parseInt(numbers.at(-1) ?? '', 10)
    this.#complete(command, Number.isNaN(count) ? null : count, connection)
  }

  handleEmptyQuery(connection: Connection): void {
    this.#complete('', null, connection)
  }

  #complete(command: string, rowCount: number | null, connection: Connection): void {
    this.#current.command = command
    this.#current.rowCount = rowCount
    this.#results.push(this.#current)
    this.#current = emptyResult()
    this.#completed += 1
    if (this.#begin === undefined || this.#failed || this.#completed !== this.#statements.length + 1) return
    write(connection, COMMIT)
    this.#committed = true
    this.resetSent = true
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#begin === undefined ? this.#results : this.#results.slice(1, -1))
  }

  handleError(error: Error, connection: Connection): void {
    // Postgres passes over everything up to a Sync, and a batch has not sent its own yet.
    if (this.#begin !== undefined && !this.#committed) write(connection, SYNC)
    this.#fail(error)
  }

  /** Nobody waits for more rows; the caller ends the session. */
  #fail(error: Error): void {
    this.#failed = true
    this.#current.rows = []
    this.#results.length = 0
    this.#reject(error)
  }

  handleCopyInResponse(connection: Connection): void {
    write(connection, copyFail('COPY FROM STDIN has no data here'))
    // While it waits for data Postgres throws a Sync away. A batch sends its own when it hears of the error.
    if (this.#begin === undefined) write(connection, SYNC)
  }

  handleCopyData(): void {}

  handlePortalSuspended(): void {}
}

const emptyResult = (): Result => ({ command: '', rowCount: null, fields: [], rows: [], rowAsArray: true })

function write({ stream }: Connection, bytes: Buffer): void {
  // The end of a connection is told to whoever waits for an answer.
  if (stream.writable) stream.write(bytes)
}
