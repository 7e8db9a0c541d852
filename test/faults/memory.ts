/** The memory that processes take, as Linux has it. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const PAGE = 4_096

export async function residentBytes(pid: number): Promise<number> {
  const [, pages] = (await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')
  return Number(pages) * PAGE
}

export const median = (numbers: number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

/** What a process took during some seconds. */
export class MemoryWatch {
  readonly pid: number
  readonly #seconds: number
  readonly #samples: number[] = []

  constructor(pid: number, seconds: number) {
    this.pid = pid
    this.#seconds = seconds
  }

  async watch(): Promise<void> {
    for (const end = performance.now() + this.#seconds * 1_000; performance.now() < end; await sleep(250)) {
      this.#samples.push(await residentBytes(this.pid))
    }
  }

  /** Its median in a quarter of that time, 1 to 4. */
  quarter(number: number): number {
    const length = this.#samples.length / 4
    return median(this.#samples.slice(Math.round((number - 1) * length), Math.round(number * length)))
  }
}
