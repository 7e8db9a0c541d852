import { beforeAll, describe, expect, it } from 'vitest'
import { UNKNOWN } from '../support/runs.ts'
import { allPages, newTracker, nextPage, type Problem, type Tracker } from '../support/tracker.ts'
import type { Experiment, Run, Stored } from '../support/wire.ts'

interface Listed {
  id: string
  name: string
  owner: string
  status: string
  created_at: string
  active_at: string
  run_count: number
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})

/** An owner of whom no other test knows. */
const someone = () => `owner-${crypto.randomUUID().slice(0, 8)}`

async function create(fields: Record<string, unknown> = {}) {
  const answer = await tracker.post<Experiment>('/experiments', { name: 'digits', owner: 'alice', ...fields })
  expect(answer.status).toBe(201)
  return answer.body
}

describe('POST /experiments', () => {
  it("creates an experiment with the course's defaults", async () => {
    const { status, body, headers } = await tracker.post<Experiment>('/experiments', {
      name: 'digits',
      owner: 'alice',
    })
    expect(status).toBe(201)
    expect(body).toEqual({
      id: expect.stringMatching(UUID_V7),
      name: 'digits',
      owner: 'alice',
      description: null,
      status: 'created',
      created_at: expect.stringMatching(ISO),
      runs: [],
    })
    expect(headers.get('Location')).toBe(`/experiments/${body.id}`)
  })

  it('takes names to the limits, counted in characters', async () => {
    const name = '🧪'.repeat(100)
    expect((await create({ name, owner: 'é'.repeat(50), description: '' })).name).toBe(name)
    const { status, body } = await tracker.post<Problem>('/experiments', {
      name: `${name}x`,
      owner: 'é'.repeat(51),
    })
    expect(status).toBe(422)
    expect(body.errors).toEqual([
      { path: 'name', message: 'must have at most 100 characters' },
      { path: 'owner', message: 'must have at most 50 characters' },
    ])
  })

  it('tells everything that is wrong at once, with paths', async () => {
    const { status, body, headers } = await tracker.post<Problem>('/experiments', {
      name: '',
      description: 7,
      colour: 'red',
      run: { seed: 1.5, params: { lr: [1] }, speed: 1 },
    })
    expect(status).toBe(422)
    expect(headers.get('Content-Type')).toBe('application/problem+json')
    expect(body.errors?.map(({ path }) => path).sort()).toEqual([
      'colour',
      'description',
      'name',
      'owner',
      'run.params.lr',
      'run.seed',
      'run.speed',
    ])
  })

  it('refuses a NUL character and half a surrogate pair before the database sees them', async () => {
    for (const bad of ['a\u0000b', 'a\ud800b', '\udc00']) {
      const { status, body } = await tracker.post<Problem>('/experiments', {
        name: bad,
        owner: bad,
        description: bad,
      })
      expect(status).toBe(422)
      expect(body.errors?.map(({ path }) => path)).toEqual(['name', 'owner', 'description'])
    }
  })

  it('answers the same experiment when the same id comes twice with the same content', async () => {
    const id = crypto.randomUUID()
    const first = await create({ id, description: 'one', run: { name: 'first', params: { lr: 0.1 } } })
    const second = await create({ run: { params: { lr: 0.1 }, name: 'first' }, description: 'one', id })
    expect(second).toEqual(first)
    expect(first.runs).toHaveLength(1)
  })

  it('takes null for what is left out as the same content', async () => {
    const id = crypto.randomUUID()
    const first = await create({ id, run: { seed: null } })
    expect(await create({ id, description: null, run: { name: null, params: {} } })).toEqual(first)
  })

  it('still answers it after the experiment was changed in between', async () => {
    const id = crypto.randomUUID()
    await create({ id })
    await tracker.patch(`/experiments/${id}`, { name: 'renamed' })
    expect((await create({ id })).name).toBe('renamed')
  })

  it('refuses an id that was created with other content, and writes nothing', async () => {
    const id = crypto.randomUUID()
    await create({ id })
    const { status, body } = await tracker.post<Problem>('/experiments', {
      id,
      name: 'other',
      owner: 'alice',
      run: {},
    })
    expect(status).toBe(409)
    expect(body.detail).toBe('An experiment with this id was created with other content')
    const { body: kept } = await tracker.get<Experiment>(`/experiments/${id}`)
    expect(kept).toMatchObject({ name: 'digits', runs: [] })
  })

  it('creates one experiment and one run when ten identical requests come at once', async () => {
    const id = crypto.randomUUID()
    const answers = await Promise.all(Array.from({ length: 10 }, () => create({ id, run: { seed: 3 } })))
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(answers[0]?.runs).toHaveLength(1)
  })

  it('creates an experiment with its run in one transaction', async () => {
    const { id, runs } = await create({
      run: { name: 'baseline', seed: 7, params: { lr: 0.1 }, tags: { host: 'a' } },
    })
    expect(runs).toEqual([
      { id: expect.stringMatching(UUID_V7), started_at: expect.stringMatching(ISO), status: 'running' },
    ])
    const { body: run } = await tracker.get<Run>(`/runs/${runs[0]?.id}`)
    expect(run).toMatchObject({
      experiment_id: id,
      name: 'baseline',
      seed: 7,
      params: { lr: 0.1 },
      tags: { host: 'a' },
    })
  })

  it('refuses the experiment when its run is refused', async () => {
    const owner = someone()
    const { status, body } = await tracker.post<Problem>('/experiments', {
      name: 'digits',
      owner,
      run: { parent_run_id: UNKNOWN },
    })
    expect([status, body.detail]).toEqual([404, 'Parent run not found'])
    expect(body.errors).toEqual([{ path: 'parent_run_id', message: 'there is no run with this id' }])
    expect((await tracker.get<Listed[]>(`/experiments?owner=${owner}`)).body).toEqual([])
  })
})

