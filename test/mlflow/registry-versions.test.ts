import { beforeAll, describe, expect, it } from 'vitest'
import { type Failure, failure, HINT, invalid, MlflowClient, named } from '../support/mlflow.ts'
import { noVersion, Registry, SOURCE, type VersionOfMlflow } from '../support/registry.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
const mlflow = new MlflowClient(() => tracker)
const registry = new Registry(mlflow)
beforeAll(async () => {
  tracker = await newTracker()
})

describe('a version', () => {
  it('is created with all that it can have, and read back', async () => {
    await registry.model('full')
    const version = await registry.version('full', {
      run_id: 'a run of another server',
      run_link: 'https://run.link',
      description: 'the first',
      tags: [{ key: 'a', value: '1' }],
    })
    expect(version).toEqual({
      name: 'full',
      version: '1',
      creation_timestamp: version.last_updated_timestamp,
      last_updated_timestamp: expect.any(Number),
      current_stage: 'None',
      description: 'the first',
      source: SOURCE,
      run_id: 'a run of another server',
      run_link: 'https://run.link',
      status: 'READY',
      tags: [{ key: 'a', value: '1' }],
    })
    expect(await registry.getVersion('full', '1')).toEqual(version)
    expect(await registry.version('full')).toMatchObject({
      version: '2',
      description: '',
      run_id: '',
      run_link: '',
    })
    expect((await registry.get('full')).latest_versions).toMatchObject([{ version: '2' }])
  })

  it('has a number that no other ever has: 16 clients at once get 1 to 16', async () => {
    await registry.model('many')
    const made = await Promise.all(Array.from({ length: 16 }, () => registry.version('many')))
    const numbers = made.map(({ version }) => Number(version)).sort((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: 16 }, (_, i) => i + 1))
    await mlflow.delete('/model-versions/delete', { name: 'many', version: '16' })
    expect((await registry.version('many')).version).toBe('17')
  })

  it('gets another description, or none', async () => {
    const name = await registry.model('described version', 1)
    const update = async (rest: object) =>
      (
        await mlflow.patch<{ model_version: VersionOfMlflow }>('/model-versions/update', {
          name,
          version: '1',
          ...rest,
        })
      ).body.model_version
    expect((await update({ description: 'x' })).description).toBe('x')
    expect((await update({ description: '' })).description).toBe('')
    expect(await update({})).not.toHaveProperty('description')
  })

  it('has tags that are set, replaced and removed', async () => {
    const name = await registry.model('tagged version', 1)
    const of = { name, version: '1' }
    for (const [key, value] of [
      ['a', '1'],
      ['a', '2'],
      ['b', undefined],
      ['c', '3'],
    ]) {
      expect((await mlflow.post('/model-versions/set-tag', { ...of, key, value })).status).toBe(200)
    }
    for (let i = 0; i < 2; i++) {
      expect((await mlflow.delete('/model-versions/delete-tag', { ...of, key: 'c' })).status).toBe(200)
    }
    expect(named((await registry.getVersion(name, '1')).tags)).toEqual({ a: '2', b: '' })
    expect(
      failure(await mlflow.post('/model-versions/set-tag', { ...of, key: 'k'.repeat(251), value: '' })),
    ).toEqual(invalid("'key' exceeds the maximum length of 250 characters"))
  })

  it('is deleted with its aliases', async () => {
    const name = await registry.model('with aliases', 2)
    for (const [alias, version] of [
      ['one', '1'],
      ['two', '2'],
      ['uno', '1'],
    ]) {
      await mlflow.post('/registered-models/alias', { name, alias, version })
    }
    expect((await mlflow.delete('/model-versions/delete', { name, version: '1' })).status).toBe(200)
    expect(failure(await mlflow.delete('/model-versions/delete', { name, version: '1' }))).toEqual(
      noVersion(name, 1),
    )
    expect((await registry.get(name)).aliases).toEqual([{ alias: 'two', version: '2' }])
    expect(await registry.numbers(name)).toEqual([2])
  })

  it('is where its source is', async () => {
    const name = await registry.model('placed', 1)
    const uri = async (query: Record<string, string>) =>
      mlflow.get<{ artifact_uri?: string } & Failure>('/model-versions/get-download-uri', query)
    expect((await uri({ name, version: '1' })).body.artifact_uri).toBe(SOURCE)
    expect(failure(await uri({ name, version: '2' }))).toEqual(noVersion(name, 2))
    expect(failure(await uri({ name }))).toEqual(invalid("Parameter 'version' must be an integer, got ''."))
    expect(failure(await uri({}))).toEqual(invalid("Missing value for required parameter 'name'."))
  })

  it('that is not there is told so wherever it is named', async () => {
    const name = await registry.model('empty')
    for (const [version, told] of [
      ['99', '99'],
      ['0', '0'],
      ['-1', '-1'],
      [' 7 ', '7'],
      ['99999999999', '99999999999'],
    ] as const) {
      const of = { name, version }
      for (const answer of [
        await mlflow.get('/model-versions/get', of),
        await mlflow.patch('/model-versions/update', { ...of, description: 'x' }),
        await mlflow.post('/model-versions/transition-stage', { ...of, stage: 'Staging' }),
        await mlflow.delete('/model-versions/delete', of),
        await mlflow.get('/model-versions/get-download-uri', of),
        await mlflow.post('/model-versions/set-tag', { ...of, key: 'a', value: '1' }),
        await mlflow.delete('/model-versions/delete-tag', { ...of, key: 'a' }),
        await mlflow.post('/registered-models/alias', { ...of, alias: 'a' }),
      ]) {
        expect(failure(answer)).toEqual(noVersion(name, told))
      }
    }
    const { last_updated_timestamp, creation_timestamp } = await registry.get(name)
    expect(last_updated_timestamp).toBe(creation_timestamp)
  })

  it('is a whole number, as text', async () => {
    const name = await registry.model('numbered', 1)
    for (const version of ['one', '1.0', '1e0', 'v1']) {
      expect(failure(await mlflow.get('/model-versions/get', { name, version }))).toEqual(
        invalid(`Parameter 'version' must be an integer, got '${version}'.`),
      )
    }
    expect(failure(await mlflow.patch('/model-versions/update', { name, version: 1 }))).toEqual(
      invalid(`Invalid value 1 for parameter 'version' supplied:  Hint: Value was of type 'int'.${HINT}`),
    )
  })
})

