import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const PROJECT = path.resolve(import.meta.dirname, '../..')

/** A tracker as `npm start` runs it, on a port and a folder of its own. */
export interface LocalTracker {
  url: string
  process: ChildProcess
  /** What it has printed so far. */
  output(): string
  /** Stops it and deletes its data. */
  stop(): Promise<void>
}

/** Starts a tracker and waits until it says where it is. */
export async function startTracker(): Promise<LocalTracker> {
  const folder = await mkdtemp(path.join(tmpdir(), 'edgerun-tracker-'))
  // As root, Postgres runs as a user of its own, which has to get in here.
  await chmod(folder, 0o755)
  const port = await freePort()
  const child = spawn(process.execPath, [path.join(PROJECT, 'tools/local/start.ts')], {
    cwd: PROJECT,
    env: { ...process.env, PORT: String(port), EDGERUN_DATA: path.join(folder, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (data) => (output += data))
  child.stderr.on('data', (data) => (output += data))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = `http://127.0.0.1:${port}`
  for (const end = Date.now() + 60_000; !output.includes(`Edgerun is at`); await sleep(50)) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`The tracker did not start:\n${output}`)
  }
  return {
    url,
    process: child,
    output: () => output,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No port')
  return address.port
}
