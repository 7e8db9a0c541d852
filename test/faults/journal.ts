/** What was sent and what was acknowledged, to be held against what is stored. */

/** A call, and what it leaves behind when it is stored: all of these, or none. */
export interface Entry {
  /** For messages. */
  name: string
  items: string[]
}

/** How many findings are told. */
const TOLD = 20

/** What can be stored, in words; a value is the number of the call that brought it. */
export const item = {
  experiment: (id: string) => `experiment ${id}`,
  /** A create that is done twice would leave two runs of one name. */
  run: (experiment: string, name: string | null) => `run ${name} of ${experiment}`,
  param: (run: string, key: string) => `param ${key} of ${run}`,
  tag: (run: string, key: string) => `tag ${key} of ${run}`,
  point: (run: string, name: string, rank: number, step: number | string, value: number | string) =>
    `point ${step} = ${value} of ${name} ${rank} of ${run}`,
}

export class Journal {
  /** Answers that should not have been given. */
  readonly faults: string[] = []
  readonly #owners = new Map<string, Entry>()
  readonly #acknowledged = new Set<Entry>()
  #sent = 0

  get sentCount(): number {
    return this.#sent
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size
  }

  /** To be said before the call leaves. */
  sent(entry: Entry): void {
    this.#sent += 1
    for (const item of entry.items) {
      if (this.#owners.has(item)) throw new Error(`Two calls bring ${item}`)
      this.#owners.set(item, entry)
    }
  }

  acknowledge(entry: Entry): void {
    this.#acknowledged.add(entry)
  }

  /** What must not be: acknowledged ⊆ stored ⊆ sent, each item once, each call whole or not at all. */
  findings(stored: Iterable<string>): string[] {
    const findings: string[] = []
    const seen = new Set<string>()
    const found = new Map<Entry, number>()
    for (const item of stored) {
      const entry = this.#owners.get(item)
      if (entry === undefined) findings.push(`nobody has sent ${item}`)
      else if (seen.has(item)) findings.push(`stored twice: ${item}, by ${entry.name}`)
      else found.set(entry, (found.get(entry) ?? 0) + 1)
      seen.add(item)
    }
    for (const entry of new Set(this.#owners.values())) {
      const count = found.get(entry) ?? 0
      if (count === entry.items.length) continue
      const lacks = `${entry.items.length - count} of ${entry.items.length} items`
      if (this.#acknowledged.has(entry))
        findings.push(`${lacks} are missing of ${entry.name}, which was acknowledged`)
      else if (count > 0) findings.push(`${lacks} are missing of ${entry.name}, which is stored in part`)
    }
    if (findings.length > TOLD) findings.splice(TOLD, Number.POSITIVE_INFINITY, `… ${findings.length} in all`)
    return findings
  }
}
