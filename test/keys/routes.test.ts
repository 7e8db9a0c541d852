/** Every route of the router, called by whoever may not: generated from it, so that a new one is covered by itself. */
import { beforeAll, describe, expect, it } from 'vitest'
import { forget } from '../../src/keys/grants.ts'
import type { Need } from '../../src/keys/scopes.ts'
import {
  bearer,
  deadKeys,
  fingerprint,
  type MadeKey,
  makeKey,
  newClosedTracker,
  type Scope,
  SECRET,
  withKey,
} from '../support/keys.ts'
import type { Failure } from '../support/mlflow.ts'
import type { Answer, Problem, Tracker } from '../support/tracker.ts'
import { type Fixture, filesOf, newFixture } from './fixture.ts'
import { CLOSED, callOf, isMlflows, needOf, ROUTES } from './requests.ts'

/** Keys of which scopes are not let in; whom `ingest` is for is another matter. */
const REFUSED: Record<Need, Scope[]> = {
  public: [],
  any: [],
  read: ['ingest'],
  ingest: ['read'],
  read_own: [],
  write: ['read', 'ingest'],
  admin: ['read', 'write', 'ingest'],
  operator: ['read', 'write', 'ingest', 'admin'],
}

const NO_KEY = /^An API key is needed/
const MALFORMED = /^This is no API key/
const NOT_GOOD = /^There is no such API key/
const NOT_THIS = /^This API key may not do that/

/** A key but for its checksum. */
const ALMOST = 'er_7nUpCfQ2sLx0_0000000000000000000000000000'

let tracker: Tracker
let fixture: Fixture
let keys: Record<Scope, MadeKey>
/** For an experiment that no request is about. */
let elsewhere: MadeKey
/** One for each route, so that each is new to the isolate. */
let revoked: string[]
let expired: string[]

beforeAll(async () => {
  tracker = await newClosedTracker()
  const admin = await makeKey(tracker, { scope: 'admin' })
  fixture = await newFixture(withKey(tracker, admin.key))
  const other = await newFixture(withKey(tracker, admin.key))
  keys = {
    admin,
    read: await makeKey(tracker, { scope: 'read' }),
    write: await makeKey(tracker, { scope: 'write' }),
    ingest: await makeKey(tracker, { scope: 'ingest', run_id: fixture.run }),
  }
  // Whoever reads MLflow's experiments finds this one there.
  await tracker.get('/api/2.0/mlflow/experiments/get?experiment_id=0', bearer(admin.key))
  elsewhere = await makeKey(tracker, { scope: 'ingest', experiment_id: other.experiment })
  revoked = await deadKeys(tracker, 'revoked', CLOSED.length)
  expired = await deadKeys(tracker, 'expired', CLOSED.length)
})

const send = <T>(route: string, f: Fixture, headers: Record<string, string>): Promise<Answer<T>> => {
  const call = callOf(route, f)
  return tracker.send<T>(call.method, call.path, call.body, { ...call.headers, ...headers })
}

/** Makes an isolate know a key, by what every key may do. */
const warm = ({ key }: MadeKey) => tracker.get('/session', bearer(key))

/** Sends what may not be done, and checks how that is told. */
async function refusal(route: string, who: string, headers: object, status: 401 | 403, why: RegExp) {
  const answer = await send<Problem & Failure>(route, fixture, { ...headers })
  const told = [who, answer.status, answer.headers.get('WWW-Authenticate'), answer.body]
  const body = isMlflows(route)
    ? {
        error_code: status === 401 ? 'UNAUTHENTICATED' : 'PERMISSION_DENIED',
        message: expect.stringMatching(why),
      }
    : {
        type: 'about:blank',
        title: status === 401 ? 'Unauthorized' : 'Forbidden',
        status,
        detail: expect.stringMatching(why),
        request_id: expect.any(String),
      }
  expect(told).toEqual([who, status, status === 401 ? 'Bearer' : null, body])
  expect(answer.headers.get('Content-Type')).toBe(
    isMlflows(route) ? 'application/json' : 'application/problem+json',
  )
}

/** As `refusal`, of a key that the isolate knows, and then does not. */
async function forbidden(route: string, who: string, made: MadeKey) {
  await warm(made)
  await refusal(route, `${who}, known here`, bearer(made.key), 403, NOT_THIS)
  forget(made.id)
  await refusal(route, who, bearer(made.key), 403, NOT_THIS)
}

it('is open only to ask whether it lives, and to open a session with a key', () => {
  expect(ROUTES.filter((route) => needOf(route) === 'public').sort()).toEqual([
    'GET /health',
    'POST /session',
  ])
})

