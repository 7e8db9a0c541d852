import { beforeAll, describe, expect, it, vi } from 'vitest'
import { forget } from '../../src/keys/grants.ts'
import { interfere, lostAnswer, stopInterfering } from '../support/faults.ts'
import {
  bearer,
  endKey,
  type MadeKey,
  makeKey,
  makeWorkspace,
  newClosedTracker,
  pass,
  SECRET,
  withKey,
} from '../support/keys.ts'
import { UNKNOWN } from '../support/runs.ts'
import { allPages, type Problem, type Tracker, trackerOn } from '../support/tracker.ts'
import type { Experiment } from '../support/wire.ts'

let tracker: Tracker
let admin: MadeKey
let asAdmin: Tracker
beforeAll(async () => {
  tracker = await newClosedTracker()
  admin = await makeKey(tracker, { scope: 'admin' })
  asAdmin = withKey(tracker, admin.key)
  await makeWorkspace(tracker, 'other')
})
stopInterfering()

const statusWith = async (key: string, path = '/experiments') => (await tracker.get(path, bearer(key))).status
/** How many seconds ago a key was used last, and when it was revoked. */
async function ageOf(id: string) {
  const [row] = await tracker.sql`
    select extract(epoch from now() - last_used_at)::float8 as used, revoked_at::text as revoked from api_keys where id = ${id}`
  return { used: row?.used, revoked: row?.revoked }
}

