import { beforeAll, describe, expect, it } from 'vitest'
import { type ExperimentOfMlflow, type Failure, MlflowClient, named } from '../support/mlflow.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'
import type { Experiment } from '../support/wire.ts'

let tracker: Tracker
const mlflow = new MlflowClient(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
})

const get = async (experiment_id: string) =>
  (await mlflow.get<{ experiment: ExperimentOfMlflow }>('/experiments/get', { experiment_id })).body
    .experiment
const byName = (experiment_name: string) =>
  mlflow.get<{ experiment: ExperimentOfMlflow } & Failure>('/experiments/get-by-name', { experiment_name })
const search = async (body: object = {}) => {
  const { body: page } = await mlflow.post<{ experiments?: ExperimentOfMlflow[]; next_page_token?: string }>(
    '/experiments/search',
    { max_results: 1_000, ...body },
  )
  return { names: page.experiments?.map(({ name }) => name) ?? [], next: page.next_page_token }
}

describe('the experiment "0"', () => {
  it('is there on an empty tracker, however it is asked for first', async () => {
    for (const ask of [
      async () => (await get('0')).name,
      async () => (await byName('Default')).body.experiment.experiment_id,
      async () => (await search()).names.join(),
      async () => (await mlflow.createRun('0')).info.experiment_id,
      async () => (await mlflow.post('/experiments/create', { name: 'Default' })).body.error_code,
      async () =>
        (await mlflow.post('/experiments/set-experiment-tag', { experiment_id: '0', key: 'a', value: 'b' }))
          .status,
    ]) {
      tracker = await newTracker()
      expect(['Default', '0', 'RESOURCE_ALREADY_EXISTS', 200]).toContain(await ask())
    }
  })

  it('takes runs that name no experiment', async () => {
    const { body } = await mlflow.post<{ run: { info: { experiment_id: string } } }>('/runs/create', {})
    expect(body.run.info.experiment_id).toBe('0')
  })
})

