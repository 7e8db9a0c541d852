import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmod, cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from '../../tools/local/ports.ts'
import { startedAt } from '../../tools/local/processes.ts'
import { leaks } from '../support/privacy.ts'

export const PROJECT = path.resolve(import.meta.dirname, '../..')
export const isRoot = process.getuid?.() === 0

const run = promisify(execFile)

const cleanups: (() => Promise<unknown>)[] = []

/** Undoes what the tests of a file have made; for `afterEach`. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
}

/** A folder for the length of a test. */
export async function temporaryFolder(mode = 0o755): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'edgerun-system-'))
  await chmod(folder, mode)
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export interface Account {
  uid: number
  gid: number
}

export interface Starting {
  /** `npm start`, `npm run dev`, or Node itself without npm. */
  command?: 'start' | 'dev' | 'node'
  env?: NodeJS.ProcessEnv
  project?: string
  account?: Account
}

/** A tracker as a person starts it, in a process group of its own, as a shell does it. */
export class Tracker {
  readonly child: ChildProcess
  readonly url: string
  readonly port: number
  readonly data: string
  out = ''
  err = ''
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>

  private constructor(child: ChildProcess, port: number, data: string) {
    this.child = child
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.data = data
    child.stdout?.on('data', (chunk) => (this.out += chunk))
    child.stderr?.on('data', (chunk) => (this.err += chunk))
    this.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
  }

  /** Starts one without waiting for it. */
  static async launch({
    command = 'node',
    env = {},
    project = PROJECT,
    account,
  }: Starting = {}): Promise<Tracker> {
    const port = env.PORT === undefined ? await freePort() : Number(env.PORT)
    const data = env.EDGERUN_DATA ?? path.join(await temporaryFolder(), 'data')
    const [file, ...args] = {
      start: ['npm', 'start'],
      dev: ['npm', 'run', 'dev'],
      node: [process.execPath, 'tools/local/start.ts'],
    }[command]
    const child = spawn(file ?? '', args, {
      ...account,
      cwd: project,
      detached: true,
      env: { ...withoutNpm(process.env), PORT: String(port), EDGERUN_DATA: data, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const tracker = new Tracker(child, port, data)
    cleanups.push(async () => {
      const rest = await tracker.processes()
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await Promise.race([tracker.ended, sleep(20_000)])
      // npm may be gone before what it has started.
      for (const end = Date.now() + 10_000; Date.now() < end && alive(rest).length > 0; ) await sleep(20)
      for (const pid of alive(rest)) process.kill(pid, 'SIGKILL')
      // What else is there is for the person at the terminal, who may well be told of folders.
      const lines = tracker.out.split('\n').filter((line) => line.startsWith('{'))
      const found = leaks(lines.join('\n'))
      if (found.length > 0) throw new Error(`The tracker has logged ${found.join('; ')}`)
    })
    return tracker
  }

  /** Starts one and waits until it is up. */
  static async start(starting?: Starting): Promise<Tracker> {
    const tracker = await Tracker.launch(starting)
    await until('the tracker is up', () => {
      if (tracker.child.exitCode !== null) throw new Error(`It ended:\n${tracker.out}\n${tracker.err}`)
      return tracker.out.includes('Ctrl-C stops it')
    })
    return tracker
  }

  /** All processes below the one that was started, by number and when they began. */
  async processes(): Promise<Map<number, string>> {
    const parents = new Map<number, number>()
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => undefined)
      const parent = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
      if (parent !== undefined) parents.set(Number(name), Number(parent))
    }
    const below = new Map<number, string>()
    for (const pid of parents.keys()) {
      for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
        if (at !== this.child.pid) continue
        const started = startedAt(pid)
        if (started !== undefined) below.set(pid, started)
      }
    }
    return below
  }

  /** The process of ours, which npm hides behind a shell. */
  async node(): Promise<number> {
    const { pid }: { pid: number } = JSON.parse(await readFile(path.join(this.data, 'running.json'), 'utf8'))
    return pid
  }

  /** The gateway's own count of its connections. */
  async gatewayStatus(): Promise<Record<string, number>> {
    const { gateway }: { gateway: string } = JSON.parse(
      await readFile(path.join(this.data, 'running.json'), 'utf8'),
    )
    return (await fetch(`${gateway}/status`)).json()
  }

  /** The embedded Postgres, from its own files. */
  async postgres(): Promise<{ pid: number; url: string }> {
    const home = path.join(this.data, 'postgres')
    const [pid, , , port] = (await readFile(path.join(home, 'data/postmaster.pid'), 'utf8')).split('\n')
    const password = (await readFile(path.join(home, 'password'), 'utf8')).trim()
    return { pid: Number(pid), url: `postgres://edgerun:${password}@127.0.0.1:${port}/edgerun` }
  }

  /** Asks Postgres, past the Worker. */
  async query(text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client((await this.postgres()).url)
    await client.connect()
    try {
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }

  /** Sends JSON. */
  async send(
    method: string,
    target: string,
    body?: unknown,
  ): Promise<{ status: number; headers: Headers; body: unknown }> {
    const response = await fetch(this.url + target, {
      method,
      ...(body === undefined
        ? {}
        : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const found = response.ok ? [] : leaks(text, JSON.stringify(body))
    if (found.length > 0) throw new Error(`${method} ${target} tells ${found.join('; ')}`)
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
  }

  /** Pastes the lines that it has printed into a shell; gives what each answers. */
  async paste(): Promise<unknown[]> {
    const lines = this.out.split('\n').filter((line) => line.startsWith('  curl '))
    const answers: unknown[] = []
    for (const line of lines) answers.push(JSON.parse((await run('sh', ['-c', line])).stdout))
    return answers
  }
}

/** What npm has put into our environment would tell the tracker about our npm, and not about its own. */
function withoutNpm(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = Object.keys(env).filter(
    (name) => !/^(npm_|DATABASE_URL$|PORT$|EDGERUN_|NODE_ENV$|VITEST)/.test(name),
  )
  return Object.fromEntries(names.map((name) => [name, env[name]]))
}

/** Those of the processes that still live. */
export const alive = (processes: Map<number, string>) =>
  [...processes].filter(([pid, started]) => startedAt(pid) === started).map(([pid]) => pid)

/** Waits until something holds, for at most a minute. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20)) if (await holds()) return
  throw new Error(`After a minute it does not hold yet that ${what}`)
}

/** A checkout of its own, with the installed packages of this one. */
export async function checkout(parent: string, account?: Account): Promise<string> {
  const folder = path.join(parent, 'edgerun')
  for (const name of ['src', 'tools', 'drizzle', 'package.json', 'wrangler.toml', 'tsconfig.json']) {
    await cp(path.join(PROJECT, name), path.join(folder, name), { recursive: true })
  }
  await symlink(path.join(PROJECT, 'node_modules'), path.join(folder, 'node_modules'))
  if (account) await run('chown', ['-R', `${account.uid}:${account.gid}`, folder])
  return folder
}
