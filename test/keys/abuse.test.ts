/** What somebody would try who has a key that is no good any more, or never had one. */
import { neonConfig } from '@neondatabase/serverless'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { forget } from '../../src/keys/grants.ts'
import { signUrl } from '../../src/keys/signature.ts'
import { newKey, readKey } from '../../src/keys/token.ts'
import { send } from '../support/artifacts.ts'
import { interfere, lostAnswer, stopInterfering } from '../support/faults.ts'
import { bearer, endKey, makeKey, newClosedTracker, SECRET } from '../support/keys.ts'
import { newTracker, roundTrips, type Tracker, trackerOn } from '../support/tracker.ts'

const FILE = '/api/2.0/mlflow-artifacts/artifacts/x'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newClosedTracker()
})
stopInterfering()

/** The same tracker with other variables; `most` requests of each key are none too many. */
function limited(variables: Record<string, string>, most = Number.POSITIVE_INFINITY) {
  const counted = new Map<string, number>()
  const KEY_RATE: RateLimit = {
    limit: async ({ key }) => {
      counted.set(key, (counted.get(key) ?? 0) + 1)
      return { success: (counted.get(key) ?? 0) <= most }
    },
  }
  return { tracker: trackerOn({ ...tracker.env, ...variables, KEY_RATE }), counted }
}

const revoke = (id: string) => tracker.send('DELETE', `/keys/${id}`, undefined, bearer(SECRET))

/** The key of a session that a key has opened. */
async function openSession(key: string): Promise<string> {
  const { headers, text } = await tracker.post('/session', { key })
  const cookie = /__Host-edgerun=([^;]+)/.exec(headers.get('Set-Cookie') ?? '')?.[1]
  if (cookie === undefined) throw new Error(text)
  return cookie
}

describe('who has no key', () => {
  it('makes no more trips by signed URLs than by keys', async () => {
    const { tracker: few } = limited({ UNKNOWN_KEYS_PER_MINUTE: '3' })
    const from = { 'CF-Connecting-IP': '192.0.2.1' }
    const before = roundTrips()
    const of = (key: string) => few.get(`${FILE}?key=${key}&expires=9999999999&signature=a`, from)
    for (let i = 0; i < 10; i++) expect((await of('AAAAAAAAAAAA')).status).toBe(403)
    expect(roundTrips() - before).toBe(1)
    const statuses = []
    for (let i = 0; i < 5; i++) statuses.push((await of(`AAAAAAAAAAA${i}`)).status)
    expect(statuses).toEqual([403, 403, 429, 429, 429])
  })

  it('does not learn from a signed URL which keys there are', async () => {
    const live = await makeKey(tracker, { scope: 'read' })
    const ended = await makeKey(tracker, { scope: 'read' })
    await endKey(tracker, ended.id, 'revoked_at')
    const told = await Promise.all(
      ['BBBBBBBBBBBB', live.id, ended.id].map(async (id) => {
        const { status, body } = await tracker.get<{ message: string }>(
          `${FILE}?key=${id}&expires=9999999999&signature=a`,
        )
        return [status, body.message]
      }),
    )
    expect(new Set(told.map(String)).size).toBe(1)
  })

  it('has one key looked up a hundred times at a time, and guesses at no more than so many', async () => {
    const { tracker: few } = limited({ UNKNOWN_KEYS_PER_MINUTE: '3' })
    const from = (address: string) => ({ 'CF-Connecting-IP': address })
    const { key } = await newKey()
    const before = roundTrips()
    const answers = await Promise.all(
      Array.from({ length: 300 }, () => few.get('/experiments', { ...bearer(key), ...from('192.0.2.2') })),
    )
    expect(roundTrips() - before).toBe(100)
    expect(answers.filter(({ status }) => status === 429).length).toBe(200)
    expect(answers.find(({ status }) => status === 429)?.headers.get('Retry-After')).toBe('1')
    const statuses = []
    for (let i = 0; i < 5; i++) {
      const guess = bearer(`guess-of-twenty-characters-${i}`)
      statuses.push((await few.post('/keys', {}, { ...guess, ...from('192.0.2.3') })).status)
    }
    expect(statuses).toEqual([401, 401, 401, 429, 429])
  })

  it('does not have a large body read', async () => {
    const { key } = await newKey()
    let taken = 0
    const body = new ReadableStream({
      pull(controller) {
        taken += 1
        controller.enqueue(new Uint8Array(64 * 1024))
      },
    })
    const headers = { ...bearer(key), 'Content-Type': 'application/json' }
    expect((await send(tracker, 'POST', '/experiments', { body, headers })).status).toBe(401)
    expect(taken).toBeLessThan(4)
    expect((await tracker.post('/session', { key: 'x'.repeat(5_000) })).status).toBe(413)
  })

  it('gets neither a key nor the id of one into the log', async () => {
    const lines = vi.spyOn(console, 'info').mockImplementation(() => {})
    const victim = await makeKey(tracker, { scope: 'admin' })
    const forged = (await newKey()).key.replace(/(?<=^er_).{12}/, victim.id)
    await tracker.get('/experiments', { ...bearer(forged), 'X-Request-Id': victim.key })
    const logged = lines.mock.calls.map(([line]) => String(line)).filter((line) => /"status":401/.test(line))
    lines.mockRestore()
    expect(logged).toHaveLength(1)
    expect(logged[0]).not.toContain(victim.id)
  })

  it('does not reach an open tracker through a proxy', async () => {
    const open = await newTracker()
    const { HOSTS: _, ...env } = open.env
    const local = trackerOn(env)
    const headers = { 'X-Forwarded-For': '203.0.113.9' }
    const asked = 'http://127.0.0.1/experiments'
    expect((await send(local, 'GET', asked)).status).toBe(200)
    expect((await send(local, 'GET', asked, { headers })).status).toBe(421)
    // Whoever names it wants it.
    expect((await open.get('/experiments', headers)).status).toBe(200)
  })

  it('is not told what a variable says that is set wrong', async () => {
    const { tracker: wrong } = limited({ HOSTS: 'postgres://owner:hunter2@example.com/db' })
    const { status, text } = await wrong.get('/experiments')
    expect([status, text.includes('HOSTS'), text.includes('hunter2')]).toEqual([503, true, false])
  })
})

