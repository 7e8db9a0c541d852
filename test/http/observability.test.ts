import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { newTracker, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})
afterEach(() => vi.restoreAllMocks())

/** What the Worker logs from now on, each line parsed. */
function logLines() {
  const lines: Record<string, unknown>[] = []
  const keep = (line: string) => lines.push(JSON.parse(line))
  vi.spyOn(console, 'info').mockImplementation(keep)
  vi.spyOn(console, 'error').mockImplementation(keep)
  return lines
}

describe('one request', () => {
  it('gives one log line with the figures of its trips', async () => {
    const lines = logLines()
    const { headers } = await tracker.get('/experiments?owner=alice')
    expect(lines).toEqual([
      {
        level: 'info',
        request_id: headers.get('X-Request-Id'),
        method: 'GET',
        route: '/experiments',
        status: 200,
        actor: 'open',
        duration_ms: expect.any(Number),
        db_trips: 1,
        db_statements: 1,
        db_ms: expect.any(Number),
      },
    ])
    expect(headers.get('Server-Timing')).toMatch(/^db;dur=[\d.]+;desc="1 round trip", total;dur=[\d.]+$/)
  })

  it('names the route, not the path, and says what became of it', async () => {
    const lines = logLines()
    await tracker.get('/runs/01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b10/metrics/secret-name')
    await tracker.get('/health')
    await tracker.get('/api/2.0/mlflow/runs/get?run_id=x')
    await tracker.get('/api/2.0/mlflow/nothing')
    expect(lines).toMatchObject([
      { route: '/runs/:id/metrics/:name', status: 404, db_trips: 1 },
      { route: '/health', status: 200, db_trips: 0 },
      { route: '/api/2.0/mlflow/runs/get', status: 404, db_trips: 0 },
      { route: '*', status: 404, db_trips: 0 },
    ])
  })

  it('counts the trips of a stream when it has ended', async () => {
    const { body } = await tracker.post<{ runs: { id: string }[] }>('/experiments', {
      name: 'x',
      owner: 'y',
      run: {},
    })
    const path = `/runs/${body.runs[0]?.id}/metrics`
    for (const part of [0, 1, 2]) {
      const steps = Array.from({ length: 15_000 }, (_, i) => part * 15_000 + i)
      await tracker.post(path, { series: [{ name: 'a', steps, values: steps }] })
    }
    const lines = logLines()
    await tracker.get(`${path}/a`, { Accept: 'text/csv' })
    expect(lines).toMatchObject([{ route: '/runs/:id/metrics/:name', status: 200, db_trips: 3 }])
  })

  it('keeps a request id that is sent, and makes one otherwise', async () => {
    expect((await tracker.get('/health', { 'X-Request-Id': 'job-7' })).headers.get('X-Request-Id')).toBe(
      'job-7',
    )
    const made = (await tracker.get('/health', { 'X-Request-Id': 'a b' })).headers.get('X-Request-Id')
    expect(made).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('logs nothing of what was sent or stored, nor of the way to the database, also when it fails', async () => {
    const broken = await newTracker()
    await broken.sql.query('alter table experiments rename column owner to possessor')
    const lines = logLines()
    await broken.post('/experiments', { name: 'secret-name', owner: 'secret-owner' })
    await tracker.post('/experiments', {
      name: 'secret-name',
      owner: 'secret-owner',
      colour: 'secret-colour',
    })
    await tracker.get('/experiments?owner=secret-owner')
    const text = JSON.stringify(lines)
    expect(lines.map(({ level }) => level)).toEqual(['error', 'info', 'info', 'info'])
    expect(text).not.toMatch(/secret|insert into|password|postgres:\/\//i)
    expect(text).toContain('42703')
  })
})
