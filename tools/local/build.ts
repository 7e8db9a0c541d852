/** The Worker and its static files, built as for production. Loads nothing heavy: the work is done by another process. */
import { execFile } from 'node:child_process'
import { cp, mkdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import type { V4WorkerOptionsShape } from 'miniflare'
import { lock } from './lock.ts'
import { PROJECT } from './options.ts'
import { Sentence } from './sentence.ts'

const run = promisify(execFile)

export const CONFIG = path.join(PROJECT, 'wrangler.toml')

/** How long to wait for another start that builds in this checkout, in milliseconds. */
const BUILD_PATIENCE = 60_000

/** What `wrangler.toml` says of the Worker. */
export interface Settings {
  /** Bindings and the like, in the words of Miniflare 4. */
  options: V4WorkerOptionsShape
  /** When its `scheduled` is due. */
  crons: string[]
}

/** A Worker that was built. */
export interface Build extends Settings {
  /** The folder of its modules. */
  bundle: string
  /** The folder of its static files. */
  assets: string
}

/** The command that is wrangler, for the Node that runs us: a system's own may be too old for it. */
export function wrangler(...args: string[]): { file: string; args: string[]; env: NodeJS.ProcessEnv } {
  const file = path.join(
    path.dirname(createRequire(import.meta.url).resolve('wrangler/package.json')),
    'bin/wrangler.js',
  )
  const search = [path.dirname(process.execPath), process.env.PATH].join(path.delimiter)
  return {
    file: process.execPath,
    args: [file, ...args],
    env: { ...process.env, PATH: search, WRANGLER_SEND_METRICS: 'false', WRANGLER_WRITE_LOGS: 'false' },
  }
}

/** Reads `wrangler.toml`, in a process of its own. */
export async function readSettings(stopping: AbortSignal): Promise<Settings> {
  const program = path.join(import.meta.dirname, 'worker-options.ts')
  const { stdout } = await run(process.execPath, [program], { cwd: PROJECT, signal: stopping })
  return JSON.parse(stdout)
}

/**
 * Builds the Worker as for production, into the data folder: what serves from there is not touched when somebody
 * builds again in this checkout.
 */
export async function buildWorker(dataFolder: string, stopping: AbortSignal): Promise<Build> {
  const folder = path.join(dataFolder, 'worker')
  const bundle = path.join(folder, 'bundle')
  const assets = path.join(folder, 'assets')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const dist = path.join(PROJECT, 'dist')
  await mkdir(dist, { recursive: true })
  const unlock = await lock(dist, BUILD_PATIENCE)
  try {
    const { file, args, env } = wrangler('deploy', '--dry-run', '--config', CONFIG, '--outdir', bundle)
    const [settings] = await Promise.all([
      readSettings(stopping),
      run(file, args, { cwd: PROJECT, signal: stopping, env: { ...env, NO_COLOR: '1' } }),
    ])
    await cp(path.join(dist, 'assets'), assets, { recursive: true })
    return { bundle, assets, ...settings }
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new Sentence(`The Worker cannot be built:\n${said}`)
  } finally {
    await unlock()
  }
}
