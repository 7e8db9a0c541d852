import { beforeAll, describe, expect, it } from 'vitest'
import { Files, type Received, send } from '../support/artifacts.ts'
import { newTracker, type Problem, type Tracker, trackerOn } from '../support/tracker.ts'
import type { Experiment } from '../support/wire.ts'

const SECRET = 'a bootstrap secret that nobody guesses'
const LISTED = 'https://app.example.com'
const MLFLOW = '/api/2.0/mlflow/experiments/create'

let open: Tracker
/** The same tracker where it asks for keys, and a key of it. */
let closed: Tracker
let key: string
beforeAll(async () => {
  open = await newTracker()
  closed = trackerOn({ ...open.env, ACCESS: '', BOOTSTRAP_SECRET: SECRET })
  key = (await open.post<{ key: string }>('/keys', { name: 'me', scope: 'write' })).body.key
})

const withVariables = (tracker: Tracker, variables: Record<string, string>) =>
  trackerOn({ ...tracker.env, ...variables })
const problem = ({ text }: { text: string }): Problem => JSON.parse(text)

/** What an answer tells browsers. */
const told = ({ headers }: { headers: Headers }) =>
  Object.fromEntries(
    [...headers].filter(([name]) => /^(content-security|cross-origin|referrer|strict|x-(con|fr))/.test(name)),
  )

