/** All that the Worker stands on: the data folder, a database with the schema in it, and the way to reach it. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { migrate } from '../db/migrate.ts'
import { startGateway } from './gateway.ts'
import type { Lifecycle } from './lifecycle.ts'
import { lock } from './lock.ts'
import { isNeon, type Options } from './options.ts'
import { checkPort } from './ports.ts'
import { startPostgres } from './postgres.ts'
import { processesWith } from './processes.ts'
import { folderProblem, Sentence, systemCode } from './sentence.ts'

/** What a Worker is given: the bindings of `src/env.ts`. */
export type Bindings = Record<string, string>

/** How the names of folders with secrets begin. */
const SECRETS = 'edgerun-dev-'

/** Marks the processes that run the Worker of a data folder, so that the next start finds those of a killed one. */
export const marker = (dataFolder: string) => ({ EDGERUN_TRACKER: dataFolder })

/**
 * The folder of what the Worker keeps besides the database, its artifacts above all: the same for `npm start` and
 * `npm run dev`, as the database is. Wrangler takes its version below it.
 */
export const resources = (dataFolder: string) => path.join(dataFolder, 'resources')

/**
 * Takes the data folder, and with it what an earlier start has left running when it was killed, and sees to it that
 * the port is free. Quick, and so done before anything else.
 */
export async function takeFolder({ dataFolder, port }: Options, lifecycle: Lifecycle): Promise<void> {
  try {
    await mkdir(dataFolder, { recursive: true })
  } catch (error) {
    throw folderProblem(dataFolder, error)
  }
  lifecycle.onStop(await lock(dataFolder))
  await endLeftovers(dataFolder)
  await checkPort(port)
}

const noteOfSecrets = (dataFolder: string) => path.join(dataFolder, 'secrets.path')

/**
 * A folder outside of the project for what nobody else may read, removed at the end; a note in the data folder leads
 * the next start to it when this one is killed.
 */
export async function secretFolder(dataFolder: string, lifecycle: Lifecycle): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), SECRETS))
  await writeFile(noteOfSecrets(dataFolder), folder)
  lifecycle.onStop(() => removeSecrets(dataFolder))
  return folder
}

async function removeSecrets(dataFolder: string): Promise<void> {
  const note = noteOfSecrets(dataFolder)
  const folder = await readFile(note, 'utf8').catch(() => '')
  if (path.basename(folder).startsWith(SECRETS)) await rm(folder, { recursive: true, force: true })
  await rm(note, { force: true })
}

async function endLeftovers(dataFolder: string): Promise<void> {
  await removeSecrets(dataFolder)
  const [variable = ''] = Object.entries(marker(dataFolder)).map(([name, value]) => `${name}=${value}`)
  for (const end = Date.now() + 5_000; Date.now() < end; await sleep(20)) {
    const left = processesWith(variable)
    if (left.length === 0) return
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch (error) {
        if (systemCode(error) !== 'ESRCH') throw error
      }
    }
  }
}

/** Brings the database up, with its migrations, and gives the bindings that lead to it. */
export async function startDatabase(options: Options, lifecycle: Lifecycle): Promise<Bindings> {
  const url = options.databaseUrl?.href ?? (await embedded(options, lifecycle))
  if (options.databaseUrl) await reach(options.databaseUrl)
  for (const name of await applyMigrations(url)) lifecycle.say(`Applied the migration ${name}.`)
  if (options.databaseUrl && isNeon(options.databaseUrl)) return { DATABASE_URL: url }
  const gateway = await startGateway({ upstream: url })
  lifecycle.onStop(() => gateway.close())
  return { DATABASE_URL: url, DATABASE_GATEWAY: gateway.url }
}

/** Leaves a note in the data folder for other tools: where the tracker and its gateway are, while they run. */
export async function announce(
  { dataFolder, port }: Options,
  { DATABASE_GATEWAY: gateway }: Bindings,
  lifecycle: Lifecycle,
): Promise<void> {
  const file = path.join(dataFolder, 'running.json')
  await writeFile(
    file,
    `${JSON.stringify({ pid: process.pid, tracker: `http://127.0.0.1:${port}`, gateway })}\n`,
  )
  lifecycle.onStop(() => rm(file, { force: true }))
}

async function embedded({ dataFolder }: Options, lifecycle: Lifecycle): Promise<string> {
  const postgres = await startPostgres({
    dataDir: path.join(dataFolder, 'postgres'),
    log: lifecycle.say,
    onGiveUp: lifecycle.fail,
  })
  lifecycle.onStop(() => postgres.stop())
  return postgres.url
}

/** @throws Sentence when the database that DATABASE_URL names does not let us in */
async function reach(url: URL): Promise<void> {
  let client: pg.Client | undefined
  try {
    // Reads the certificates that the address names.
    client = new pg.Client({ connectionString: libpq(url.href), connectionTimeoutMillis: 10_000 })
    // A connection that breaks after it was made is the business of whoever uses it next.
    client.on('error', () => {})
    await client.connect()
  } catch (error) {
    const place = `${url.hostname}:${url.port || 5432}`
    const name = decodeURIComponent(url.pathname.slice(1))
    const reasons: Record<string, string> = {
      ECONNREFUSED: `nothing answers at ${place}: start that Postgres, or correct host and port`,
      ENOTFOUND: `there is no host ${url.hostname}: correct it, or see to the network`,
      EAI_AGAIN: `the host ${url.hostname} cannot be looked up: see to the network`,
      '28P01': `the password for ${decodeURIComponent(url.username)} is wrong: correct it`,
      '3D000': `there is no database ${name}: create it, or correct its name`,
    }
    const said = error instanceof Error ? error.message : String(error)
    const reason = reasons[systemCode(error) ?? ''] ?? `${place} cannot be used (${said}): correct it`
    throw new Sentence(`DATABASE_URL: ${reason}.`)
  } finally {
    await client?.end().catch(() => {})
  }
}

async function applyMigrations(url: string): Promise<string[]> {
  try {
    return await migrate(libpq(url))
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw new Sentence(
      `The migrations cannot be applied (${said}); nothing was changed: see to the database.`,
    )
  }
}

/** Without this `pg` takes `sslmode=require` for more than it is to Postgres, and refuses a private certificate. */
function libpq(url: string): string {
  const changed = new URL(url)
  if (changed.searchParams.has('sslmode')) changed.searchParams.set('uselibpqcompat', 'true')
  return changed.href
}
