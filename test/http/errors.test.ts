import { beforeAll, describe, expect, it } from 'vitest'
import { gzip } from '../support/runs.ts'
import { newTracker, type Problem, type Tracker, trackerOn } from '../support/tracker.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})

describe('problems', () => {
  it('have the shape of RFC 9457 and the id of the request', async () => {
    const { status, body, headers } = await tracker.get<Problem>('/nowhere', { 'X-Request-Id': 'mine-1' })
    expect(status).toBe(404)
    expect(headers.get('Content-Type')).toBe('application/problem+json')
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'There is nothing at /nowhere',
      request_id: 'mine-1',
    })
  })

  it('say which methods a path has', async () => {
    const { status, body, headers } = await tracker.send<Problem>('PUT', '/experiments')
    expect([status, body.title]).toEqual([405, 'Method Not Allowed'])
    expect(headers.get('Allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'POST'])
  })

  it.each(['', '{', '{"name": "x",}', 'name=x', '{"name": NaN}', '\u0000'])(
    'call %j malformed',
    async (body) => {
      const { status, body: problem } = await tracker.post<Problem>('/experiments', body)
      expect(status).toBe(400)
      expect(problem.detail).toMatch(/^The body is not JSON: /)
    },
  )

  it('refuse a body that is not UTF-8', async () => {
    const { status, body } = await tracker.post<Problem>('/experiments', new Uint8Array([34, 0xff, 34]))
    expect([status, body.detail]).toEqual([400, 'The body is not UTF-8'])
  })

  it.each(['%ED%A0%80', 'a%FFb', '%C3', '%C3%28'])('refuse a query that is not UTF-8: q=%s', async (q) => {
    const { status, body } = await tracker.get<Problem>(`/experiments?limit=1&q=${q}`)
    expect([status, body.errors]).toEqual([422, [{ path: 'q', message: 'must be UTF-8' }]])
  })

  it.each([
    ['%C3%A9%F0%9F%98%80', 'é😀'],
    ['100%', '100%'],
    ['%zz%2', '%zz%2'],
    ['%25ED', '%ED'],
  ])('take q=%s of a query for %s', async (q, name) => {
    await tracker.post('/experiments', { name, owner: 'query' })
    const { body } = await tracker.get(`/experiments?owner=query&q=${q}`)
    expect(body).toMatchObject([{ name }])
  })

  it('refuse JSON that is no object', async () => {
    for (const body of ['null', '[]', '"x"', '1']) {
      expect((await tracker.post('/experiments', body)).status).toBe(422)
    }
  })

  it('refuse another content type, none, and an encoding that is not gzip', async () => {
    const detail = async (headers: Record<string, string>) => {
      const { status, body } = await tracker.post<Problem>('/experiments', '{}', headers)
      return [status, body.detail]
    }
    expect(await detail({ 'Content-Type': 'text/plain' })).toEqual([
      415,
      'Content-Type must be application/json; not text/plain',
    ])
    expect(await detail({ 'Content-Encoding': 'br' })).toEqual([
      415,
      'Content-Encoding must be gzip or left out',
    ])
    const bare = await tracker.send<Problem>('POST', '/experiments', new Uint8Array([123, 125]), {
      'Content-Type': '',
    })
    expect(bare.status).toBe(415)
  })

  it('take a gzipped body', async () => {
    const body = await gzip('{"name":"x","owner":"y"}')
    const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }
    expect((await tracker.post('/experiments', body, headers)).status).toBe(201)
  })

  it('take a charset beside the content type, a bare semicolon, and a byte order mark', async () => {
    const { status } = await tracker.post('/experiments', '\ufeff{"name":"x","owner":"y"}', {
      'Content-Type': 'application/json; charset=utf-8',
    })
    expect(status).toBe(201)
    const bare = await tracker.post('/experiments', '{"name":"x","owner":"y"}', {
      'Content-Type': 'application/json;',
    })
    expect(bare.status).toBe(201)
  })
})

describe('when the database is away', () => {
  it('answers 503 with Retry-After, and health goes on', async () => {
    const away = trackerOn({ ...tracker.env, DATABASE_GATEWAY: 'http://127.0.0.1:9' })
    const { status, body, headers } = await away.get<Problem>('/experiments')
    expect([status, body.detail]).toEqual([503, 'The database is away; try again'])
    expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0)
    expect((await away.get('/health/ready')).status).toBe(503)
    expect((await away.get('/health')).body).toEqual({ status: 'ok' })
    // The driver keeps its configuration for the whole isolate.
    expect((await tracker.get('/health/ready')).body).toEqual({ status: 'ok' })
  })

  it.each(['', 'postgres://u:secret-password@', 'nonsense'])(
    'says that %j is no database, and health goes on',
    async (url) => {
      const without = trackerOn({ ...tracker.env, DATABASE_URL: url })
      const { status, body } = await without.get<Problem>('/experiments')
      expect([status, body.detail]).toEqual([
        503,
        'The tracker has no database: DATABASE_URL is not a connection string',
      ])
      expect((await without.get('/health')).status).toBe(200)
    },
  )

  it('tells an unknown failure by its request id and nothing of its cause', async () => {
    const broken = await newTracker()
    await broken.sql.query('drop table chunks, series, runs, experiments cascade')
    const { status, body, headers, text } = await broken.get<Problem>('/experiments?owner=secret-owner')
    expect([status, body.detail]).toEqual([
      500,
      'Something went wrong here; the request id finds it in the log',
    ])
    expect(body.request_id).toBe(headers.get('X-Request-Id'))
    expect(text).not.toMatch(/experiments|select|42P01|secret-owner|postgres|\bat /i)
  })
})

it('moments are the same, whatever time zone the database is set to', async () => {
  const own = await newTracker()
  const name = new URL(own.env.DATABASE_URL).pathname.slice(1)
  await own.sql.query(`alter database ${name} set timezone = 'America/New_York'`)
  // Sessions that are open keep the old one, the session that says this among them.
  const all = 'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()'
  await expect(own.sql.query(all)).rejects.toThrow('terminating connection')
  const { body } = await own.post<{ id: string }>('/experiments', { name: 'x', owner: 'y' })
  for (const started_at of [
    '0001-01-01T00:00:00.000Z',
    '1850-01-01T00:00:00.000Z',
    '9999-12-31T23:59:59.999Z',
  ]) {
    const run = await own.post<{ started_at: string }>(`/experiments/${body.id}/runs`, { started_at })
    expect([run.status, run.body.started_at]).toEqual([201, started_at])
  }
  expect((await own.get<unknown[]>(`/experiments/${body.id}/runs`)).body).toHaveLength(3)
})
