import { str as crc32 } from 'crc-32'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { forget } from '../../src/keys/grants.ts'
import { newKey } from '../../src/keys/token.ts'
import { chunked, send } from '../support/artifacts.ts'
import { MlflowClient } from '../support/mlflow.ts'
import { gzip, newRun } from '../support/runs.ts'
import { newTracker, type Problem, roundTrips, type Tracker, trackerOn } from '../support/tracker.ts'
import type { Experiment } from '../support/wire.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})

/** The same tracker, with some variables. */
const withLimits = (variables: Record<string, string>) => trackerOn({ ...tracker.env, ...variables })
const mlflow = (of: Tracker) => new MlflowClient(() => of)

describe('a variable that is no limit', () => {
  it.each([
    ['MAX_POINTS_PER_CALL', 'many'],
    ['MAX_POINTS_PER_CALL', ''],
    ['MAX_BODY_BYTES', '-1'],
    ['STATEMENT_TIMEOUT_MS', '0'],
    ['MAX_RUNS_PER_EXPERIMENT', '1e3'],
  ])('%s=%j is named by 503 in both doors, and once in the log; health goes on', async (name, value) => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    const broken = withLimits({ [name]: value })
    const native = await broken.get<Problem>('/experiments')
    expect([native.status, native.headers.get('Retry-After')]).toEqual([503, '1'])
    expect(native.body.detail).toContain(`${name} must be a whole number from `)
    const foreign = await mlflow(broken).get('/runs/get', { run_id: 'x' })
    expect([foreign.status, foreign.body.error_code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE'])
    expect(foreign.body.message).toContain(name)
    expect((await broken.get('/health')).status).toBe(200)
    expect(error.mock.calls.flat().filter((line) => String(line).includes(name))).toHaveLength(1)
    error.mockRestore()
  })
})

describe('more than a limit', () => {
  it('of bytes is told with both figures, declared or counted while it is inflated', async () => {
    const small = withLimits({ MAX_BODY_BYTES: '2000' })
    const body = JSON.stringify({ name: 'x'.repeat(90), owner: 'y', description: 'z'.repeat(3_000) })
    const declared = await small.post<Problem>('/experiments', body, { 'Content-Length': `${body.length}` })
    expect([declared.status, declared.body.detail]).toEqual([
      413,
      `The body has ${body.length} bytes; at most 2000 are taken`,
    ])
    const zipped = await small.post<Problem>('/experiments', await gzip(body), { 'Content-Encoding': 'gzip' })
    expect([zipped.status, zipped.body.detail]).toEqual([413, 'The body has more than 2000 bytes'])
    const foreign = await mlflow(small).post('/experiments/create', { name: 'x'.repeat(3_000) })
    expect([foreign.status, foreign.body.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(foreign.body.message).toContain('2000')
    const fits = await small.post('/experiments', { name: 'x', owner: 'y' })
    expect(fits.status).toBe(201)
  })

  it('of points a call is told with both figures, and nothing is stored', async () => {
    const run = await newRun(tracker)
    const small = withLimits({ MAX_POINTS_PER_CALL: '2' })
    const points = [1, 2, 3].map((step) => ({ name: 'a', step, value: 1 }))
    const { status, body } = await small.post<Problem>(`/runs/${run}/metrics`, { metrics: points })
    expect([status, body.errors]).toEqual([422, [{ path: '', message: 'has 3 points; at most 2 a call' }]])
    expect((await small.post(`/runs/${run}/metrics`, { metrics: points.slice(1) })).status).toBe(200)
    const metrics = points.map(({ step }) => ({ key: 'a', step, value: 1, timestamp: 1 }))
    const foreign = await mlflow(small).post('/runs/log-batch', { run_id: run.replaceAll('-', ''), metrics })
    expect([foreign.status, foreign.body.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(foreign.body.message).toMatch(/at most 2 metrics. Got 3 metrics/)
  })

  it('of curves a run is told in both doors, and nothing is stored', async () => {
    const run = await newRun(tracker)
    const small = withLimits({ MAX_SERIES_PER_RUN: '2' })
    const points = (names: string[]) => ({ metrics: names.map((name) => ({ name, step: 1, value: 1 })) })
    expect((await small.post(`/runs/${run}/metrics`, points(['a', 'b']))).status).toBe(200)
    const { status, body } = await small.post<Problem>(`/runs/${run}/metrics`, points(['b', 'c']))
    expect([status, body.detail]).toEqual([
      413,
      'The run would have more than 2 curves (names times ranks times attempts), the most it may have',
    ])
    const foreign = await mlflow(small).post('/runs/log-metric', {
      run_id: run.replaceAll('-', ''),
      key: 'c',
      value: 1,
      timestamp: 1,
    })
    expect([foreign.status, foreign.body.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect((await small.post(`/runs/${run}/metrics`, points(['a', 'b']))).status).toBe(200)
    expect((await small.get<unknown[]>(`/runs/${run}/metrics`)).body).toHaveLength(2)
  })

  it('of runs an experiment is told in both doors; what is there may be sent again, and be deleted', async () => {
    const small = withLimits({ MAX_RUNS_PER_EXPERIMENT: '2' })
    const { body } = await small.post<Experiment>('/experiments', { name: 'x', owner: 'y', run: {} })
    const path = `/experiments/${body.id}/runs`
    const id = crypto.randomUUID()
    expect((await small.post(path, { id, seed: 1 })).status).toBe(201)
    const detail = 'The experiment would have more than 2 runs, the most it may have'
    const { status, body: problem } = await small.post<Problem>(path, { seed: 2 })
    expect([status, problem.detail]).toEqual([413, detail])
    const foreign = await mlflow(small).post('/runs/create', { experiment_id: body.id.replaceAll('-', '') })
    expect([foreign.status, foreign.body]).toEqual([
      400,
      { error_code: 'INVALID_PARAMETER_VALUE', message: detail },
    ])
    expect((await small.post(path, { id, seed: 1 })).status).toBe(201)
    expect((await small.post(path, { id, seed: 2 })).status).toBe(409)
    expect((await small.get<unknown[]>(path)).body).toHaveLength(2)
    await small.delete(`/runs/${id}`)
    expect((await small.post(path, {})).status).toBe(201)
    expect((await small.post(path, {})).status).toBe(413)
  })

  it('of runs an experiment is kept by many who create at a time', async () => {
    const small = withLimits({ MAX_RUNS_PER_EXPERIMENT: '5' })
    const { body } = await small.post<Experiment>('/experiments', { name: 'x', owner: 'y' })
    const path = `/experiments/${body.id}/runs`
    const created = await Promise.all(Array.from({ length: 12 }, () => small.post(path, {})))
    const ended = created.map(({ status }) => status).sort()
    expect(ended).toEqual([...Array(5).fill(201), ...Array(7).fill(413)])
  })

  it.each([
    [
      'length',
      { MAX_FILTER_LENGTH: '20' },
      `params.a = '1' AND params.b = '2'`,
      /Has 33 characters; at most 20 .*character 21/,
    ],
    ['depth', { MAX_FILTER_DEPTH: '3' }, `(((params.a = '1')))`, /nested more than 3 deep.*character 4/],
    [
      'comparisons',
      { MAX_FILTER_COMPARISONS: '1' },
      `params.a = '1' AND params.b = '2'`,
      /more than 1 comparisons.*character 20/,
    ],
  ])('of a filter (%s) is told with its place in both doors', async (_, variables, filter, fault) => {
    const small = withLimits(variables)
    const { body: experiment } = await tracker.post<Experiment>('/experiments', { name: 'x', owner: 'y' })
    const query = new URLSearchParams({ filter })
    const { status, body } = await small.get<Problem>(`/experiments/${experiment.id}/runs?${query}`)
    expect([status, body.errors?.[0]?.path]).toEqual([422, 'filter'])
    expect(body.detail).toMatch(fault)
    const foreign = await mlflow(small).post('/runs/search', { experiment_ids: ['0'], filter })
    expect([foreign.status, foreign.body.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(foreign.body.message).toMatch(fault)
    const { status: fits } = await tracker.get(`/experiments/${experiment.id}/runs?${query}`)
    expect(fits).toBe(200)
  })

  it('of clauses of an order is told with both figures in both doors', async () => {
    const { body: experiment } = await tracker.post<Experiment>('/experiments', { name: 'x', owner: 'y' })
    const path = (clauses: number) =>
      `/experiments/${experiment.id}/runs?${Array.from({ length: clauses }, (_, i) => `order_by=metrics.a${i}`).join('&')}`
    const { status, body } = await tracker.get<Problem>(path(11))
    expect([status, body.errors]).toEqual([
      422,
      [{ path: 'order_by', message: 'has 11 clauses; at most 10' }],
    ])
    expect((await tracker.get(path(10))).status).toBe(200)
    const order_by = Array(21).fill('metrics.a')
    const foreign = await mlflow(tracker).post('/runs/search', { experiment_ids: ['0'], order_by })
    expect([foreign.status, foreign.body.message]).toEqual([
      400,
      'order_by has 21 clauses; at most 20 are possible',
    ])
  })

  it('of a filter is told in few words, however long it is', async () => {
    const filter = `a = '${'x'.repeat(7 * 1024 * 1024)}'`
    const { status, text } = await mlflow(tracker).post('/runs/search', { experiment_ids: ['0'], filter })
    expect(status).toBe(400)
    expect(text.length).toBeLessThan(300)
  })
})

describe('an artifact that is larger than one may be', () => {
  const url = '/api/2.0/mlflow-artifacts'
  const left = async (prefix: string) => (await tracker.env.ARTIFACTS?.list({ prefix }))?.objects.length

  it('is refused by its declared length, and while it comes; nothing of it is left', async () => {
    const small = withLimits({ MAX_ARTIFACT_BYTES: '1000000' })
    const key = crypto.randomUUID()
    const declared = await small.send<{ error_code: string; message: string }>(
      'PUT',
      `${url}/artifacts/${key}/a`,
      new Uint8Array(1_000_001),
      { 'Content-Length': '1000001' },
    )
    expect([declared.status, declared.body]).toEqual([
      400,
      {
        error_code: 'INVALID_PARAMETER_VALUE',
        message: 'A file may have at most 1000000 bytes; this one has 1000001 bytes',
      },
    ])
    for (const bytes of [1_000_001, 20 * 1024 ** 2]) {
      const counted = await send(small, 'PUT', `${url}/artifacts/${key}/b`, {
        body: chunked(new Uint8Array(bytes)),
      })
      expect([counted.status, counted.text]).toEqual([400, expect.stringContaining('at most 1000000 bytes')])
    }
    expect(await left(key)).toBe(0)
    const fits = await small.send('PUT', `${url}/artifacts/${key}/c`, new Uint8Array(1_000_000), {
      'Content-Length': '1000000',
    })
    expect([fits.status, await left(key)]).toEqual([200, 1])
  })

  it('is refused in parts: too many of them, and one that makes it too large, which ends the upload', async () => {
    const small = withLimits({ MAX_ARTIFACT_BYTES: '1000', MAX_ARTIFACT_PARTS: '3' })
    const key = crypto.randomUUID()
    const create = (num_parts: number) =>
      small.post<{ upload_id: string; message: string }>(`${url}/mpu/create/${key}`, { path: 'f', num_parts })
    expect([(await create(4)).status, (await create(4)).body.message]).toEqual([
      400,
      "Invalid value 4 for parameter 'num_parts' supplied: must be 1 to 3",
    ])
    const { upload_id: id } = (await create(3)).body
    const part = (number: number, bytes: number) =>
      small.send<{ message: string }>(
        'PUT',
        `${url}/mpu/part/${key}/f?upload_id=${id}&part_number=${number}`,
        new Uint8Array(bytes),
        { 'Content-Length': `${bytes}` },
      )
    expect((await part(4, 1)).status).toBe(400)
    expect((await part(1, 400)).status).toBe(200)
    expect([(await part(3, 400)).status, (await part(2, 400)).status]).toEqual([400, 404])
    expect(await left(key)).toBe(0)
  })
})

describe('a rate limit', () => {
  const SECRET = 'a-secret-of-twenty-characters'
  const keyed = (variables: object = {}) =>
    trackerOn({
      ...Object.fromEntries(Object.entries(tracker.env).filter(([name]) => name !== 'ACCESS')),
      DATABASE_URL: tracker.env.DATABASE_URL,
      BOOTSTRAP_SECRET: SECRET,
      ...variables,
    })
  /** A binding as Cloudflare's: `most` requests of each key. */
  const binding = (most: number): RateLimit & { asked: Map<string, number> } => {
    const asked = new Map<string, number>()
    return {
      asked,
      limit: async ({ key }) => {
        asked.set(key, (asked.get(key) ?? 0) + 1)
        return { success: (asked.get(key) ?? 0) <= most }
      },
    }
  }
  const bearer = (key: string, address?: string) => ({
    Authorization: `Bearer ${key}`,
    ...(address !== undefined && { 'CF-Connecting-IP': address }),
  })
  const makeKey = async () =>
    (await keyed().post<{ key: string }>('/keys', { name: 'x', scope: 'write' }, bearer(SECRET))).body.key

  it('lets a key ask so often, says so, and answers 429 in both doors then', async () => {
    const limited = keyed({ KEY_RATE: binding(3), REQUESTS_PER_MINUTE: '3' })
    const [key, other] = [await makeKey(), await makeKey()]
    const policy = '"key";q=3;w=60'
    for (let i = 0; i < 4; i++) {
      const { status, headers } = await limited.get('/experiments', bearer(key))
      expect([status, headers.get('RateLimit-Policy'), headers.get('RateLimit')]).toEqual([200, policy, null])
    }
    const before = roundTrips()
    const native = await limited.get<Problem>('/experiments', bearer(key))
    expect([native.status, native.body.title, native.body.detail]).toEqual([
      429,
      'Too Many Requests',
      'This API key may make 3 requests a minute; try again in 60 s',
    ])
    expect(['Retry-After', 'RateLimit', 'RateLimit-Policy'].map((name) => native.headers.get(name))).toEqual([
      '60',
      '"key";r=0;t=60',
      policy,
    ])
    const foreign = await limited.get<{ error_code: string }>(
      '/api/2.0/mlflow/experiments/get?experiment_id=0',
      bearer(key),
    )
    expect([foreign.status, foreign.body.error_code]).toEqual([429, 'REQUEST_LIMIT_EXCEEDED'])
    expect([foreign.headers.get('Retry-After'), foreign.headers.get('RateLimit')]).toEqual([
      '60',
      '"key";r=0;t=60',
    ])
    expect(roundTrips()).toBe(before)
    expect((await limited.get('/experiments', bearer(other))).status).toBe(200)
  })

  it('is used up by nobody who is not let in', async () => {
    const rate = binding(1_000)
    const limited = keyed({ KEY_RATE: rate })
    const key = await makeKey()
    const id = key.split('_')[1] ?? ''
    const forged = await fakeKey(id)
    for (let i = 0; i < 3; i++) expect((await limited.get('/experiments', bearer(forged))).status).toBe(401)
    expect(rate.asked.size).toBe(0)
    for (let i = 0; i < 3; i++) await limited.get('/experiments', bearer(key))
    expect([...rate.asked]).toEqual([[id, 3]])
  })

  it('is none on an open tracker, without a binding, or with one that fails', async () => {
    const rate = binding(0)
    const open = trackerOn({ ...tracker.env, KEY_RATE: rate })
    const { status, headers } = await open.get('/experiments')
    expect([status, headers.get('RateLimit-Policy'), rate.asked.size]).toEqual([200, null, 0])
    const key = await makeKey()
    const broken = { limit: () => Promise.reject(new Error('no')) }
    for (const limited of [keyed(), keyed({ KEY_RATE: broken })]) {
      for (let i = 0; i < 3; i++) expect((await limited.get('/experiments', bearer(key))).status).toBe(200)
    }
  })

  it('of keys that are none costs an address its tries, and no trip; good keys go on', async () => {
    const limited = keyed({ UNKNOWN_KEYS_PER_MINUTE: '3' })
    const [known, unknown] = [await makeKey(), await makeKey()]
    const address = '2001:db8:1:2::7'
    expect((await limited.get('/experiments', bearer(known, address))).status).toBe(200)
    for (let i = 0; i < 3; i++) {
      const before = roundTrips()
      const { status } = await limited.get('/experiments', bearer(await fakeKey(), address))
      expect([status, roundTrips() - before]).toEqual([401, 1])
    }
    const before = roundTrips()
    for (const path of ['/experiments', '/api/2.0/mlflow/experiments/get?experiment_id=0']) {
      const { status, headers } = await limited.get(path, bearer(await fakeKey(), '2001:db8:1:2:ffff::1'))
      expect([status, headers.get('RateLimit-Policy')]).toEqual([429, '"unknown-keys";q=3;w=60'])
      expect(Number(headers.get('Retry-After'))).toBeGreaterThan(50)
    }
    expect((await limited.get('/experiments', bearer(unknown, address))).status).toBe(429)
    expect(roundTrips()).toBe(before)
    expect((await limited.get('/experiments', bearer(known, address))).status).toBe(200)
    expect((await limited.get('/experiments', bearer(unknown, '192.0.2.1'))).status).toBe(200)
    // What was let in once is asked for again when it has been forgotten, wherever it comes from.
    for (const key of [known, unknown]) forget(key.split('_')[1] ?? '')
    expect((await limited.get('/experiments', bearer(known, address))).status).toBe(200)
    expect((await limited.get('/experiments', bearer(unknown, address))).status).toBe(200)
  })
})

/** What looks like a key, of an id that there may be, and is none. */
async function fakeKey(id?: string): Promise<string> {
  const { key } = await newKey()
  if (id === undefined) return key
  const text = key.slice(0, -6).replace(/(?<=^er_)\w{12}/, id)
  let [rest, checksum] = [crc32(text) >>> 0, '']
  for (; checksum.length < 6; rest = Math.floor(rest / 62)) checksum = DIGITS.charAt(rest % 62) + checksum
  return text + checksum
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
