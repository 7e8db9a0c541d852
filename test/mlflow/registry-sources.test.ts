import { beforeAll, describe, expect, it } from 'vitest'
import { type Failure, MlflowClient, named } from '../support/mlflow.ts'
import { Registry, SOURCE, type VersionOfMlflow } from '../support/registry.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
const mlflow = new MlflowClient(() => tracker)
const registry = new Registry(mlflow)

interface LoggedModel {
  info: { model_id: string; artifact_uri: string; tags?: { key: string; value: string }[] }
}

/** A run and a logged model of it, and where their artifacts lie. */
let run: { id: string; root: string }
let model: { id: string; root: string }
let other: string
beforeAll(async () => {
  tracker = await newTracker()
  await registry.model('net')
  const experiment = await mlflow.createExperiment('sources')
  run = await newRun(experiment)
  model = await newModel(experiment, run.id)
  other = (await newRun(experiment)).id
})

async function newRun(experiment: string) {
  const { info } = await mlflow.createRun(experiment)
  return { id: info.run_id, root: info.artifact_uri }
}

async function newModel(experiment: string, source_run_id = '') {
  const { body } = await mlflow.post<{ model: LoggedModel }>('/logged-models', {
    experiment_id: experiment,
    name: 'lm',
    source_run_id,
  })
  return { id: body.model.info.model_id, root: body.model.info.artifact_uri }
}

/** What comes of a source: the version, or the code and message of the refusal. */
async function create(source: string, rest: object = {}) {
  const { body } = await mlflow.post<{ model_version?: VersionOfMlflow } & Failure>(
    '/model-versions/create',
    {
      name: 'net',
      source,
      ...rest,
    },
  )
  return body.model_version ?? [body.error_code, body.message]
}

const invalid = (message: string) => ['INVALID_PARAMETER_VALUE', message]
const wrong = (source: string, why: string) => invalid(`Invalid model version source: '${source}'. ${why}`)
const notContained = (source: string, parameter: string) =>
  wrong(source, `The ${parameter} request parameter must identify the resource that contains the source.`)
const noPath = (source: string) =>
  wrong(
    source,
    'If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path.',
  )
const local = (source: string, of = 'run_id') =>
  wrong(
    source,
    `To use a local path as a model version source, the ${of} request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the ${of}.`,
  )

describe('a source in another store', () => {
  it.each([
    SOURCE,
    's3://b//x',
    's3://b/x/',
    's3://b/a%2e%2e/x',
    's3://b/x+y',
    's3://b/x%20y',
    's3://b/a#f',
    'S3://b/x',
    'dbfs:/x',
    'gs://b/x',
    'wasbs://a@b/x',
    ' s3://b/x',
  ])('is taken as it is: %s', async (source) => {
    expect(await create(source)).toMatchObject({ source, run_id: '' })
  })

  it.each([
    's3://b',
    's3://b/',
    's3://b/./x',
    's3://b/../x',
    's3://b/%2e%2e/x',
    's3://b/%252e%252e/x',
    's3://b/a?b=/../c',
    's3://b/a%00b',
    'dbfs:x',
    'mlflow-artifacts:/../../etc',
    'mlflow-artifacts:/%2e%2e/etc',
  ])('has a path that leads straight to it: not %s', async (source) => {
    expect(await create(source)).toEqual(noPath(source))
  })

  it.each([
    'http://h/x',
    'https://h/a/../b',
    'ftp://h/x',
    'hdfs://h/x',
    'abfss://a@b/x',
    'mlflow-artifacts://h/x',
  ])('is at no host that the source names: %s', async (source) => {
    const scheme = source.split(':')[0]
    expect(await create(source)).toEqual(
      invalid(
        `'source' cannot use the '${scheme}' scheme: the '${scheme}' scheme addresses a host other than the tracking server's configured artifact storage, so the server would connect to the host named in the URI.`,
      ),
    )
  })

  it('may name a run of another tracker', async () => {
    expect(await create(SOURCE, { run_id: 'f'.repeat(32) })).toMatchObject({ run_id: 'f'.repeat(32) })
  })
})