const TOLD = {
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

describe('every answer', () => {
  it.each([
    [200, 'GET', '/health'],
    [200, 'GET', '/openapi.json'],
    [200, 'GET', '/version'],
    [404, 'GET', '/nothing'],
    [404, 'GET', '/experiments/1'],
    [404, 'GET', '/api/2.0/mlflow/runs/get?run_id=x'],
    [405, 'PUT', '/experiments'],
    [415, 'POST', '/experiments'],
    [421, 'GET', 'https://other.test/experiments'],
    [421, 'POST', `https://other.test${MLFLOW}`],
  ])('tells browsers what they may do with it, %i to %s %s', async (status, method, path) => {
    const answer = await send(open, method, path)
    expect(answer.status).toBe(status)
    expect(told(answer)).toEqual({ ...TOLD, 'strict-transport-security': 'max-age=31536000' })
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
    expect(answer.headers.get('X-Request-Id')).toBeTruthy()
  })

  it('tells it too where it comes from what stands before the routes', async () => {
    const wrong = withVariables(open, { HOSTS: 'https://x' })
    const answers = [
      await closed.get('/experiments'),
      await wrong.get('/experiments'),
      await open.post('/experiments', {}, { Origin: 'https://evil.example' }),
      await trackerOn({ ...open.env, DATABASE_GATEWAY: 'http://127.0.0.1:9' }).get('/experiments'),
    ]
    expect(answers.map(({ status }) => status)).toEqual([401, 503, 403, 503])
    for (const answer of answers) expect(told(answer)).toMatchObject(TOLD)
  })

  it('demands https later only where it came over https', async () => {
    expect(told(await send(open, 'GET', 'http://127.0.0.1:8787/health'))).toEqual(TOLD)
  })

  it('is kept where its route says how long, for one key alone', async () => {
    const { body } = await open.post<Experiment>('/experiments', { name: 'x', owner: 'y', run: {} })
    const run = body.runs[0]?.id ?? ''
    const chart = await open.get(`/charts?runs=${run}&names=loss`)
    expect(chart.headers.get('Cache-Control')).toBe('private, no-cache')
    expect(chart.headers.get('Vary')).toBe('Authorization, Cookie')
  })
})

describe('the name that the tracker is called by', () => {
  const status = async (tracker: Tracker, host: string, path = '/experiments') =>
    (await send(tracker, 'GET', `http://${host}${path}`)).status

  it.each([
    ['127.0.0.1', 200],
    ['127.0.0.1:8787', 200],
    ['[::1]:8787', 200],
    ['localhost:8787', 200],
    ['edgerun.localhost', 200],
    ['edgerun.test', 200],
    ['edgerun.test:8443', 200],
    ['evil.example:8787', 421],
    ['localhost.evil.example', 421],
    ['notlocalhost', 421],
    ['127.0.0.1.evil.example', 421],
    ['x.edgerun.test', 421],
    ['10.0.0.7:8787', 421],
    ['[::2]:8787', 421],
  ])('is this machine or in HOSTS where no key is needed: %s gets %i', async (host, expected) => {
    expect(await status(open, host)).toBe(expected)
  })

  it('is any where keys are needed, until HOSTS says which', async () => {
    expect(await status(withVariables(closed, { HOSTS: '' }), 'any.example')).toBe(401)
    const named = withVariables(closed, { HOSTS: 'one.example, two.example' })
    const hosts = ['one.example', 'two.example', 'localhost', 'any.example']
    expect(await Promise.all(hosts.map((host) => status(named, host)))).toEqual([401, 401, 401, 421])
  })

  it('is any for /health, which a probe asks by address, and for nothing below it', async () => {
    expect(await status(open, '10.0.0.7', '/health')).toBe(200)
    expect(await status(open, '10.0.0.7', '/health/ready')).toBe(421)
  })

  it('is told when it is refused, in the form of each door', async () => {
    const native = await send(open, 'GET', 'http://evil.example/experiments')
    expect(native.headers.get('Content-Type')).toBe('application/problem+json')
    expect(problem(native)).toMatchObject({
      title: 'Misdirected Request',
      detail: expect.stringMatching(/evil\.example.*HOSTS/),
    })
    const mlflow = await send(open, 'POST', `http://evil.example${MLFLOW}`)
    expect(JSON.parse(mlflow.text)).toEqual({
      error_code: 'MISDIRECTED_REQUEST',
      message: expect.stringMatching(/evil\.example.*HOSTS/),
    })
  })
})

describe('a list that is set wrong', () => {
  it.each([
    ['HOSTS', 'https://edgerun.test'],
    ['HOSTS', 'edgerun.test:8787'],
    ['HOSTS', '*.test'],
    ['HOSTS', 'edgerun.test, Edgerun.test'],
    ['ALLOWED_ORIGINS', '*'],
    ['ALLOWED_ORIGINS', 'null'],
    ['ALLOWED_ORIGINS', 'app.example.com'],
    ['ALLOWED_ORIGINS', 'https://app.example.com/'],
    ['ALLOWED_ORIGINS', 'https://*.example.com'],
    ['ALLOWED_ORIGINS', 'https://app.example.com:443'],
    ['ALLOWED_ORIGINS', `${LISTED},ftp://files.example.com`],
  ])('is refused, not ignored: %s=%s', async (variable, list) => {
    const wrong = withVariables(open, { [variable]: list })
    const answer = await wrong.get<Problem>('/experiments')
    expect(answer.status).toBe(503)
    expect(answer.body.detail).toContain(
      `${variable} of the tracker is set wrong: entry ${list.split(',').length} is not`,
    )
    expect((await wrong.post('/api/2.0/mlflow/runs/search', {})).text).toContain(variable)
  })

  it('may have spaces and empty entries', async () => {
    const spaced = withVariables(open, { HOSTS: ' edgerun.test , ', ALLOWED_ORIGINS: ` ${LISTED} ,` })
    const { headers, status } = await spaced.get('/experiments', { Origin: LISTED })
    expect([status, headers.get('Access-Control-Allow-Origin')]).toEqual([200, LISTED])
  })
})

const granted = ({ headers }: { headers: Headers }) =>
  [...headers.keys()].filter((name) => name.startsWith('access-control-'))

describe('pages of other origins', () => {
  const preflight = (tracker: Tracker, origin: string) =>
    send(tracker, 'OPTIONS', '/experiments', {
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization, content-type',
      },
    })
  const listing = () => withVariables(closed, { ALLOWED_ORIGINS: `https://other.example,${LISTED}` })

  it('are granted nothing where no list says otherwise', async () => {
    for (const tracker of [open, closed]) {
      expect((await preflight(tracker, LISTED)).status).toBeGreaterThanOrEqual(400)
      for (const answer of [
        await preflight(tracker, LISTED),
        await tracker.get('/health', { Origin: LISTED }),
      ]) {
        expect(granted(answer)).toEqual([])
      }
    }
  })

  it('are granted what they need where they are listed: a preflight needs no key', async () => {
    const { status, headers } = await preflight(listing(), LISTED)
    expect(status).toBe(204)
    expect(headers.get('Access-Control-Allow-Origin')).toBe(LISTED)
    expect(headers.get('Access-Control-Allow-Credentials')).toBe('true')
    expect(headers.get('Access-Control-Allow-Methods')).toBe('GET,HEAD,POST,PUT,PATCH,DELETE')
    expect(headers.get('Access-Control-Allow-Headers')).toBe('authorization,content-type')
    expect(headers.get('Access-Control-Max-Age')).toBe('7200')
    expect(headers.get('Vary')).toContain('Origin')
  })

  it.each([
    ['an answer', 'GET', '/experiments', 200],
    ['what was made', 'POST', '/experiments', 201],
    ['an error', 'GET', '/experiments/1', 404],
    ['an error of MLflow', 'GET', '/api/2.0/mlflow/runs/get?run_id=x', 404],
  ])('read %s, with the headers that they need, where they are listed', async (_, method, path, expected) => {
    const { status, headers } = await listing().send(
      method,
      path,
      method === 'POST' ? { name: 'x', owner: 'y' } : undefined,
      { Origin: LISTED, Authorization: `Bearer ${key}` },
    )
    expect([status, headers.get('Access-Control-Allow-Origin')]).toEqual([expected, LISTED])
    expect(headers.get('Access-Control-Allow-Credentials')).toBe('true')
    expect(headers.get('Access-Control-Expose-Headers')?.split(',').sort()).toEqual([
      'ETag',
      'Link',
      'Location',
      'RateLimit',
      'RateLimit-Policy',
      'Retry-After',
      'Server-Timing',
      'X-Request-Id',
    ])
    expect(headers.get('Vary')).toBe('Origin')
  })

  it('read that their key is missing, too', async () => {
    const { status, headers } = await listing().get('/experiments', { Origin: LISTED })
    expect([status, headers.get('Access-Control-Allow-Origin')]).toEqual([401, LISTED])
  })

  it.each([
    'https://evil.example',
    'https://app.example.com.evil.example',
    'https://evil-app.example.com',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://APP.example.com',
    'null',
    '*',
    `${LISTED}, https://evil.example`,
  ])('are granted nothing where they are not in the list: %s', async (origin) => {
    const answers = [
      await preflight(listing(), origin),
      await listing().get('/experiments', { Origin: origin, Authorization: `Bearer ${key}` }),
    ]
    for (const answer of answers) {
      expect(granted(answer)).toEqual([])
      expect(answer.headers.get('Vary')).toContain('Origin')
    }
  })

  it('are no reason to answer somebody else otherwise', async () => {
    const answer = await listing().get('/experiments', { Authorization: `Bearer ${key}` })
    expect([answer.status, granted(answer)]).toEqual([200, []])
    expect(answer.headers.get('Vary')).toBe('Origin')
  })
})

