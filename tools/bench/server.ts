/** A server that is measured: a process of its own, so that its CPU time can be told apart. */
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemCode } from '../local/sentence.ts'
import type { Bench } from './bench.ts'

/** How long a server may take to start and to stop, in milliseconds. */
const START_PATIENCE = 120_000
const STOP_PATIENCE = 20_000

export interface ServerOptions {
  /** What its CPU time is called. */
  name: string
  command: string[]
  env: NodeJS.ProcessEnv
  /** Takes what it prints: a pipe would be read by the load generator, at its cost. */
  folder: string
  ready(): Promise<boolean>
}

/** Starts a server and waits until it is ready. Gives the function that stops it, which the bench calls as well. */
export async function startServer(bench: Bench, options: ServerOptions): Promise<() => Promise<void>> {
  const { name, env, folder, ready } = options
  const [command = '', ...args] = options.command
  if (bench.stack.disposed) throw new Error('The bench is stopping')
  const log = path.join(folder, 'output.log')
  const output = openSync(log, 'a')
  // A process group of its own: Ctrl-C reaches us alone, and what it leaves behind can be ended.
  const child = spawn(command, args, { env, detached: true, stdio: ['ignore', output, output] })
  closeSync(output)
  let ended = false
  const end = new Promise<void>((resolve) => {
    child.once('exit', resolve).once('error', resolve)
  }).then(() => {
    ended = true
  })
  const lastResort = () => child.kill('SIGTERM')
  process.once('exit', lastResort)
  const stop = async () => {
    child.kill('SIGTERM')
    await Promise.race([end, sleep(STOP_PATIENCE, undefined, { ref: false })])
    endGroup(child.pid)
    await end
    process.removeListener('exit', lastResort)
  }
  bench.stack.defer(stop)
  for (const patience = Date.now() + START_PATIENCE; !(await ready()); await sleep(50)) {
    if (!ended && Date.now() < patience) continue
    const said = (await readFile(log, 'utf8')).trim().split('\n').slice(-15).join('\n')
    throw new Error(`${name} did not start. It said:\n${said}`)
  }
  bench.roots.push({ name, pid: child.pid ?? 0 })
  return stop
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error
  }
}