describe('a key', () => {
  it('is told when it is made, and never again', async () => {
    const { status, body } = await asAdmin.post<MadeKey>('/keys', { name: 'cluster', scope: 'write' })
    expect([status, body]).toEqual([
      201,
      {
        id: expect.stringMatching(/^[0-9A-Za-z]{12}$/),
        key: expect.stringMatching(/^er_[0-9A-Za-z]{12}_[0-9A-Za-z]{22}[0-9A-Za-z]{6}$/),
        name: 'cluster',
        scope: 'write',
        experiment_id: null,
        run_id: null,
        created_at: expect.any(String),
        created_by: admin.id,
        expires_at: null,
        last_used_at: null,
        revoked_at: null,
      },
    ])
    expect(body.key.startsWith(`er_${body.id}_`)).toBe(true)
    const { key, ...shown } = body
    const list = await asAdmin.get<MadeKey[]>('/keys?limit=1000')
    expect(list.body.find(({ id }) => id === body.id)).toEqual(shown)
    const secret = key.slice(16)
    for (const path of ['/keys?limit=1000', '/audit?limit=1000', '/session']) {
      expect((await tracker.get(path, bearer(path === '/session' ? key : admin.key))).text).not.toContain(
        secret,
      )
    }
  })

  it('is stored as its SHA-256 alone', async () => {
    const { id, key } = await makeKey(tracker, { scope: 'read' })
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key))
    const [row] =
      await tracker.sql`select encode(hash, 'hex') as hash, api_keys::text as text from api_keys where id = ${id}`
    expect(row?.hash).toBe(new Uint8Array(digest).toHex())
    expect(row?.text).not.toContain(key.slice(16))
  })

  it('ends in the CRC-32 of the rest, so that what is none is told from one without asking', async () => {
    const { key } = await makeKey(tracker, { scope: 'read' })
    expect(key.slice(-6)).toBe(base62(crc32(key.slice(0, -6))))
    const other = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0')
    const sent = interfere()
    for (const text of [other, key.slice(1), `${key}0`, key.toUpperCase(), 'er_', '', 'x'.repeat(10_000)]) {
      expect([text, await statusWith(text)]).toEqual([text, 401])
    }
    expect(sent()).toBe(0)
  })

  it('with another secret, but its id, is none', async () => {
    const [one, two] = [await makeKey(tracker, { scope: 'admin' }), await makeKey(tracker, { scope: 'read' })]
    const text = `er_${one.id}_${two.key.slice(16, -6)}`
    const forged = text + base62(crc32(text))
    expect(await statusWith(one.key)).toBe(200)
    expect([await statusWith(forged), await statusWith(forged)]).toEqual([401, 401])
    expect(await statusWith(one.key)).toBe(200)
  })

  it('is made once, and written down once, also when the answer of the database is lost', async () => {
    const sent = interfere(lostAnswer)
    const { status, body } = await asAdmin.post<MadeKey>('/keys', { name: 'lost', scope: 'read' })
    expect([status, sent(), await statusWith(body.key)]).toEqual([201, 2, 200])
    const rows = await tracker.sql`select action, actor from audit where subject = ${body.id}`
    expect(rows).toEqual([{ action: 'key.made', actor: admin.id }])
  })

  it.each([
    [{}, ['name', 'scope']],
    [{ name: '', scope: 'read' }, ['name']],
    [{ name: 'x', scope: 'root' }, ['scope']],
    [{ name: 'x', scope: 'ingest' }, ['scope']],
    [{ name: 'x', scope: 'ingest', run_id: UNKNOWN, experiment_id: UNKNOWN }, ['scope']],
    [{ name: 'x', scope: 'write', run_id: UNKNOWN }, ['scope']],
    [{ name: 'x', scope: 'read', expires_at: 'soon' }, ['expires_at']],
    [{ name: 'x', scope: 'read', workspace: 'other' }, ['workspace']],
  ])('is not made of %j', async (body, paths) => {
    const answer = await asAdmin.post<Problem>('/keys', body)
    expect([answer.status, answer.body.errors?.map(({ path }) => path).sort()]).toEqual([422, paths])
  })

  it('for a run or an experiment is made only where it is', async () => {
    const foreign = await makeKey(tracker, { scope: 'admin' }, 'other')
    const other = await withKey(tracker, foreign.key).post<Experiment>('/experiments', {
      name: 'x',
      owner: 'bob',
      run: {},
    })
    const ids = [{ run_id: other.body.runs[0]?.id }, { experiment_id: other.body.id }, { run_id: UNKNOWN }]
    for (const target of ids) {
      const answer = await asAdmin.post<Problem>('/keys', { name: 'x', scope: 'ingest', ...target })
      expect(answer.status).toBe(404)
    }
  })

  it('is listed with the others, the newest first, page by page, those of other workspaces not', async () => {
    const made: string[] = []
    for (let i = 0; i < 5; i++) made.unshift((await makeKey(tracker, { scope: 'read' })).id)
    await makeKey(tracker, { scope: 'read' }, 'other')
    const ids = (await allPages<MadeKey>(asAdmin, '/keys?limit=2')).map(({ id }) => id)
    expect(ids.slice(0, 5)).toEqual(made)
    const rows = await tracker.sql`select id from api_keys where workspace_id = 1 and session_of is null`
    expect([...ids].sort()).toEqual(rows.map(({ id }) => id).sort())
    expect((await asAdmin.get('/keys?limit=0')).status).toBe(422)
    expect((await asAdmin.get('/keys?cursor=x')).status).toBe(422)
  })

  it('tells when it was used last', async () => {
    const { id, key } = await makeKey(tracker, { scope: 'read' })
    expect((await ageOf(id)).used).toBeNull()
    await statusWith(key)
    expect((await ageOf(id)).used).toBeLessThan(10)
    await tracker.sql`update api_keys set last_used_at = now() - interval '1 hour' where id = ${id}`
    forget(id)
    await statusWith(key)
    expect((await ageOf(id)).used).toBeLessThan(10)
    const { body } = await asAdmin.get<MadeKey[]>('/keys?limit=1000')
    expect(body.find((made) => made.id === id)?.last_used_at).toEqual(expect.any(String))
  })

  it('is changed for another one while both are good', async () => {
    const [old, next] = [
      await makeKey(tracker, { scope: 'write' }),
      await makeKey(tracker, { scope: 'write' }),
    ]
    expect([await statusWith(old.key), await statusWith(next.key)]).toEqual([200, 200])
    await asAdmin.delete(`/keys/${old.id}`)
    expect([await statusWith(old.key), await statusWith(next.key)]).toEqual([401, 200])
  })
})