describe('GET /experiments', () => {
  it('lists newest first with the number of runs, none included', async () => {
    const owner = someone()
    const older = await create({ owner, name: 'older' })
    const newer = await create({ owner, name: 'newer', run: {} })
    await tracker.post(`/experiments/${newer.id}/runs`, {})
    const { status, body } = await tracker.get<Listed[]>(`/experiments?owner=${owner}`)
    expect(status).toBe(200)
    const active_at = expect.stringMatching(ISO)
    const listed = { owner, status: 'created', active_at }
    expect(body).toEqual([
      { ...listed, id: newer.id, name: 'newer', created_at: newer.created_at, run_count: 2 },
      { ...listed, id: older.id, name: 'older', created_at: older.created_at, run_count: 0 },
    ])
  })

  it('filters by owner, by status and by both', async () => {
    const owner = someone()
    const done = await create({ owner })
    const open = await create({ owner })
    await tracker.patch(`/experiments/${done.id}`, { status: 'completed' })
    const ids = async (query: string) =>
      (await tracker.get<Listed[]>(`/experiments?${query}`)).body.map(({ id }) => id)
    expect(await ids(`owner=${owner}`)).toEqual([open.id, done.id])
    expect(await ids(`owner=${owner}&status=completed`)).toEqual([done.id])
    expect(await ids('status=completed')).toContain(done.id)
    expect(await ids('status=completed')).not.toContain(open.id)
  })

  it('finds what is in a name, in any case and letter by letter', async () => {
    const owner = someone()
    for (const name of ['Digits É', 'digits 100%', 'a_b', 'aXb', 'c\\d', 'other'])
      await create({ owner, name })
    const found = async (q: string) => {
      const query = new URLSearchParams({ owner, q, limit: '1' })
      return (await allPages<Listed>(tracker, `/experiments?${query}`)).map(({ name }) => name)
    }
    expect(await found('DIGITS')).toEqual(['digits 100%', 'Digits É'])
    expect(await found('s é')).toEqual(['Digits É'])
    expect(await found('%')).toEqual(['digits 100%'])
    expect(await found('A_B')).toEqual(['a_b'])
    expect(await found('\\')).toEqual(['c\\d'])
    expect(await found('nothing')).toEqual([])
    expect(await found('x'.repeat(100))).toEqual([])
  })

  it('tells when something last happened in it: a change, or in its newest run', async () => {
    const owner = someone()
    const { id, created_at } = await create({ owner })
    const activeAt = async () =>
      (await tracker.get<Listed[]>(`/experiments?owner=${owner}`)).body[0]?.active_at
    expect(await activeAt()).toBe(created_at)
    // One that began before is not the newest, whatever happens in it.
    const at = (year: number) => `${year}-01-01T00:00:00.000Z`
    const run = async (started_at: string) =>
      (await tracker.post<Run>(`/experiments/${id}/runs`, { started_at })).body.id
    const older = await run(at(2090))
    expect(await activeAt()).toBe(at(2090))
    const newest = await run(at(2091))
    expect(await activeAt()).toBe(at(2091))
    await tracker.patch(`/runs/${older}`, { status: 'completed', ended_at: at(2099) })
    expect(await activeAt()).toBe(at(2091))
    await tracker.patch(`/runs/${newest}`, { status: 'completed', ended_at: at(2092) })
    expect(await activeAt()).toBe(at(2092))
    await tracker.sql`update runs set alive_at = ${at(2093)} where id = ${newest}`
    expect(await activeAt()).toBe(at(2093))
    await tracker.sql`update experiments set updated_at = ${at(2094)} where id = ${id}`
    expect(await activeAt()).toBe(at(2094))
    // What is in the trash is not there.
    await tracker.sql`update experiments set updated_at = created_at where id = ${id}`
    await tracker.sql`update runs set deleted_at = now() where id = ${newest}`
    expect(await activeAt()).toBe(at(2099))
  })

  it('pages by keyset, each row once, also when rows come in between', async () => {
    const owner = someone()
    const created: string[] = []
    for (let i = 0; i < 5; i++) created.unshift((await create({ owner })).id)
    const first = await tracker.get<Listed[]>(`/experiments?owner=${owner}&limit=2`)
    expect(first.body.map(({ id }) => id)).toEqual(created.slice(0, 2))
    await create({ owner })
    const rest = await allPages<Listed>(tracker, nextPage(first.headers) ?? '')
    expect(rest.map(({ id }) => id)).toEqual(created.slice(2))
  })

  it('has no next page after the last row', async () => {
    const owner = someone()
    await create({ owner })
    await create({ owner })
    expect((await tracker.get(`/experiments?owner=${owner}&limit=2`)).headers.get('Link')).toBeNull()
  })

  it.each([
    'status=done',
    'status=',
    'limit=0',
    'limit=1001',
    'limit=',
    'limit=ten',
    'cursor=nonsense',
    'owner=',
    'owner=%00',
    'q=',
    'q=%00',
    `q=${'x'.repeat(101)}`,
  ])('refuses ?%s and names the parameter', async (query) => {
    const { status, body } = await tracker.get<Problem>(`/experiments?${query}`)
    expect(status).toBe(422)
    expect(body.errors?.map(({ path }) => path)).toEqual([query.split('=')[0]])
  })
})

