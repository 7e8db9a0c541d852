import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import worker from '../../src/index.ts'
import { newRun } from '../support/runs.ts'
import { type Answer, newTracker, type Problem, type Tracker, trackerOn } from '../support/tracker.ts'

let tracker: Tracker
let run: string
let bare: string
beforeAll(async () => {
  tracker = await newTracker()
  run = await newRun(tracker)
  bare = run.replaceAll('-', '')
})

const withLimits = (variables: Record<string, string>) => trackerOn({ ...tracker.env, ...variables })

const SECRET = 'a-secret-of-twenty-characters'
/** The tracker, for who has a key. */
const keyed = (variables: object = {}) =>
  trackerOn({
    ...Object.fromEntries(Object.entries(tracker.env).filter(([name]) => name !== 'ACCESS')),
    DATABASE_URL: tracker.env.DATABASE_URL,
    BOOTSTRAP_SECRET: SECRET,
    ...variables,
  })
const bearer = (key: string) => ({ Authorization: `Bearer ${key}` })
const makeKey = async () =>
  (await keyed().post<{ key: string }>('/keys', { name: 'x', scope: 'write' }, bearer(SECRET))).body.key

/** Statements that Postgres is at work on for the tracker, but for this one. */
async function active(): Promise<number> {
  const rows = await tracker.sql`
    select from pg_stat_activity
    where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid() and query not like '%pg_sleep%'`
  return rows.length
}

/** Locks tables for some time, so that whoever reads or writes them waits. */
function locked(seconds: number, tables = 'runs, series, chunks, experiments'): Promise<unknown> {
  return tracker.sql.transaction([
    tracker.sql.query(`lock table ${tables} in access exclusive mode`),
    tracker.sql.query(`select pg_sleep(${seconds})`),
  ])
}

/** Waits until the lock of `locked` is there. */
const untilLocked = () =>
  vi.waitFor(async () => {
    const rows = await tracker.sql`
      select from pg_stat_activity where datname = current_database() and query like '%pg_sleep(%' and wait_event = 'PgSleep'`
    expect(rows).toHaveLength(1)
  })

const point = { metrics: [{ name: 'loss', step: 1, value: 1 }] }

/** One request of each kind of trip: batches that read and write, single statements, in both doors. */
const REQUESTS: [string, (of: Tracker) => Promise<Answer<unknown>>][] = [
  ['a list', (of) => of.get('/experiments')],
  ['a run', (of) => of.get(`/runs/${run}`)],
  ['points', (of) => of.post(`/runs/${run}/metrics`, point)],
  ['a creation', (of) => of.post('/experiments', { name: 'x', owner: 'y' })],
  ['a deletion', (of) => of.delete(`/runs/${crypto.randomUUID()}`)],
  ['a chart', (of) => of.get(`/charts?runs=${run}&names=loss`)],
  ["MLflow's run", (of) => of.get(`/api/2.0/mlflow/runs/get?run_id=${bare}`)],
  [
    "MLflow's metric",
    (of) => of.post('/api/2.0/mlflow/runs/log-metric', { run_id: bare, key: 'a', value: 1, timestamp: 1 }),
  ],
]

describe('a database that is slow', () => {
  it('answers 503 with Retry-After in bounded time, has its statements cancelled, and all goes on afterwards', async () => {
    const slow = withLimits({ STATEMENT_TIMEOUT_MS: '300', DELETE_TIMEOUT_MS: '300' })
    const lock = locked(12)
    await untilLocked()
    const begun = Date.now()
    const answers = await Promise.all(REQUESTS.map(([, request]) => request(slow)))
    for (const [i, { status, headers, text }] of answers.entries()) {
      expect([REQUESTS[i]?.[0], status, headers.get('Retry-After')]).toEqual([REQUESTS[i]?.[0], 503, '1'])
      expect(text).toMatch(/took too long|is away/)
    }
    // A single statement is hung up on after 2.3 s, three times at most.
    expect(Date.now() - begun).toBeLessThan(11_000)
    await vi.waitFor(async () => expect(await active()).toBe(0), { timeout: 1_500 })
    await lock
    for (const [name, request] of REQUESTS) {
      expect(`${name}: ${(await request(slow)).status}`).toMatch(/: (200|201|404)$/)
    }
  }, 30_000)

  it('makes no more wait than may: who comes then is told at once, and the next ones are served again', async () => {
    const slow = withLimits({ STATEMENT_TIMEOUT_MS: '3000', MAX_TRIPS_IN_FLIGHT: '3' })
    const lock = locked(5)
    await untilLocked()
    const waiting = Array.from({ length: 3 }, () => slow.get<Problem>('/experiments'))
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    const begun = Date.now()
    const refused = await Promise.all([
      slow.get<Problem>('/experiments'),
      slow.post<Problem>(`/runs/${run}/metrics`, point),
      slow.get<{ error_code: string }>(`/api/2.0/mlflow/runs/get?run_id=${bare}`),
    ])
    expect(Date.now() - begun).toBeLessThan(500)
    for (const { status, headers, text } of refused) {
      expect([status, headers.get('Retry-After')]).toEqual([503, '1'])
      expect(text).toContain('has more to do than it keeps up with')
    }
    expect((await slow.get('/health')).status).toBe(200)
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([503, 503, 503])
    await lock
    const after = await Promise.all(Array.from({ length: 3 }, () => slow.get('/experiments')))
    expect(after.map(({ status }) => status)).toEqual([200, 200, 200])
    // A burst is no sign that it is slow.
    const burst = await Promise.all(Array.from({ length: 30 }, () => slow.get('/experiments')))
    expect(new Set(burst.map(({ status }) => status))).toEqual(new Set([200]))
  }, 30_000)
})