describe('a revoked key', () => {
  it('is refused at once where it was revoked, stays revoked, and is still listed', async () => {
    const { id, key } = await makeKey(tracker, { scope: 'read' })
    expect(await statusWith(key)).toBe(200)
    expect((await asAdmin.delete(`/keys/${id}`)).status).toBe(204)
    expect(await statusWith(key)).toBe(401)
    const { revoked } = await ageOf(id)
    expect((await asAdmin.delete(`/keys/${id}`)).status).toBe(204)
    expect((await ageOf(id)).revoked).toEqual(revoked)
    const { body } = await asAdmin.get<MadeKey[]>('/keys?limit=1000')
    expect(body.find((made) => made.id === id)?.revoked_at).toEqual(expect.any(String))
    const audited = await tracker.sql`select action from audit where subject = ${id} order by id`
    expect(audited.map(({ action }) => action)).toEqual(['key.made', 'key.revoked'])
  })

  it('is refused within 30 seconds by an isolate that knows it', async () => {
    const { id, key } = await makeKey(tracker, { scope: 'read' })
    expect(await statusWith(key)).toBe(200)
    await endKey(tracker, id, 'revoked_at')
    expect(await statusWith(key)).toBe(200)
    pass(20_001)
    expect(await statusWith(key)).toBe(401)
  })

  it('is refused in time also when each request that it makes ends before any timer does', async () => {
    // On Workers a timer ends with the request that has set it.
    const timers = vi.spyOn(globalThis, 'setTimeout').mockReturnValue(setTimeout(() => {}, 0))
    try {
      const { id, key } = await makeKey(tracker, { scope: 'read' })
      await statusWith(key)
      await statusWith(key, '/version')
      await endKey(tracker, id, 'revoked_at')
      pass(20_001)
      expect(await statusWith(key)).toBe(401)
    } finally {
      timers.mockRestore()
    }
  })

  it('makes no other key, not even where it is still known as a good one', async () => {
    const { id, key } = await makeKey(tracker, { scope: 'admin' })
    expect(await statusWith(key)).toBe(200)
    await endKey(tracker, id, 'revoked_at')
    expect((await tracker.post('/keys', { name: 'x', scope: 'admin' }, bearer(key))).status).toBe(401)
    expect(await statusWith(key, '/keys')).toBe(401)
  })

  it.each([
    ['an id that no key has', () => '0'.repeat(12)],
    ['what can be no id', () => 'no-id'],
    ['a key of another workspace', async () => (await makeKey(tracker, { scope: 'read' }, 'other')).id],
  ])('is not found among what is none: %s', async (_, id) => {
    const answer = await asAdmin.send<Problem>('DELETE', `/keys/${await id()}`)
    expect([answer.status, answer.body.detail]).toEqual([404, 'Key not found'])
  })
})

describe('a key that expires', () => {
  it('is good until then and no moment longer, also where it is known', async () => {
    const expires_at = new Date(Date.now() + 5_000).toISOString()
    const made = await makeKey(tracker, { scope: 'read', expires_at })
    expect([made.expires_at, await statusWith(made.key)]).toEqual([expires_at, 200])
    await endKey(tracker, made.id, 'expires_at')
    pass(5_001)
    expect(await statusWith(made.key)).toBe(401)
  })

  it('is refused at once where it is not known', async () => {
    const { id, key } = await makeKey(tracker, { scope: 'read', expires_at: '2020-01-01T00:00:00Z' })
    expect(await statusWith(key)).toBe(401)
    expect((await ageOf(id)).used).toBeNull()
  })
})

describe('a key is sent', () => {
  const basic = (user: string, password: string) => ({
    Authorization: `Basic ${btoa(`${user}:${password}`)}`,
  })
  it.each<[string, (key: string) => Record<string, string>]>([
    ['as a bearer token', bearer],
    ['as a bearer token, in whatever case', (key) => ({ Authorization: `bEARER   ${key} ` })],
    ['as a password, without a user', (key) => basic('', key)],
    ['as a password, with any user', (key) => basic('ann', key)],
    ['in the cookie of a session', (key) => ({ Cookie: `a=b; __Host-edgerun=${key}` })],
  ])('%s', async (_, headers) => {
    const { key } = await makeKey(tracker, { scope: 'read' })
    expect((await tracker.get('/experiments', headers(key))).status).toBe(200)
  })

  it.each<[string, (key: string) => Record<string, string>]>([
    ['as a user', (key) => basic(key, '')],
    ['without a word for what it is', (key) => ({ Authorization: key })],
    ['as a digest', (key) => ({ Authorization: `Digest ${key}` })],
    ['in a cookie that another host can set', (key) => ({ Cookie: `edgerun=${key}` })],
    [
      'in a cookie, when there is a header without a key',
      (key) => ({ Cookie: `__Host-edgerun=${key}`, Authorization: 'Basic !' }),
    ],
    [
      'in a cookie, when there is an empty header',
      (key) => ({ Cookie: `__Host-edgerun=${key}`, Authorization: '' }),
    ],
    [
      'in a cookie, when there is a header with a bad key',
      (key) => ({ Cookie: `__Host-edgerun=${key}`, ...bearer('er_x') }),
    ],
  ])('not %s', async (_, headers) => {
    const { key } = await makeKey(tracker, { scope: 'read' })
    expect((await tracker.get('/experiments', headers(key))).status).toBe(401)
  })

  it('not in the address', async () => {
    const { key } = await makeKey(tracker, { scope: 'read' })
    for (const name of ['key', 'token', 'access_token', 'api_key']) {
      expect((await tracker.get(`/experiments?${name}=${key}`)).status).toBe(401)
    }
  })
})