describe('an experiment', () => {
  it('is created with tags and a place for artifacts, and read back by id and by name', async () => {
    const before = Date.now()
    const id = await mlflow.createExperiment('with all', {
      artifact_location: 's3://bucket/x',
      tags: [{ key: 'team', value: 'vision' }],
    })
    const experiment = await get(id)
    expect(experiment).toEqual({
      experiment_id: id,
      name: 'with all',
      artifact_location: 's3://bucket/x',
      lifecycle_stage: 'active',
      creation_time: expect.any(Number),
      last_update_time: experiment.creation_time,
      tags: [{ key: 'team', value: 'vision' }],
    })
    expect(experiment.creation_time).toBeGreaterThanOrEqual(before)
    expect((await byName('with all')).body.experiment).toEqual(experiment)
    const { info } = await mlflow.createRun(id)
    expect(info.artifact_uri).toBe(`s3://bucket/x/${info.run_id}/artifacts`)
  })

  it('has a name that no other has, in the trash or not, also when many ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => mlflow.post<Failure>('/experiments/create', { name: 'at once' })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const { status, body } of answers.filter(({ status }) => status !== 200)) {
      expect([status, body.error_code]).toEqual([400, 'RESOURCE_ALREADY_EXISTS'])
    }
    const { body } = await byName('at once')
    await mlflow.post('/experiments/delete', { experiment_id: body.experiment.experiment_id })
    const again = await mlflow.post<Failure>('/experiments/create', { name: 'at once' })
    expect(again.body).toEqual({
      error_code: 'RESOURCE_ALREADY_EXISTS',
      message: 'Experiment(name=at once) already exists.',
    })
  })

  it('is renamed, unless to a name that is taken or from the trash', async () => {
    const id = await mlflow.createExperiment('before')
    await mlflow.createExperiment('taken')
    expect((await mlflow.post('/experiments/update', { experiment_id: id, new_name: 'after' })).body).toEqual(
      {},
    )
    expect((await get(id)).name).toBe('after')
    const taken = await mlflow.post('/experiments/update', { experiment_id: id, new_name: 'taken' })
    expect([taken.status, taken.body.error_code]).toEqual([400, 'RESOURCE_ALREADY_EXISTS'])
    await mlflow.post('/experiments/delete', { experiment_id: id })
    const deleted = await mlflow.post('/experiments/update', { experiment_id: id, new_name: 'x' })
    expect(deleted.body).toEqual({
      error_code: 'INVALID_STATE',
      message: 'Cannot rename a non-active experiment.',
    })
  })

  it('goes to the trash with its runs, and comes back with them', async () => {
    const id = await mlflow.createExperiment('deleted')
    const { info } = await mlflow.createRun(id)
    const stages = async () => [
      (await get(id)).lifecycle_stage,
      (await mlflow.getRun(info.run_id)).info.lifecycle_stage,
    ]
    await mlflow.post('/experiments/delete', { experiment_id: id })
    expect(await stages()).toEqual(['deleted', 'deleted'])
    const again = await mlflow.post('/experiments/delete', { experiment_id: id })
    expect([again.status, again.body.message]).toEqual([404, `No Experiment with id=${id} exists`])
    const run = await mlflow.post('/runs/create', { experiment_id: id })
    expect([run.status, run.body.message]).toEqual([
      400,
      `The experiment ${id} must be in the 'active' state. Current state is deleted.`,
    ])
    await mlflow.post('/experiments/restore', { experiment_id: id })
    expect(await stages()).toEqual(['active', 'active'])
    expect((await mlflow.post('/experiments/restore', { experiment_id: id })).status).toBe(404)
  })

  it('that goes to the trash takes the runs along that are being created', { timeout: 30_000 }, async () => {
    for (let round = 0; round < 8; round++) {
      const experiment_id = await mlflow.createExperiment(`race ${round}`)
      await Promise.all([
        ...Array.from({ length: 4 }, () => mlflow.post('/runs/create', { experiment_id })),
        mlflow.post('/experiments/delete', { experiment_id }),
        ...Array.from({ length: 4 }, () => mlflow.post('/runs/create', { experiment_id })),
      ])
      const { runs } = await mlflow.search({ experiment_ids: [experiment_id], run_view_type: 'ACTIVE_ONLY' })
      expect(runs).toEqual([])
    }
  })

  it('has no more tags than an answer can hold', { timeout: 30_000 }, async () => {
    tracker = await newTracker()
    const tags = (n: number) =>
      Array.from({ length: n }, (_, i) => ({ key: `t${i}`, value: 'x'.repeat(20_000) }))
    for (let i = 0; i < 12; i++) await mlflow.createExperiment(`heavy ${i}`, { tags: tags(50) })
    const found: string[] = []
    let page_token: string | undefined
    do {
      const page = await search({ page_token })
      found.push(...page.names)
      page_token = page.next
    } while (page_token)
    expect(found).toHaveLength(13)
    const { status } = await mlflow.post('/experiments/create', { name: 'too heavy', tags: tags(60) })
    expect(status).toBe(400)
  })

  it('has tags that are set, replaced and removed', async () => {
    const experiment_id = await mlflow.createExperiment('tagged')
    const set = (key: string, value: string) =>
      mlflow.post('/experiments/set-experiment-tag', { experiment_id, key, value })
    await set('a', '1')
    await set('a', '2')
    await set('b', '')
    expect(named((await get(experiment_id)).tags)).toEqual({ a: '2', b: '' })
    const remove = () => mlflow.post('/experiments/delete-experiment-tag', { experiment_id, key: 'a' })
    expect((await remove()).status).toBe(200)
    expect((await remove()).body).toEqual({
      error_code: 'RESOURCE_DOES_NOT_EXIST',
      message: `No tag with name: a in experiment with id ${experiment_id}`,
    })
    expect((await set('a', 'x'.repeat(20_001))).body.message).toContain("'value' exceeds the maximum length")
    expect((await set('../a', 'x')).body.message).toContain('must not resolve to other names')
  })

  it('that the native API made is seen here, and the other way round', async () => {
    const { body } = await tracker.post<Experiment>('/experiments', { name: 'native', owner: 'alice' })
    expect((await byName('native')).body.experiment.experiment_id).toBe(body.id.replaceAll('-', ''))
    const id = await mlflow.createExperiment('x'.repeat(500))
    const uuid = id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    expect((await tracker.get<Experiment>(`/experiments/${uuid}`)).body).toMatchObject({
      name: 'x'.repeat(500),
      owner: 'mlflow',
    })
    expect((await get(uuid)).experiment_id).toBe(id)
    expect((await tracker.get<Experiment>(`/experiments/${id}`)).body.id).toBe(uuid)
  })

  it.each([
    ['/experiments/create', {}, "Missing value for required parameter 'name'. See the API docs"],
    ['/experiments/create', { name: '' }, "Missing value for required parameter 'name'."],
    [
      '/experiments/create',
      { name: 123 },
      "Invalid value 123 for parameter 'name' supplied:  Hint: Value was of type 'int'.",
    ],
    ['/experiments/create', { name: 'x'.repeat(501) }, "'name' exceeds the maximum length of 500 characters"],
    [
      '/experiments/create',
      { name: 'y', artifact_location: 'runs:/a' },
      'Artifact location cannot be a runs:/ URI',
    ],
    ['/experiments/create', { name: 'y', artifact_location: 's3://b#c' }, "can't include fragments"],
    ['/experiments/create', { name: 'y', tags: 'x' }, 'Invalid value "x" for parameter \'tags\' supplied'],
    ['/experiments/update', { experiment_id: '0' }, "Missing value for required parameter 'new_name'."],
    ['/experiments/delete', { experiment_id: 'no number' }, "Invalid experiment ID 'no number'"],
  ])('%s refuses %j', async (path, body, message) => {
    const { status, body: failure } = await mlflow.post(path, body)
    expect([status, failure.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(failure.message).toContain(message)
  })

  it.each([
    ['/experiments/get', 'GET'],
    ['/experiments/delete', 'POST'],
    ['/experiments/restore', 'POST'],
    ['/experiments/set-experiment-tag', 'POST'],
    ['/experiments/delete-experiment-tag', 'POST'],
    ['/experiments/update', 'POST'],
  ])('%s says when there is none', async (path, method) => {
    for (const experiment_id of ['999', 'f'.repeat(32)]) {
      const { status, body } =
        method === 'GET'
          ? await mlflow.get(path, { experiment_id })
          : await mlflow.post(path, { experiment_id, key: 'k', value: 'v', new_name: `n ${path}` })
      expect([status, body]).toEqual([
        404,
        { error_code: 'RESOURCE_DOES_NOT_EXIST', message: `No Experiment with id=${experiment_id} exists` },
      ])
    }
    expect((await byName('nobody has this')).body.message).toBe(
      "Could not find experiment with name 'nobody has this'",
    )
  })
})

