import { beforeAll, describe, expect, it } from 'vitest'
import { type LoggedModelOfMlflow, LoggedModels } from '../support/logged-models.ts'
import { type Failure, MlflowClient } from '../support/mlflow.ts'
import { newTracker, roundTrips, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
let experiment: string
let run: string
const mlflow = new MlflowClient(() => tracker)
const models = new LoggedModels(mlflow)
/** The ids of models by their names. */
const ids: Record<string, string> = {}

const D = (name: string) => ({ dataset_name: name, dataset_digest: `digest of ${name}` })

const MODELS: {
  name: string
  params: object
  tags: object
  metrics: [string, number | string, object?][]
}[] = [
  {
    name: 'alpha',
    params: { lr: '0.1' },
    tags: { team: 'a' },
    metrics: [
      ['acc', 0.9, D('train')],
      ['loss', 1],
    ],
  },
  {
    name: 'beta',
    params: { lr: '0.2' },
    tags: { team: 'b' },
    metrics: [
      ['acc', 0.5, D('train')],
      ['acc', 0.6, D('test')],
    ],
  },
  {
    name: 'gamma',
    params: {},
    tags: {},
    metrics: [
      ['acc', 'NaN', D('train')],
      ['loss', 0.5],
    ],
  },
  { name: 'delta', params: { lr: '0.1' }, tags: { team: 'A' }, metrics: [] },
]

beforeAll(async () => {
  tracker = await newTracker()
  experiment = await mlflow.createExperiment('models')
  run = (await mlflow.createRun(experiment)).info.run_id
  const pairs = (named: object) => Object.entries(named).map(([key, value]) => ({ key, value }))
  for (const [i, { name, params, tags, metrics }] of MODELS.entries()) {
    const { info } = await models.create(experiment, {
      name,
      model_type: i % 2 === 0 ? 'tree' : 'net',
      source_run_id: i === 0 ? '' : run,
      params: pairs(params),
      tags: pairs(tags),
    })
    ids[name] = info.model_id
    for (const [n, [key, value, dataset]] of metrics.entries()) {
      await models.log(run, info.model_id, key, value, { timestamp: n, ...dataset })
    }
    // So that no two are of one millisecond.
    await tracker.sql.query(`update logged_models set created_at = $1 where name = $2`, [
      new Date(1_700_000_000_000 + i).toISOString(),
      name,
    ])
  }
  for (const [name, status] of [
    ['alpha', 2],
    ['beta', 2],
    ['gamma', 3],
  ] as const) {
    await mlflow.patch(`/logged-models/${ids[name]}`, { status })
  }
  const { info } = await models.create(experiment, { name: 'deleted' })
  await mlflow.delete(`/logged-models/${info.model_id}`)
})

type Page = { models?: LoggedModelOfMlflow[]; next_page_token?: string } & Failure
const search = (query: object) =>
  mlflow.post<Page>('/logged-models/search', { experiment_ids: [experiment], ...query })

/** The names of models that are found, or what is wrong. */
async function found(query: object): Promise<string[] | string> {
  const { status, body, text } = await search(query)
  if (status === 500) throw new Error(text)
  return status === 200 ? (body.models ?? []).map(({ info }) => info.name) : body.message
}

const BY_NAME = [{ field_name: 'name' }]
const ALL = ['alpha', 'beta', 'delta', 'gamma']

describe('logged models', () => {
  it.each<[filter: string, names: string[]]>([
    ['', ALL],
    ["name = 'alpha'", ['alpha']],
    ["name != 'alpha'", ['beta', 'delta', 'gamma']],
    ["name LIKE '%ta'", ['beta', 'delta']],
    ["name ilike 'AL%'", ['alpha']],
    ["name IN ('alpha', 'beta')", ['alpha', 'beta']],
    ["name NOT IN ('alpha', 'beta')", ['delta', 'gamma']],
    ["attributes.name = 'alpha'", ['alpha']],
    ["status = 'READY'", ['alpha', 'beta']],
    ['status = 2', ['alpha', 'beta']],
    ["status != 'READY'", ['delta', 'gamma']],
    ["status IN ('FAILED', 'PENDING')", ['delta', 'gamma']],
    ["model_type = 'net'", ['beta', 'delta']],
    ["source_run_id = ''", ['alpha']],
    ["lifecycle_stage = 'active'", ALL],
    ["artifact_location LIKE 'mlflow-artifacts:/%/models/m-%/artifacts'", ALL],
    ['creation_timestamp > 1700000000001', ['delta', 'gamma']],
    ['creation_time <= 1700000000000', ['alpha']],
    ['creation_timestamp_ms = 1700000000003', ['delta']],
    ['last_updated_timestamp < 0', []],
    ["params.lr = '0.1'", ['alpha', 'delta']],
    ['params.lr = 0.1', ['alpha', 'delta']],
    ["params.lr != '0.1'", ['beta']],
    ["params.`lr` LIKE '0.%'", ['alpha', 'beta', 'delta']],
    ["params.lr IN ('0.2')", ['beta']],
    ["tags.team = 'a'", ['alpha']],
    ["tags.team ILIKE 'a'", ['alpha', 'delta']],
    ['metrics.acc > 0.55', ['alpha', 'beta']],
    ['metrics.acc > 0.55 AND metrics.loss > 0', ['alpha']],
    ['metrics.loss = 1', ['alpha']],
    ['metrics.loss >= 5e-1', ['alpha', 'gamma']],
    ['metrics.acc < -1', []],
    ['metrics.nothing > 0', []],
    ["params.lr = '0.1' AND tags.team = 'a' AND status = 'READY'", ['alpha']],
    ["NOT params.lr = '0.1' OR name = 'alpha'", ['alpha', 'beta', 'gamma']],
    ['name = 5', []],
  ])('are found by %s', async (filter, names) => {
    expect(await found({ filter, order_by: BY_NAME })).toEqual(names)
  })

  it('are found by the ids of themselves, their run and experiment', async () => {
    for (const [filter, names] of [
      [`model_id = '${ids.beta}'`, ['beta']],
      [`model_id IN ('${ids.beta}', '${ids.alpha}')`, ['alpha', 'beta']],
      [`source_run_id = '${run}'`, ['beta', 'delta', 'gamma']],
      [`experiment_id = '${experiment}'`, ALL],
    ]) {
      expect(await found({ filter, order_by: BY_NAME })).toEqual(names)
    }
  })

  it.each([
    [
      "name > 'a'",
      "Invalid comparison operator for attributes.name: '>'. Expected one of ('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN').",
    ],
    [
      "metrics.acc LIKE '1'",
      "Invalid comparison operator for metrics.acc: 'LIKE'. Expected one of ('<', '<=', '>', '>=', '=', '!=').",
    ],
    ["metrics.acc > 'x'", "Expected numeric value type for metrics.acc. Found 'x'"],
    ["creation_timestamp > 'x'", "Expected numeric value type for attributes.creation_timestamp. Found 'x'"],
    ["owner = 'x'", "Invalid attribute key 'owner' specified"],
    [
      "tag.team = 'a'",
      "Invalid entity type: 'tag'. Expected one of ['attributes', 'metrics', 'params', 'tags'].",
    ],
    ['max(metrics.acc) > 1', 'Invalid entity type'],
    ['name', 'Invalid clause(s) in filter string'],
  ])('are not found by %s', async (filter, message) => {
    expect(await found({ filter })).toContain(message)
  })

  it.each<[what: string, query: object, names: string[]]>([
    ['one', { datasets: [{ dataset_name: 'train' }] }, ['alpha', 'beta', 'gamma']],
    ['one and its digest', { datasets: [D('test')] }, ['beta']],
    ['another digest', { datasets: [{ dataset_name: 'test', dataset_digest: 'x' }] }, []],
    ['one of two', { datasets: [D('train'), D('test')], filter: 'metrics.acc > 0.55' }, ['alpha', 'beta']],
    ['one, with a metric', { datasets: [D('train')], filter: 'metrics.acc > 0.55' }, ['alpha']],
    ['one, with the metric of none', { datasets: [D('train')], filter: 'metrics.loss > 0' }, []],
    ['one, with something else', { datasets: [D('train')], filter: "params.lr = '0.1'" }, ['alpha']],
    ['none', { datasets: [] }, ALL],
  ])('are found by their metrics of datasets: %s', async (_, query, names) => {
    expect(await found({ order_by: BY_NAME, ...query })).toEqual(names)
  })

  it('are found by datasets that have names', async () => {
    expect(await found({ datasets: [{ dataset_digest: 'x' }] })).toBe(
      '`dataset_name` in the `datasets` clause must be specified.',
    )
  })

  it.each<[what: string, order: [field: string, rest?: object][], names: string[]]>([
    ['nothing', [], ['delta', 'gamma', 'beta', 'alpha']],
    ['name', [['name']], ALL],
    ['name down', [['name', { ascending: false }]], ALL.toReversed()],
    ['creation_timestamp', [['creation_timestamp']], ['alpha', 'beta', 'gamma', 'delta']],
    ['status and name', [['status'], ['name']], ['delta', 'alpha', 'beta', 'gamma']],
    ['type and name', [['model_type'], ['name', { ascending: false }]], ['delta', 'beta', 'gamma', 'alpha']],
    ['source_run_id', [['source_run_id'], ['name']], ALL],
    // What is no number comes behind all numbers, and what is not there at the end.
    ['loss', [['metrics.loss']], ['gamma', 'alpha', 'delta', 'beta']],
    ['loss down', [['metrics.loss', { ascending: false }]], ['alpha', 'gamma', 'delta', 'beta']],
    ['acc', [['metrics.acc']], ['beta', 'alpha', 'gamma', 'delta']],
    ['acc of train', [['metrics.acc', D('train')]], ['beta', 'alpha', 'gamma', 'delta']],
    [
      'acc of train down',
      [['metrics.acc', { ...D('train'), ascending: false }]],
      ['alpha', 'beta', 'gamma', 'delta'],
    ],
    ['acc of test', [['metrics.acc', { dataset_name: 'test' }]], ['beta', 'delta', 'gamma', 'alpha']],
    [
      'acc of a digest',
      [['metrics.acc', { dataset_digest: 'digest of test' }]],
      ['beta', 'delta', 'gamma', 'alpha'],
    ],
    ['a metric that none has', [['metrics.nothing']], ['delta', 'gamma', 'beta', 'alpha']],
    ['two metrics', [['metrics.nothing'], ['metrics.loss']], ['gamma', 'alpha', 'delta', 'beta']],
  ])('come in the order of %s, also page by page', async (_, order, names) => {
    const order_by = order.map(([field_name, rest]) => ({ field_name, ...rest }))
    expect(await found({ order_by })).toEqual(names)
    const paged: string[] = []
    for (let page_token: string | undefined = '', pages = 0; page_token !== undefined && pages < 9; pages++) {
      const before = roundTrips()
      const { body }: { body: Page } = await search({ order_by, max_results: 1, page_token })
      expect(roundTrips() - before).toBe(1)
      paged.push(...(body.models ?? []).map(({ info }) => info.name))
      page_token = body.next_page_token
    }
    expect(paged).toEqual(names)
  })

  it.each([
    ['params.lr', 'Invalid order by field name: params.lr. Only metrics are supported.'],
    ['attributes.name', 'Invalid order by field name: attributes.name. Only metrics are supported.'],
    ['owner', 'Invalid order by field name: owner'],
    ['', 'Invalid order by field name: '],
  ])('do not come in the order of %s', async (field_name, message) => {
    expect(await found({ order_by: [{ field_name }] })).toBe(message)
  })

  it('come on a page as they are read by id', async () => {
    const { body } = await search({ filter: "name = 'beta'" })
    expect(body).toEqual({ models: [await models.get(ids.beta ?? '')] })
  })

  it.each([
    [0, 4],
    [-1, 0],
    [2, 2],
    ['2', 2],
    [1_000_000, 4],
    ['99999999999', 4],
  ])('are at most as many as wanted: %s', async (max_results, count) => {
    expect(await found({ max_results })).toHaveLength(count)
  })

  it('come by a token of the same search only', async () => {
    const { body } = await search({ max_results: 1, order_by: BY_NAME })
    const page_token = body.next_page_token
    const order = "[{'field_name': 'name', 'ascending': True, 'dataset_name': None, 'dataset_digest': None}]"
    for (const [query, message] of [
      [
        { order_by: BY_NAME, experiment_ids: [experiment, '0'] },
        `Experiment IDs in the page token do not match the requested experiment IDs. Expected: ['${experiment}', '0']. Found: ['${experiment}']`,
      ],
      [
        { order_by: BY_NAME, filter: "name = 'x'" },
        "Filter string in the page token does not match the requested filter string. Expected: name = 'x'. Found: None",
      ],
      [
        {},
        `Order by in the page token does not match the requested order by. Expected: None. Found: ${order}`,
      ],
      [{ page_token: '!!' }, 'Invalid page token: !!.'],
      [{ page_token: 'e30=' }, 'Invalid page token: e30=.'],
    ] as const) {
      expect(await found({ page_token, ...query })).toBe(message)
    }
  })

  it('are of the experiments that are asked for', async () => {
    const other = await mlflow.createExperiment('other')
    await models.create(other, { name: 'there' })
    expect(await found({ experiment_ids: [other] })).toEqual(['there'])
    expect(await found({ experiment_ids: [other, experiment], order_by: BY_NAME })).toEqual([...ALL, 'there'])
    expect(await found({ experiment_ids: [] })).toEqual([])
    expect(await found({ experiment_ids: ['999999', '0'] })).toEqual([])
    expect(await found({ experiment_ids: ['abc'] })).toBe(
      "Invalid experiment ID 'abc'. Experiment ID must be a valid integer.",
    )
    expect(await found({ experiment_ids: undefined })).toContain(
      "Missing value for required parameter 'experiment_ids'.",
    )
    expect(await found({ experiment_ids: '1' })).toContain(`Invalid value "1" for parameter 'experiment_ids'`)
  })

  it('are on a page no more than an answer of the database holds', async () => {
    const heavy = await mlflow.createExperiment('heavy')
    const params = Array.from({ length: 9 }, (_, i) => ({ key: `k${i}`, value: 'v'.repeat(110_000) }))
    for (let i = 0; i < 8; i++) await models.create(heavy, { name: `heavy ${i}`, params })
    const pages: string[][] = []
    for (let page_token: string | undefined = ''; page_token !== undefined && pages.length < 9; ) {
      const { body }: { body: Page } = await search({
        experiment_ids: [heavy],
        order_by: BY_NAME,
        page_token,
      })
      pages.push((body.models ?? []).map(({ info }) => info.name))
      page_token = body.next_page_token
    }
    expect(pages.flat()).toEqual(Array.from({ length: 8 }, (_, i) => `heavy ${i}`))
    for (const page of pages) expect([1, 2, 3, 4, 5, 6]).toContain(page.length)
  })
})
