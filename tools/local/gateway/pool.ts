/** Warm sessions by who is logged in, with one maximum over all of them. */
import pg from 'pg'
import { Exchange, type Result } from './exchange.ts'
import type { Statement } from './messages.ts'
import { Reset } from './reset.ts'
import { type CancelKey, CONNECT_TIMEOUT, cancel, type Upstream } from './upstream.ts'

/** How long a request waits for a session, when nothing else is said, in milliseconds. */
const WAIT_TIMEOUT = 10_000

/** How long a session waits for a request, in milliseconds. */
const IDLE_TIMEOUT = 60_000

/** How long to make do with the sessions there are after Postgres has said that it takes no more, in milliseconds. */
const FULL_PAUSE = 1_000

/** How long the reset of a session may take before its connection is given up, in milliseconds. */
const RESET_TIMEOUT = 5_000

/** Whom Postgres is asked to let in. */
export interface Login {
  /** The same for the same of all below, and only then. */
  key: string
  user: string
  password: string
  database: string
  application_name?: string
  options?: string
}

/** No session became free in time. The SQLSTATE of Postgres' own "too many clients" marks it as passing. */
export class PoolBusy extends Error {
  readonly code = '53300'
  readonly severity = 'FATAL'
}

/** Who waits for an answer, and what it means that nobody does any more. */
export class Caller {
  gone = false
  #onGone: (() => void) | undefined

  /** Replaces what was to be done. */
  whenGone(act: (() => void) | undefined): void {
    this.#onGone = act
  }

  leave(): void {
    if (this.gone) return
    this.gone = true
    this.#onGone?.()
  }
}

interface Waiter {
  login: Login
  resolve: (session: Session) => void
  reject: (error: Error) => void
}

/** A logged-in connection to Postgres that serves one request at a time. */
export class Session {
  readonly key: string
  idleSince = 0
  /** Never used again: its connection is lost, or a cancellation is on its way that could hit another's statement. */
  doomed = false
  readonly #client: pg.Client
  readonly #upstream: Upstream
  /** Follows on what runs, or has run last. */
  #reset = new Reset()
  #cancelKey: CancelKey | undefined

  private constructor(key: string, client: pg.Client, upstream: Upstream) {
    this.key = key
    this.#client = client
    this.#upstream = upstream
  }

  /** @param onLost called once when the connection is lost while nobody uses it, or later */
  static async open(login: Login, upstream: Upstream, onLost: (session: Session) => void) {
    const { key, ...who } = login
    const client = new pg.Client({
      ...who,
      // A function, so that `pg` never looks for a password of its own when this one is empty.
      password: () => login.password,
      host: upstream.host,
      port: upstream.port,
      ssl: upstream.tls ?? false,
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      keepAlive: true,
    })
    const session = new Session(key, client, upstream)
    client.connection.once('backendKeyData', (key: CancelKey) => {
      session.#cancelKey = key
    })
    // Without a listener the restart of the database would end this process.
    client.on('error', () => {
      session.doomed = true
    })
    client.once('end', () => {
      session.doomed = true
      onLost(session)
    })
    await client.connect()
    return session
  }

  /** Runs one statement, or several as one transaction. */
  run(statements: Statement[], begin?: string): Promise<Result[]> {
    const exchange = new Exchange(statements, begin)
    this.#reset = new Reset(() => exchange.resetSent)
    this.#client.query(exchange)
    this.#client.query(this.#reset)
    return exchange.done
  }