describe('a key that was revoked', () => {
  it('does not live on in a session, by a URL that this signs for itself', async () => {
    const root = await makeKey(tracker, { scope: 'write' })
    const session = await openSession(root.key)
    await endKey(tracker, root.id, 'revoked_at')
    const own = await readKey(session)
    if (own === undefined) throw new Error('no key')
    forget(own.id)
    const url = new URL(`https://edgerun.test${FILE}`)
    await signUrl(url, own, 'GET', 1_000)
    expect((await tracker.get(url.pathname + url.search)).status).toBe(403)
    expect((await tracker.get('/experiments', bearer(session))).status).toBe(401)
  })

  it('opens no session while it is being revoked that is not revoked with it', async () => {
    for (let round = 0; round < 10; round++) {
      const root = await makeKey(tracker, { scope: 'read' })
      await tracker.get('/experiments', bearer(root.key))
      await Promise.all([
        ...Array.from({ length: 6 }, () => tracker.post('/session', { key: root.key })),
        revoke(root.id),
      ])
    }
    const left = await tracker.sql`
      select from api_keys as session join api_keys as root on root.id = session.session_of
      where root.revoked_at is not null and session.revoked_at is null and session.created_at > root.revoked_at`
    expect(left).toEqual([])
  })

  it('is refused at once where it was, also where the answer was lost, and where it was being used', async () => {
    const lost = await makeKey(tracker, { scope: 'write' })
    expect((await tracker.get('/experiments', bearer(lost.key))).status).toBe(200)
    interfere(lostAnswer)
    expect((await revoke(lost.id)).status).toBe(204)
    expect((await tracker.get('/experiments', bearer(lost.key))).status).toBe(401)

    const used = await makeKey(tracker, { scope: 'write' })
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const { promise: asked, resolve: nowAsked } = Promise.withResolvers<void>()
    const usual = neonConfig.fetchFunction
    neonConfig.fetchFunction = async (...args: Parameters<typeof fetch>) => {
      neonConfig.fetchFunction = usual
      const answer = await fetch(...args)
      nowAsked()
      await released
      return answer
    }
    const slow = tracker.get('/experiments', bearer(used.key))
    await asked
    // The clock has to go on.
    await scheduler.wait(5)
    expect((await revoke(used.id)).status).toBe(204)
    release()
    expect((await slow).status).toBe(200)
    expect((await tracker.get('/experiments', bearer(used.key))).status).toBe(401)
  })

  it('is revoked while it is in a long transaction', async () => {
    const key = await makeKey(tracker, { scope: 'write' })
    const { tracker: hasty } = limited({ STATEMENT_TIMEOUT_MS: '500' })
    const long = tracker.sql.transaction([
      tracker.sql`update api_keys set last_used_at = now() where id = ${key.id}`,
      tracker.sql`select pg_sleep(1.5)`,
    ])
    await scheduler.wait(200)
    const revoked = await hasty.send('DELETE', `/keys/${key.id}`, undefined, bearer(SECRET))
    expect(revoked.status).toBe(204)
    await long
  })
})

describe('a key that is good', () => {
  it('is counted for what it may not do as well', async () => {
    const { tracker: few, counted } = limited({}, 3)
    const reader = await makeKey(tracker, { scope: 'read' })
    const before = roundTrips()
    const statuses = []
    for (let i = 0; i < 8; i++) {
      statuses.push((await few.post('/experiments', { name: 'x', owner: 'y' }, bearer(reader.key))).status)
    }
    expect(statuses).toEqual([403, 403, 403, 403, 429, 429, 429, 429])
    expect([roundTrips() - before, counted.get(reader.id)]).toEqual([4, 4])
  })

  it('is counted under one name in all of its sessions, of which none opens another', async () => {
    const { tracker: few, counted } = limited({}, 1_000)
    const reader = await makeKey(tracker, { scope: 'read' })
    const sessions = await Promise.all([openSession(reader.key), openSession(reader.key)])
    for (const session of sessions) {
      for (let i = 0; i < 2; i++) expect((await few.get('/experiments', bearer(session))).status).toBe(200)
    }
    expect([...counted.keys()]).toEqual([reader.id])
    expect((await tracker.post('/session', { key: sessions[0] })).status).toBe(401)
  })
})