describe('GET /experiments/{id}', () => {
  it('gives the experiment with its runs, newest first', async () => {
    const { id } = await create({ run: { name: 'first' } })
    const { body: second } = await tracker.post<Run>(`/experiments/${id}/runs`, {})
    const { status, body } = await tracker.get<Experiment>(`/experiments/${id}`)
    expect(status).toBe(200)
    expect(body.runs).toHaveLength(2)
    expect(body.runs[0]).toEqual({ id: second.id, started_at: second.started_at, status: 'running' })
  })

  it.each([UNKNOWN, 'no-uuid', '123', '%00', "'; DROP TABLE experiments; --"])(
    "says that %s is not found, in the course's words",
    async (id) => {
      const { status, body } = await tracker.get<Problem>(
        `/experiments/${encodeURIComponent(id).replace('%25', '%')}`,
      )
      expect(status).toBe(404)
      expect(body).toMatchObject({ title: 'Not Found', status: 404, detail: 'Experiment not found' })
    },
  )
})

describe('PATCH /experiments/{id}', () => {
  it('changes what is given and leaves the rest', async () => {
    const created = await create({ description: 'old' })
    const { status, body } = await tracker.patch<Experiment>(`/experiments/${created.id}`, {
      status: 'running',
    })
    expect(status).toBe(200)
    expect(body).toEqual({ ...created, status: 'running' })
    const cleared = await tracker.patch<Experiment>(`/experiments/${created.id}`, {
      description: null,
      owner: 'bob',
    })
    expect(cleared.body).toEqual({ ...created, status: 'running', description: null, owner: 'bob' })
  })

  it('takes an empty change', async () => {
    const created = await create()
    expect((await tracker.patch(`/experiments/${created.id}`, {})).body).toEqual(created)
  })

  it('refuses unknown fields and a status that is none, and changes nothing', async () => {
    const created = await create()
    const { status, body } = await tracker.patch<Problem>(`/experiments/${created.id}`, {
      name: 'x',
      status: 'killed',
      id: UNKNOWN,
    })
    expect(status).toBe(422)
    expect(body.errors?.map(({ path }) => path).sort()).toEqual(['id', 'status'])
    expect((await tracker.get(`/experiments/${created.id}`)).body).toEqual(created)
  })

  it('says that an unknown id is not found', async () => {
    const { status, body } = await tracker.patch<Problem>(`/experiments/${UNKNOWN}`, { name: 'x' })
    expect([status, body.detail]).toEqual([404, 'Experiment not found'])
  })
})

