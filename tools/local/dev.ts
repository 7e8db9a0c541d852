/** `npm run dev`: the same as `npm start`, with `wrangler dev`, which builds again when a file changes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { accessBindings } from './access.ts'
import { readSettings, wrangler } from './build.ts'
import { EVERY_MINUTE, startClock } from './cron.ts'
import { greeting } from './greeting.ts'
import { type Lifecycle, live } from './lifecycle.ts'
import { limitBindings } from './limits.ts'
import { type Options, PROJECT, readOptions } from './options.ts'
import { freePort } from './ports.ts'
import { Sentence, systemCode } from './sentence.ts'
import {
  announce,
  type Bindings,
  marker,
  resources,
  secretFolder,
  startDatabase,
  takeFolder,
} from './stack.ts'

await live(async (lifecycle) => {
  const options = readOptions(process.env)
  const limits = limitBindings(process.env)
  await takeFolder(options, lifecycle)
  const steps = [startDatabase(options, lifecycle), readSettings(lifecycle.stopping)] as const
  lifecycle.onStop(() => Promise.allSettled(steps))
  const [database, { crons }] = await Promise.all(steps)
  const bindings = { ...database, ...(await accessBindings(options)), ...limits }
  await startWrangler(options, bindings, lifecycle)
  startClock(crons, options.cronSeconds, (due) => trigger(options.port, due), lifecycle)
  await announce(options, bindings, lifecycle)
  console.log(greeting(options))
})

async function startWrangler(
  { port, dataFolder }: Options,
  bindings: Bindings,
  lifecycle: Lifecycle,
): Promise<void> {
  // A command line is seen by everybody on the machine, and the checkout may be copied anywhere.
  const vars = path.join(await secretFolder(dataFolder, lifecycle), 'vars')
  const lines = Object.entries(bindings).map(([name, value]) => `${name}="${value}"\n`)
  await writeFile(vars, lines.join(''), { mode: 0o600 })

  const { file, args, env } = wrangler(
    'dev',
    '--ip=127.0.0.1',
    `--port=${port}`,
    // Its own choice is 9229 for everyone, which fails beside another one.
    `--inspector-port=${await freePort()}`,
    `--env-file=${vars}`,
    `--persist-to=${resources(dataFolder)}`,
    '--show-interactive-dev-session=false',
  )
  // A process group of its own: Ctrl-C reaches us alone, and one signal reaches all of it.
  const child = spawn(file, args, {
    cwd: PROJECT,
    detached: true,
    env: { ...env, ...marker(dataFolder) },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  let stopping = false
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  void ended.then(() => {
    if (!stopping) lifecycle.fail(new Sentence('wrangler dev ended; what it said is above.'))
  })
  process.once('exit', () => signal(child, 'SIGKILL'))
  lifecycle.onStop(async () => {
    stopping = true
    signal(child, 'SIGTERM')
    await Promise.race([ended, sleep(5_000, undefined, { ref: false })])
    signal(child, 'SIGKILL')
    await ended
  })
  while (child.exitCode === null && child.signalCode === null && !(await answers(port))) await sleep(100)
  if (child.exitCode !== null || child.signalCode !== null) throw new Sentence('wrangler dev did not start.')
}

/** `wrangler dev` does not fire crons by itself, but does when it is asked to. */
async function trigger(port: number, due: Date): Promise<void> {
  const query = new URLSearchParams({ cron: EVERY_MINUTE, time: String(due.getTime()) })
  const response = await fetch(`http://127.0.0.1:${port}/cdn-cgi/local/scheduled?${query}`)
  if (!response.ok) throw new Error(await response.text())
}

/** Signals the whole process group. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, name)
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health`)).ok
  } catch {
    return false
  }
}
