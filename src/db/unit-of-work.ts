import type { Database, Statement, TripOptions } from './database.ts'

/** A statement in a unit of work, and what it gave once that is committed. */
export interface Staged<T> {
  readonly result: T
}

/**
 * Collects the statements of one change and sends them as ONE transaction in one round trip:
 *
 * ```ts
 * const work = new UnitOfWork(db)
 * work.add(experiments.insert(experiment))
 * const created = work.add(experiments.find(experiment.id))
 * await work.commit()
 * created.result
 * ```
 *
 * Nothing is sent before `commit`, so an exception on the way there leaves nothing behind; when a statement fails,
 * none of them has happened.
 */
export class UnitOfWork {
  readonly #db: Database
  readonly #staged: { statement: Statement; settle: (result: unknown) => void }[] = []
  #committed = false

  constructor(db: Database) {
    this.#db = db
  }

  /** Adds a statement that a repository built; it is not sent yet. */
  add<S extends Statement>(statement: S): Staged<S['_']['result']> {
    if (this.#committed) throw new Error('The unit of work is committed')
    let outcome: { result: unknown } | undefined
    this.#staged.push({
      statement,
      settle: (result) => {
        outcome = { result }
      },
    })
    return {
      get result() {
        if (outcome === undefined) throw new Error('The unit of work is not committed')
        return outcome.result
      },
    }
  }

  /**
   * Sends everything that was added.
   *
   * @throws TrackerError for what the caller can understand or retry, else the driver's error; nothing was written
   */
  async commit(options?: TripOptions): Promise<void> {
    this.#committed = true
    const results = await this.#db.batch(
      this.#staged.map(({ statement }) => statement),
      options,
    )
    for (const [i, { settle }] of this.#staged.entries()) settle(results[i])
  }
}