describe('a source in our own store', () => {
  it('lies within the artifacts of the run that the request names', async () => {
    for (const source of [
      run.root,
      `${run.root}/model`,
      run.root.replace(':/', ':///'),
      `${run.root}/a%20b`,
    ]) {
      expect(await create(source, { run_id: run.id })).toMatchObject({ source, run_id: run.id })
    }
    for (const rest of [{}, { run_id: '' }, { run_id: other }, { run_id: 'f'.repeat(32) }, { run_id: 'x' }]) {
      expect(await create(`${run.root}/model`, rest)).toEqual(notContained(`${run.root}/model`, 'run_id'))
    }
    for (const source of [`${run.root}x`, 'mlflow-artifacts:/', 'mlflow-artifacts:/0', model.root]) {
      const answer = await create(source, { run_id: run.id })
      expect(answer).toEqual(source.endsWith('/') ? noPath(source) : notContained(source, 'run_id'))
    }
  })

  it('may be a run of a place that is written in another way', async () => {
    const experiment = await mlflow.createExperiment('spaces', {
      artifact_location: 'mlflow-artifacts:/a b/c',
    })
    const { id, root } = await newRun(experiment)
    for (const source of [`${root}/m`, `${root}/m`.replace(' ', '%20'), `${root}/m`.replace('c/', '%63/')]) {
      expect(await create(source, { run_id: id })).toMatchObject({ source })
    }
  })

  it('lies within the artifacts of the logged model that the request names', async () => {
    for (const source of [model.root, `${model.root}/x`]) {
      expect(await create(source, { model_id: model.id })).toMatchObject({ source, run_id: run.id })
    }
    for (const source of [run.root, `${model.root}x`]) {
      expect(await create(source, { model_id: model.id })).toEqual(notContained(source, 'model_id'))
    }
    const nobody = `m-${'0'.repeat(32)}`
    expect(await create(model.root, { model_id: nobody })).toEqual(notContained(model.root, 'model_id'))
  })
})

describe('a run as a source', () => {
  it('is the one that the request names', async () => {
    for (const source of [`runs:/${run.id}/model`, `runs:/${run.id}`]) {
      expect(await create(source, { run_id: run.id })).toMatchObject({ source, run_id: run.id })
      expect(await create(source)).toEqual(notContained(source, 'run_id'))
      expect(await create(source, { run_id: other })).toEqual(notContained(source, 'run_id'))
      expect(await create(source, { model_id: model.id })).toEqual(notContained(source, 'model_id'))
    }
    const elsewhere = `runs://host/${run.id}/model`
    expect(await create(elsewhere, { run_id: run.id })).toEqual(notContained(elsewhere, 'run_id'))
  })
})

describe('a local path as a source', () => {
  it('lies within the artifacts of the run or model that the request names', async () => {
    const experiment = await mlflow.createExperiment('local', { artifact_location: 'file:///tmp/here' })
    const { id, root } = await newRun(experiment)
    const localModel = await newModel(experiment)
    const path = root.slice('file://'.length)
    for (const source of [`${root}/m`, `${path}/m`, `file://localhost${path}/m`, `${path}/a/../m`]) {
      expect(await create(source, { run_id: id })).toMatchObject({ source })
    }
    const up = `${path}/../m`
    expect(await create(up, { run_id: id })).toEqual(local(up))
    expect(await create(`${localModel.root}/m`, { model_id: localModel.id })).toMatchObject({ run_id: '' })
  })

  it.each(['/etc/passwd', 'file:///etc/x', 'file://localhost/x', 'models/a', 'dummy-source', '5'])(
    'lies nowhere else: %s',
    async (source) => {
      expect(await create(source)).toEqual(local(source))
      expect(await create(source, { run_id: run.id })).toEqual(local(source))
      expect(await create(source, { model_id: model.id })).toEqual(local(source, 'model_id'))
    },
  )

  it('is not on another host', async () => {
    const [code, message] = [await create('file://host/x')].flat()
    expect(code).toBe('INVALID_PARAMETER_VALUE')
    expect(message).toContain('file://host/x is not a valid remote uri.')
  })
})

describe('a logged model as a source', () => {
  it('is the one that the request names, and is told of its versions', async () => {
    const experiment = await mlflow.createExperiment('linked')
    const { id, root } = await newModel(experiment, run.id)
    const name = await registry.model('linked "net"')
    expect(await create(`models:/${id}`, { name, model_id: id })).toMatchObject({
      version: '1',
      run_id: run.id,
    })
    expect(await create(SOURCE, { name, model_id: id, run_id: other })).toMatchObject({
      version: '2',
      run_id: other,
    })
    const { body } = await mlflow.get<{ artifact_uri: string }>('/model-versions/get-download-uri', {
      name,
      version: '1',
    })
    expect(body.artifact_uri).toBe(root)
    const { body: found } = await mlflow.get<{ model: LoggedModel }>(`/logged-models/${id}`)
    // As Python writes JSON, which MLflow's UI and clients read.
    expect(named(found.model.info.tags)['mlflow.modelVersions']).toBe(
      '[{"name": "linked \\"net\\"", "version": 1}, {"name": "linked \\"net\\"", "version": 2}]',
    )
  })

  it('is not another one, nor one that is not there', async () => {
    const nobody = `m-${'0'.repeat(32)}`
    for (const source of [`models:/${model.id}`, 'models:/m-x', `models:/${nobody}`]) {
      expect(await create(source)).toEqual(notContained(source, 'model_id'))
      expect(await create(source, { run_id: run.id })).toEqual(notContained(source, 'model_id'))
    }
    const missing = `Logged model with ID '${nobody}' not found.`
    expect(await create(SOURCE, { model_id: nobody })).toEqual(['RESOURCE_DOES_NOT_EXIST', missing])
    expect(await create(`models:/${nobody}`, { model_id: nobody })).toEqual([
      'RESOURCE_DOES_NOT_EXIST',
      `Unable to fetch model from model URI source artifact location 'models:/${nobody}'.Error: ${missing}`,
    ])
    expect(await create(SOURCE, { model_id: 'x' })).toEqual([
      'RESOURCE_DOES_NOT_EXIST',
      "Logged model with ID 'x' not found.",
    ])
  })
})