describe('a database that is away', () => {
  const AWAY = { DATABASE_GATEWAY: 'http://127.0.0.1:9' }

  it('is told by 503 with Retry-After within seconds, in both doors', async () => {
    const away = withLimits(AWAY)
    const begun = Date.now()
    for (const { status, headers } of await Promise.all(REQUESTS.map(([, request]) => request(away)))) {
      expect([status, headers.get('Retry-After')]).toEqual([503, '1'])
    }
    expect(Date.now() - begun).toBeLessThan(5_000)
  })

  it('is told to keys that are known and to those that are not, which no failure makes bad', async () => {
    const [warm, cold] = [await makeKey(), await makeKey()]
    expect((await keyed().get('/experiments', bearer(warm))).status).toBe(200)
    const away = keyed(AWAY)
    for (const key of [warm, cold]) {
      for (const path of ['/experiments', `/api/2.0/mlflow/runs/get?run_id=${bare}`, '/version']) {
        const { status, headers } = await away.get(path, bearer(key))
        // What asks no database serves whoever is known.
        const expected = key === warm && path === '/version' ? [200, null] : [503, '1']
        expect([path, status, headers.get('Retry-After')]).toEqual([path, ...expected])
      }
    }
    for (const key of [warm, cold]) {
      expect((await keyed().get('/experiments', bearer(key))).status).toBe(200)
    }
  })

  it('makes a cron run fail within seconds, and the next one does its work', async () => {
    const begun = Date.now()
    const cron = async (of: Tracker) => {
      const ctx = createExecutionContext()
      await worker.scheduled(createScheduledController(), of.env, ctx)
      await waitOnExecutionContext(ctx)
    }
    await expect(cron(withLimits(AWAY))).rejects.toThrow(/^Failed: silent runs, sealing,/)
    expect(Date.now() - begun).toBeLessThan(5_000)
    await cron(tracker)
  })
})

describe('more than the database takes or sends in one piece', () => {
  const MIB = 1024 ** 2

  it('is told as such where names become longer on the way', async () => {
    // Each quote takes two bytes here and four on the way to the database.
    const series = Array.from({ length: 12_000 }, (_, i) => ({
      name: `${'"'.repeat(240)}${i}`,
      steps: [1],
      values: [1],
    }))
    const { status, body } = await tracker.post<Problem>(`/runs/${run}/metrics`, { series })
    expect([status, body.detail]).toEqual([413, expect.stringContaining('send or ask for less')])
  }, 30_000)

  it('is split where many runs have large params and tags', async () => {
    const { body } = await tracker.post<{ id: string }>('/experiments', { name: 'large', owner: 'y' })
    const tags = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`t${i}`, '"'.repeat(4_000)]))
    for (let i = 0; i < 14; i++) {
      expect((await tracker.post(`/experiments/${body.id}/runs`, { tags })).status).toBe(201)
    }
    const page = await tracker.get<unknown[]>(`/experiments/${body.id}/runs?limit=1000`)
    expect([page.status, page.headers.get('Link')]).toEqual([200, expect.stringContaining('rel="next"')])
    const found = await tracker.post<{ runs: unknown[]; next_page_token?: string }>(
      '/api/2.0/mlflow/runs/search',
      {
        experiment_ids: [body.id.replaceAll('-', '')],
        max_results: 50_000,
      },
    )
    expect([found.status, found.body.next_page_token]).toEqual([200, expect.any(String)])
  }, 60_000)

  it('is no answer of the lists of small rows: a thousand of the longest owners, and entries of the audit', async () => {
    await tracker.sql.query(`insert into experiments (workspace_id, id, name, owner, creation_hash)
      select 1, gen_random_uuid(), repeat('"', 500), lpad(n::text, 50, '\u{1F600}'), '' from generate_series(1, 1001) as n`)
    await tracker.sql.query(`insert into audit (workspace_id, actor, action, subject)
      select 1, 'open', 'run.deleted', repeat('"', 1024) from generate_series(1, 1001)`)
    for (const path of ['/owners', '/experiments', '/audit']) {
      const { status, body } = await tracker.get<unknown[]>(`${path}?limit=1000`)
      expect([path, status, body.length]).toEqual([path, 200, 1_000])
    }
    const { status, body } = await tracker.get<{ experiments: unknown[] }>(
      '/api/2.0/mlflow/experiments/search?max_results=50000',
    )
    expect([status, body.experiments.length > 1_000]).toEqual([200, true])
  }, 30_000)

  it('is split in histories of many runs', async () => {
    const runs = await Promise.all(Array.from({ length: 10 }, () => newRun(tracker)))
    const steps = Array.from({ length: 20_000 }, (_, i) => i)
    for (const id of runs) {
      await tracker.post(`/runs/${id}/metrics`, { series: [{ name: 'a', steps, values: steps }] })
    }
    const query = new URLSearchParams([
      ['metric_key', 'a'],
      ...runs.map((id) => ['run_id', id.replaceAll('-', '')]),
    ])
    const { status, text } = await tracker.get(`/api/2.0/mlflow/metrics/get-history-bulk?${query}`)
    expect([status, text.length > MIB]).toEqual([200, true])
  }, 60_000)
})