it('asks nothing but a key, of whatever scope, for what tells nothing of what is stored', () => {
  const routes = ROUTES.filter((route) => needOf(route) === 'any').map((route) =>
    route.replace('/ajax-api', '/api'),
  )
  expect([...new Set(routes)].sort()).toEqual([
    'DELETE /session',
    'GET /api/3.0/mlflow/server-info',
    'GET /health/ready',
    'GET /openapi.json',
    'GET /session',
    'GET /version',
  ])
})

describe('answers 401 without a key that is good, and does nothing', () => {
  it.each(CLOSED)('%s', async (route) => {
    const dead = [revoked, expired].map((keys) => bearer(keys[CLOSED.indexOf(route)] ?? ''))
    const before = [await fingerprint(tracker), await filesOf(tracker, fixture)]
    await refusal(route, 'nobody', {}, 401, NO_KEY)
    await refusal(route, 'malformed', bearer(ALMOST), 401, MALFORMED)
    for (const [i, who] of ['revoked', 'expired'].entries()) {
      await refusal(route, who, { ...dead[i] }, 401, NOT_GOOD)
      await refusal(route, `${who}, known here`, { ...dead[i] }, 401, NOT_GOOD)
    }
    expect([await fingerprint(tracker), await filesOf(tracker, fixture)]).toEqual(before)
  })
})

describe('answers 403 to a key of the wrong scope, or for another run, and does nothing', () => {
  it.each(CLOSED.filter((route) => needOf(route) !== 'any'))('%s', async (route) => {
    const scopes = REFUSED[needOf(route)]
    const before = [await fingerprint(tracker), await filesOf(tracker, fixture)]
    for (const scope of scopes) await forbidden(route, scope, keys[scope])
    if (needOf(route) === 'ingest') await forbidden(route, 'for another experiment', elsewhere)
    expect([await fingerprint(tracker), await filesOf(tracker, fixture)]).toEqual(before)
  })
})

describe('tells who has no key nothing of what is wrong with his request, nor of what there is', () => {
  it.each([
    ['GET', '/nothing'],
    ['OPTIONS', '/experiments'],
    ['PUT', '/experiments'],
    ['GET', '/api/2.0/mlflow/nothing'],
    ['GET', '/experiments/'],
    ['GET', '//experiments'],
    ['GET', '/%65xperiments'],
    ['GET', '/health/'],
    ['GET', '/HEALTH'],
    ['HEAD', '/experiments'],
    ['GET', '/experiments/no-id'],
    ['GET', '/experiments?limit=x'],
    ['GET', '/api/2.0/mlflow/runs/get'],
    ['PUT', '/api/2.0/mlflow-artifacts/artifacts/../x'],
  ])('%s %s', async (method, path) => {
    expect((await tracker.send(method, path)).status).toBe(401)
    const [key = ''] = await deadKeys(tracker, 'revoked', 1)
    expect((await tracker.send(method, path, undefined, bearer(key))).status).toBe(401)
  })

  it.each(CLOSED.filter((route) => /^(POST|PATCH|PUT) /.test(route)))('%s with a bad body', async (route) => {
    const [key = ''] = await deadKeys(tracker, 'revoked', 1)
    const { method, path } = callOf(route, fixture)
    for (const headers of [{}, { 'Content-Type': 'text/none' }, { 'Content-Encoding': 'none' }]) {
      const { status } = await tracker.send(method, path, '{"x', { ...headers, ...bearer(key) })
      expect([headers, status]).toEqual([headers, 401])
    }
  })
})

describe('works with a key that has just the scope for it', () => {
  const LEAST: Record<Need, Scope | undefined> = {
    public: undefined,
    any: 'ingest',
    read: 'read',
    write: 'write',
    ingest: 'ingest',
    read_own: 'ingest',
    admin: 'admin',
    operator: undefined,
  }

  // Those below /ajax-api are the same.
  it.each(CLOSED.filter((route) => !route.includes(' /ajax-api')))('%s', async (route) => {
    const own = await newFixture(withKey(tracker, keys.admin.key))
    const scope = LEAST[needOf(route)]
    const { key } =
      scope === undefined
        ? { key: SECRET }
        : await makeKey(tracker, { scope, ...(scope === 'ingest' && { experiment_id: own.experiment }) })
    const before = { ...(await fingerprint(tracker)), api_keys: '' }
    const { status, text } = await send(route, own, bearer(key))
    expect([status < 300, text]).toEqual([true, text])
    if (['any', 'read'].includes(needOf(route))) {
      expect({ ...(await fingerprint(tracker)), api_keys: '' }).toEqual(before)
    }
  })
})
