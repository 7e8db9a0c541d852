/** A tracker as it is right after its deploy: without keys. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../../src/env.ts'
import { bearer, type MadeKey, SECRET } from '../support/keys.ts'
import type { Failure } from '../support/mlflow.ts'
import { newTracker, type Problem, type Tracker, trackerOn } from '../support/tracker.ts'
import { ghost } from './fixture.ts'
import { CLOSED, callOf, isMlflows } from './requests.ts'

let bare: Env & { DATABASE_URL: string }
beforeAll(async () => {
  const { ACCESS: _, ...env } = (await newTracker()).env
  bare = env
})

const withSecret = (BOOTSTRAP_SECRET: string): Tracker => trackerOn({ ...bare, BOOTSTRAP_SECRET })

describe.each([
  ['without a bootstrap secret', undefined, /wrangler secret put BOOTSTRAP_SECRET.*POST \/keys/],
  ['with one that is too short', 'x'.repeat(19), /wrangler secret put BOOTSTRAP_SECRET.*POST \/keys/],
  ['with a bootstrap secret', SECRET, /The first key is made by sending the bootstrap secret to POST \/keys/],
])('%s', (_, secret, how) => {
  const tracker = () => (secret === undefined ? trackerOn(bare) : withSecret(secret))

  it.each(CLOSED)('%s answers 401 and says how the first key is made', async (route) => {
    const { method, path, body, headers } = callOf(route, ghost())
    const answer = await tracker().send<Problem & Failure>(method, path, body, headers)
    expect(answer.status).toBe(401)
    expect(isMlflows(route) ? answer.body.message : answer.body.detail).toMatch(how)
  })

  it('tells that it lives, and takes nothing else there', async () => {
    expect((await tracker().get('/health')).body).toEqual({ status: 'ok' })
    for (const method of ['POST', 'DELETE', 'OPTIONS']) {
      expect([method, (await tracker().send(method, '/health')).status]).toEqual([method, 401])
    }
  })
})

describe('the bootstrap secret', () => {
  it('makes the first key, which does the rest', async () => {
    const tracker = withSecret(SECRET)
    const made = await tracker.post<MadeKey>('/keys', { name: 'first', scope: 'admin' }, bearer(SECRET))
    expect([made.status, made.body.created_by]).toEqual([201, 'bootstrap'])
    const written = await tracker.post('/experiments', { name: 'x', owner: 'ann' }, bearer(made.body.key))
    expect(written.status).toBe(201)
  })

  it('makes keys and workspaces, and nothing else', async () => {
    const tracker = withSecret(SECRET)
    const answers = await Promise.all(
      CLOSED.map(async (route) => {
        const { method, path, body, headers } = callOf(route, ghost())
        const { status, text } = await tracker.send(method, path, body, { ...headers, ...bearer(SECRET) })
        return { route, status, text }
      }),
    )
    const allowed = answers.filter(({ status }) => status !== 403).map(({ route }) => route)
    expect([...new Set(allowed.map((route) => route.replace('/ajax-api', '/api')))].sort()).toEqual([
      'DELETE /keys/:id',
      'DELETE /session',
      'GET /api/3.0/mlflow/server-info',
      'GET /audit',
      'GET /health/ready',
      'GET /keys',
      'GET /openapi.json',
      'GET /session',
      'GET /version',
      'GET /workspaces',
      'POST /keys',
      'POST /workspaces',
    ])
    for (const { status, text } of answers.filter(({ status }) => status === 403)) {
      expect([status, text]).toEqual([
        403,
        expect.stringContaining('The bootstrap secret makes workspaces and keys'),
      ])
    }
  })

  it.each([
    ['that is wrong', SECRET, `${SECRET}x`],
    ['that is the beginning of it', SECRET, SECRET.slice(0, -1)],
    ['that is in another case', SECRET, SECRET.toUpperCase()],
    ['that is shorter than 20 characters, even if it is right', 'x'.repeat(19), 'x'.repeat(19)],
    ['that is empty', '', ''],
  ])('is none %s', async (_, secret, sent) => {
    for (const path of ['/keys', '/workspaces']) {
      expect((await withSecret(secret).post(path, { name: 'x', scope: 'read' }, bearer(sent))).status).toBe(
        401,
      )
    }
  })

  it('of 20 characters will do', async () => {
    const secret = 'x'.repeat(20)
    expect((await withSecret(secret).get('/keys', bearer(secret))).status).toBe(200)
  })
})
