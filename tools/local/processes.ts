/** What the operating system knows about processes. Linux tells it in `/proc`, others through `ps`. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Account } from './postgres/account.ts'

const linux = process.platform === 'linux'

/** When a process began, in the system's own words, or undefined when there is no such process. */
export function startedAt(pid: number): string | undefined {
  try {
    if (!linux) return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command in parentheses and may hold anything; `starttime` is the twenty-second.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie has ended, though nobody has asked for its exit code yet.
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

/**
 * The Postgres processes that work in a data folder: the postmaster first when it lives, and the backends that a
 * killed postmaster leaves behind for as long as they are busy.
 */
export function postgresProcessesIn(
  cluster: string,
  postmaster: number | undefined,
  account: Account,
): number[] {
  const found = linux ? workingIn(cluster, account) : []
  if (postmaster !== undefined && isPostgres(postmaster)) {
    // Where `/proc` hides the folder of others, the command line of the postmaster still names it.
    if (!linux || strings(postmaster, 'cmdline').includes(cluster)) found.unshift(postmaster)
  }
  return [...new Set(found)]
}

function workingIn(cluster: string, account: Account): number[] {
  // As the user of Postgres: without CAP_SYS_PTRACE, as in a container, even root may not read these links.
  const list = execFileSync('/bin/sh', ['-c', 'ls -ld /proc/[0-9]*/cwd 2>/dev/null; true'], {
    ...account,
    cwd: '/',
    encoding: 'utf8',
  })
  const pids: number[] = []
  for (const line of list.split('\n')) {
    const pid = /\/proc\/(\d+)\/cwd -> /.exec(line)
    if (pid && line.endsWith(`/cwd -> ${cluster}`) && isPostgres(Number(pid[1]))) pids.push(Number(pid[1]))
  }
  return pids
}

/** Processes that were started with `NAME=value` in their environment, by this user. Not this process itself. */
export function processesWith(variable: string): number[] {
  if (!linux) {
    const list = execFileSync('ps', ['eww', '-axo', 'pid=,command='], { encoding: 'utf8' }).split('\n')
    return list
      .filter((line) => `${line} `.includes(` ${variable} `))
      .map((line) => Number.parseInt(line, 10))
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && strings(pid, 'environ').includes(variable))
}

function isPostgres(pid: number): boolean {
  try {
    if (!linux)
      return /postgres/.test(execFileSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }))
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres' && startedAt(pid) !== undefined
  } catch {
    return false
  }
}

/** A file of `/proc` that holds strings; nothing when the process is gone or belongs to somebody else. */
function strings(pid: number, file: 'cmdline' | 'environ'): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0')
  } catch {
    return []
  }
}
