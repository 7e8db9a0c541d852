import { beforeAll, describe, expect, it } from 'vitest'
import { mlflowDoor } from '../../src/mlflow/door.ts'
import { type Failure, failure, HINT, invalid, MlflowClient, named } from '../support/mlflow.ts'
import { type ModelOfMlflow, noModel, noVersion, Registry, SOURCE } from '../support/registry.ts'
import { newTracker, roundTrips, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
const mlflow = new MlflowClient(() => tracker)
const registry = new Registry(mlflow)
beforeAll(async () => {
  tracker = await newTracker()
})

const UNSTORABLE = 'Text must not hold a NUL character or half a surrogate pair'

describe('a registered model', () => {
  it('is created with a description and tags, and read back', async () => {
    const before = Date.now()
    const { status, body } = await mlflow.post<{ registered_model: ModelOfMlflow }>(
      '/registered-models/create',
      {
        name: 'net',
        description: 'what it is',
        tags: [{ key: 'a', value: '1' }, { key: 'a', value: '2' }, { key: 'empty' }],
      },
    )
    const { registered_model: model } = body
    expect([status, { ...model, tags: named(model.tags) }]).toEqual([
      200,
      {
        name: 'net',
        description: 'what it is',
        tags: { a: '2', empty: '' },
        creation_timestamp: model.last_updated_timestamp,
        last_updated_timestamp: expect.any(Number),
      },
    ])
    expect(model.creation_timestamp).toBeGreaterThanOrEqual(before)
    expect(await registry.get('net')).toEqual(model)
  })

  it('has nothing but a name and its times where nothing else was given', async () => {
    const { body } = await mlflow.post<{ registered_model: object }>('/registered-models/create', {
      name: 'bare',
    })
    expect(Object.keys(body.registered_model)).toEqual([
      'name',
      'creation_timestamp',
      'last_updated_timestamp',
    ])
  })

  it('has a name of its own, also when 16 ask for it at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => mlflow.post<Failure>('/registered-models/create', { name: 'wanted' })),
    )
    const refused = answers.filter(({ status }) => status !== 200)
    expect(refused).toHaveLength(15)
    for (const answer of refused) {
      expect(failure(answer)).toEqual([
        400,
        'RESOURCE_ALREADY_EXISTS',
        'Registered Model (name=wanted) already exists.',
      ])
    }
  })

  it('and a prompt do not share a name', async () => {
    const tags = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }]
    await registry.model("prompt's name", 0, { tags })
    for (const [name, rest, message] of [
      ["prompt's name", { tags }, "Prompt (name=prompt's name) already exists."],
      [
        "prompt's name",
        {},
        `Tried to create a registered model with name "prompt's name", but the name is already taken by a prompt. MLflow does not allow creating a model and a prompt with the same name.`,
      ],
      [
        'net',
        { tags },
        "Tried to create a prompt with name 'net', but the name is already taken by a registered model. MLflow does not allow creating a model and a prompt with the same name.",
      ],
    ]) {
      const answer = await mlflow.post('/registered-models/create', { name, ...Object(rest) })
      expect(failure(answer)).toEqual([400, 'RESOURCE_ALREADY_EXISTS', message])
    }
  })

  it.each<[what: string, body: object, message: string]>([
    ['nothing', {}, `Missing value for required parameter 'name'.${HINT}`],
    ['no name', { name: '' }, `Missing value for required parameter 'name'.${HINT}`],
    ['a blank name', { name: ' ' }, "Missing value for required parameter 'name'."],
    [
      'a number',
      { name: 5 },
      `Invalid value 5 for parameter 'name' supplied:  Hint: Value was of type 'int'.${HINT}`,
    ],
    ['a slash', { name: 'a/b' }, "Invalid model name 'a/b'. Names cannot contain '/' or ':'."],
    ['a colon', { name: 'a:b' }, "Invalid model name 'a:b'. Names cannot contain '/' or ':'."],
    [
      'a way up',
      { name: '..' },
      `Invalid value ".." for parameter 'name' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '..'`,
    ],
    [
      'tags that are no list',
      { name: 'x', tags: { a: 1 } },
      `Invalid value {"a":1} for parameter 'tags' supplied:  Hint: Value was of type 'dict'.${HINT}`,
    ],
    [
      'a long key',
      { name: 'x', tags: [{ key: 'k'.repeat(251) }] },
      "'key' exceeds the maximum length of 250 characters",
    ],
    [
      'a long value',
      { name: 'x', tags: [{ key: 'a', value: 'v'.repeat(100_001) }] },
      "'value' exceeds the maximum length of 100000 characters",
    ],
    [
      'a key with a percent',
      { name: 'x', tags: [{ key: 'a%' }] },
      `Invalid value "a%" for parameter 'key' supplied: Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).`,
    ],
    ['a NUL', { name: 'x\0' }, UNSTORABLE],
    ['a NUL in a tag', { name: 'x', tags: [{ key: 'a', value: '\0' }] }, UNSTORABLE],
    ['half a surrogate pair', { name: 'x', tags: [{ key: 'a', value: '\ud800' }] }, UNSTORABLE],
  ])('is not created from %s', async (_, body, message) => {
    expect(failure(await mlflow.post('/registered-models/create', body))).toEqual(invalid(message))
    expect(failure(await mlflow.get('/registered-models/get', { name: 'x' }))).toEqual(noModel('x'))
  })

  it('has a name of up to 256 characters', async () => {
    const name = '𝕟'.repeat(256)
    expect((await mlflow.post('/registered-models/create', { name })).status).toBe(200)
    expect(failure(await mlflow.post('/registered-models/create', { name: `${name}n` }))).toEqual([
      400,
      'BAD_REQUEST',
      "'name' exceeds the maximum length of 256 characters",
    ])
  })

  it('holds at most 1 MiB, and is left as it was where more is tried', async () => {
    await registry.model('heavy')
    const set = (key: string) =>
      mlflow.post('/registered-models/set-tag', { name: 'heavy', key, value: 'v'.repeat(100_000) })
    const answers = []
    for (let i = 0; i < 11; i++) answers.push(await set(`key ${i}`))
    expect(answers.map(({ status }) => status)).toEqual([...Array(10).fill(200), 400])
    expect(answers.at(-1)?.body.error_code).toBe('INVALID_PARAMETER_VALUE')
    expect((await registry.get('heavy')).tags).toHaveLength(10)
  })

  it('gets another description, or none', async () => {
    await registry.model('described', 0, { description: 'before' })
    const update = async (rest: object) =>
      (
        await mlflow.patch<{ registered_model: ModelOfMlflow }>('/registered-models/update', {
          name: 'described',
          ...rest,
        })
      ).body.registered_model
    const changed = await update({ description: 'after' })
    expect(changed.description).toBe('after')
    expect(changed.last_updated_timestamp).toBeGreaterThanOrEqual(changed.creation_timestamp)
    expect(await update({})).not.toHaveProperty('description')
  })

  it('is renamed with its versions and aliases', async () => {
    const old = await registry.model('old name', 2)
    await mlflow.post('/registered-models/alias', { name: old, alias: 'best', version: '2' })
    const { body } = await mlflow.post<{ registered_model: ModelOfMlflow }>('/registered-models/rename', {
      name: old,
      new_name: 'new name',
    })
    expect(body.registered_model).toMatchObject({
      name: 'new name',
      aliases: [{ alias: 'best', version: '2' }],
      latest_versions: [{ name: 'new name', version: '2' }],
    })
    expect(failure(await mlflow.get('/registered-models/get', { name: old }))).toEqual(noModel(old))
    expect(await registry.numbers('new name')).toEqual([1, 2])
    expect((await registry.version('new name')).version).toBe('3')
  })

  it('is not renamed to a name that is taken, none, or bad', async () => {
    await registry.model('one')
    await registry.model('two', 1)
    const untouched = await registry.getVersion('two', '1')
    const rename = async (name: string, new_name: string) =>
      failure(await mlflow.post('/registered-models/rename', { name, new_name }))
    expect(await rename('one', 'two')).toEqual([
      400,
      'RESOURCE_ALREADY_EXISTS',
      'Registered Model (name=two) already exists.',
    ])
    expect(await rename('one', ' ')).toEqual(invalid("Missing value for required parameter 'new_name'."))
    expect(await rename('one', 'a/b')).toEqual(
      invalid("Invalid model name 'a/b'. Names cannot contain '/' or ':'."),
    )
    expect(await rename('nobody', 'x')).toEqual(noModel('nobody'))
    // Of a model that is not there, the versions of another one are left alone.
    expect(await rename('nobody', 'two')).toEqual(noModel('nobody'))
    expect(await registry.getVersion('two', '1')).toEqual(untouched)
    expect((await mlflow.post('/registered-models/rename', { name: 'one', new_name: 'one' })).status).toBe(
      200,
    )
  })

  it('is deleted with its versions, and its name is free again', async () => {
    await registry.model('gone', 2)
    expect((await mlflow.delete('/registered-models/delete', { name: 'gone' })).status).toBe(200)
    expect(failure(await mlflow.get('/registered-models/get', { name: 'gone' }))).toEqual(noModel('gone'))
    expect(failure(await mlflow.get('/model-versions/get', { name: 'gone', version: '1' }))).toEqual(
      noVersion('gone', 1),
    )
    await registry.model('gone')
    expect((await registry.version('gone')).version).toBe('1')
  })

  it('has tags that are set, replaced and removed', async () => {
    const name = await registry.model('tagged')
    const set = (key: string, value?: string) =>
      mlflow.post('/registered-models/set-tag', { name, key, value })
    for (const [key, value] of [
      ['a', '1'],
      ['a', '2'],
      ['b', undefined],
      ['c', '3'],
    ] as const) {
      expect((await set(key, value)).status).toBe(200)
    }
    // One that is not there is removed just as well: so it is in MLflow.
    for (let i = 0; i < 2; i++) {
      expect((await mlflow.delete('/registered-models/delete-tag', { name, key: 'c' })).status).toBe(200)
    }
    expect(named((await registry.get(name)).tags)).toEqual({ a: '2', b: '' })
  })

  it('that is not there is told so wherever it is named', async () => {
    const name = 'nobody'
    for (const answer of [
      await mlflow.get('/registered-models/get', { name }),
      await mlflow.patch('/registered-models/update', { name }),
      await mlflow.delete('/registered-models/delete', { name }),
      await mlflow.post('/registered-models/set-tag', { name, key: 'a', value: '1' }),
      await mlflow.delete('/registered-models/delete-tag', { name, key: 'a' }),
      await mlflow.get('/registered-models/get-latest-versions', { name }),
      await mlflow.post('/registered-models/get-latest-versions', { name }),
      await mlflow.get('/registered-models/alias', { name, alias: 'a' }),
      await mlflow.get('/registered-models/alias', { name, alias: 'latest' }),
      await mlflow.delete('/registered-models/alias', { name, alias: 'a' }),
      await mlflow.post('/model-versions/create', { name, source: SOURCE }),
    ]) {
      expect(failure(answer)).toEqual(noModel(name))
    }
  })
})

