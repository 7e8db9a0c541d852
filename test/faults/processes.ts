import { readFile } from 'node:fs/promises'
import type { Tracker } from '../system/support.ts'

/** The numbers of the tracker's processes of a name, as Linux has it. */
export async function pidsOf(tracker: Tracker, name: string): Promise<number[]> {
  const pids: number[] = []
  for (const pid of (await tracker.processes()).keys()) {
    const comm = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
    if (comm.trim() === name) pids.push(pid)
  }
  return pids
}
