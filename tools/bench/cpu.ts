/** CPU time and memory of processes, from `/proc`. Other systems than Linux have none: the figures are left out there. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** CPU seconds by kind of process. */
export type Cpu = Record<string, number>

/** Linux counts in hundredths of a second on every machine that Node runs on. */
const TICKS = 100

/** A process that was started, and what it is called in the figures. */
export interface Root {
  name: string
  pid: number
}

interface Process {
  parent: number
  command: string
  seconds: number
}

/**
 * What all descendants of some processes have used: those called `postgres` and `workerd` under these names, others
 * under the name of the root. A process that has ended is counted with the parent that waited for it, as the
 * postmaster does for its backends.
 */
export function cpuOf(roots: Root[]): Cpu {
  const processes = readAll()
  const total: Cpu = {}
  for (const [pid, { command, seconds }] of processes) {
    const root = rootOf(pid, processes, roots)
    if (root === undefined) continue
    const name = kindOf(command, root)
    total[name] = (total[name] ?? 0) + seconds
  }
  return total
}

const kindOf = (command: string, root: string) =>
  command === 'postgres' || command === 'workerd' ? command : root

function rootOf(pid: number, processes: Map<number, Process>, roots: Root[]) {
  for (let at: number | undefined = pid; at !== undefined; at = processes.get(at)?.parent) {
    const root = roots.find((one) => one.pid === at)
    if (root) return root.name
  }
  return undefined
}

function readAll(): Map<number, Process> {
  const found = new Map<number, Process>()
  if (process.platform !== 'linux') return found
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const close = stat.lastIndexOf(')')
      const fields = stat.slice(close + 2).split(' ')
      // utime, stime, and cutime, cstime of children that were waited for: fields 14 to 17.
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
      const command = stat.slice(stat.indexOf('(') + 1, close)
      found.set(Number(name), { parent: Number(fields[1]), command, seconds: ticks / TICKS })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

/** CPU seconds so far of everything else on the machine, and of its neighbours where it is a guest. */
export function cpuOfOthers(roots: Root[]): number | undefined {
  if (process.platform !== 'linux') return undefined
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(/ +/)
    .slice(1)
    .map(Number)
  const own = Object.values(cpuOf(roots)).reduce((sum, seconds) => sum + seconds, 0)
  return (user + nice + system + irq + softirq + steal) / TICKS - own
}

/** What the processes of a kind hold in memory, in bytes, without what they share or could read again from disk. */
export function memoryOf(roots: Root[]): Record<string, number> {
  const processes = readAll()
  const total: Record<string, number> = {}
  for (const [pid, { command }] of processes) {
    const root = rootOf(pid, processes, roots)
    if (root === undefined) continue
    const name = kindOf(command, root)
    total[name] = (total[name] ?? 0) + anonymousBytes(pid)
  }
  return total
}

/** @returns 0 for a process that has ended in the meantime */
function anonymousBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024
  } catch {
    return 0
  }
}

/** The most that each kind of process holds while something goes on. */
export async function peakMemory(
  memory: () => Record<string, number>,
  work: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const peak = memory()
  const look = () => {
    for (const [name, bytes] of Object.entries(memory())) peak[name] = Math.max(peak[name] ?? 0, bytes)
  }
  const timer = setInterval(look, 20)
  try {
    await work()
    look()
  } finally {
    clearInterval(timer)
  }
  return peak
}

/** What was used between two looks, without what is too little to be seen at this resolution. */
export function spent(before: Cpu, after: Cpu): Cpu {
  const differences = Object.entries(after).map(([name, now]) => [name, now - (before[name] ?? 0)] as const)
  return Object.fromEntries(differences.filter(([, seconds]) => seconds >= 2 / TICKS))
}

/**
 * Waits until what a measurement has set going in the background (merging, vacuum, checkpoints) is done, so that it
 * is counted with its cause and does not slow down what is measured next. For 5 seconds at most.
 */
export async function settle(cpu: () => Cpu): Promise<void> {
  for (let before = cpu(), i = 0; i < 20; i++) {
    await sleep(250)
    const after = cpu()
    const busy = Object.values(spent(before, after)).reduce((sum, seconds) => sum + seconds, 0)
    if (busy < 0.04) return
    before = after
  }
}