  /** Waits until the session is in the state of a fresh one, or ends it. */
  async reset(): Promise<void> {
    if (this.doomed) return this.end()
    const timer = setTimeout(() => this.end(), RESET_TIMEOUT)
    const isClean = async (reset: Reset) => (await reset.done) && this.#client.getTransactionStatus() === 'I'
    // What was sent before it was known that a transaction is left open has failed, or is a part of it.
    const well = (await isClean(this.#reset)) || (await isClean(this.#client.query(new Reset())))
    clearTimeout(timer)
    if (!well) await this.end()
  }

  /** Stops the statement that runs, and ends the session. */
  async cancel(): Promise<void> {
    this.doomed = true
    if (this.#cancelKey !== undefined) await cancel(this.#upstream, this.#cancelKey)
    await this.end()
  }

  async end(): Promise<void> {
    this.doomed = true
    await this.#client.end().catch(() => {})
  }
}

/** Lends sessions out, first come first served. */
export class Pool {
  readonly #upstream: Upstream
  readonly #max: number
  readonly #waitTimeout: number
  readonly #sessions = new Set<Session>()
  /** Latest used last: the rest may grow old and be closed. */
  readonly #idle: Session[] = []
  readonly #waiting: Waiter[] = []
  /** Sessions that will be free in a moment: they connect, or are being reset. */
  readonly #coming = new Map<string, number>()
  readonly #connecting = new Set<Promise<void>>()
  #closed = false
  /** Postgres takes no more sessions than there are. */
  #full = false
  readonly #reaper: NodeJS.Timeout

  constructor(upstream: Upstream, max: number, waitTimeout = WAIT_TIMEOUT) {
    this.#upstream = upstream
    this.#max = max
    this.#waitTimeout = waitTimeout
    this.#reaper = setInterval(() => this.#reap(), IDLE_TIMEOUT / 6).unref()
  }

  stats() {
    return {
      open: this.#sessions.size,
      idle: this.#idle.length,
      waiting: this.#waiting.length,
      connecting: this.#connecting.size,
    }
  }

  /**
   * Gives a session, at once when one is free.
   *
   * @throws PoolBusy when none becomes free in time; what Postgres says when it does not let the login in
   */
  acquire(login: Login, caller: Caller): Session | Promise<Session> {
    // Whoever waits has been here before.
    const mayTake = this.#waiting.length === 0 && !this.#closed && !caller.gone
    return (mayTake ? this.#takeIdle(login.key) : undefined) ?? this.#wait(login, caller)
  }

  #wait(login: Login, caller: Caller): Promise<Session> {
    return new Promise((resolve, reject) => {
      const leave = (error: Error) => {
        const at = this.#waiting.indexOf(waiter)
        if (at >= 0) this.#waiting.splice(at, 1)
        waiter.reject(error)
      }
      const onGone = () => leave(new Error('The client went away'))
      const timer = setTimeout(
        () => leave(new PoolBusy('No database connection became free in time')),
        this.#waitTimeout,
      )
      const settle = () => {
        clearTimeout(timer)
        caller.whenGone(undefined)
      }
      const waiter: Waiter = {
        login,
        resolve: (session) => {
          settle()
          resolve(session)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      }
      if (this.#closed) return waiter.reject(new Error('The gateway is closing'))
      if (caller.gone) return onGone()
      caller.whenGone(onGone)
      this.#waiting.push(waiter)
      this.#serve()
    })
  }

  /** Takes a session back; it is lent again when nothing of its last use is left in it. */
  async release(session: Session): Promise<void> {
    this.#count(session.key, 1)
    await session.reset()
    this.#count(session.key, -1)
    if (this.#closed) await session.end()
    else if (!session.doomed) {
      session.idleSince = Date.now()
      this.#idle.push(session)
    }
    this.#serve()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#reaper)
    for (const waiter of this.#waiting.splice(0)) waiter.reject(new Error('The gateway is closing'))
    await Promise.all([...this.#connecting, ...Array.from(this.#sessions, (session) => session.end())])
  }

  /** Gives idle sessions to those who wait, in order, and opens what is missing. */
  #serve(): void {
    if (this.#waiting.length === 0) return
    const claimed = new Map<string, number>()
    for (const waiter of [...this.#waiting]) {
      const { key } = waiter.login
      const session = this.#takeIdle(key)
      if (session !== undefined) {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        waiter.resolve(session)
        continue
      }
      const before = claimed.get(key) ?? 0
      claimed.set(key, before + 1)
      if (before < (this.#coming.get(key) ?? 0)) continue
      if (this.#full || this.#sessions.size + this.#connecting.size >= this.#max) {
        // All are taken. One that idles for another login makes room.
        const oldest = this.#idle.shift()
        if (oldest === undefined) return
        this.#sessions.delete(oldest)
        void oldest.end()
      }
      const opening = this.#open(waiter.login).finally(() => {
        this.#connecting.delete(opening)
        this.#count(key, -1)
        this.#serve()
      })
      this.#connecting.add(opening)
      this.#count(key, 1)
    }
  }

  #takeIdle(key: string): Session | undefined {
    const at = this.#idle.findLastIndex((session) => session.key === key)
    return at < 0 ? undefined : this.#idle.splice(at, 1)[0]
  }

  async #open(login: Login): Promise<void> {
    try {
      const session = await Session.open(login, this.#upstream, (lost) => this.#forget(lost))
      if (this.#closed) return await session.end()
      this.#sessions.add(session)
      session.idleSince = Date.now()
      this.#idle.push(session)
    } catch (error) {
      const others = this.#sessions.size > 0 || this.#connecting.size > 1
      if (others && isTooMany(error)) return this.#makeDo()
      // Whoever has waited longest for such a session learns why there is none.
      const at = this.#waiting.findIndex((waiter) => waiter.login.key === login.key)
      const [waiter] = at < 0 ? [] : this.#waiting.splice(at, 1)
      waiter?.reject(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #makeDo(): void {
    if (this.#full) return
    this.#full = true
    setTimeout(() => {
      this.#full = false
      this.#serve()
    }, FULL_PAUSE).unref()
  }

  #forget(session: Session): void {
    this.#sessions.delete(session)
    const at = this.#idle.indexOf(session)
    if (at >= 0) this.#idle.splice(at, 1)
    this.#serve()
  }

  #count(key: string, change: number): void {
    const count = (this.#coming.get(key) ?? 0) + change
    if (count === 0) this.#coming.delete(key)
    else this.#coming.set(key, count)
  }

  #reap(): void {
    const limit = Date.now() - IDLE_TIMEOUT
    while (this.#idle[0] !== undefined && this.#idle[0].idleSince < limit) {
      const session = this.#idle.shift()
      if (session === undefined) return
      this.#sessions.delete(session)
      void session.end()
    }
  }
}

/** A Postgres, or a role, that allows fewer sessions than we do. */
const isTooMany = (error: unknown) => error instanceof Error && 'code' in error && error.code === '53300'
