import { beforeAll, describe, expect, it } from 'vitest'
import { MlflowClient } from '../support/mlflow.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
let experiment: string
const mlflow = new MlflowClient(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
  experiment = await mlflow.createExperiment('metrics')
})

interface Metric {
  key: string
  value: number | string
  timestamp: number
  step: number
  run_id?: string
}
interface Metrics {
  metrics?: Metric[]
  next_page_token?: string
}

const newRun = async () => (await mlflow.createRun(experiment)).info.run_id
const uuid = (id: string) => id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
const history = async (run_id: string, metric_key: string, rest: Record<string, string> = {}) =>
  (await mlflow.get<Metrics>('/metrics/get-history', { run_id, metric_key, ...rest })).body
const latest = async (run: string) => (await mlflow.getRun(run)).data.metrics ?? []

/** Logs points by columns, which is quicker. */
const log = (run: string, name: string, steps: number[], values: number[], timestamps?: number[]) =>
  tracker.post(`/runs/${uuid(run)}/metrics`, {
    series: [{ name, steps, values, ...(timestamps && { timestamps }) }],
  })

describe('log-metric', () => {
  it('keeps every value as it came', async () => {
    const run_id = await newRun()
    const values: [unknown, number | string][] = [
      [0.5, 0.5],
      ['1e-5', 1e-5],
      ['NaN', 'NaN'],
      ['Infinity', 'Infinity'],
      ['-Infinity', '-Infinity'],
      ['nan', 'NaN'],
      ['INF', 'Infinity'],
      ['-inf', '-Infinity'],
      [-0.1, -0.1],
    ]
    for (const [step, [value]] of values.entries()) {
      const { status } = await mlflow.post('/runs/log-metric', {
        run_id,
        key: 'm',
        value,
        timestamp: 10 + step,
        step,
      })
      expect(status).toBe(200)
    }
    const { metrics } = await history(run_id, 'm')
    expect(metrics).toEqual(
      values.map(([, value], step) => ({ key: 'm', value, timestamp: 10 + step, step })),
    )
  })

  it("takes the bare NaN and Infinity of Python's json for what they say, and not in texts", async () => {
    const run_id = await newRun()
    for (const word of ['NaN', 'Infinity', '-Infinity']) {
      const text = `{"run_id": "${run_id}", "key": "NaN \\"", "value": ${word}, "timestamp": 5, "step": 7}`
      const { status } = await mlflow.post('/runs/log-metric', text.replace('NaN \\"', 'NaN is'))
      expect(status).toBe(200)
      expect(
        (await history(run_id, 'NaN is')).metrics?.some(({ value, step }) => value === word && step === 7),
      ).toBe(true)
    }
  })

  it('keeps steps of 64 bits, as numbers and as text', async () => {
    const run_id = await newRun()
    const body = (step: string) => `{"run_id":"${run_id}","key":"m","value":1,"timestamp":"5","step":${step}}`
    for (const step of ['9223372036854775807', '"-9223372036854775808"', '9007199254740993']) {
      expect((await mlflow.post('/runs/log-metric', body(step))).status).toBe(200)
    }
    const { text } = await mlflow.get('/metrics/get-history', { run_id, metric_key: 'm' })
    for (const step of ['9223372036854775807', '-9223372036854775808', '9007199254740993']) {
      expect(text).toContain(`"step":${step}}`)
    }
    expect((await mlflow.get('/runs/get', { run_id })).text).toContain('"step":9223372036854775807')
  })

  it('shows the value of the highest step as the latest, then of the latest time', async () => {
    const run_id = await newRun()
    for (const [step, timestamp, value] of [
      [5, 100, 1],
      [9, 50, 2],
      [9, 60, 3],
      [7, 999, 4],
    ]) {
      await mlflow.post('/runs/log-metric', { run_id, key: 'm', value, timestamp, step })
    }
    expect(await latest(run_id)).toEqual([{ key: 'm', value: 3, timestamp: 60, step: 9 }])
  })

  it.each([
    [{ value: 1, timestamp: 1 }, "Missing value for required parameter 'key'."],
    [{ key: 'm', timestamp: 1 }, "Missing value for required parameter 'value'."],
    [{ key: 'm', value: 1 }, "Missing value for required parameter 'timestamp'."],
    [
      { key: 'm', value: 'x', timestamp: 1 },
      "Invalid value \"x\" for parameter 'value' supplied:  Hint: Value was of type 'str'.",
    ],
    [{ key: 'm', value: true, timestamp: 1 }, 'Please specify value as a valid double'],
    [{ key: 'm', value: 1, timestamp: -1 }, 'Timestamp must be a nonnegative long (64-bit integer)'],
    [{ key: 'm', value: 1, timestamp: 'x' }, "for parameter 'timestamp' supplied:  Hint"],
    [{ key: 'm', value: 1, timestamp: 1, step: 0.5 }, 'Step must be a valid long (64-bit integer).'],
    [
      { key: 'm', value: 1, timestamp: 1, step: '9223372036854775808' },
      "for parameter 'step' supplied:  Hint",
    ],
    [
      { key: './m', value: 1, timestamp: 1 },
      'Invalid value "./m" for parameter \'name\' supplied: Names may be treated as files',
    ],
    [{ key: 'a;b', value: 1, timestamp: 1 }, 'Names may only contain alphanumerics'],
    [
      { key: 'm'.repeat(251), value: 1, timestamp: 1 },
      "'Metric name' exceeds the maximum length of 250 characters",
    ],
  ])('refuses %j', async (body, message) => {
    const { status, body: failure } = await mlflow.post('/runs/log-metric', {
      run_id: await newRun(),
      ...body,
    })
    expect([status, failure.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(failure.message).toContain(message)
  })
})

describe('log-batch', () => {
  const point = (key: string, value: number, step = 0) => ({ key, value, timestamp: 5, step })

  it('stores metrics, params and tags, each point once however often it is sent', async () => {
    const run_id = await newRun()
    const batch = {
      run_id,
      metrics: [point('a', 1), point('a', 1), point('a', 2), point('b', 3, 4)],
      params: [{ key: 'p', value: 'v' }],
      tags: [
        { key: 't', value: 'x' },
        { key: 't', value: 'y' },
      ],
    }
    await Promise.all([1, 2, 3].map(() => mlflow.post('/runs/log-batch', batch)))
    expect((await mlflow.post('/runs/log-batch', batch)).body).toEqual({})
    const { data } = await mlflow.getRun(run_id)
    expect(data.params).toEqual([{ key: 'p', value: 'v' }])
    expect(data.tags).toContainEqual({ key: 't', value: 'y' })
    expect((await history(run_id, 'a')).metrics).toEqual([point('a', 1), point('a', 2)])
    expect(data.metrics).toEqual([point('a', 2), point('b', 3, 4)])
  })

  it('is taken whole or not at all', async () => {
    const run_id = await newRun()
    await mlflow.post('/runs/log-parameter', { run_id, key: 'p', value: 'old' })
    const { status, body } = await mlflow.post('/runs/log-batch', {
      run_id,
      metrics: [point('m', 1)],
      params: [
        { key: 'q', value: 'new' },
        { key: 'p', value: 'new' },
      ],
      tags: [{ key: 't', value: 'x' }],
    })
    expect([status, body.message]).toEqual([
      400,
      `Changing param values is not allowed. Params were already logged='[{'key': 'p', 'old_value': 'old', 'new_value': 'new'}]' for run ID='${run_id}'.`,
    ])
    const { data } = await mlflow.getRun(run_id)
    expect([data.metrics, data.params, data.tags?.length]).toEqual([
      undefined,
      [{ key: 'p', value: 'old' }],
      1,
    ])
  })

  it.each([
    [{ metrics: Array(1_001).fill(point('m', 1)) }, 'at most 1000 metrics. Got 1001 metrics.'],
    [
      { params: Array.from({ length: 101 }, (_, i) => ({ key: `p${i}`, value: '' })) },
      'at most 100 params. Got 101 params.',
    ],
    [
      { tags: Array.from({ length: 101 }, (_, i) => ({ key: `t${i}`, value: '' })) },
      'at most 100 tags. Got 101 tags.',
    ],
    [
      {
        metrics: Array(950).fill(point('m', 1)),
        tags: Array.from({ length: 51 }, (_, i) => ({ key: `t${i}`, value: '' })),
      },
      'at most 1000 metrics, params, and tags. Got 1001 metrics, params, and tags.',
    ],
    [
      {
        params: [
          { key: 'p', value: '1' },
          { key: 'p', value: '2' },
        ],
      },
      "Duplicate parameter keys have been submitted: ['p']",
    ],
    [
      { metrics: [point('m', 1), { key: 'm', value: 1 }] },
      "Missing value for required parameter 'metrics[1].timestamp'.",
    ],
    [{ metrics: [{ value: 1, timestamp: 1 }] }, "Missing value for required parameter 'metrics[0].key'."],
    [{ params: [{ value: 'x' }] }, "Missing value for required parameter 'params[0].key'."],
    [{ metrics: [{ ...point('m', 1), value: 'x' }] }, "for parameter 'metrics[0].value' supplied"],
    [
      { metrics: 'x' },
      "Invalid value \"x\" for parameter 'metrics' supplied:  Hint: Value was of type 'str'.",
    ],
    [{ tags: [{ key: '/t', value: '' }] }, "for parameter 'tags[0].key' supplied"],
  ])('refuses too much and too little: %#', async (body, message) => {
    const run_id = await newRun()
    const { status, body: failure } = await mlflow.post('/runs/log-batch', { run_id, ...body })
    expect([status, failure.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(failure.message).toContain(message)
    expect((await mlflow.getRun(run_id)).data.metrics).toBeUndefined()
  })
})

describe('get-history', () => {
  it('comes whole in order of time, or in pages', async () => {
    const run_id = await newRun()
    await log(run_id, 'm', [1, 2, 3, 3], [10, 20, 30, 31], [300, 200, 100, 100])
    expect((await history(run_id, 'm')).metrics?.map(({ value }) => value)).toEqual([30, 31, 20, 10])
    const first = await history(run_id, 'm', { max_results: '3' })
    const second = await history(run_id, 'm', { max_results: '3', page_token: first.next_page_token ?? '' })
    expect(first.metrics).toHaveLength(3)
    expect(second.next_page_token).toBeUndefined()
    expect([...(first.metrics ?? []), ...(second.metrics ?? [])].map(({ value }) => value)).toEqual([
      10, 20, 30, 31,
    ])
  })

  it('streams what no answer of the database can hold', { timeout: 30_000 }, async () => {
    const run_id = await newRun()
    for (let call = 0; call < 6; call++) {
      const steps = Array.from({ length: 20_000 }, (_, i) => call * 20_000 + i)
      await log(run_id, 'm', steps, steps.map(Math.sin))
    }
    const { metrics } = await history(run_id, 'm')
    expect(metrics).toHaveLength(120_000)
    expect(metrics?.every(({ step, value }, i) => step === i && value === Math.sin(i))).toBe(true)
  })

  it('of what is not there is empty', async () => {
    expect(await history(await newRun(), 'm')).toEqual({})
    expect(await history('f'.repeat(32), 'm')).toEqual({})
    expect(await history('nonsense', 'm')).toEqual({})
  })

  it.each([
    [
      { max_results: '0' },
      "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer.",
    ],
    [{ metric_key: '' }, "Missing value for required parameter 'metric_key'."],
    [{ page_token: 'x' }, 'cursor'],
    [{ page_token: btoa('["x","1","0"]') }, 'cursor'],
    [{ page_token: btoa('["9999999999999999999","1","0"]') }, 'cursor'],
    [{ page_token: btoa('["1","1","0"]') }, 'Invalid page token'],
  ])('refuses %j', async (query, message) => {
    const { status, body } = await mlflow.get('/metrics/get-history', {
      run_id: await newRun(),
      metric_key: 'm',
      ...query,
    })
    expect(status).toBe(400)
    expect(body.message).toContain(message)
  })
})

describe('histories of many runs', () => {
  const bulk = async (path: string, query: [string, string][]) =>
    (await tracker.get<Metrics>(`/ajax-api/2.0/mlflow/metrics/${path}?${new URLSearchParams(query)}`)).body
      .metrics ?? []

  it('come by run, up to a number of points in all', async () => {
    const runs = [await newRun(), await newRun(), await newRun()].sort()
    for (const run of runs) await log(run, 'm', [1, 2, 3], [1, 2, 3])
    const ids = runs.map((run): [string, string] => ['run_id', run])
    const all = await bulk('get-history-bulk', [...ids, ['metric_key', 'm']])
    expect(all.map(({ run_id, step }) => [run_id, step])).toEqual(
      runs.flatMap((run) => [1, 2, 3].map((step) => [run, step])),
    )
    const four = await bulk('get-history-bulk', [...ids, ['metric_key', 'm'], ['max_results', '4']])
    expect(four).toEqual(all.slice(0, 4))
    expect(await bulk('get-history-bulk', [...ids, ['metric_key', 'none']])).toEqual([])
  })

  it('sampled are all points of a short one, and of a long one those that draw it', {
    timeout: 30_000,
  }, async () => {
    const [long, short, none] = [await newRun(), await newRun(), await newRun()]
    const steps = Array.from({ length: 20_000 }, (_, i) => i)
    await log(
      long,
      'm',
      steps,
      steps.map((step) => (step === 12_345 ? 99 : Math.sin(step / 500))),
    )
    await log(short, 'm', steps.slice(0, 300), steps.slice(0, 300))
    const ask = (rest: [string, string][] = []) =>
      bulk('get-history-bulk-interval', [
        ...[long, short, none, 'f'.repeat(32)].map((run): [string, string] => ['run_ids', run]),
        ['metric_key', 'm'],
        ['max_results', '320'],
        ...rest,
      ])
    const of = (metrics: Metric[], run: string) => metrics.filter(({ run_id }) => run_id === run)
    const all = await ask()
    expect(of(all, long).length).toBeLessThanOrEqual(320)
    expect(of(all, long)).toContainEqual(expect.objectContaining({ step: 12_345, value: 99 }))
    expect([of(all, long)[0]?.step, of(all, long).at(-1)?.step]).toEqual([0, 19_999])
    expect(of(all, short).map(({ step }) => step)).toEqual(steps.slice(0, 300))
    const part = await ask([
      ['start_step', '12340'],
      ['end_step', '12350'],
    ])
    expect(part.map(({ step }) => step)).toEqual(steps.slice(12_340, 12_351))
  })

  it.each([
    ['get-history-bulk', [], 'must specify at least one run_id'],
    ['get-history-bulk', [['run_id', 'x']], 'must specify a metric_key'],
    ['get-history-bulk', Array(101).fill(['run_id', 'x']), 'cannot specify more than 100 run_ids'],
    ['get-history-bulk-interval', [['metric_key', 'm']], "Missing value for required parameter 'run_ids'."],
    [
      'get-history-bulk-interval',
      [
        ['run_ids', 'x'],
        ['metric_key', 'm'],
        ['start_step', '1'],
      ],
      'both must be specified',
    ],
    [
      'get-history-bulk-interval',
      [
        ['run_ids', 'x'],
        ['metric_key', 'm'],
        ['start_step', '2'],
        ['end_step', '1'],
      ],
      'end_step must be greater than start_step',
    ],
    [
      'get-history-bulk-interval',
      [
        ['run_ids', 'x'],
        ['metric_key', 'm'],
        ['max_results', '2501'],
      ],
      'max_results must be between 1 and 2500',
    ],
    [
      'get-history-bulk-interval',
      [...Array(101).fill(['run_ids', 'x']), ['metric_key', 'm']],
      'must specify at most 100 run_ids',
    ],
  ])('%s refuses a bad question: %#', async (path, query, message) => {
    const { status, body } = await tracker.get<{ message: string }>(
      `/api/2.0/mlflow/metrics/${path}?${new URLSearchParams(query)}`,
    )
    expect(status).toBe(400)
    expect(body.message).toContain(message)
  })
})