describe('search of experiments', () => {
  beforeAll(async () => {
    tracker = await newTracker()
    for (const [name, tags] of [
      ['b one', [{ key: 'k', value: 'x' }]],
      ['a two', []],
      ['B three', [{ key: 'k', value: 'y' }]],
    ] as const) {
      await mlflow.createExperiment(name, { tags })
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const id = await mlflow.createExperiment('gone')
    await mlflow.post('/experiments/delete', { experiment_id: id })
  })

  it('gives the newest first, and what is in the trash when asked', async () => {
    const { names } = await search()
    expect(names.filter((name) => name !== 'Default')).toEqual(['B three', 'a two', 'b one'])
    expect((await search({ view_type: 'DELETED_ONLY' })).names).toEqual(['gone'])
    expect((await search({ view_type: 'ALL' })).names).toContain('gone')
    expect((await search({ view_type: 2 })).names).toEqual(['gone'])
  })

  it.each([
    ["name = 'a two'", ['a two']],
    ["attribute.name LIKE 'b%'", ['b one']],
    ["name ILIKE 'b%'", ['B three', 'b one']],
    ["tags.k = 'x' OR tags.k = 'y'", ['B three', 'b one']],
    ["tags.k IS NULL and name != 'Default'", ['a two']],
    ['NOT tags.k IS NULL', ['B three', 'b one']],
    ['creation_time < 5', []],
    ["experiment_id IN ('0')", ['Default']],
  ])('%s', async (filter, names) => {
    expect((await search({ filter })).names).toEqual(names)
  })

  it('pages through any order without a gap', async () => {
    for (const order_by of [
      [],
      ['name'],
      ['name DESC'],
      ['creation_time ASC'],
      ['last_update_time DESC', 'experiment_id'],
    ]) {
      const all = (await search({ order_by })).names
      const found: string[] = []
      let page_token: string | undefined
      do {
        const page = await search({ order_by, max_results: 1, page_token })
        found.push(...page.names)
        page_token = page.next
      } while (page_token)
      expect(found).toEqual(all)
      expect(all).toHaveLength(4)
    }
  })

  it.each([
    [{ max_results: 0 }, 'It must be a positive integer'],
    [{ max_results: 50_001 }, 'It must be at most 50000'],
    [{ filter: "owner = 'x'" }, "Invalid attribute key 'owner' specified"],
    [{ filter: "params.x = 'y'" }, "Invalid entity type 'params'"],
    [{ filter: "name > 'y'" }, 'Invalid comparator for string attribute: >'],
    [{ filter: "creation_time = 'y'" }, 'Expected numeric value type for numeric attribute'],
    [{ filter: 'name IS NULL' }, 'only supported for tags'],
    [{ filter: 'tags.x = 5' }, 'Expected a quoted string value for tag'],
    [{ order_by: ['tags.x'] }, "Invalid entity type 'tags'"],
    [{ page_token: 'nonsense' }, 'cursor'],
    [{ filter: "name IN ('a')" }, "Only ['experiment_id'] attributes support comparison with a list"],
  ])('refuses %j', async (body, message) => {
    const { status, body: failure } = await mlflow.post('/experiments/search', { max_results: 5, ...body })
    expect([status, failure.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(failure.message).toContain(message)
  })
})