describe('a page that changes something', () => {
  const OURS = 'https://edgerun.test'
  let cookie: string
  beforeAll(async () => {
    const { headers } = await closed.post('/session', { key }, { Origin: OURS })
    cookie = headers.get('Set-Cookie')?.split(';')[0] ?? ''
    expect(cookie).toMatch(/^__Host-edgerun=er_/)
  })

  /** Creates an experiment: with a cookie, a key, or where neither is needed. */
  async function create(who: 'cookie' | 'key' | 'nobody', headers: Record<string, string>) {
    const tracker = withVariables(who === 'nobody' ? open : closed, { ALLOWED_ORIGINS: LISTED })
    const credentials: Record<string, string> =
      who === 'cookie' ? { Cookie: cookie } : who === 'key' ? { Authorization: `Bearer ${key}` } : {}
    const body = { name: crypto.randomUUID(), owner: 'me' }
    const { status } = await tracker.post('/experiments', body, { ...credentials, ...headers })
    const [stored] = await open.sql`select 1 from experiments where name = ${body.name}`
    expect(stored !== undefined).toBe(status === 201)
    return status
  }

  it.each([
    ['is ours', { Origin: OURS, 'Sec-Fetch-Site': 'same-origin' }],
    ['is ours, in an old browser', { Origin: OURS }],
    [
      'is ours, behind a proxy that speaks TLS',
      { Origin: 'http://edgerun.test', 'Sec-Fetch-Site': 'same-origin' },
    ],
    ['is ours and does not say so, but its browser does', { 'Sec-Fetch-Site': 'same-origin' }],
    ['is of a listed origin', { Origin: LISTED, 'Sec-Fetch-Site': 'cross-site' }],
  ])('may, when it %s', async (_, headers) => {
    for (const who of ['cookie', 'key', 'nobody'] as const)
      expect([who, await create(who, headers)]).toEqual([who, 201])
  })

  it.each([
    ['is of another origin', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }],
    ['is of a sandbox', { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' }],
    [
      'is of our site, but not of our origin',
      { Origin: 'https://other.edgerun.test', 'Sec-Fetch-Site': 'same-site' },
    ],
    ['is of another port of ours', { Origin: 'https://edgerun.test:8443' }],
    ['is of our name in the clear', { Origin: 'http://edgerun.test' }],
    [
      'is of our name in the clear, as its browser says',
      { Origin: 'http://edgerun.test', 'Sec-Fetch-Site': 'cross-site' },
    ],
    [
      'is another one, whatever else is said',
      { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'same-origin' },
    ],
    ['hides its origin', { 'Sec-Fetch-Site': 'cross-site' }],
    ['hides its origin on our site', { 'Sec-Fetch-Site': 'same-site' }],
    ['has nonsense for an origin', { Origin: 'evil' }],
  ])('may not, when it %s', async (_, headers) => {
    for (const who of ['cookie', 'key', 'nobody'] as const)
      expect([who, await create(who, headers)]).toEqual([who, 403])
  })

  it('has to say where it is from when it comes with a cookie', async () => {
    expect(await create('cookie', {})).toBe(403)
    expect(await create('cookie', { 'Sec-Fetch-Site': 'none' })).toBe(403)
  })

  it('is none when neither cookie nor browser says so: a client with a key, or on an open tracker', async () => {
    expect(await create('key', {})).toBe(201)
    expect(await create('nobody', {})).toBe(201)
    expect(await create('key', { Cookie: cookie })).toBe(201)
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
    'is refused before it reaches a route, with %s',
    async (method) => {
      const headers = { Origin: 'https://evil.example' }
      const native: Received = await send(open, method, '/experiments/1', { headers })
      expect(native.status).toBe(403)
      expect(problem(native).detail).toContain('ALLOWED_ORIGINS')
      const mlflow = await send(open, method, MLFLOW, { headers })
      expect([mlflow.status, JSON.parse(mlflow.text).error_code]).toEqual([403, 'PERMISSION_DENIED'])
    },
  )

  it('signs nobody in or out from another origin', async () => {
    const evil = { Origin: 'https://evil.example' }
    const { status, headers } = await closed.post('/session', { key }, evil)
    expect([status, headers.get('Set-Cookie')]).toEqual([403, null])
    expect((await closed.send('DELETE', '/session', undefined, { ...evil, Cookie: cookie })).status).toBe(403)
    expect((await closed.get('/session', { Cookie: cookie })).status).toBe(200)
  })

  it('may still read with its cookie: what it reads, its browser keeps from it', async () => {
    const { status, headers } = await closed.get('/experiments', {
      Cookie: cookie,
      Origin: 'https://evil.example',
    })
    expect([status, granted({ headers })]).toEqual([200, []])
  })

  it('uploads no artifact from another origin', async () => {
    const files = new Files(() => open)
    const place = 'upload/from/elsewhere.txt'
    const put = await send(open, 'PUT', files.url(place), { headers: { Origin: 'https://evil.example' } })
    expect(put.status).toBe(403)
  })
})