describe('an alias', () => {
  const set = (name: string, alias: string, version = '1') =>
    mlflow.post('/registered-models/alias', { name, alias, version })
  const by = (name: string, alias: string) =>
    mlflow.get<{ model_version: VersionOfMlflow } & Failure>('/registered-models/alias', { name, alias })

  it('stands for a version until it is moved or removed', async () => {
    const name = await registry.model('aliased', 3)
    await set(name, 'best')
    await set(name, 'other', '1')
    expect((await by(name, 'best')).body.model_version).toMatchObject({
      version: '1',
      aliases: ['best', 'other'],
    })
    await set(name, 'best', '3')
    expect((await by(name, 'best')).body.model_version).toMatchObject({ version: '3', aliases: ['best'] })
    expect((await registry.getVersion(name, '1')).aliases).toEqual(['other'])
    for (let i = 0; i < 2; i++) {
      expect((await mlflow.delete('/registered-models/alias', { name, alias: 'other' })).status).toBe(200)
    }
    expect(failure(await by(name, 'other'))).toEqual(invalid('Registered model alias other not found.'))
    expect((await by(name, 'LATEST')).body.model_version.version).toBe('3')
  })

  it('called latest finds nothing where there are no versions', async () => {
    const name = await registry.model('nothing')
    expect(failure(await by(name, 'latest'))).toEqual([
      404,
      'RESOURCE_DOES_NOT_EXIST',
      `Latest version not found for model ${name}.`,
    ])
  })

  it.each<[what: string, alias: string, message: string]>([
    ['latest', 'latest', "'latest' alias name (case insensitive) is reserved."],
    ['latest in another case', 'LaTest', "'latest' alias name (case insensitive) is reserved."],
    ['as a version', 'v1', "Version alias name 'v1' is reserved."],
    ['as a version in capitals', 'V12', "Version alias name 'V12' is reserved."],
    ['nothing', '', `Missing value for required parameter 'alias'.${HINT}`],
    [
      'with a space',
      'a b',
      "Invalid alias name: 'a b'. Names may only contain alphanumerics, underscores (_), and dashes (-).",
    ],
    [
      'at length',
      'a'.repeat(256),
      "'Registered model alias name' exceeds the maximum length of 255 characters",
    ],
  ])('is not called %s', async (_, alias, message) => {
    expect(failure(await set('aliased', alias))).toEqual(invalid(message))
  })

  it('may have any other name', async () => {
    for (const alias of ['v1a', 'v', 'é_-1', '1', 'a'.repeat(255)]) {
      expect((await set('aliased', alias)).status).toBe(200)
      expect((await by('aliased', alias)).body.model_version.version).toBe('1')
    }
  })

  it('never stands for a version that is being deleted', async () => {
    for (let i = 0; i < 8; i++) {
      const name = await registry.model(`race ${i}`, 1)
      await Promise.all([
        set(name, 'best'),
        mlflow.delete('/model-versions/delete', { name, version: '1' }),
        set(name, 'other'),
      ])
      expect(await registry.get(name)).not.toHaveProperty('aliases')
    }
  })
})