describe('a workspace', () => {
  it('is made with the bootstrap secret, under a name that is free', async () => {
    const made = await tracker.post('/workspaces', { name: 'team' }, bearer(SECRET))
    expect([made.status, made.body]).toEqual([201, { name: 'team', created_at: expect.any(String) }])
    const again = await tracker.post<Problem>('/workspaces', { name: 'team' }, bearer(SECRET))
    expect([again.status, again.body.detail]).toEqual([409, 'There is a workspace of this name'])
    expect((await tracker.post('/workspaces', { name: '' }, bearer(SECRET))).status).toBe(422)
    const { id } = await makeKey(tracker, { scope: 'admin' }, 'team')
    const audit = await tracker.get('/audit?workspace=team', bearer(SECRET))
    expect(audit.body).toMatchObject([
      { actor: 'bootstrap', action: 'key.made', subject: id },
      { actor: 'bootstrap', action: 'workspace.made', subject: 'team' },
    ])
  })

  it('is listed with the others by name, page by page', async () => {
    for (const name of ['b', 'a', 'B']) await makeWorkspace(tracker, name)
    const names = (await allPages<{ name: string }>(withKey(tracker, SECRET), '/workspaces?limit=2')).map(
      ({ name }) => name,
    )
    expect(names).toEqual([...names].sort())
    expect(names).toEqual(expect.arrayContaining(['B', 'a', 'b', 'default', 'other']))
  })

  it('is not for a key to choose: it has its own', async () => {
    for (const workspace of ['other', 'default', 'none', '']) {
      for (const forgotten of [false, true]) {
        if (forgotten) forget(admin.id)
        const answer = await asAdmin.get(`/keys?workspace=${workspace}`)
        expect([workspace, forgotten, answer.status]).toEqual([workspace, forgotten, 403])
      }
      const other = await tracker.get(`/keys?workspace=${workspace}`, bearer('er_x'))
      expect(other.status).toBe(401)
    }
    const { text } = await asAdmin.get('/experiments')
    expect((await asAdmin.get('/experiments?workspace=other')).text).toBe(text)
  })

  it('that there is not has no keys, and none can be made in it', async () => {
    const made = await tracker.post<Problem>(
      '/keys?workspace=none',
      { name: 'x', scope: 'read' },
      bearer(SECRET),
    )
    expect([made.status, made.body.detail]).toEqual([404, 'Workspace not found'])
    expect((await tracker.get('/keys?workspace=none', bearer(SECRET))).body).toEqual([])
  })
})

describe('where no key is needed', () => {
  it('everybody may do everything, in the first workspace unless he names another', async () => {
    const { BOOTSTRAP_SECRET: _, ...env } = tracker.env
    const open = trackerOn({ ...env, ACCESS: 'open' })
    const session = await open.get('/session')
    expect(session.body).toEqual({
      workspace: 'default',
      scope: 'admin',
      key_id: null,
      name: null,
      expires_at: null,
    })
    const made = await open.post<MadeKey>('/keys?workspace=other', { name: 'x', scope: 'read' })
    expect([made.status, made.body.created_by]).toEqual([201, 'open'])
    const ids = (await open.get<MadeKey[]>('/keys?workspace=other')).body.map(({ id }) => id)
    expect(ids).toContain(made.body.id)
    expect((await open.get<MadeKey[]>('/keys?limit=1000')).body.map(({ id }) => id)).not.toContain(
      made.body.id,
    )
    expect((await open.get('/experiments', bearer('er_x'))).status).toBe(200)
  })

  it('needs the very word', async () => {
    for (const ACCESS of ['', 'Open', 'true', 'closed', 'open ']) {
      expect((await trackerOn({ ...tracker.env, ACCESS }).get('/experiments')).status).toBe(401)
    }
  })
})

/** The checksum of a key, by the definition of CRC-32. */
function crc32(text: string): number {
  let crc = 0xffffffff
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte
    for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}

function base62(number: number): string {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  return [5, 4, 3, 2, 1, 0].map((i) => digits[Math.floor(number / 62 ** i) % 62]).join('')
}
