import { NeonDbError, neon, neonConfig, Pool } from '@neondatabase/serverless'
import { DrizzleQueryError, type SQL, sql } from 'drizzle-orm'
import type { BatchItem, BatchResponse } from 'drizzle-orm/batch'
import { drizzle as drizzleHttp, type NeonHttpDatabase } from 'drizzle-orm/neon-http'
import { drizzle as drizzleWebSocket } from 'drizzle-orm/neon-serverless'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import type { Env } from '../env.ts'
import { TrackerError } from '../errors.ts'
import { type Limits, limitsOf } from '../limits.ts'
import { isPassing, isRolledBack, LostAnswer, translate } from './errors.ts'
import { counted } from './in-flight.ts'

/** How much longer we wait for a trip than Postgres works on its statements, in milliseconds. */
const ON_THE_WAY = 2_000

/**
 * How often a trip is made before the caller is told, within which time another one may begin, and the longest pause
 * before the second, in milliseconds. A database that answers nothing is waited for once.
 */
const ATTEMPTS = 3
const ATTEMPTS_BEGIN_WITHIN = 5_000
const FIRST_PAUSE = 100

export interface Rows<T> {
  rows: T[]
}

export interface RowsHKT extends PgQueryResultHKT {
  type: Rows<this['row']>
}

/** What repositories build statements on: the database of a request, or an interactive transaction. */
export type Db = PgDatabase<RowsHKT>

/** What repositories are made of: the database, and whose rows of it they may see and touch. */
export interface Scope {
  readonly db: Db
  /** The id of the workspace: a number, or where the transaction is going to find it. */
  readonly workspace: SQL
  /** Who it is, for the audit: the id of a key, or a word for what is none. */
  readonly actor: string
  readonly limits: Limits
}

/** Stands between a caller who may not have been let in yet and the database. */
export interface Guard extends Pick<Scope, 'workspace' | 'actor'> {
  /**
   * The statement with which a transaction has to begin so that the rest of it may be done: it fails unless the caller is
   * let in. Undefined where he is in already.
   *
   * @throws TrackerError where it is known that he may not
   */
  entry(): SQL | undefined
  /** What the statement gave. */
  admitted(row: Record<string, unknown> | undefined): void
  /** The statement failed, or what came with it. */
  refused(error: unknown): void
}

/** A statement that is not sent until a batch sends it. */
export type Statement = BatchItem<'pg'>

/** Where a page of rows by time begins: after this one. */
export interface TimeCursor {
  time: Date
  id: string
}

export interface TripOptions {
  /** Longer than usual for work that grows with what is stored, in milliseconds. */
  timeout?: number
  /**
   * False when doing it twice would give another answer: then a trip whose answer was lost is not made again. Every
   * insert here is idempotent by its key, so this is the exception.
   */
  repeatable?: boolean
}

/**
 * The database for the length of one request; it holds no connection. A batch is one HTTP round trip and one
 * transaction. An interactive transaction opens a WebSocket, and only when it is asked for.
 */
export class Database {
  /** Round trips made so far, the statements in them, and the milliseconds waited for them. */
  trips = 0
  statements = 0
  milliseconds = 0

  readonly #env: Env
  readonly #defer: (promise: Promise<unknown>) => void
  #http: NeonHttpDatabase | undefined
  #timeout = 0
  #guard: Guard | undefined

  /** @param defer keeps the Worker alive until a promise has settled: `ctx.waitUntil` */
  constructor(env: Env, defer: (promise: Promise<unknown>) => void) {
    if (env.DATABASE_GATEWAY !== undefined) useGateway(env.DATABASE_GATEWAY)
    this.#env = env
    this.#defer = defer
  }

  /** Builds statements. Do not await them: give them to `batch` or to a unit of work. */
  get http(): NeonHttpDatabase {
    this.#http ??= drizzleHttp(this.#connect())
    return this.#http
  }

  /** From here on all is done for this caller. Without one there is no `scope`. */
  set guard(guard: Guard) {
    this.#guard = guard
  }

