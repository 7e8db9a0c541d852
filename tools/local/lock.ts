/** One process per folder: a lock file that names the process which holds it. */
import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startedAt } from './processes.ts'
import { Sentence, systemCode } from './sentence.ts'

interface Holder {
  pid: number
  /** When that process began, because its number is given to another one after it has ended. */
  started: string
}

/**
 * Takes the folder for this process.
 *
 * @param patience how long to wait for whoever has it, in milliseconds
 * @returns gives the folder back
 * @throws Sentence that names the process which has it
 */
export async function lock(folder: string, patience = 0): Promise<() => Promise<void>> {
  const until = Date.now() + patience
  const file = path.join(folder, 'tracker.json')
  const own = `${file}.${randomUUID()}`
  await writeFile(own, JSON.stringify({ pid: process.pid, started: startedAt(process.pid) }))
  try {
    for (;;) {
      try {
        // A link appears with its content or not at all, where a new file is empty for a moment.
        await link(own, file)
        return () => rm(file, { force: true })
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error
      }
      const holder = await read(file)
      if (holder === undefined || startedAt(holder.pid) !== holder.started) await takeAway(file, holder)
      else if (Date.now() > until) throw inUse(folder, holder)
      else await sleep(100)
    }
  } finally {
    await rm(own, { force: true })
  }
}

async function read(file: string): Promise<Holder | undefined> {
  try {
    const { pid, started }: Partial<Holder> = JSON.parse(await readFile(file, 'utf8'))
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : undefined
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Removes the lock of a process that is gone; puts it back when a third process was quicker to do so. */
async function takeAway(file: string, stale: Holder | undefined): Promise<void> {
  const aside = `${file}.${randomUUID()}`
  try {
    await rename(file, aside)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    throw error
  }
  const taken = await read(aside)
  if (taken?.pid !== stale?.pid || taken?.started !== stale?.started) await link(aside, file).catch(() => {})
  await rm(aside, { force: true })
}

const inUse = (folder: string, { pid }: Holder) =>
  new Sentence(
    `${folder} is in use by another Edgerun, process ${pid}: stop that one first, or choose another folder with EDGERUN_DATA.`,
  )
