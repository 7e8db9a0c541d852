import { beforeAll, describe, expect, it } from 'vitest'
import { type Failure, MlflowClient } from '../support/mlflow.ts'
import { type ModelOfMlflow, Registry, SOURCE, type VersionOfMlflow } from '../support/registry.ts'
import { newTracker, roundTrips, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
const mlflow = new MlflowClient(() => tracker)
const registry = new Registry(mlflow)

const RUN = 'a'.repeat(32)

beforeAll(async () => {
  tracker = await newTracker()
  for (const [name, tags] of [
    ['alpha', { team: 'a', x: '1' }],
    ['beta', { team: 'b' }],
    ['Alphabet', { team: 'A' }],
    ["it's 100%", {}],
  ] as const) {
    await registry.model(name, 0, { tags: Object.entries(tags).map(([key, value]) => ({ key, value })) })
  }
  for (const n of [1, 2, 3]) {
    await registry.version('alpha', {
      source: `${SOURCE}/${n}`,
      ...(n < 3 && { run_id: n === 1 ? RUN : 'b' }),
      tags: [{ key: 'n', value: String(n) }],
    })
  }
  await registry.version('beta', { run_id: RUN, tags: [{ key: 'n', value: '1' }] })
  const tags = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }]
  await registry.model('prompt', 0, { tags })
  await registry.version('prompt', { tags, source: 'prompt-template' })
})

type Page = {
  registered_models?: ModelOfMlflow[]
  model_versions?: VersionOfMlflow[]
  next_page_token?: string
} & Failure

async function search(
  what: 'registered-models' | 'model-versions',
  query: Record<string, string | string[]>,
) {
  const parameters = Object.entries(query).flatMap(([key, values]) =>
    [values].flat().map((value) => [key, value]),
  )
  const path = `/api/2.0/mlflow/${what}/search?${new URLSearchParams(parameters)}`
  const { status, body, text } = await tracker.get<Page>(path)
  if (status === 500) throw new Error(text)
  return { status, body }
}

/** The names of models that are found, or what is wrong. */
async function models(query: Record<string, string | string[]>) {
  const { status, body } = await search('registered-models', query)
  return status === 200 ? (body.registered_models ?? []).map(({ name }) => name) : body.message
}

/** The names and numbers of versions that are found, or what is wrong. */
async function versions(query: Record<string, string | string[]>) {
  const { status, body } = await search('model-versions', query)
  return status === 200
    ? (body.model_versions ?? []).map(({ name, version }) => `${name} ${version}`)
    : body.message
}

const ALL = ['Alphabet', 'alpha', 'beta', "it's 100%"]

