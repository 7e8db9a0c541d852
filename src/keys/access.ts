/** Who calls, and what he may do: decided before a route runs where that is known, else in its first trip to the database. */
import { type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Guard } from '../db/database.ts'
import { NO_SUCH_KEY, NOT_ALLOWED } from '../db/errors.ts'
import { KEY_SCOPES } from '../db/schema.ts'
import type { Env } from '../env.ts'
import { type ErrorCode, TrackerError } from '../errors.ts'
import type { AppContext } from '../http/context.ts'
import { count, distrust, spend, trust, tryKey } from '../http/rate-limit.ts'
import { type Credentials, credentialsOf } from './credentials.ts'
import { type Grant, knownRuns, recall, remember, rememberRefusal } from './grants.ts'
import { ADMITTED, isAimed, type Need, OPERATOR_NEEDS } from './scopes.ts'
import { signedGrant } from './signature.ts'
import { hashOf, isSameHash, type PresentedKey, readKey } from './token.ts'
import { DEFAULT_WORKSPACE } from './workspaces.ts'

/** A shorter bootstrap secret would be guessed. */
const SHORTEST_SECRET = 20

/** Failures of a trip after which it is not made again to ask for the key. */
const BARS: readonly ErrorCode[] = ['unauthorized', 'forbidden', 'unavailable']

/** What a request logs to: a run, or an experiment in which it creates one. */
export type Target = { run: string } | { experiment: string }

/** The caller of a request. */
export interface Access extends Guard {
  /** Whether the requests are counted: of whoever has a key. */
  readonly isMetered: boolean
  /**
   * What the caller was granted.
   *
   * @throws Error before the database was asked, where it has to be
   */
  readonly grant: Grant
  /** With what the caller's URLs are signed; undefined where they need not be. */
  readonly signer: PresentedKey | undefined
  /** Says what the request logs to: nothing else can be logged to with a key of scope `ingest`. */
  logTo(target: Target): void
  /**
   * Says that the request needs more than its route.
   *
   * @throws TrackerError where it is known that the caller may not
   */
  demand(need: Need): void
  /**
   * The route has run: whoever has not been let in by now may have asked for nothing that there is.
   *
   * @throws what kept him out, whatever the route has made of it
   */
  end(): void
}

/**
 * Lets a caller in as far as can be told without the database.
 *
 * @throws TrackerError for who cannot be let in
 */
export async function admit(c: AppContext, need: Need): Promise<Access> {
  // Who runs the tracker says of which workspace he speaks.
  const workspace = need === 'admin' ? c.req.query('workspace') : undefined
  if (c.env.ACCESS === 'open') return new Insider('open', workspace)
  const credentials = credentialsOf(c)
  if (credentials === undefined) throw unauthorized(noKey(c.env))
  if (await isBootstrap(credentials, c.env)) {
    if (OPERATOR_NEEDS.includes(need)) return new Insider('bootstrap', workspace)
    throw new TrackerError('forbidden', 'The bootstrap secret makes workspaces and keys, and nothing else')
  }
  // A key is of one workspace: that is not for its holder to say, not even the right one.
  return admitKey(c, credentials.secret, workspace === undefined ? need : 'operator')
}

/** As `admit`, whoever has this key. */
export async function admitKey(c: AppContext, text: string, need: Need): Promise<Access> {
  const key = await readKey(text)
  if (key === undefined) {
    throw unauthorized(
      'This is no API key: one looks like er_<id>_<secret>, with a checksum in its last six characters',
    )
  }
  const grant = recall(key)
  if (grant === 'refused') throw unauthorized(NO_SUCH_KEY)
  if (grant === undefined) tryKey(c, key.hash)
  else await spend(c, key.id)
  const access = new KeyHolder(c, key, grant)
  access.demand(need)
  return access
}

/** As `admit`, whoever has a URL that a key has signed; undefined where it is not signed. */
export async function admitSigned(c: AppContext, need: Need): Promise<Access | undefined> {
  if (c.env.ACCESS === 'open') return undefined
  const grant = await signedGrant(c)
  if (grant === undefined) return undefined
  await spend(c, grant.keyId)
  const access = new KeyHolder(c, { id: grant.keyId, hash: grant.hash }, grant)
  access.demand(need)
  return access
}

/** What the caller was granted, after asking the database where that has to be. For what the database is not asked otherwise. */
export async function granted(c: AppContext): Promise<Grant> {
  await c.var.db.enter()
  return c.var.access.grant
}

const unauthorized = (detail: string) => new TrackerError('unauthorized', detail)

function noKey({ BOOTSTRAP_SECRET: secret = '' }: Env): string {
  const first =
    secret.length < SHORTEST_SECRET
      ? 'To make the first key, set a secret of 20 characters or more with `wrangler secret put BOOTSTRAP_SECRET`, and send it to POST /keys'
      : 'The first key is made by sending the bootstrap secret to POST /keys'
  return `An API key is needed, as in "Authorization: Bearer er_…". ${first}; see README, "Keys"`
}

async function isBootstrap(
  { secret }: Credentials,
  { BOOTSTRAP_SECRET: expected = '' }: Env,
): Promise<boolean> {
  if (expected.length < SHORTEST_SECRET) return false
  return isSameHash(await hashOf(secret), await hashOf(expected))
}

/** Who needs no key: everybody, where a tracker is open; and whoever has the bootstrap secret. */
class Insider implements Access {
  readonly isMetered = false
  readonly actor: string
  readonly workspace: SQL
  readonly signer = undefined

  constructor(actor: 'open' | 'bootstrap', workspace = DEFAULT_WORKSPACE.name) {
    this.actor = actor
    this.workspace =
      workspace === DEFAULT_WORKSPACE.name
        ? sql`${DEFAULT_WORKSPACE.id}::int`
        : sql`(select id from workspaces where name = ${workspace})`
  }

  get grant(): Grant {
    return {
      keyId: this.actor,
      hash: new Uint8Array(),
      workspace: DEFAULT_WORKSPACE.id,
      scope: 'admin',
      experimentId: null,
      runId: null,
      runs: knownRuns(),
      expires: Infinity,
    }
  }

  logTo() {}
  demand() {}
  end() {}
  entry() {
    return undefined
  }
  admitted() {}
  refused() {}
}

const Admitted = z.object({
  workspace_id: z.int(),
  scope: z.enum(KEY_SCOPES),
  experiment_id: z.string().nullable(),
  run_id: z.string().nullable(),
  expires: z.coerce.number().nullable(),
})

/** Who has a key, which the database has to be asked about unless it was asked a moment ago. */
class KeyHolder implements Access {
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
    const { workspace_id: workspace, scope, experiment_id, run_id, expires } = Admitted.parse(row)
    trust(this.#c, this.#key.hash)
    // One of whom nothing was known is counted now that he is let in.
    if (this.#grant === undefined) void count(this.#c, this.#key.id)
    const runs = this.#grant?.runs ?? knownRuns()
    if (this.#target && 'run' in this.#target) runs.set(this.#target.run, true)
    this.#isAdmitted = true
    this.#barred = undefined
    this.#grant = {
      keyId: this.#key.id,
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
    // What else has failed may have failed behind it.
    if (!(error instanceof TrackerError) || !BARS.includes(error.code)) return
    this.#barred = error
    if (error.code === 'forbidden') trust(this.#c, this.#key.hash)
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