  /** What holds for this request. */
  get limits(): Limits {
    return limitsOf(this.#env)
  }

  /** What repositories build statements on, for the caller of this request. */
  get scope(): Scope {
    if (this.#guard === undefined) throw new Error('Nobody was let in to the database')
    const guard = this.#guard
    return {
      db: this.http,
      actor: guard.actor,
      limits: this.limits,
      // Not the same before the first trip and after it.
      get workspace() {
        return guard.workspace
      },
    }
  }

  /** Makes a trip to let the caller in, where that is not done yet. */
  async enter(): Promise<void> {
    if (this.#guard?.entry() !== undefined) await this.batch([])
  }

  #connect() {
    const timeout = () => this.#timeout
    // The driver reads these options anew for each fetch, so each trip gets a signal of its own.
    const fetchOptions = {
      get signal() {
        return AbortSignal.timeout(timeout())
      },
    }
    return neon(this.#url, { fetchOptions })
  }

  get #url(): string {
    const url = this.#env.DATABASE_URL ?? ''
    if (/^postgres(ql)?:$/.test(URL.parse(url)?.protocol ?? '')) return url
    // Said here, because what the driver says quotes the connection string.
    throw new TrackerError(
      'unavailable',
      'The tracker has no database: DATABASE_URL is not a connection string',
    )
  }

  /**
   * Sends statements as one transaction in one round trip and gives their results in order; passing failures are
   * tried again.
   *
   * @throws TrackerError for what the caller can understand or retry, else the driver's error
   */
  async batch<const T extends readonly Statement[]>(
    statements: T,
    options: TripOptions = {},
  ): Promise<BatchResponse<T>> {
    const limit = this.http.execute(settings(options.timeout ?? this.limits.STATEMENT_TIMEOUT_MS))
    const entry = this.#guard?.entry()
    const first = entry === undefined ? [] : [this.http.execute(entry)]
    const [, ...results] = await this.#insist(
      () => this.http.batch([limit, ...first, ...statements]),
      statements.length,
      options,
    ).catch((error) => {
      if (entry !== undefined) this.#guard?.refused(error)
      throw error
    })
    if (entry !== undefined) this.#guard?.admitted(rowsOf(results.shift())[0])
    // The compiler cannot see that a generic tuple without its head is what was spread into it.
    return results as BatchResponse<T>
  }

  /**
   * Sends one statement, which is a transaction by itself: to Postgres less than half the work of a batch of one. It can
   * set no limit for itself, because Postgres looks at the clock before: we hang up, whereupon Neon, and the gateway, have
   * Postgres cancel it; should that be lost there is the limit that the migrations give the database. Moments come in
   * the session's time zone.
   *
   * @throws as `batch`
   */
  async single<T>(statement: Statement & PromiseLike<T>, options: TripOptions = {}): Promise<T> {
    if (this.#guard?.entry() === undefined) return this.#insist(async () => statement, 1, options)
    const [result] = await this.batch([statement], options)
    // What a statement gives is the same in a batch, which its types cannot say.
    return result as T
  }

  /** Makes a trip, unless too many are under way. */
  #insist<T>(trip: () => Promise<T>, statements: number, options: TripOptions): Promise<T> {
    const { STATEMENT_TIMEOUT_MS, MAX_TRIPS_IN_FLIGHT } = this.limits
    this.#timeout = (options.timeout ?? STATEMENT_TIMEOUT_MS) + ON_THE_WAY
    const longest = ATTEMPTS_BEGIN_WITHIN + this.#timeout
    const made = counted(MAX_TRIPS_IN_FLIGHT, longest, () => this.#repeat(trip, statements, options))
    // A caller who hangs up is no reason to count it for longer than it takes.
    this.#defer(made.catch(() => {}))
    return made
  }

  /** Makes a trip, again where it may help. */
  async #repeat<T>(trip: () => Promise<T>, statements: number, options: TripOptions): Promise<T> {
    const begun = performance.now()
    for (let attempt = 1; ; attempt++) {
      const started = performance.now()
      try {
        this.trips += 1
        this.statements += statements
        return await trip()
      } catch (thrown) {
        const cause = unwrap(thrown)
        // Where the driver did not understand the answer it may have been lost on the way.
        const error = cause instanceof NeonDbError ? cause : new LostAnswer('No answer', { cause })
        const again = isPassing(error) && (options.repeatable !== false || isRolledBack(error))
        const late = performance.now() - begun > ATTEMPTS_BEGIN_WITHIN
        if (!again || late || attempt === ATTEMPTS) throw translate(error, this.limits)
      } finally {
        this.milliseconds += performance.now() - started
      }
      await pause(FIRST_PAUSE * 4 ** (attempt - 1))
    }
  }

  /**
   * Runs `work` in one interactive transaction over a WebSocket, for what must read, decide and write: commits when
   * it returns, rolls back when it throws. Costs a connection and a trip a statement: prefer a batch.
   */
  async transaction<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
    const { STATEMENT_TIMEOUT_MS } = this.limits
    const pool = new Pool({
      connectionString: this.#url,
      max: 1,
      connectionTimeoutMillis: STATEMENT_TIMEOUT_MS + ON_THE_WAY,
      query_timeout: STATEMENT_TIMEOUT_MS + ON_THE_WAY,
    })
    // Without a listener the death of an idle connection would be an uncaught exception.
    pool.on('error', () => {})
    const logger = {
      logQuery: () => {
        this.trips += 1
        this.statements += 1
      },
    }
    const started = performance.now()
    try {
      return await drizzleWebSocket(pool, { logger }).transaction(async (tx) => {
        await tx.execute(settings(STATEMENT_TIMEOUT_MS))
        const entry = this.#guard?.entry()
        if (entry !== undefined) {
          const { rows } = await tx.execute(entry).catch((error: unknown) => {
            this.#guard?.refused(translate(unwrap(error), this.limits))
            throw error
          })
          this.#guard?.admitted(rows[0])
        }
        return work({ ...this.scope, db: tx })
      })
    } catch (error) {
      throw translate(unwrap(error), this.limits)
    } finally {
      this.milliseconds += performance.now() - started
      this.#defer(pool.end())
    }
  }
}

/** Points the driver, which keeps its configuration for the whole isolate, at a gateway instead of at Neon. */
function useGateway(gateway: string) {
  neonConfig.fetchEndpoint = `${gateway}/sql`
  neonConfig.wsProxy = () => `${new URL(gateway).host}/v2`
  neonConfig.useSecureWebSocket = false
  neonConfig.pipelineConnect = false
}

/** What holds for one transaction: how long a statement may take, and that moments come in UTC. */
const settings = (statementTimeout: number) =>
  sql`select set_config('statement_timeout', ${String(statementTimeout)}, true), set_config('TimeZone', 'UTC', true)`

/** The rows of a statement that was sent as SQL. */
function rowsOf(result: unknown): Record<string, unknown>[] {
  const rows: unknown = typeof result === 'object' && result !== null && Reflect.get(result, 'rows')
  return Array.isArray(rows) ? rows : []
}

/** Drizzle wraps a failing query in an error whose message holds the SQL and all parameters; the cause does not. */
const unwrap = (error: unknown) => (error instanceof DrizzleQueryError ? error.cause : error)

/** Waits up to `longest` milliseconds: full jitter, so that what failed together does not return together. */
const pause = (longest: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * longest))