describe('registered models', () => {
  it.each<[filter: string, found: string[]]>([
    ['', ALL],
    ["name = 'alpha'", ['alpha']],
    ["name = 'it''s 100%'", ["it's 100%"]],
    ["name != 'alpha'", ['Alphabet', 'beta', "it's 100%"]],
    ["name LIKE 'alpha%'", ['alpha']],
    ["name like 'alpha%'", ['alpha']],
    ["name ILIKE 'ALPHA%'", ['Alphabet', 'alpha']],
    ["name IN ('alpha', 'beta')", ['alpha', 'beta']],
    ["name NOT IN ('alpha', 'beta')", ['Alphabet', "it's 100%"]],
    ["attribute.name = 'beta'", ['beta']],
    ["tags.team = 'a'", ['alpha']],
    ["tag.team = 'a'", ['alpha']],
    ['tags.`team` ILIKE "a"', ['Alphabet', 'alpha']],
    ["tags.team != 'a'", ['Alphabet', 'beta']],
    ["tags.team LIKE '%'", ['Alphabet', 'alpha', 'beta']],
    ["tags.team = 'a' AND tags.x = '1' AND name LIKE 'a%'", ['alpha']],
    ["tags.team != 'a' AND tags.team != 'b'", ['Alphabet']],
    ["NOT tags.team = 'a'", ['Alphabet', 'beta', "it's 100%"]],
    ["name = 'beta' OR (tags.x = '1' AND NOT name = 'x')", ['alpha', 'beta']],
    ["tags.`mlflow.prompt.is_prompt` = 'true'", ['prompt']],
    ["tags.`mlflow.prompt.is_prompt` != 'true'", ALL],
    ["tags.`mlflow.prompt.is_prompt` = 'false' AND name = 'alpha'", ['alpha']],
    ["name = 'prompt'", []],
  ])('are found by %s', async (filter, found) => {
    expect(await models({ filter })).toEqual(found)
  })

  it.each([
    [
      'name = 5',
      'Expected a quoted string value or a list of quoted string values for attributes. Got value 5',
    ],
    ["name > 'a'", 'Invalid comparator for attribute: >'],
    ["x = 'a'", "Invalid attribute key 'x' specified. Valid keys are '{'name'}'"],
    ["foo.x = 'a'", "Invalid entity type 'foo'. Valid entity types are ('attribute', 'tag', 'tags')"],
    ['tags.a = 5', "Expected a quoted string value for tag (e.g. 'my-value'). Got value 5"],
    ["tags.a IN ('a')", "Expected a quoted string value for tag (e.g. 'my-value'). Got value ('a')"],
    ["tags.a > '5'", 'Invalid comparator for tag: >'],
    ['tags.a IS NULL', 'Invalid comparator for tag: IS NULL'],
    ['name IS NULL', 'Invalid comparator for attribute: IS NULL'],
    ['name', 'Invalid clause(s) in filter string'],
  ])('are not found by %s', async (filter, message) => {
    expect(await models({ filter })).toContain(message)
  })

  it.each<[order: string[], first: string]>([
    [['name'], 'Alphabet'],
    [['name DESC'], "it's 100%"],
    [['timestamp ASC'], 'Alphabet'],
    [['last_updated_timestamp ASC', 'name DESC'], 'Alphabet'],
    [['timestamp DESC'], 'beta'],
  ])('come in the order %j', async (order_by, first) => {
    const found = await models({ order_by })
    expect(found).toHaveLength(4)
    // Those without versions have not changed since; what was made in one millisecond is told apart by name.
    if (order_by[0]?.startsWith('name')) expect(found[0]).toBe(first)
    const times = (await search('registered-models', { order_by })).body.registered_models?.map(
      (model) => model.last_updated_timestamp,
    )
    if (order_by[0]?.endsWith('timestamp ASC')) expect(times).toEqual(times?.toSorted((a, b) => a - b))
    if (order_by[0] === 'timestamp DESC')
      expect([found[0], times]).toEqual([first, times?.toSorted((a, b) => b - a)])
  })

  it.each([
    ['owner', "Invalid order by key 'owner' specified. Valid keys are '{'name', 'timestamp'}'"],
    ['tags.a', "Invalid order by key 'tags.a' specified."],
    ['creation_timestamp', "Invalid order by key 'creation_timestamp' specified."],
    ['name UP', "Invalid ordering key in order_by clause 'name UP'."],
    ['', "Invalid order_by clause ''. Could not be parsed."],
  ])('do not come in the order %j', async (order_by, message) => {
    expect(await models({ order_by })).toContain(message)
    expect(await models({ order_by: ['name ASC', 'name DESC'] })).toContain(
      "`order_by` contains duplicate fields: ['name ASC', 'name DESC']",
    )
  })

  it('come in pages, each of one round trip', async () => {
    for (const order_by of [[], ['name DESC'], ['timestamp'], ['timestamp DESC', 'name DESC']]) {
      const all = await models({ order_by })
      const paged: string[] = []
      for (let page_token = '', pages = 0; pages < 5; pages++) {
        const before = roundTrips()
        const { body } = await search('registered-models', { order_by, max_results: '1', page_token })
        expect(roundTrips() - before).toBe(1)
        paged.push(...(body.registered_models ?? []).map(({ name }) => name))
        page_token = body.next_page_token ?? ''
        if (page_token === '') break
      }
      expect(paged).toEqual(all)
    }
  })

  it.each([
    ['0', []],
    ['-1', []],
    ['1000', ALL],
  ])('are at most %s where so many are wanted', async (max_results, found) => {
    expect(await models({ max_results })).toEqual(found)
  })

  it('do not come in more than 1,000 or by a token of something else', async () => {
    expect(await models({ max_results: '1001' })).toBe(
      `Invalid value "1001" for parameter 'max_results' supplied:  Hint: Value was of type 'str'. See the API docs for more information about request parameters.`,
    )
    for (const page_token of ['!!', 'e30=', 'WyJhIl0', 'WzEsMl0']) {
      expect(await models({ page_token, order_by: 'timestamp' })).toContain(
        'is not a cursor of this list and order',
      )
    }
  })
})

