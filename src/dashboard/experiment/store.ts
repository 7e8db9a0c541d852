/** The runs of an experiment as they were last read: lists hold ids, and each row follows its own run. */
import { effect, type Signal, signal } from '@preact/signals'
import type { RunListed } from '../api.ts'
import { queries } from '../queries.ts'
import { session } from '../session.ts'

export class RunStore {
  readonly #runs = new Map<string, Signal<RunListed | undefined>>()
  /** Names of metrics that a run has been asked for: it may have none of them. */
  readonly #asked = new Map<string, Set<string>>()
  /** Counts changes, for whoever looks at many. */
  readonly version = signal(0)

  of(id: string): Signal<RunListed | undefined> {
    let held = this.#runs.get(id)
    if (!held) {
      held = signal(undefined)
      this.#runs.set(id, held)
    }
    return held
  }

  get(id: string): RunListed | undefined {
    return this.#runs.get(id)?.peek()
  }

  /**
   * @param asked the names of the metrics that the runs were asked for
   * @param ids the runs that were asked for, of which some may not be there
   */
  put(runs: readonly RunListed[], asked: readonly string[], ids: readonly string[] = []): void {
    for (const run of runs) {
      const held = this.of(run.id)
      const before = held.peek()
      const now = { ...run, metrics: { ...before?.metrics, ...run.metrics } }
      if (JSON.stringify(before) !== JSON.stringify(now)) held.value = now
    }
    for (const id of [...runs.map(({ id }) => id), ...ids]) {
      const names = this.#asked.get(id)
      if (names) for (const name of asked) names.add(name)
      else this.#asked.set(id, new Set(asked))
    }
    this.version.value++
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) {
      this.of(id).value = undefined
      this.#asked.delete(id)
    }
    this.version.value++
  }

  /** Those of the runs that were not read yet, or not with all of these metrics. */
  lacking(ids: readonly string[], names: readonly string[]): string[] {
    return ids.filter((id) => {
      const asked = this.#asked.get(id)
      return !asked || names.some((name) => !asked.has(name))
    })
  }

  /** All runs that are known. */
  *all(): Generator<RunListed> {
    for (const held of this.#runs.values()) {
      const run = held.peek()
      if (run) yield run
    }
  }
}

const stores = new Map<string, RunStore>()

/** Of how many experiments the runs are kept. */
const KEPT = 2

/** The store of an experiment; lists of its runs are kept as long as it. */
export function storeOf(experiment: string): RunStore {
  let store = stores.get(experiment)
  if (!store) {
    store = new RunStore()
    queries.removeQueries({ queryKey: ['runs', experiment] })
    stores.set(experiment, store)
    for (const oldest of stores.keys()) {
      if (stores.size <= KEPT) break
      stores.delete(oldest)
      queries.removeQueries({ queryKey: ['runs', oldest] })
    }
  }
  return store
}

// What was read for one key is not for the next.
effect(() => {
  if (session.value === null) stores.clear()
})