describe('a stage', () => {
  const move = (name: string, version: string, stage: string, rest: object = {}) =>
    mlflow.post<{ model_version: VersionOfMlflow } & Failure>('/model-versions/transition-stage', {
      name,
      version,
      stage,
      ...rest,
    })
  const stages = async (name: string) => {
    const numbers = await registry.numbers(name)
    return Promise.all(numbers.map(async (n) => (await registry.getVersion(name, String(n))).current_stage))
  }
  const ARCHIVING = { archive_existing_versions: true }

  it('is entered by versions, which archive others there only when told to', async () => {
    const name = await registry.model('staged', 4)
    const { body } = await move(name, '1', 'production')
    expect(body.model_version.current_stage).toBe('Production')
    await move(name, '2', 'Production')
    expect(await stages(name)).toEqual(['Production', 'Production', 'None', 'None'])
    await move(name, '3', 'Production', ARCHIVING)
    expect(await stages(name)).toEqual(['Archived', 'Archived', 'Production', 'None'])
    await move(name, '3', 'Production', ARCHIVING)
    expect(await stages(name)).toEqual(['Archived', 'Archived', 'Production', 'None'])
    expect((await registry.get(name)).last_updated_timestamp).toBeGreaterThanOrEqual(
      body.model_version.last_updated_timestamp,
    )
  })

  it('archives nothing for a version that is not there', async () => {
    const name = await registry.model('kept', 1)
    await move(name, '1', 'Staging')
    expect(failure(await move(name, '9', 'Staging', ARCHIVING))).toEqual(noVersion(name, 9))
    expect(await stages(name)).toEqual(['Staging'])
  })

  it('keeps one version when 16 enter it at once and archive the others', async () => {
    const name = await registry.model('crowded', 16)
    await Promise.all(
      Array.from({ length: 16 }, (_, i) => move(name, String(i + 1), 'Production', ARCHIVING)),
    )
    expect((await stages(name)).filter((stage) => stage === 'Production')).toHaveLength(1)
  })

  it('is one of four, of which two are active', async () => {
    const name = await registry.model('refused', 1)
    const wrong =
      'Invalid Model Version stage: Shipped. Value must be one of None, Staging, Production, Archived.'
    expect(failure(await move(name, '1', 'Shipped'))).toEqual(invalid(wrong))
    expect(
      failure(await mlflow.get('/registered-models/get-latest-versions', { name, stages: 'Shipped' })),
    ).toEqual(invalid(wrong))
    for (const stage of ['none', 'Archived']) {
      expect(failure(await move(name, '1', stage, ARCHIVING))).toEqual(
        invalid(
          `Model version transition cannot archive existing model versions because '${stage}' is not an Active stage. Valid stages are ['Staging', 'Production']`,
        ),
      )
    }
  })

  it('has a latest version', async () => {
    const name = await registry.model('latest', 5)
    await move(name, '2', 'Production')
    await move(name, '3', 'Production')
    await move(name, '1', 'Staging')
    await mlflow.post('/registered-models/alias', { name, alias: 'best', version: '3' })
    const latest = async (...wanted: string[]) => {
      const query = new URLSearchParams([['name', name], ...wanted.map((stage) => ['stages', stage])])
      const { body } = await tracker.get<{ model_versions?: VersionOfMlflow[] }>(
        `/api/2.0/mlflow/registered-models/get-latest-versions?${query}`,
      )
      const posted = await mlflow.post('/registered-models/get-latest-versions', { name, stages: wanted })
      expect(posted.body).toEqual(body)
      return body.model_versions?.map(({ current_stage, version, aliases }) => [
        current_stage,
        version,
        aliases,
      ])
    }
    const all = [
      ['Staging', '1', undefined],
      ['Production', '3', ['best']],
      ['None', '5', undefined],
    ]
    expect(await latest()).toEqual(all)
    expect(await latest('production', 'NONE')).toEqual(all.slice(1))
    expect(await latest('Archived')).toBeUndefined()
    const { latest_versions } = await registry.get(name)
    expect(latest_versions?.map(({ current_stage, version }) => [current_stage, version, undefined])).toEqual(
      all.map(([stage, version]) => [stage, version, undefined]),
    )
  })
})
