/** Python processes that log with this project's client. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { PROJECT } from '../system/support.ts'
import { environment } from './support.ts'

const CLIENT = path.join(PROJECT, 'clients/python')
export const EXAMPLES = path.join(CLIENT, 'examples')
export const SCRIPTS = path.join(import.meta.dirname, 'python')

/** The environment of a job: our own, without what a scheduler of ours would say, and the client. */
export function jobEnvironment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = /^(EDGERUN_|SLURM_|TORCHELASTIC_|OMPI_|PMI|JAX_|(LOCAL_)?(RANK|WORLD_SIZE)$)/
  const kept = Object.entries(environment({})).filter(([name]) => !own.test(name))
  return { ...Object.fromEntries(kept), PYTHONPATH: path.join(CLIENT, 'src'), ...more }
}

/** A Python process, and what it said. */
export interface Job {
  child: ChildProcess
  said: { out: string; err: string }
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export function startPython(args: string[], env: NodeJS.ProcessEnv): Job {
  const child = spawn('python3', args, { env: jobEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk) => (said.out += chunk))
  child.stderr.on('data', (chunk) => (said.err += chunk))
  const ended: Job['ended'] = new Promise((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  return { child, said, ended }
}

/** Runs Python to its end and gives what it printed. */
export async function runPython(args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)('python3', args, { env: jobEnvironment(env) })
  return stdout
}
