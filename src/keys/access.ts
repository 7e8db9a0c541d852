/** Who calls, and what he may do: decided before a route runs where that is known, else in its first trip to the database. */
import { type SQL, sql } from 'drizzle-orm'
import type { Database, Guard } from '../db/database.ts'
import { NO_SUCH_KEY } from '../db/errors.ts'
import type { Env } from '../env.ts'
import { TrackerError } from '../errors.ts'
import type { AppContext } from '../http/context.ts'
import { countGuess, refuseThrottled, spend, tryKey } from '../http/rate-limit.ts'
import { type Credentials, credentialsOf } from './credentials.ts'
import { type Grant, knownRuns, recall } from './grants.ts'
import { KeyHolder } from './holder.ts'
import { type Need, OPERATOR_NEEDS } from './scopes.ts'
import { signedGrant } from './signature.ts'
import { hashOf, isSameHash, type PresentedKey, readKey } from './token.ts'
import { DEFAULT_WORKSPACE } from './workspaces.ts'

/** A shorter bootstrap secret would be guessed. */
const SHORTEST_SECRET = 20

/** What a request logs to: a run, or an experiment in which it creates one. */
export type Target = { run: string } | { experiment: string }

/** The caller of a request. */
export interface Access extends Guard {
  /** Who it is, once that is known. */
  readonly known: string | undefined
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
   * Asks the database whether the caller may come in at all, where that is not known, before the route runs.
   *
   * @throws TrackerError where he may not
   */
  introduce(db: Database): Promise<void>
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
    countGuess(c, await hashOf(text))
    throw unauthorized(
      'This is no API key: one looks like er_<id>_<secret>, with a checksum in its last six characters',
    )
  }
  const grant = recall(key)
  if (grant === 'refused') throw unauthorized(NO_SUCH_KEY)
  if (grant) await spend(c, grant.counted)
  else {
    tryKey(c, key.hash)
    refuseThrottled(c, key.id)
  }
  const access = new KeyHolder(c, key, grant)
  access.demand(need)
  return access
}

/** As `admit`, whoever has a URL that a key has signed; undefined where it is not signed. */
export async function admitSigned(c: AppContext, need: Need): Promise<Access | undefined> {
  if (c.env.ACCESS === 'open') return undefined
  const grant = await signedGrant(c)
  if (grant === undefined) return undefined
  await spend(c, grant.counted)
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
  readonly known: string
  readonly workspace: SQL
  readonly signer = undefined

  constructor(actor: 'open' | 'bootstrap', workspace = DEFAULT_WORKSPACE.name) {
    this.actor = actor
    this.known = actor
    this.workspace =
      workspace === DEFAULT_WORKSPACE.name
        ? sql`${DEFAULT_WORKSPACE.id}::int`
        : sql`(select id from workspaces where name = ${workspace})`
  }

  get grant(): Grant {
    return {
      keyId: this.actor,
      counted: this.actor,
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
  async introduce() {}
  end() {}
  entry() {
    return undefined
  }
  admitted() {}
  refused() {}
}
