import { beforeAll, describe, expect, it } from 'vitest'
import { forget } from '../../src/keys/grants.ts'
import { interfere, lostAnswer, stopInterfering } from '../support/faults.ts'
import {
  bearer,
  deadKeys,
  endKey,
  type MadeKey,
  makeKey,
  makeWorkspace,
  newClosedTracker,
  pass,
  SECRET,
} from '../support/keys.ts'
import type { Answer, Problem, Tracker } from '../support/tracker.ts'
import type { Experiment } from '../support/wire.ts'

interface Session {
  workspace: string
  scope: string
  key_id: string
  name: string
  expires_at: string
}

let tracker: Tracker
beforeAll(async () => {
  tracker = await newClosedTracker()
  await makeWorkspace(tracker, 'other')
})
stopInterfering()

const WEEK = 7 * 24 * 60 * 60 * 1000

const open = <T = Session>(key: string) => tracker.post<T>('/session', { key })

/** What a browser sends back of a cookie. */
function cookieOf({ headers }: Answer<unknown>): { Cookie: string } {
  const [cookie = ''] = (headers.get('Set-Cookie') ?? '').split(';')
  return { Cookie: cookie }
}

const statusWith = async (headers: Record<string, string>) =>
  (await tracker.get('/experiments', headers)).status