describe('versions', () => {
  const order_by = ['name', 'version_number']

  it.each<[filter: string, found: string[]]>([
    ['', ['alpha 1', 'alpha 2', 'alpha 3', 'beta 1']],
    ["name = 'alpha'", ['alpha 1', 'alpha 2', 'alpha 3']],
    ["name != 'alpha'", ['beta 1']],
    ["name ILIKE 'ALPHA%' AND version_number = 2", ['alpha 2']],
    ["name IN ('beta', 'x')", ['beta 1']],
    ['version_number > 1', ['alpha 2', 'alpha 3']],
    ["version_number <= '1'", ['alpha 1', 'beta 1']],
    ['version_number != 1', ['alpha 2', 'alpha 3']],
    ['version_number = 99999999999', []],
    [`run_id = '${RUN}'`, ['alpha 1', 'beta 1']],
    [`run_id IN ('${RUN}', 'b')`, ['alpha 1', 'alpha 2', 'beta 1']],
    [`run_id NOT IN ('${RUN}')`, ['alpha 2', 'alpha 3']],
    ["run_id = ''", ['alpha 3']],
    [`source_path = '${SOURCE}/2'`, ['alpha 2']],
    ["source_path LIKE '%/2'", ['alpha 2']],
    ["tags.n = '1'", ['alpha 1', 'beta 1']],
    ["tags.n != '1' AND version_number < 3", ['alpha 2']],
    ["NOT (tags.n = '1' OR version_number = 2)", ['alpha 3']],
    ["tags.`mlflow.prompt.is_prompt` = 'true'", ['prompt 1']],
    ["name = 'nobody'", []],
  ])('are found by %s', async (filter, found) => {
    expect(await versions({ filter, order_by })).toEqual(found)
  })

  it.each([
    ['run_id = 5', 'attributes support comparison with numeric values.'],
    ["name > 'a'", 'Invalid comparator for attribute: >'],
    ["version_number = 'x'", "Invalid value for numeric attribute 'version_number': 'x'"],
    ['version_number = 1.5', "Invalid value for numeric attribute 'version_number': 1.5"],
    ["version_number LIKE '1'", 'Invalid comparator for attribute version_number: LIKE'],
    [
      "version_number IN ('1')",
      "Only ['name', 'run_id'] attributes support comparison with a list of quoted string values.",
    ],
    [
      "source_path IN ('1')",
      "Only ['name', 'run_id'] attributes support comparison with a list of quoted string values.",
    ],
    ["stage = 'Production'", "Invalid attribute key 'stage' specified."],
    ['creation_timestamp > 5', "Invalid attribute key 'creation_timestamp' specified."],
    ["foo.x = 'a'", "Invalid entity type 'foo'."],
    ["tags.a IN ('a')", "Expected a quoted string value for tag (e.g. 'my-value'). Got value ('a')"],
  ])('are not found by %s', async (filter, message) => {
    expect(await versions({ filter })).toContain(message)
  })

  it('come in an order: those first that changed last where none is given', async () => {
    await mlflow.post('/model-versions/transition-stage', { name: 'alpha', version: '2', stage: 'Staging' })
    expect((await versions({}))?.[0]).toBe('alpha 2')
    expect(await versions({ order_by: ['version_number DESC', 'name DESC'] })).toEqual([
      'alpha 3',
      'alpha 2',
      'beta 1',
      'alpha 1',
    ])
    // By name, and those of a name from the newest.
    expect(await versions({ order_by: 'name' })).toEqual(['alpha 3', 'alpha 2', 'alpha 1', 'beta 1'])
    expect(await versions({ order_by: 'creation_timestamp' })).toHaveLength(4)
  })

  it.each([
    [
      'stage',
      "Invalid attribute key 'stage' specified. Valid keys are '{'name', 'version_number', 'creation_timestamp', 'last_updated_timestamp'}'",
    ],
    ['tags.a', "Invalid order by key 'a' specified."],
    ['foo.a', "Invalid entity type 'foo'."],
    ['version_number UP', "Invalid ordering key in order_by clause 'version_number UP'."],
  ])('do not come in the order %s', async (order, message) => {
    expect(await versions({ order_by: order })).toContain(message)
  })

  it('come in pages, each of one round trip', async () => {
    for (const order of [
      [],
      ['version_number'],
      ['creation_timestamp DESC'],
      ['last_updated_timestamp', 'name DESC'],
    ]) {
      const all = await versions({ order_by: order })
      const paged: string[] = []
      for (let page_token = '', pages = 0; pages < 5; pages++) {
        const before = roundTrips()
        const { body } = await search('model-versions', { order_by: order, max_results: '1', page_token })
        expect(roundTrips() - before).toBe(1)
        paged.push(...(body.model_versions ?? []).map(({ name, version }) => `${name} ${version}`))
        page_token = body.next_page_token ?? ''
        if (page_token === '') break
      }
      expect(paged).toEqual(all)
    }
  })

  it('are at most 200,000 on a page, and at least one', async () => {
    expect(await versions({ max_results: '0' })).toBe(
      'Invalid value for max_results. It must be a positive integer, but got 0',
    )
    expect(await versions({ max_results: '200001' })).toContain(
      `Invalid value "200001" for parameter 'max_results'`,
    )
    expect(await versions({ max_results: '200000' })).toHaveLength(4)
  })
})

it('finds no more models for a page than an answer of the database holds', async () => {
  tracker = await newTracker()
  const tags = Array.from({ length: 10 }, (_, i) => ({ key: `k${i}`, value: 'v'.repeat(99_000) }))
  for (let i = 0; i < 8; i++) await registry.model(`heavy ${i}`, 0, { tags })
  const pages: string[][] = []
  for (let page_token: string | undefined = ''; page_token !== undefined && pages.length < 9; ) {
    const { body }: { body: Page } = await search('registered-models', { page_token })
    pages.push((body.registered_models ?? []).map(({ name }) => name))
    page_token = body.next_page_token
  }
  expect(pages.flat()).toEqual(Array.from({ length: 8 }, (_, i) => `heavy ${i}`))
  for (const page of pages) expect([1, 2, 3, 4, 5, 6]).toContain(page.length)
})