describe('a version as a source', () => {
  it('is found by number, alias, stage and latest, and gives its run and place', async () => {
    const name = await registry.model('origin')
    await registry.version(name, { run_id: run.id, source: `${run.root}/1` })
    await registry.version(name, { source: 's3://b/2' })
    await registry.version(name, { source: 's3://b/3' })
    await mlflow.post('/registered-models/alias', { name, alias: 'best', version: '1' })
    await mlflow.post('/model-versions/transition-stage', { name, version: '2', stage: 'Production' })
    const copy = await registry.model('copy')
    for (const [source, version, place, run_id] of [
      ['models:/origin/1', 1, `${run.root}/1`, run.id],
      ['models:/origin@best', 1, `${run.root}/1`, run.id],
      ['models:/origin/production', 2, 's3://b/2', ''],
      ['models:/origin/Latest', 3, 's3://b/3', ''],
      ['models:/origin@latest', 3, 's3://b/3', ''],
    ] as const) {
      const made = await create(source, { name: copy })
      expect(made).toMatchObject({ source: `models:/origin/${version}`, run_id })
      const { body } = await mlflow.get<{ artifact_uri: string }>('/model-versions/get-download-uri', {
        name: copy,
        version: 'version' in made ? made.version : '',
      })
      expect(body.artifact_uri).toBe(place)
    }
    // A copy of a copy lies where the first one does.
    const again = await create('models:/copy/1', { name: copy })
    expect(again).toMatchObject({ source: 'models:/copy/1', run_id: run.id, version: '6' })
  })

  it('has the run and model that the request names, if it names one', async () => {
    const mismatch = (source: string) =>
      wrong(source, 'The run_id and model_id request parameters must match the referenced model version.')
    expect(await create('models:/origin/1', { run_id: run.id })).toMatchObject({ run_id: run.id })
    expect(await create('models:/origin/1', { run_id: other })).toEqual(mismatch('models:/origin/1'))
    expect(await create('models:/origin/1', { run_id: '' })).toEqual(mismatch('models:/origin/1'))
    expect(await create('models:/origin/2', { model_id: model.id })).toEqual(mismatch('models:/origin/2'))
    expect(await create('models:/origin/2', { run_id: '', model_id: '' })).toMatchObject({ run_id: '' })
  })

  it.each([
    ['models:/nobody/1', ['RESOURCE_DOES_NOT_EXIST', 'Registered Model with name=nobody not found']],
    ['models:/origin/99', ['RESOURCE_DOES_NOT_EXIST', 'Model Version (name=origin, version=99) not found']],
    [
      'models:/origin/99999999999',
      ['RESOURCE_DOES_NOT_EXIST', 'Model Version (name=origin, version=99999999999) not found'],
    ],
    ['models:/origin@worst', invalid('Registered model alias worst not found.')],
    [
      'models:/origin/Staging',
      ['RESOURCE_DOES_NOT_EXIST', "No versions of model with name 'origin' and stage 'Staging' found"],
    ],
    [
      'models:/origin/Shipped',
      invalid(
        'Invalid Model Version stage: Shipped. Value must be one of None, Staging, Production, Archived.',
      ),
    ],
    ['models:/', notContained('models:/', 'model_id')],
    ['models:/a/b/c', notContained('models:/a/b/c', 'model_id')],
    ['models:/origin/', notContained('models:/origin/', 'model_id')],
    ['models:/origin@', notContained('models:/origin@', 'model_id')],
    [
      'models://host/origin/1',
      wrong('models://host/origin/1', 'Registered model sources must use the active model registry.'),
    ],
  ])('is there: not %s', async (source, refusal) => {
    expect(await create(source)).toEqual(refusal)
  })

  it('is no prompt', async () => {
    const tags = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }]
    await registry.model('prompt', 0, { tags })
    await registry.version('prompt', { tags, source: 'dummy-source' })
    expect(await create('models:/prompt/1')).toEqual(
      wrong('models:/prompt/1', 'Prompt versions cannot be used as model version sources.'),
    )
    expect(await create(SOURCE, { name: 'prompt', tags })).toEqual(
      invalid(`Invalid prompt source: '${SOURCE}'. Prompt sources must use an MLflow placeholder.`),
    )
  })
})

it('makes no version and uses up no number where it is refused', async () => {
  const name = await registry.model('refused')
  for (const source of ['/etc/passwd', 'mlflow-artifacts:/x', 'models:/nobody/1', 's3://b', 'runs:/x']) {
    expect(await create(source, { name, run_id: run.id })).toHaveLength(2)
  }
  expect(await create(SOURCE, { name })).toMatchObject({ version: '1' })
})