describe('a session', () => {
  it('is opened with a key, in a cookie that no script reads and no other host gets', async () => {
    const made = await makeKey(tracker, { scope: 'write' }, 'other')
    const answer = await open(made.key)
    const { expires_at, key_id } = answer.body
    expect([answer.status, answer.body]).toEqual([
      200,
      { workspace: 'other', scope: 'write', key_id: expect.any(String), name: 'write', expires_at },
    ])
    expect(key_id).not.toBe(made.id)
    expect(Math.abs(Date.parse(expires_at) - Date.now() - WEEK)).toBeLessThan(60_000)
    const [value, ...attributes] = (answer.headers.get('Set-Cookie') ?? '').split('; ')
    expect(value).toMatch(new RegExp(`^__Host-edgerun=er_${key_id}_[0-9A-Za-z]{28}$`))
    const seconds = new Date(Math.floor(Date.parse(expires_at) / 1000) * 1000).toUTCString()
    expect(attributes.sort()).toEqual(
      ['Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax', `Expires=${seconds}`].sort(),
    )
    expect(answer.text).not.toContain(value?.slice(-28))
  })

  it('stands for its key: in its workspace, with its scope', async () => {
    const { key } = await makeKey(tracker, { scope: 'read' }, 'other')
    const cookie = cookieOf(await open(key))
    expect(await statusWith(cookie)).toBe(200)
    expect((await tracker.post('/experiments', { name: 'x', owner: 'a' }, cookie)).status).toBe(403)
    expect((await tracker.get<Session>('/session', cookie)).body).toMatchObject({
      workspace: 'other',
      scope: 'read',
    })
  })

  it('ends where its user ends it, and his key does not', async () => {
    const { key } = await makeKey(tracker, { scope: 'read' })
    const cookie = cookieOf(await open(key))
    expect(await statusWith(cookie)).toBe(200)
    expect((await tracker.send('DELETE', '/session', undefined, cookie)).status).toBe(403)
    const ended = await tracker.send('DELETE', '/session', undefined, {
      ...cookie,
      Origin: 'https://edgerun.test',
    })
    expect([ended.status, ended.headers.get('Set-Cookie')]).toEqual([
      204,
      expect.stringMatching(/^__Host-edgerun=; Max-Age=0; Path=\/;.*Secure/),
    ])
    expect([await statusWith(cookie), await statusWith(bearer(key))]).toEqual([401, 200])
  })

  it('is not ended by the key that opened it, which stays', async () => {
    const { key } = await makeKey(tracker, { scope: 'read' })
    const cookie = cookieOf(await open(key))
    expect((await tracker.send('DELETE', '/session', undefined, bearer(key))).status).toBe(204)
    expect([await statusWith(cookie), await statusWith(bearer(key))]).toEqual([200, 200])
  })

  it('ends with its key, no later than a week on', async () => {
    const expires_at = new Date(Date.now() + 60_000).toISOString()
    const made = await makeKey(tracker, { scope: 'read', expires_at })
    const answer = await open(made.key)
    expect(answer.body.expires_at).toBe(expires_at)
    await statusWith(cookieOf(answer))
    await endKey(tracker, answer.body.key_id, 'expires_at')
    pass(60_001)
    expect(await statusWith(cookieOf(answer))).toBe(401)
  })

  it('ends when its key is revoked', async () => {
    const admin = await makeKey(tracker, { scope: 'admin' })
    const made = await makeKey(tracker, { scope: 'read' })
    const first = await open(made.key)
    const second = await open(made.key)
    expect(await Promise.all([first, second].map((each) => statusWith(cookieOf(each))))).toEqual([200, 200])
    expect((await tracker.send('DELETE', `/keys/${made.id}`, undefined, bearer(admin.key))).status).toBe(204)
    expect(await Promise.all([first, second].map((each) => statusWith(cookieOf(each))))).toEqual([401, 401])
  })

  it('is one of a thousand at most that a key has at a time', async () => {
    const made = await makeKey(tracker, { scope: 'read' })
    await tracker.sql`
      insert into api_keys (workspace_id, id, hash, name, scope, created_by, session_of)
      select 1, 'session' || lpad(n::text, 5, '0'), '', 'x', 'read', ${made.id}, ${made.id} from generate_series(1, 999) as n`
    expect((await open(made.key)).status).toBe(200)
    const answer = await open<Problem>(made.key)
    expect([answer.status, answer.body.detail]).toEqual([409, expect.stringContaining('1,000 sessions')])
    await tracker.sql`update api_keys set revoked_at = now() where session_of = ${made.id}`
    expect((await open(made.key)).status).toBe(200)
  })

  it('ends with its key also where it was opened while that was being revoked', async () => {
    const made = await makeKey(tracker, { scope: 'read' })
    const answer = await open(made.key)
    await endKey(tracker, made.id, 'revoked_at')
    forget(answer.body.key_id)
    expect(await statusWith(cookieOf(answer))).toBe(401)
  })

  it('is not opened any more with a key that was revoked elsewhere and is still known here', async () => {
    const made = await makeKey(tracker, { scope: 'read' })
    expect(await statusWith(bearer(made.key))).toBe(200)
    await endKey(tracker, made.id, 'revoked_at')
    const answer = await open<Problem>(made.key)
    expect([answer.status, answer.headers.get('Set-Cookie')]).toEqual([401, null])
  })

  it('can be ended by an administrator by its id, and is in no list of keys', async () => {
    const admin = await makeKey(tracker, { scope: 'admin' })
    const answer = await open(admin.key)
    const list = await tracker.get<MadeKey[]>('/keys?limit=1000', bearer(admin.key))
    expect(list.body.map(({ id }) => id)).not.toContain(answer.body.key_id)
    const revoked = await tracker.send('DELETE', `/keys/${answer.body.key_id}`, undefined, bearer(admin.key))
    expect([revoked.status, await statusWith(cookieOf(answer))]).toEqual([204, 401])
  })

  it('is opened once, and written down once, also when the answer of the database is lost', async () => {
    const { key } = await makeKey(tracker, { scope: 'read' })
    interfere(lostAnswer)
    const answer = await open(key)
    expect([answer.status, await statusWith(cookieOf(answer))]).toEqual([200, 200])
    const rows = await tracker.sql`select action from audit where subject = ${answer.body.key_id}`
    expect(rows).toEqual([{ action: 'session.opened' }])
  })

  it.each([
    [
      'of scope ingest',
      403,
      async () => (await makeKey(tracker, { scope: 'ingest', experiment_id: await anExperiment() })).key,
    ],
    ['that was revoked', 401, async () => (await deadKeys(tracker, 'revoked', 1))[0] ?? ''],
    ['that has expired', 401, async () => (await deadKeys(tracker, 'expired', 1))[0] ?? ''],
    ['that is none', 401, async () => 'er_none'],
    ['that is the bootstrap secret', 401, async () => SECRET],
  ])('is not opened with a key %s', async (_, status, key) => {
    const answer = await open<Problem>(await key())
    expect([answer.status, answer.headers.get('Set-Cookie')]).toEqual([status, null])
  })

  it('is not opened with what is no request for one', async () => {
    expect((await tracker.post('/session', {})).status).toBe(422)
    expect((await tracker.post('/session', '{')).status).toBe(400)
    expect((await tracker.post('/session', 'key=x', { 'Content-Type': 'text/plain' })).status).toBe(415)
  })
})

async function anExperiment(): Promise<string> {
  const { key } = await makeKey(tracker, { scope: 'write' })
  return (await tracker.post<Experiment>('/experiments', { name: 'x', owner: 'a' }, bearer(key))).body.id
}
