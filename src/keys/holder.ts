/** A caller with a key. */
import { type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database } from '../db/database.ts'
import { NOT_ALLOWED } from '../db/errors.ts'
import { KEY_SCOPES } from '../db/schema.ts'
import { type ErrorCode, TrackerError } from '../errors.ts'
import type { AppContext } from '../http/context.ts'
import { count, distrust, lookedUp, trust } from '../http/rate-limit.ts'
import type { Access, Target } from './access.ts'
import { type Grant, knownRuns, remember, rememberRefusal } from './grants.ts'
import { ADMITTED, isAimed, type Need } from './scopes.ts'
import type { PresentedKey } from './token.ts'

/** Failures of a trip after which it is not made again to ask for the key. */
const BARS: readonly ErrorCode[] = ['unauthorized', 'forbidden', 'unavailable']

const Admitted = z.object({
  workspace_id: z.int(),
  scope: z.enum(KEY_SCOPES),
  experiment_id: z.string().nullable(),
  run_id: z.string().nullable(),
  expires: z.coerce.number().nullable(),
  counted: z.string(),
})

/** Who has a key, which the database has to be asked about unless it was asked a moment ago. */
export class KeyHolder implements Access {
  readonly isMetered = true
  readonly #c: AppContext
  readonly #key: PresentedKey
  #need: Need = 'admin'
  #grant: Grant | undefined
  #target: Target | undefined
  #asked = 0
  #isAdmitted = false
  #barred: unknown

  constructor(c: AppContext, key: PresentedKey, grant: Grant | undefined) {
    this.#c = c
    this.#key = key
    this.#grant = grant
  }

  get actor(): string {
    return this.#key.id
  }

  get known(): string | undefined {
    return this.#grant && this.#key.id
  }

  get signer(): PresentedKey {
    return this.#key
  }

  get workspace(): SQL {
    // Where `admit_key` leaves it for the rest of its transaction. Where it has not run there is no such setting.
    return this.#grant ? sql`${this.#grant.workspace}::int` : sql`current_setting('edgerun.workspace')::int`
  }

  get grant(): Grant {
    if (this.#grant === undefined) throw new Error('The database was not asked for the key')
    return this.#grant
  }

  logTo(target: Target): void {
    this.#target = target
  }

  demand(need: Need): void {
    this.#need = need
    if (this.#grant && !ADMITTED[need].includes(this.#grant.scope)) {
      throw new TrackerError('forbidden', NOT_ALLOWED)
    }
  }

  async introduce(db: Database): Promise<void> {
    const need = this.#need
    this.#need = 'any'
    await db.enter()
    this.demand(need)
  }

  end(): void {
    if (this.#barred !== undefined) throw this.#barred
    if (isAimed(this.#need) && this.#target === undefined) this.#need = 'any'
  }

  entry(): SQL | undefined {
    // What an administrator does outlasts his key: whether it is still one is asked each time.
    const isKnown = this.#isAdmitted || this.#need !== 'admin'
    if (this.#grant && isKnown && reaches(this.#grant, this.#need, this.#target)) return undefined
    this.#asked = performance.now()
    const { run, experiment } = { run: null, experiment: null, ...this.#target }
    return sql`select * from admit_key(
      ${this.#key.id}, decode(${this.#key.hash.toHex()}, 'hex'), ${sql.param(ADMITTED[this.#need])}::text[],
      ${isAimed(this.#need)}::boolean, ${run}::uuid, ${experiment}::uuid
    )`
  }

  admitted(row: Record<string, unknown> | undefined): void {
    const { workspace_id: workspace, scope, experiment_id, run_id, expires, counted } = Admitted.parse(row)
    trust(this.#c, this.#key.hash)
    // One of whom nothing was known is counted now that he is let in.
    if (this.#grant === undefined) void count(this.#c, counted)
    const runs = this.#grant?.runs ?? knownRuns()
    if (this.#target && 'run' in this.#target) runs.set(this.#target.run, true)
    this.#isAdmitted = true
    this.#barred = undefined
    this.#grant = {
      keyId: this.#key.id,
      counted,
      hash: this.#key.hash,
      workspace,
      scope,
      experimentId: experiment_id,
      runId: run_id,
      runs,
      expires: expires ?? Infinity,
    }
    remember(this.#grant, this.#asked)
  }

  refused(error: unknown): void {
    lookedUp(this.#c, this.#key.hash)
    // What else has failed may have failed behind it.
    if (!(error instanceof TrackerError) || !BARS.includes(error.code)) return
    this.#barred = error
    if (error.code === 'forbidden') {
      trust(this.#c, this.#key.hash)
      if (this.#grant === undefined) void count(this.#c, this.#key.id)
    }
    if (error.code !== 'unauthorized') return
    rememberRefusal(this.#key)
    distrust(this.#key.hash)
  }
}

/**
 * Whether it is known that a grant reaches what a request is about.
 *
 * @throws TrackerError where it is known that it does not
 */
function reaches(grant: Grant, need: Need, target: Target | undefined): boolean {
  if (grant.scope !== 'ingest' || !isAimed(need)) return true
  if (target && 'experiment' in target && target.experiment === grant.experimentId) return true
  if (target && 'run' in target) {
    if (target.run === grant.runId || grant.runs.has(target.run)) return true
    if (grant.experimentId !== null) return false
  }
  throw new TrackerError('forbidden', NOT_ALLOWED)
}
