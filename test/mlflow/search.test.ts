import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Failure, MlflowClient, named, type RunOfMlflow } from '../support/mlflow.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'
import type { Run } from '../support/wire.ts'

let tracker: Tracker
const mlflow = new MlflowClient(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
})

/** What a run of the model has. */
interface Modelled {
  name: string
  start: number
  metrics: Record<string, number>
  params: Record<string, string>
  tags: Record<string, string>
}

const METRICS = ['loss', 'val loss']
const WORDS = ['a', 'b', 'ab', 'A', '', "it's", '10', '9']
const NUMBERS = [0, -1, 0.5, 1e300, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]

const some = <T>(keys: string[], value: fc.Arbitrary<T>) =>
  fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: keys.length, noNullPrototype: true })
const modelled: fc.Arbitrary<Modelled> = fc.record({
  name: fc.constantFrom('one', 'two'),
  start: fc.integer({ min: 1, max: 3 }),
  metrics: some(METRICS, fc.constantFrom(...NUMBERS)),
  params: some(['p', 'q'], fc.constantFrom(...WORDS)),
  tags: some(['t'], fc.constantFrom(...WORDS)),
})

/** A filter as text, and whether a run meets it. */
interface Judged {
  text: string
  holds: (run: Modelled) => boolean
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`
const like = (pattern: string, flags: string) =>
  new RegExp(
    `^${[...pattern].map((c) => (c === '%' ? '.*' : c === '_' ? '.' : c.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))).join('')}$`,
    `su${flags}`,
  )

const numeric = (text: string, of: (run: Modelled) => number | undefined): fc.Arbitrary<Judged> =>
  fc
    .tuple(fc.constantFrom('=', '!=', '<', '<=', '>', '>='), fc.constantFrom(0, -1, 0.5, 2))
    .map(([comparator, value]) => ({
      text: `${text} ${comparator} ${value}`,
      holds: (run) => {
        const held = of(run)
        if (held === undefined) return false
        if (comparator === '=') return held === value
        if (comparator === '!=') return held !== value
        if (comparator === '<') return held < value
        if (comparator === '<=') return held <= value
        return comparator === '>' ? held > value : held >= value
      },
    }))

const textual = (text: string, of: (run: Modelled) => string | undefined): fc.Arbitrary<Judged> =>
  fc
    .tuple(
      fc.constantFrom('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN', 'IS NULL', 'IS NOT NULL'),
      fc.constantFrom(...WORDS, '%a%', '_', '%'),
      fc.constantFrom(...WORDS),
    )
    .map(([comparator, value, other]) => {
      const tail =
        comparator === 'IN' || comparator === 'NOT IN'
          ? ` (${quoted(value)}, ${quoted(other)})`
          : comparator.startsWith('IS')
            ? ''
            : ` ${quoted(value)}`
      return {
        text: `${text} ${comparator}${tail}`,
        holds: (run) => {
          const held = of(run)
          if (comparator === 'IS NULL') return held === undefined
          if (held === undefined) return false
          if (comparator === '=') return held === value
          if (comparator === '!=') return held !== value
          if (comparator === 'LIKE') return like(value, '').test(held)
          if (comparator === 'ILIKE') return like(value, 'i').test(held)
          if (comparator === 'IN') return held === value || held === other
          return comparator === 'NOT IN' ? held !== value && held !== other : true
        },
      }
    })

const comparison: fc.Arbitrary<Judged> = fc.oneof(
  numeric('metrics.loss', (run) => run.metrics.loss),
  numeric('metrics."val loss"', (run) => run.metrics['val loss']),
  numeric('attributes.start_time', (run) => run.start),
  textual('params.p', (run) => run.params.p),
  textual('parameters.`q`', (run) => run.params.q),
  textual('tags.t', (run) => run.tags.t),
  textual('tags.mlflow.runName', (run) => run.name),
)

const filters: fc.Arbitrary<Judged> = fc.letrec<{ filter: Judged }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    comparison,
    fc.tuple(tie('filter'), tie('filter')).map(([a, b]) => ({
      text: `(${a.text} AND ${b.text})`,
      holds: (run: Modelled) => a.holds(run) && b.holds(run),
    })),
    fc.tuple(tie('filter'), tie('filter')).map(([a, b]) => ({
      text: `(${a.text} or ${b.text})`,
      holds: (run: Modelled) => a.holds(run) || b.holds(run),
    })),
    tie('filter').map((a) => ({ text: `NOT (${a.text})`, holds: (run: Modelled) => !a.holds(run) })),
  ),
})).filter

/** The place of a value in an order: numbers and texts first, then NaN, then nothing. */
interface Key {
  clause: string
  of: (run: Modelled) => number | string | undefined
  ascending: boolean
}

const key = (name: string, of: Key['of']) =>
  fc.boolean().map((ascending): Key => ({ clause: `${name} ${ascending ? 'ASC' : 'DESC'}`, of, ascending }))
const orders = fc
  .tuple(
    key('metrics.loss', (run) => run.metrics.loss),
    key('metrics.`val loss`', (run) => run.metrics['val loss']),
    key('params.p', (run) => run.params.p),
    key('tags.t', (run) => run.tags.t),
    key('attributes.start_time', (run) => run.start),
  )
  .chain((keys) => fc.shuffledSubarray(keys, { maxLength: 3 }))

const kind = (value: number | string | undefined) => (value === undefined ? 2 : Number.isNaN(value) ? 1 : 0)
function compare(a: number | string | undefined, b: number | string | undefined): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a === b || a === undefined || b === undefined || Number.isNaN(a) ? 0 : a < b ? -1 : 1
}

describe('search of runs', () => {
  it('finds what a plain reading of filter and order finds, page by page', { timeout: 120_000 }, async () => {
    let count = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(modelled, { minLength: 1, maxLength: 8 }),
        fc.array(fc.tuple(filters, orders, fc.integer({ min: 1, max: 9 })), { minLength: 8, maxLength: 8 }),
        async (runs, searches) => {
          const experiment = await mlflow.createExperiment(`model ${count++}`)
          const created = new Map<string, Modelled>()
          for (const run of runs) {
            const { info } = await mlflow.createRun(experiment, {
              run_name: run.name,
              start_time: run.start,
              tags: Object.entries(run.tags).map(([key, value]) => ({ key, value })),
            })
            created.set(info.run_id, run)
            await mlflow.post('/runs/log-batch', {
              run_id: info.run_id,
              params: Object.entries(run.params).map(([key, value]) => ({ key, value })),
              metrics: Object.entries(run.metrics).map(([key, value]) => ({
                key,
                value: `${value}`,
                timestamp: 1,
              })),
            })
          }
          for (const [filter, keys, size] of searches) {
            const hasStart = keys.some(({ clause }) => clause.startsWith('attributes'))
            const expected = [...created]
              .filter(([, run]) => filter.holds(run))
              .sort(([idA, a], [idB, b]) => {
                for (const { of, ascending } of keys) {
                  const [left, right] = [of(a), of(b)]
                  if (kind(left) !== kind(right)) return kind(left) - kind(right)
                  const order = compare(left, right)
                  if (order !== 0) return ascending ? order : -order
                }
                return (hasStart ? 0 : b.start - a.start) || (idA < idB ? -1 : 1)
              })
              .map(([id]) => id)
            const found: string[] = []
            let page_token: string | undefined
            do {
              const page = await mlflow.search({
                experiment_ids: [experiment],
                filter: filter.text,
                order_by: keys.map(({ clause }) => clause),
                max_results: size,
                page_token,
              })
              expect(page.runs.length).toBeLessThanOrEqual(size)
              found.push(...page.runs.map(({ info }) => info.run_id))
              page_token = page.next
            } while (page_token !== undefined)
            expect({ filter: filter.text, keys, found }).toEqual({
              filter: filter.text,
              keys,
              found: expected,
            })
          }
        },
      ),
      { numRuns: 25 },
    )
  })

  it('looks at several experiments, at the trash, and at none', async () => {
    const one = await mlflow.createExperiment('several 1')
    const two = await mlflow.createExperiment('several 2')
    const a = await mlflow.createRun(one, { start_time: 1 })
    const b = await mlflow.createRun(two, { start_time: 2 })
    const c = await mlflow.createRun(two, { start_time: 3 })
    await mlflow.post('/runs/delete', { run_id: c.info.run_id })
    const ids = async (body: object) =>
      (await mlflow.search({ order_by: ['metrics.none'], ...body })).runs.map(({ info }) => info.run_id)
    expect(await ids({ experiment_ids: [one, two] })).toEqual([b.info.run_id, a.info.run_id])
    expect(await ids({ experiment_ids: [one, two], run_view_type: 'DELETED_ONLY' })).toEqual([c.info.run_id])
    expect(await ids({ experiment_ids: [one, two], run_view_type: 'ALL' })).toHaveLength(3)
    expect(await ids({ experiment_ids: [] })).toEqual([])
    expect(await ids({ experiment_ids: ['123', 456] })).toEqual([])
  })

  it('knows attributes, datasets and the extremes of metrics', async () => {
    const experiment = await mlflow.createExperiment('attributes')
    const parent = await mlflow.createRun(experiment, { user_id: 'ann', run_name: 'parent' })
    const { info } = await mlflow.createRun(experiment, {
      tags: [{ key: 'mlflow.parentRunId', value: parent.info.run_id }],
    })
    await mlflow.post('/runs/update', {
      run_id: info.run_id,
      status: 'FINISHED',
      end_time: 1_700_000_000_500,
    })
    for (const [step, value] of [5, 1, 3].entries()) {
      await mlflow.post('/runs/log-metric', { run_id: info.run_id, key: 'm', value, step, timestamp: 1 })
    }
    const dataset = { name: 'mnist', digest: 'abc', source_type: 'http', source: 'x' }
    await mlflow.post('/runs/log-inputs', {
      run_id: info.run_id,
      datasets: [{ dataset, tags: [{ key: 'mlflow.data.context', value: 'training' }] }],
    })
    const finds = async (filter: string) =>
      (await mlflow.search({ experiment_ids: [experiment], filter })).runs.map(({ info }) => info.run_id)
    for (const filter of [
      "status = 'FINISHED'",
      "status LIKE 'FIN%'",
      `run_id = '${info.run_id}'`,
      `attributes.run_id IN ('${info.run_id}', 'x')`,
      `run_id != '${parent.info.run_id}'`,
      `run_id LIKE '${info.run_id.slice(0, 30)}%' and run_id != '${parent.info.run_id}'`,
      `tags.mlflow.parentRunId = '${parent.info.run_id}'`,
      'end_time = 1700000000500',
      "user_id = ''",
      `artifact_uri LIKE '%/${info.run_id}/artifacts'`,
      "dataset.name = 'mnist'",
      "datasets.digest IN ('abc')",
      "dataset.context ILIKE 'TRAIN%' and dataset.name = 'mnist'",
      'metrics.m = 3 and min(metrics.m) = 1 and max(metrics.m) = 5',
    ]) {
      expect([filter, await finds(filter)]).toEqual([filter, [info.run_id]])
    }
    for (const filter of [
      "user_id = 'ann'",
      "attributes.`Run Name` = 'parent'",
      'tags.mlflow.parentRunId IS NULL',
    ]) {
      expect([filter, await finds(filter)]).toEqual([filter, [parent.info.run_id]])
    }
    expect(await finds("dataset.context = 'test'")).toEqual([])
  })

  it.each([
    ['metricz.x > 1', "Invalid entity type 'metricz'"],
    ["metrics.x > 'a'", 'Expected numeric value type for metric'],
    ["metrics.x LIKE 'a'", "Invalid comparator 'LIKE'"],
    ['params.x = 5', 'Expected a quoted string value for parameter'],
    ["params.x > 'a'", "Invalid comparator '>'"],
    ["foo = 'a'", "Invalid attribute key 'foo' specified"],
    ["start_time = 'a'", 'Expected numeric value type for numeric attribute: start_time'],
    ["start_time LIKE 'a'", 'Expected numeric value'],
    ["dataset.size = '5'", "Invalid dataset key 'size'"],
    ['metrics.x IS NULL', 'IS NULL / IS NOT NULL is only supported for tags and params'],
    ['max(params.x) = 1', 'max() is of metrics alone'],
    ["params.x = 'a' && params.y = 'b'", 'Invalid clause(s) in filter string'],
  ])('refuses %s, and says where', async (filter, message) => {
    const { status, body } = await mlflow.post('/runs/search', { experiment_ids: ['0'], filter })
    expect([status, body.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(body.message).toContain(message)
    expect(body.message).toMatch(/\((at character \d+: .*|at its end)\)$/)
  })

  it.each([
    [{ order_by: ['metrics.x sideways'] }, "Invalid ordering key in order_by clause 'metrics.x sideways'."],
    [{ order_by: ['foo'] }, "Invalid attribute key 'foo' specified"],
    [{ order_by: ['metrics.x', 'metrics.x desc'] }, '`order_by` contains duplicate fields'],
    [
      { max_results: 0 },
      "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer",
    ],
    [{ max_results: 50_001 }, "Invalid value 50001 for parameter 'max_results' supplied"],
    [{ page_token: 'x' }, 'cursor'],
    [{ order_by: Array(21).fill('metrics.m') }, 'order_by has 21 clauses; at most 20'],
    [{ experiment_ids: ['nonsense'] }, "Invalid experiment ID 'nonsense'"],
    [{ experiment_ids: 'x' }, 'Invalid value "x" for parameter \'experiment_ids\' supplied'],
  ])('refuses %j', async (body, message) => {
    const { status, body: failure } = await mlflow.post<Failure>('/runs/search', {
      experiment_ids: ['0'],
      ...body,
    })
    expect([status, failure.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(failure.message).toContain(message)
  })

  it('refuses a token of another order, whatever it holds', async () => {
    const experiment = await mlflow.createExperiment('tokens')
    for (let i = 0; i < 2; i++) await mlflow.createRun(experiment)
    const page = { experiment_ids: [experiment], max_results: 1 }
    const { next } = await mlflow.search(page)
    for (const page_token of [
      next,
      btoa('["x","y"]'),
      btoa('[null,"1"]'),
      btoa('{}'),
      btoa('["2024-99-99 00:00:00+00","x"]'),
    ]) {
      const { status } = await mlflow.post('/runs/search', { ...page, page_token, order_by: ['metrics.m'] })
      expect([page_token, status]).toEqual([page_token, 400])
    }
  })

  it('ends a page before it outgrows an answer of the database, and goes on behind it', {
    timeout: 60_000,
  }, async () => {
    const experiment = await mlflow.createExperiment('large')
    const params = Array.from({ length: 100 }, (_, i) => ({ key: `p${i}`, value: 'x'.repeat(6_000) }))
    for (let i = 0; i < 14; i++) {
      const { info } = await mlflow.createRun(experiment)
      await mlflow.post('/runs/log-batch', { run_id: info.run_id, params })
    }
    const pages: string[][] = []
    let page_token: string | undefined
    do {
      const page = await mlflow.search({ experiment_ids: [experiment], max_results: 50_000, page_token })
      pages.push(page.runs.map(({ info }) => info.run_id))
      page_token = page.next
    } while (page_token !== undefined)
    expect(pages.length).toBeGreaterThan(1)
    expect(pages.flat()).toHaveLength(14)
    expect(new Set(pages.flat()).size).toBe(14)
  })

  it('reads many small runs in one page', { timeout: 60_000 }, async () => {
    const experiment = await mlflow.createExperiment('small')
    await Promise.all(Array.from({ length: 700 }, () => mlflow.createRun(experiment)))
    for (const limit of [128, 129, 640, 641, 700, 50_000]) {
      const { runs, next } = await mlflow.search({ experiment_ids: [experiment], max_results: limit })
      const ids = runs.map(({ info }) => info.run_id)
      expect([limit, ids.length, next === undefined]).toEqual([limit, Math.min(limit, 700), limit >= 700])
      expect(ids).toEqual([...ids].sort())
    }
  })

  it.each(['constructor', 'toString', 'attributes.constructor', '__proto__', 'constructor.x'])(
    'knows no field %s, though every object has one',
    async (name) => {
      for (const body of [{ filter: `${name} = 'a'` }, { order_by: [name] }]) {
        const { status } = await mlflow.post('/runs/search', { experiment_ids: ['0'], ...body })
        expect([name, status]).toEqual([name, 400])
      }
      expect((await mlflow.post('/runs/search', { filter: 'constructor(metrics.x) > 1' })).status).toBe(400)
    },
  )

  it('refuses tokens that have the form of one and cannot be one', async () => {
    const token = (values: unknown) => btoa(JSON.stringify(values))
    const id = '01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b10'
    for (const page_token of [
      token(['2026-99-99 00:00:00+00', id]),
      token(['2026-01-01 00:00:00+99', 'x']),
      token([null, null, null]),
    ]) {
      const { status } = await mlflow.post('/runs/search', { experiment_ids: ['0'], page_token })
      expect([page_token, status]).toEqual([page_token, 400])
    }
    for (const value of ['1.2.3', '1e999', '-', 'nan']) {
      const page_token = token(['0', value, '2026-01-01 00:00:00+00', id])
      const { status } = await mlflow.post('/runs/search', {
        experiment_ids: ['0'],
        order_by: ['metrics.m'],
        page_token,
      })
      expect([value, status]).toEqual([value, 400])
    }
  })
})

describe('the native list of runs', () => {
  it('takes the same filters and orders, in its own words', async () => {
    const experiment = await mlflow.createExperiment('native')
    const uuid = (id: string) => id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    const made: RunOfMlflow[] = []
    for (const value of [3, 1, 2]) {
      const run = await mlflow.createRun(experiment)
      await mlflow.post('/runs/log-metric', { run_id: run.info.run_id, key: 'm', value, timestamp: 1 })
      made.push(run)
    }
    await mlflow.post('/runs/update', { run_id: made[0]?.info.run_id, status: 'FINISHED' })
    const list = async (query: string) => {
      const { body, headers } = await tracker.get<Run[]>(`/experiments/${uuid(experiment)}/runs?${query}`)
      return { ids: body.map(({ id }) => id.replaceAll('-', '')), link: headers.get('Link') }
    }
    const [a = '', b = '', c = ''] = made.map(({ info }) => info.run_id)
    expect((await list('order_by=metrics.m')).ids).toEqual([b, c, a])
    expect((await list("filter=metrics.m > 1 and status = 'completed'")).ids).toEqual([a])
    expect((await list(`filter=id = '${uuid(b)}'`)).ids).toEqual([b])
    expect((await list("filter=started_at <= '2023-11-14T22:13:20Z'")).ids).toHaveLength(3)
    const first = await list('order_by=metrics.m DESC&limit=2')
    expect(first.ids).toEqual([a, c])
    const next = /<(.*)>/.exec(first.link ?? '')?.[1] ?? ''
    expect((await tracker.get<Run[]>(next)).body.map(({ id }) => id.replaceAll('-', ''))).toEqual([b])
  })

  it('refuses a wrong filter with its place', async () => {
    const experiment = await mlflow.createExperiment('native refused')
    const uuid = experiment.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    const { status, body } = await tracker.get<{ errors: unknown[] }>(
      `/experiments/${uuid}/runs?filter=a ~ 1`,
    )
    expect(status).toBe(422)
    expect(body.errors).toEqual([{ path: 'filter', message: expect.stringContaining('at character 3') }])
    const cursor = await tracker.get(`/experiments/${uuid}/runs?cursor=nonsense`)
    expect(cursor.status).toBe(422)
  })

  it('does not show what is in the trash', async () => {
    const experiment = await mlflow.createExperiment('trashed')
    const { info } = await mlflow.createRun(experiment, { tags: [{ key: 'a', value: 'b' }] })
    expect(named(info && (await mlflow.getRun(info.run_id)).data.tags)).toMatchObject({ a: 'b' })
    const uuid = (id: string) => id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    await mlflow.post('/runs/delete', { run_id: info.run_id })
    expect((await tracker.get<Run[]>(`/experiments/${uuid(experiment)}/runs`)).body).toEqual([])
    const chart = await tracker.get(`/charts?runs=${uuid(info.run_id)}&names=m`)
    expect(chart.status).toBe(404)
    for (const path of ['', '/metrics']) {
      expect((await tracker.get(`/runs/${uuid(info.run_id)}${path}`)).status).toBe(404)
    }
    expect((await tracker.patch(`/runs/${uuid(info.run_id)}`, { name: 'x' })).status).toBe(404)
    const points = { metrics: [{ name: 'm', step: 1, value: 1 }] }
    expect((await tracker.post(`/runs/${uuid(info.run_id)}/metrics`, points)).status).toBe(404)
    await mlflow.post('/experiments/delete', { experiment_id: experiment })
    expect((await tracker.get(`/experiments/${uuid(experiment)}`)).status).toBe(404)
    expect((await tracker.post(`/experiments/${uuid(experiment)}/runs`, {})).status).toBe(404)
    expect((await tracker.delete(`/runs/${uuid(info.run_id)}`)).status).toBe(204)
  })
})
