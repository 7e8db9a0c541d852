import { beforeAll, describe, expect, it } from 'vitest'
import { app } from '../../src/app.ts'
import { newTracker, roundTrips, statementsSent, type Tracker } from '../support/tracker.ts'
import type { Experiment } from '../support/wire.ts'

let tracker: Tracker
let experiment: string
let run: string
beforeAll(async () => {
  tracker = await newTracker()
  const { body } = await tracker.post<Experiment>('/experiments', { name: 'x', owner: 'alice', run: {} })
  experiment = body.id
  run = body.runs[0]?.id ?? ''
  await tracker.post(`/runs/${run}/metrics`, { metrics: [{ name: 'loss', step: 1, value: 1 }] })
  for (let i = 0; i < 20; i++) await tracker.post(`/experiments/${experiment}/runs`, {})
})

/** Every route, the trips that it may make, and a request that makes it work. */
const ROUTES: Record<string, [trips: number, body?: unknown]> = {
  'GET /health': [0],
  'GET /health/ready': [1],
  'POST /experiments': [1, { name: 'y', owner: 'bob', run: { params: { lr: 1 } } }],
  'GET /experiments': [1],
  'GET /experiments/{id}': [1],
  'PATCH /experiments/{id}': [1, { status: 'running' }],
  'GET /experiments/{id}/fields': [1],
  'GET /experiments/{id}/groups': [1],
  'GET /experiments/{id}/correlations': [1],
  'GET /owners': [1],
  'POST /experiments/{id}/runs': [1, { params: { lr: 1 } }],
  'GET /experiments/{id}/runs': [1],
  'GET /runs/{id}': [1],
  'PATCH /runs/{id}': [1, { params: { lr: 1 }, tags: { a: 'b' } }],
  'POST /runs/{id}/heartbeat': [1],
  'POST /runs/{id}/metrics': [1, { metrics: [{ name: 'loss', step: 2, value: 1 }] }],
  'GET /runs/{id}/metrics': [1],
  'GET /runs/{id}/metrics/{name}': [1],
  'GET /charts': [1],
  'POST /workspaces': [1, { name: 'other' }],
  'GET /workspaces': [1],
  'POST /keys': [1, { name: 'me', scope: 'write' }],
  'GET /keys': [1],
  'DELETE /keys/{id}': [1],
  'GET /audit': [1],
  'POST /session': [1, 'a key'],
  'GET /session': [1],
  'DELETE /session': [1],
  'DELETE /runs/{id}': [1],
  'DELETE /experiments/{id}': [1],
}

it('loads an experiment with its runs eagerly: no more statements for 21 runs than for none, no N+1', async () => {
  const { body } = await tracker.post<Experiment>('/experiments', { name: 'empty', owner: 'alice' })
  const statements = async (id: string) => {
    const before = statementsSent()
    const { body } = await tracker.get<Experiment>(`/experiments/${id}`)
    return { runs: body.runs.length, statements: statementsSent() - before }
  }
  const none = await statements(body.id)
  expect(none.runs).toBe(0)
  expect(await statements(experiment)).toEqual({ runs: 21, statements: none.statements })
})

describe('one request makes one round trip', () => {
  it('and every route is in the table', () => {
    const { paths } = app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } })
    const documented = Object.entries(paths ?? {}).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(Object.keys(ROUTES).sort()).toEqual(documented.sort())
  })

  it.each(Object.entries(ROUTES))('%s', async (route, [trips, template]) => {
    const made = await tracker.post<{ id: string; key: string }>('/keys', { name: 'x', scope: 'read' })
    const body = route === 'POST /session' ? { key: made.body.key } : template
    const [method = '', place = ''] = route.split(' ')
    const path = place
      .replace('/experiments/{id}', `/experiments/${experiment}`)
      .replace('/runs/{id}', `/runs/${run}`)
      .replace('/keys/{id}', `/keys/${made.body.id}`)
      .replace('{name}', 'loss')
      .replace(/\/fields$/, '/fields?kind=metrics')
      .replace(/\/groups$/, '/groups?by=params.lr&metrics=loss')
      .replace(/\/correlations$/, '/correlations?metric=loss')
      .replace('/charts', `/charts?runs=${run}&names=loss`)
    const before = roundTrips()
    const { status } = await tracker.send(method, path, body)
    expect([status < 300, roundTrips() - before]).toEqual([true, trips])
  })
})
