import { beforeAll, describe, expect, it } from 'vitest'
import { mlflowDoor } from '../../src/mlflow/door.ts'
import { type LoggedModelOfMlflow, LoggedModels, NOBODY } from '../support/logged-models.ts'
import { type Failure, failure, HINT, invalid, MlflowClient, named } from '../support/mlflow.ts'
import { newTracker, roundTrips, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
let experiment: string
let run: string
const mlflow = new MlflowClient(() => tracker)
const models = new LoggedModels(mlflow)
beforeAll(async () => {
  tracker = await newTracker()
  experiment = await mlflow.createExperiment('models')
  run = (await mlflow.createRun(experiment)).info.run_id
})

const notThere = (id: string) => [404, 'RESOURCE_DOES_NOT_EXIST', `Logged model with ID '${id}' not found.`]
const finalize = (model_id: string, status: unknown) =>
  mlflow.patch<{ model: LoggedModelOfMlflow } & Failure>(`/logged-models/${model_id}`, { model_id, status })

describe('a logged model', () => {
  it('is created with all that it can have, and read back', async () => {
    const model = await models.create(experiment, {
      name: 'net',
      model_type: 'classifier',
      source_run_id: run,
      params: [{ key: 'lr', value: '0.1' }, { key: 'empty' }],
      tags: [{ key: 'team', value: 'a' }],
    })
    const { info, data } = model
    expect({ ...info, params: named(data.params) }).toEqual({
      model_id: expect.stringMatching(/^m-[0-9a-f]{32}$/),
      experiment_id: experiment,
      name: 'net',
      creation_timestamp_ms: info.last_updated_timestamp_ms,
      last_updated_timestamp_ms: expect.any(Number),
      artifact_uri: `mlflow-artifacts:/${experiment}/models/${info.model_id}/artifacts`,
      status: 'LOGGED_MODEL_PENDING',
      model_type: 'classifier',
      source_run_id: run,
      tags: [{ key: 'team', value: 'a' }],
      params: { lr: '0.1', empty: '' },
    })
    expect(await models.get(info.model_id)).toEqual(model)
  })

  it('has a made-up name and nothing else where nothing was given', async () => {
    const { info, data } = await models.create(experiment)
    expect(info.name).toMatch(/^[a-z]+(-[a-z]+)+-\d{1,3}$/)
    expect(info).toMatchObject({ model_type: '', source_run_id: '' })
    expect(info).not.toHaveProperty('tags')
    expect(data).toEqual({})
    expect((await models.create(experiment, { name: '' })).info.name).not.toBe('')
  })

  it('shares its name with others: each create makes another one', async () => {
    const made = await Promise.all(
      Array.from({ length: 16 }, () => models.create(experiment, { name: 'same' })),
    )
    expect(new Set(made.map(({ info }) => info.model_id)).size).toBe(16)
  })

  it('may be in the experiment "0" on an empty tracker', async () => {
    const here = tracker
    tracker = await newTracker()
    const { info } = await models.create('0', { name: 'x' })
    expect([info.experiment_id, info.artifact_uri]).toEqual([
      '0',
      `mlflow-artifacts:/0/models/${info.model_id}/artifacts`,
    ])
    tracker = here
  })

  it('lies where the artifacts of its experiment do', async () => {
    const elsewhere = await mlflow.createExperiment('elsewhere', { artifact_location: 's3://bucket/a/' })
    const { info } = await models.create(elsewhere)
    expect(info.artifact_uri).toBe(`s3://bucket/a/models/${info.model_id}/artifacts`)
  })

  it('is in an experiment that is there and not in the trash', async () => {
    const create = async (experiment_id: unknown) =>
      failure(await mlflow.post('/logged-models', { experiment_id, name: 'x' }))
    expect(await create('999999')).toEqual([
      404,
      'RESOURCE_DOES_NOT_EXIST',
      'No Experiment with id=999999 exists',
    ])
    expect(await create('abc')).toEqual(
      invalid("Invalid experiment ID 'abc'. Experiment ID must be a valid integer."),
    )
    expect(await create(undefined)).toEqual(
      invalid(`Missing value for required parameter 'experiment_id'.${HINT}`),
    )
    const trash = await mlflow.createExperiment('trash')
    const { info } = await models.create(trash)
    await mlflow.post('/experiments/delete', { experiment_id: trash })
    expect(await create(trash)).toEqual(
      invalid(`The experiment ${trash} must be in the 'active' state. Current state is deleted.`),
    )
    expect((await models.get(info.model_id)).info.model_id).toBe(info.model_id)
  })

  it.each(['/', ':', '.', '%', '"', "'"])('has no %s in its name', async (character) => {
    const [status, code, message] = failure(
      await mlflow.post('/logged-models', { experiment_id: experiment, name: `a${character}b` }),
    )
    expect([status, code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    const told = character === "'" ? `"a'b"` : `'a${character}b'`
    expect(message).toBe(
      `Invalid model name (${told}) provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '"', "'")`,
    )
  })

  it.each<[what: string, body: object, code: string, message: string]>([
    [
      'a number for a name',
      { name: 5 },
      'INVALID_PARAMETER_VALUE',
      `Invalid value 5 for parameter 'name' supplied:  Hint: Value was of type 'int'.${HINT}`,
    ],
    [
      'params that are no list',
      { params: { a: '1' } },
      'INVALID_PARAMETER_VALUE',
      `Invalid value {"a":"1"} for parameter 'params' supplied:  Hint: Value was of type 'dict'.${HINT}`,
    ],
    [
      'a name too long',
      { name: 'n'.repeat(501) },
      'BAD_REQUEST',
      "'name' exceeds the maximum length of 500 characters",
    ],
    [
      'a param twice',
      {
        params: [
          { key: 'k', value: '1' },
          { key: 'k', value: '1' },
        ],
      },
      'BAD_REQUEST',
      'Duplicate parameter keys have been submitted: a request has one value per param key.',
    ],
    [
      'a key too long',
      { tags: [{ key: 'k'.repeat(256) }] },
      'BAD_REQUEST',
      "'key' exceeds the maximum length of 255 characters",
    ],
    [
      'a NUL',
      { name: 'a\0' },
      'INVALID_PARAMETER_VALUE',
      'Text must not hold a NUL character or half a surrogate pair',
    ],
  ])('is not created from %s', async (_, body, code, message) => {
    const answer = await mlflow.post('/logged-models', { experiment_id: experiment, ...body })
    expect(failure(answer)).toEqual([400, code, message])
  })

  it('takes params and tags of any length, up to 1 MiB of each in all', async () => {
    const value = 'v'.repeat(300_000)
    const params = ['a', 'b', 'c'].map((key) => ({ key, value }))
    const { info, data } = await models.create(experiment, { params, tags: params })
    expect([info.tags?.length, data.params?.length]).toEqual([3, 3])
    for (const path of ['tags', 'params']) {
      const { status } =
        path === 'tags'
          ? await mlflow.patch(`/logged-models/${info.model_id}/tags`, { tags: [{ key: 'd', value }] })
          : await mlflow.post(`/logged-models/${info.model_id}/params`, { params: [{ key: 'd', value }] })
      expect([path, status]).toEqual([path, 400])
    }
    expect((await models.get(info.model_id)).data.params).toHaveLength(3)
  })

  it('is finalized by the name of a status or its number', async () => {
    const { info } = await models.create(experiment)
    for (const [status, told] of [
      ['LOGGED_MODEL_READY', 'LOGGED_MODEL_READY'],
      [3, 'LOGGED_MODEL_UPLOAD_FAILED'],
      ['1', 'LOGGED_MODEL_PENDING'],
      ['LOGGED_MODEL_STATUS_UNSPECIFIED', 'LOGGED_MODEL_STATUS_UNSPECIFIED'],
    ]) {
      const { body } = await finalize(info.model_id, status)
      expect(body.model.info.status).toBe(told)
      expect(await models.get(info.model_id)).toEqual(body.model)
    }
    for (const [status, message] of [
      [
        'DONE',
        `Invalid value "DONE" for parameter 'status' supplied:  Hint: Value was of type 'str'.${HINT}`,
      ],
      [7, `Invalid value 7 for parameter 'status' supplied:  Hint: Value was of type 'int'.${HINT}`],
      [undefined, `Missing value for required parameter 'status'.${HINT}`],
    ]) {
      expect(failure(await finalize(info.model_id, status))).toEqual(invalid(String(message)))
    }
  })

  it('has tags that are set, replaced and removed', async () => {
    const { info } = await models.create(experiment, { tags: [{ key: 'a', value: '1' }] })
    const path = `/logged-models/${info.model_id}/tags`
    const tags = [
      { key: 'a', value: '2' },
      { key: 'a', value: '3' },
      { key: 'b/c', value: '4' },
      { key: 'empty' },
    ]
    expect((await mlflow.patch(path, { tags })).body).toEqual({})
    expect(named((await models.get(info.model_id)).info.tags)).toEqual({ a: '3', 'b/c': '4', empty: '' })
    expect((await mlflow.delete(`${path}/a`)).status).toBe(200)
    expect((await mlflow.delete(`${path}/b%2Fc`)).status).toBe(200)
    expect(failure(await mlflow.delete(`${path}/a`))).toEqual([
      404,
      'RESOURCE_DOES_NOT_EXIST',
      `No tag with key 'a' found for model with ID '${info.model_id}'.`,
    ])
    expect(named((await models.get(info.model_id)).info.tags)).toEqual({ empty: '' })
  })

  it('gets params that it has not, and keeps those that it has', async () => {
    const { info } = await models.create(experiment, { params: [{ key: 'lr', value: '0.1' }] })
    const log = (params: object[]) => mlflow.post(`/logged-models/${info.model_id}/params`, { params })
    expect((await log([{ key: 'depth', value: '3' }])).status).toBe(200)
    // Sent again, as after a lost answer.
    expect((await log([{ key: 'depth', value: '3' }])).status).toBe(200)
    expect((await log([])).status).toBe(200)
    expect(
      failure(
        await log([
          { key: 'new', value: '1' },
          { key: 'depth', value: '4' },
        ]),
      ),
    ).toEqual([
      400,
      'BAD_REQUEST',
      `Params of model '${info.model_id}' were logged with other values already: depth`,
    ])
    expect(named((await models.get(info.model_id)).data.params)).toEqual({ lr: '0.1', depth: '3' })
  })

  it('gets one value of a param when 16 clients log different ones at once', async () => {
    const { info } = await models.create(experiment)
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, i) =>
        mlflow.post(`/logged-models/${info.model_id}/params`, { params: [{ key: 'k', value: String(i) }] }),
      ),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const winner = answers.findIndex(({ status }) => status === 200)
    expect(named((await models.get(info.model_id)).data.params)).toEqual({ k: String(winner) })
  })

  it('is deleted into a trash where only whoever says so sees it', async () => {
    const { info } = await models.create(experiment)
    const id = info.model_id
    for (let i = 0; i < 2; i++) expect((await mlflow.delete(`/logged-models/${id}`)).status).toBe(200)
    expect(failure(await mlflow.get(`/logged-models/${id}`))).toEqual(notThere(id))
    const { body } = await mlflow.get<{ model: LoggedModelOfMlflow }>(`/logged-models/${id}`, {
      allow_deleted: 'true',
    })
    expect(body.model.info.model_id).toBe(id)
    // One that is deleted while it is still being uploaded is finalized without a word.
    expect((await finalize(id, 'LOGGED_MODEL_READY')).status).toBe(200)
    expect(
      (await mlflow.patch(`/logged-models/${id}/tags`, { tags: [{ key: 'a', value: '1' }] })).status,
    ).toBe(200)
  })

  it.each([NOBODY, 'nobody', `x-${'0'.repeat(32)}`])(
    'that is not there is told so wherever it is named: %s',
    async (id) => {
      for (const answer of [
        await mlflow.get(`/logged-models/${id}`),
        await mlflow.get(`/logged-models/${id}`, { allow_deleted: 'true' }),
        await finalize(id, 'LOGGED_MODEL_READY'),
        await mlflow.delete(`/logged-models/${id}`),
        await mlflow.patch(`/logged-models/${id}/tags`, { tags: [{ key: 'a', value: '1' }] }),
        await mlflow.delete(`/logged-models/${id}/tags/a`),
        await mlflow.post(`/logged-models/${id}/params`, { params: [{ key: 'a', value: '1' }] }),
      ]) {
        expect(failure(answer)).toEqual(notThere(id))
      }
    },
  )
})

describe('one request makes one round trip', () => {
  it('and every route of logged models is in the table', async () => {
    const { info } = await models.create(experiment, { tags: [{ key: 'a', value: '1' }] })
    const id = info.model_id
    const routes: [route: string, path: string, request?: object][] = [
      ['POST /logged-models', '/logged-models', { experiment_id: experiment, name: 'x' }],
      ['POST /logged-models', '/logged-models', { experiment_id: '0', name: 'x' }],
      ['POST /logged-models/search', '/logged-models/search', { experiment_ids: [experiment] }],
      ['GET /logged-models/:model_id', `/logged-models/${id}`],
      ['PATCH /logged-models/:model_id', `/logged-models/${id}`, { status: 2 }],
      [
        'PATCH /logged-models/:model_id/tags',
        `/logged-models/${id}/tags`,
        { tags: [{ key: 'b', value: '1' }] },
      ],
      ['DELETE /logged-models/:model_id/tags/:key{.+}', `/logged-models/${id}/tags/a`],
      [
        'POST /logged-models/:model_id/params',
        `/logged-models/${id}/params`,
        { params: [{ key: 'p', value: '1' }] },
      ],
      ['DELETE /logged-models/:model_id', `/logged-models/${id}`],
    ]
    const served = mlflowDoor.routes
      .filter(({ path, method }) => method !== 'ALL' && /^\/api\/2\.0\/mlflow\/logged-models/.test(path))
      .map(({ path, method }) => `${method} ${path.replace('/api/2.0/mlflow', '')}`)
      // Artifacts have a table of their own.
      .filter((route) => !route.includes('/artifacts'))
    expect([...new Set(routes.map(([route]) => route))].sort()).toEqual([...new Set(served)].sort())
    for (const [route, path, request] of routes) {
      const before = roundTrips()
      const { status } = await tracker.send(route.split(' ')[0] ?? '', `/ajax-api/2.0/mlflow${path}`, request)
      expect([route, status, roundTrips() - before]).toEqual([route, 200, 1])
    }
  })

  it('when it logs metrics of models too', async () => {
    const { info } = await models.create(experiment)
    const before = roundTrips()
    await models.log(run, info.model_id, 'trips', 1)
    expect(roundTrips() - before).toBe(1)
  })
})
