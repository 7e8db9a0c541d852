/** What it costs to check a key: no trip to the database, and one statement where the isolate does not know the key. */
import { createExecutionContext } from 'cloudflare:test'
import { sql } from 'drizzle-orm'
import { Context } from 'hono'
import { beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../../src/db/database.ts'
import type { AppContext, AppEnv } from '../../src/http/context.ts'
import { admitKey } from '../../src/keys/access.ts'
import { forget } from '../../src/keys/grants.ts'
import { limitsOf } from '../../src/limits.ts'
import { interfere, lostRequest, stopInterfering } from '../support/faults.ts'
import { bearer, deadKeys, type MadeKey, makeKey, newClosedTracker, withKey } from '../support/keys.ts'
import { roundTrips, statementsSent, type Tracker, trackerOn } from '../support/tracker.ts'
import { type Fixture, newFixture } from './fixture.ts'
import { CLOSED, callOf, needOf } from './requests.ts'

let tracker: Tracker
let open: Tracker
let admin: MadeKey
let fixture: Fixture
beforeAll(async () => {
  tracker = await newClosedTracker()
  open = trackerOn({ ...tracker.env, ACCESS: 'open' })
  admin = await makeKey(tracker, { scope: 'admin' })
  fixture = await newFixture(withKey(tracker, admin.key))
})
stopInterfering()

/** Round trips and statements of a request about the fixture, and its status. */
async function costOf(route: string, of: Tracker, key?: string) {
  const { method, path, body, headers } = callOf(route, fixture)
  const before = { trips: roundTrips(), statements: statementsSent() }
  const { status } = await of.send(method, path, body, { ...headers, ...(key !== undefined && bearer(key)) })
  return { status, trips: roundTrips() - before.trips, statements: statementsSent() - before.statements }
}

/** Those that can be done again and again, by whoever may write. */
const ROUTES = CLOSED.filter(
  (route) =>
    ['read', 'ingest', 'write'].includes(needOf(route)) &&
    !route.includes('/ajax-api/') &&
    !/^DELETE|delete|restore|rename|complete|abort|mpu\/part/.test(route),
)
const asksDatabase = (route: string) => !/mlflow-artifacts/.test(route)

describe('a key that is known', () => {
  it.each(ROUTES)('costs nothing: %s', async (route) => {
    const without = await costOf(route, open)
    await tracker.get('/experiments', bearer(admin.key))
    expect(await costOf(route, tracker, admin.key)).toEqual(without)
  })
})

describe('a key that is not known', () => {
  it.each(ROUTES.filter(asksDatabase))('costs no trip: %s', async (route) => {
    const { trips } = await costOf(route, open)
    await tracker.get('/experiments', bearer(admin.key))
    const { status, statements } = await costOf(route, tracker, admin.key)
    forget(admin.id)
    const cold = await costOf(route, tracker, admin.key)
    expect([cold.status, cold.trips]).toEqual([status, trips])
    // The check; and where a statement was alone, the time that it may take goes with it.
    expect([1, 2]).toContain(cold.statements - statements)
  })

  it.each(ROUTES.filter((route) => !asksDatabase(route)))(
    'costs one trip where there is none: %s',
    async (route) => {
      forget(admin.id)
      expect(await costOf(route, tracker, admin.key)).toMatchObject({ trips: 1 })
      expect(await costOf(route, tracker, admin.key)).toMatchObject({ trips: 0 })
    },
  )
})

describe('a key that is no good', () => {
  it.each(CLOSED)('costs one trip and then none: %s', async (route) => {
    const [key = ''] = await deadKeys(tracker, 'revoked', 1)
    expect(await costOf(route, tracker, key)).toMatchObject({ status: 401, trips: 1 })
    expect(await costOf(route, tracker, key)).toMatchObject({ status: 401, trips: 0 })
  })

  it('for what is asked costs one trip where it is not known', async () => {
    const { id, key } = await makeKey(tracker, { scope: 'read' })
    expect(await costOf('POST /runs/:id/metrics', tracker, key)).toMatchObject({ status: 403, trips: 1 })
    await tracker.get('/experiments', bearer(key))
    expect(await costOf('POST /runs/:id/metrics', tracker, key)).toMatchObject({ status: 403, trips: 0 })
    forget(id)
  })

  it('is not asked for again after the database was away', async () => {
    forget(admin.id)
    const sent = interfere(lostRequest, lostRequest, lostRequest)
    expect(await costOf('GET /runs/:id', tracker, admin.key)).toMatchObject({ status: 503 })
    expect(sent()).toBe(3)
    // Nor is it taken for one that there is not.
    expect(await costOf('GET /runs/:id', tracker, admin.key)).toMatchObject({ status: 200 })
  })
})

/** What a request brings, for what is not called by one. */
function context(): AppContext {
  const executionCtx = { ...createExecutionContext(), props: {} }
  const c = new Context<AppEnv>(new Request('https://edgerun.test/'), { env: tracker.env, executionCtx })
  c.set('limits', limitsOf(tracker.env))
  return c
}

describe('an interactive transaction', () => {
  async function database(key: string) {
    const db = new Database(tracker.env, (promise) => createExecutionContext().waitUntil(promise))
    const access = await admitKey(context(), key, 'write')
    db.guard = access
    return { db, access }
  }
  const workspaces = (db: Database) =>
    db.transaction(async ({ db, workspace }) => (await db.execute(sql`select ${workspace} as id`)).rows)

  it('lets a key in first, whether it is known or not', async () => {
    forget(admin.id)
    const cold = await database(admin.key)
    expect([await workspaces(cold.db), cold.access.grant.scope]).toEqual([[{ id: 1 }], 'admin'])
    const warm = await database(admin.key)
    expect([await workspaces(warm.db), cold.db.trips - warm.db.trips]).toEqual([[{ id: 1 }], 1])
  })

  it('does nothing for a key that is refused, which is remembered', async () => {
    const [key = ''] = await deadKeys(tracker, 'revoked', 1)
    const { db } = await database(key)
    let called = false
    const work = db.transaction(async () => {
      called = true
    })
    await expect(work).rejects.toMatchObject({ code: 'unauthorized' })
    expect(called).toBe(false)
    await expect(admitKey(context(), key, 'write')).rejects.toMatchObject({ code: 'unauthorized' })
    const { key: reader } = await makeKey(tracker, { scope: 'read' })
    await expect(workspaces((await database(reader)).db)).rejects.toMatchObject({ code: 'forbidden' })
  })
})
