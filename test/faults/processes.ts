import { readFile } from 'node:fs/promises'
import type { Tracker } from '../system/support.ts'

/** The numbers of the tracker's processes of a name, as Linux has it, that have not ended. */
export async function pidsOf(tracker: Tracker, name: string): Promise<number[]> {
  const pids: number[] = []
  for (const pid of (await tracker.processes()).keys()) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    if (stat.includes(`(${name}) `) && !stat.includes(') Z ')) pids.push(pid)
  }
  return pids
}
