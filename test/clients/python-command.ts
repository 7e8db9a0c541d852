/** The command line of the Python client, and the frameworks that it works with. */
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { PROJECT } from '../system/support.ts'
import { jobEnvironment, SCRIPTS } from './python-support.ts'
import { installInto } from './support.ts'

/** Frameworks and their tools, as one set that was seen working; without PyTorch, of several GB with what it needs. */
const FRAMEWORKS = [
  'keras==3.15.1',
  'jax==0.10.2',
  'transformers==5.24.0',
  'tensorboard==2.21.0',
  'tensorboardX==2.6.5',
  'lightning-utilities==0.15.3',
]
const VENV = path.join(PROJECT, 'node_modules/.cache/frameworks')
export const FRAMEWORKS_PYTHON = path.join(VENV, 'bin/python')
export const installFrameworks = () => installInto(VENV, FRAMEWORKS, ['lightning==2.6.6'])

/** How a process ended, and what it said. */
export interface Ended {
  code: number | null
  out: string
  err: string
}

/** Starts Python with the package. */
export function start(
  args: string[],
  env: NodeJS.ProcessEnv,
  python = 'python3',
  cwd?: string,
): ChildProcess {
  return spawn(python, ['-W', 'ignore', ...args], {
    cwd,
    env: jobEnvironment(env),
    stdio: 'pipe',
  })
}

/** Waits for a process that was started. */
export function ended(child: ChildProcess): Promise<Ended> {
  let out = ''
  let err = ''
  child.stdout?.on('data', (chunk) => (out += chunk))
  child.stderr?.on('data', (chunk) => (err += chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, out, err }))
  })
}

/** The command `edgerun`, of a tracker. */
export class CommandLine {
  readonly env: NodeJS.ProcessEnv

  /** @param folder for the spool */
  constructor(uri: string, folder: string) {
    this.env = { EDGERUN_URI: uri, EDGERUN_SPOOL: path.join(folder, 'spool') }
  }

  start(...args: string[]): ChildProcess {
    return start(['-m', 'edgerun.cli', ...args], this.env)
  }

  run(...args: string[]): Promise<Ended> {
    return ended(this.start(...args))
  }

  /** What it prints when it succeeds. */
  async output(...args: string[]): Promise<string> {
    const { code, out, err } = await this.run(...args)
    if (code !== 0) throw new Error(`edgerun ${args.join(' ')} ended with ${code}:\n${out}${err}`)
    return out
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.output(...args, '--json'))
  }

  /** Runs a script of the tests; gives what it printed. */
  async script(
    name: string,
    args: string[] = [],
    { python = 'python3', env = {}, cwd }: { python?: string; env?: NodeJS.ProcessEnv; cwd?: string } = {},
  ): Promise<string> {
    const child = start([path.join(SCRIPTS, name), ...args], { ...this.env, ...env }, python, cwd)
    const { code, out, err } = await ended(child)
    if (code !== 0) throw new Error(`${name} ended with ${code}:\n${out}${err}`)
    return out
  }
}

/** A point as the tracker gives it. */
export interface Point {
  step: number | string
  value: number | string
  timestamp: string
}

/** All points of a run, by name and rank. */
export async function pointsOf(uri: string, run: string): Promise<Record<string, Point[]>> {
  const summaries: { name: string; rank: number }[] = await (
    await fetch(`${uri}/runs/${run}/metrics?limit=5000`)
  ).json()
  const found: Record<string, Point[]> = {}
  for (const { name, rank } of summaries) {
    const response = await fetch(`${uri}/runs/${run}/metrics/${encodeURIComponent(name)}?rank=${rank}`, {
      headers: { Accept: 'application/x-ndjson' },
    })
    const lines = (await response.text()).split('\n').filter((line) => line !== '')
    found[rank === 0 ? name : `${name} of rank ${rank}`] = lines.map((line) => JSON.parse(line))
  }
  return found
}