describe('one request makes one round trip', () => {
  it('and every route of the registry is in the table', async () => {
    const name = await registry.model('trips', 2)
    const of = { name, version: '1' }
    const routes: Record<string, Record<string, unknown>> = {
      'POST /registered-models/create': { name: 'trips created' },
      'GET /registered-models/get': { name },
      'PATCH /registered-models/update': { name, description: 'x' },
      'GET /registered-models/search': { filter: `name = '${name}'` },
      'GET /registered-models/get-latest-versions': { name },
      'POST /registered-models/get-latest-versions': { name },
      'POST /registered-models/set-tag': { name, key: 'a', value: 'b' },
      'DELETE /registered-models/delete-tag': { name, key: 'a' },
      'POST /registered-models/alias': { ...of, alias: 'best' },
      'GET /registered-models/alias': { name, alias: 'best' },
      'DELETE /registered-models/alias': { name, alias: 'best' },
      'POST /model-versions/create': { name, source: 'models:/trips/1' },
      'GET /model-versions/get': of,
      'PATCH /model-versions/update': { ...of, description: 'x' },
      'POST /model-versions/transition-stage': { ...of, stage: 'Staging', archive_existing_versions: true },
      'GET /model-versions/get-download-uri': of,
      'GET /model-versions/search': { filter: `name = '${name}'` },
      'POST /model-versions/set-tag': { ...of, key: 'a', value: 'b' },
      'DELETE /model-versions/delete-tag': { ...of, key: 'a' },
      'DELETE /model-versions/delete': { name, version: '2' },
      'POST /registered-models/rename': { name: 'trips created', new_name: 'trips renamed' },
      'DELETE /registered-models/delete': { name: 'trips renamed' },
    }
    const served = mlflowDoor.routes
      .filter(
        ({ path, method }) =>
          method !== 'ALL' && /^\/api\/2\.0\/mlflow\/(registered-models|model-versions)\//.test(path),
      )
      .map(({ path, method }) => `${method} ${path.replace('/api/2.0/mlflow', '')}`)
    expect(Object.keys(routes).sort()).toEqual([...new Set(served)].sort())
    for (const [route, request] of Object.entries(routes)) {
      const [method = '', path = ''] = route.split(' ')
      const query = new URLSearchParams(Object.entries(request).map(([key, value]) => [key, `${value}`]))
      const before = roundTrips()
      const { status } =
        method === 'GET'
          ? await tracker.get(`/ajax-api/2.0/mlflow${path}?${query}`)
          : await tracker.send(method, `/ajax-api/2.0/mlflow${path}`, request)
      expect([route, status, roundTrips() - before]).toEqual([route, 200, 1])
    }
  })
})