describe('DELETE /experiments/{id}', () => {
  it('cascades to runs, series and points, and is not found a second time', async () => {
    const { id, runs } = await create({ run: {} })
    const run = runs[0]?.id
    await tracker.post<Stored>(`/runs/${run}/metrics`, { metrics: [{ name: 'loss', step: 1, value: 1 }] })
    const first = await tracker.delete(`/experiments/${id}`)
    expect([first.status, first.text]).toEqual([204, ''])
    const second = await tracker.delete<Problem>(`/experiments/${id}`)
    expect([second.status, second.body.detail]).toEqual([404, 'Experiment not found'])
    expect((await tracker.get(`/runs/${run}`)).status).toBe(404)
    const left = await tracker.sql.query(
      'select (select count(*) from series where run_id = $1)::int as series, (select count(*) from chunks c where not exists (select from series s where s.id = c.series_id))::int as orphans',
      [run],
    )
    expect(left).toEqual([{ series: 0, orphans: 0 }])
  })
})

describe('GET /owners', () => {
  it('aggregates experiments by owner, largest first, page by page', async () => {
    const own = await newTracker()
    for (const owner of ['carol', 'alice', 'bob', 'alice', 'alice', 'bob', 'dave']) {
      await own.post('/experiments', { name: 'x', owner })
    }
    const counts = [
      { owner: 'alice', count: 3 },
      { owner: 'bob', count: 2 },
      { owner: 'carol', count: 1 },
      { owner: 'dave', count: 1 },
    ]
    expect((await own.get('/owners')).body).toEqual(counts)
    expect(await allPages(own, '/owners?limit=1')).toEqual(counts)
  })

  it('refuses a cursor of another list', async () => {
    await create({ owner: someone() })
    await create({ owner: someone() })
    const { headers } = await tracker.get('/owners?limit=1')
    const cursor = new URLSearchParams(nextPage(headers)?.split('?')[1]).get('cursor')
    expect((await tracker.get(`/experiments?cursor=${cursor}`)).status).toBe(422)
  })
})

it("stores the course's injection string as what it is, wherever text goes in", async () => {
  const evil = "'; DROP TABLE experiments; --"
  const { id, runs } = await create({
    name: evil,
    owner: evil,
    description: evil,
    run: { name: evil, params: { [evil]: evil }, tags: { [evil]: evil } },
  })
  const run = runs[0]?.id
  await tracker.post(`/runs/${run}/metrics`, { metrics: [{ name: evil, step: 1, value: 1 }] })
  const q = encodeURIComponent(evil)
  expect((await tracker.get<Listed[]>(`/experiments?owner=${q}`)).body[0]).toMatchObject({
    id,
    name: evil,
    run_count: 1,
  })
  expect((await tracker.get(`/experiments?status=${q}`)).status).toBe(422)
  expect((await tracker.get(`/experiments?cursor=${q}`)).status).toBe(422)
  expect((await tracker.get(`/experiments/${q}`)).status).toBe(404)
  expect((await tracker.get(`/runs/${run}/metrics/${q}`)).body).toHaveLength(1)
  expect(
    (await tracker.patch<Run>(`/runs/${run}`, { name: evil, tags: { [evil]: `${evil}2` } })).body,
  ).toMatchObject({
    name: evil,
    params: { [evil]: evil },
    tags: { [evil]: `${evil}2` },
  })
  expect((await tracker.get<Experiment>(`/experiments/${id}`)).body.description).toBe(evil)
})
