import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { NEEDS } from '../../src/keys/scopes.ts'
import { bearer, makeKey, newClosedTracker } from '../support/keys.ts'
import { leaks } from '../support/privacy.ts'
import type { Problem, Tracker } from '../support/tracker.ts'

let tracker: Tracker
let key: string
beforeAll(async () => {
  tracker = await newClosedTracker()
  key = (await makeKey(tracker, { scope: 'admin' })).key
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** A word that no log line may hold. */
const CANARY = 'canary-7f3a'

function logged(): string[] {
  const lines: string[] = []
  for (const level of ['info', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(line))
  }
  return lines
}

const ROUTES = [...NEEDS.keys()]

describe('the log', () => {
  it.each(ROUTES)('holds nothing of what %s is sent', async (route) => {
    const [method = '', template = ''] = route.split(' ')
    const path = template.replace(/:(\w+)(\{[^}]*\})?/g, `${CANARY}`).replace('*', `${CANARY}/${CANARY}`)
    const names = ['run_id', 'name', 'path', 'cursor', 'filter', 'key', 'signature', CANARY]
    const query = names.map((name) => `${name}=${CANARY}`).join('&')
    const body = method === 'GET' ? undefined : { name: CANARY, owner: CANARY, key: CANARY, [CANARY]: CANARY }
    const lines = logged()
    for (const authorization of [
      `Bearer ${key}`,
      `Bearer ${CANARY}`,
      `Basic ${btoa(`${CANARY}:${CANARY}`)}`,
    ]) {
      await tracker.send(method, `${path}?${query}`, body, {
        Authorization: authorization,
        Cookie: `__Host-edgerun=${CANARY}`,
        'User-Agent': CANARY,
        Referer: `https://${CANARY}.example/`,
      })
    }
    expect(lines.length).toBeGreaterThanOrEqual(3)
    expect(lines.filter((line) => line.includes(CANARY) || line.includes(key))).toEqual([])
  })

  it('says of a failure where it came up and what Postgres calls it, and no more', async () => {
    const broken = await newClosedTracker()
    const { key } = await makeKey(broken, { scope: 'write' })
    await broken.sql.query('alter table experiments rename column owner to possessor')
    const lines = logged()
    const sent = { name: CANARY, owner: CANARY }
    const { status, body } = await broken.post<Problem>('/experiments', sent, bearer(key))
    expect([status, body.detail]).toEqual([
      500,
      'Something went wrong here; the request id finds it in the log',
    ])
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'error',
      request_id: body.request_id,
      error: 'NeonDbError',
      sqlstate: '42703',
      at: expect.stringMatching(/^[\w.-]+:\d+:\d+$/),
    })
  })
})

describe('what the suites look for', () => {
  it.each([
    ['er_hLWRo2JVzknn_pwKVwrsLXNVNuG4MkfutZV1jWnPl', 'an API key'],
    ['at postgres://edgerun:secret@127.0.0.1:5432/edgerun', 'a connection string'],
    ['Failed query: select 1', 'SQL of ours'],
    ['relation "runs" does not exist', 'what Postgres says'],
    ['Error: x\n    at batch (index.js:1:2)', 'a stack'],
    ['cannot read /tmp/edgerun/x', 'a place on the machine'],
  ])('is found in %j', (text, what) => {
    expect(leaks(text).some((found) => found.startsWith(what))).toBe(true)
    expect(leaks(text, text)).toEqual([])
  })

  it('is not in what is told of a request', () => {
    expect(leaks('{"level":"info","route":"/runs/:id","status":404,"actor":"IhFaMVYJN4dY"}')).toEqual([])
  })
})
