import { beforeAll, describe, expect, it } from 'vitest'
import { mlflowDoor } from '../../src/mlflow/door.ts'
import { type Failure, MlflowClient, type RunOfMlflow } from '../support/mlflow.ts'
import { newTracker, roundTrips, type Tracker, trackerOn } from '../support/tracker.ts'

let tracker: Tracker
const mlflow = new MlflowClient(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
})

describe('what MLflow clients probe for', () => {
  it('is there', async () => {
    expect((await tracker.get('/health')).status).toBe(200)
    expect((await tracker.get('/version')).text).toBe('3.17.0')
    for (const prefix of ['/api', '/ajax-api']) {
      const { status, body } = await tracker.get<object>(`${prefix}/3.0/mlflow/server-info`)
      expect([status, body]).toEqual([200, expect.objectContaining({ workspaces_enabled: false })])
    }
  })

  it('is the same under both prefixes', async () => {
    const ajax = new MlflowClient(() => tracker, '/ajax-api/2.0/mlflow')
    const { info } = await ajax.createRun('0')
    expect(await mlflow.getRun(info.run_id)).toEqual(await ajax.getRun(info.run_id))
  })
})

describe('a request', () => {
  it('may have fields that nobody knows, and nulls for what is left out', async () => {
    const body = { experiment_id: null, run_name: null, tags: null, start_time: '77', novelty: { a: [1] } }
    const { status, body: created } = await mlflow.post<{ run: RunOfMlflow }>('/runs/create', body)
    expect([status, created.run.info.start_time]).toEqual([200, 77])
  })

  it('may be encoded twice, as old clients do', async () => {
    const { status } = await mlflow.post(
      '/runs/create',
      JSON.stringify(JSON.stringify({ run_name: 'twice' })),
    )
    expect(status).toBe(200)
  })

  it.each([
    ['{', 'The body is not JSON'],
    ['[1]', 'The body must be a JSON object'],
    ['5', 'The body must be a JSON object'],
    ['"{"', 'The body is not JSON'],
    ['{"run_id": NaN', 'The body is not JSON'],
  ])('that is %s is refused', async (text, message) => {
    const { status, body, headers } = await mlflow.post<Failure>('/runs/log-metric', text)
    expect([status, body.error_code]).toEqual([400, 'BAD_REQUEST'])
    expect(body.message).toContain(message)
    expect(headers.get('Content-Type')).toContain('application/json')
  })

  it('must say that it is JSON', async () => {
    const path = '/api/2.0/mlflow/runs/create'
    for (const [type, message] of [
      ['text/plain', "Bad Request. Content-Type must be one of ['application/json']."],
      ['', "Bad Request. Content-Type must be one of ['application/json']."],
    ]) {
      const { status, body } = await tracker.send<Failure>('POST', path, new Uint8Array([123, 125]), {
        'Content-Type': type ?? '',
      })
      expect([status, body]).toEqual([400, { error_code: 'INVALID_PARAMETER_VALUE', message }])
    }
  })

  it('may have a bare NaN where a number belongs, and nowhere else', async () => {
    const { status, body } = await mlflow.post<Failure>('/experiments/create', '{"name": NaN}')
    expect([status, body.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
  })

  it('to a path that is none is told so in the same form', async () => {
    for (const [method, path] of [
      ['GET', '/api/2.0/mlflow/nothing'],
      ['POST', '/ajax-api/2.0/mlflow/runs/nothing'],
      ['GET', '/api/2.0/mlflow/runs/create'],
      ['DELETE', '/api/2.0/mlflow/experiments/get'],
      ['GET', '/api/2.0/other'],
      ['GET', '/api/9.0/mlflow/runs/get'],
    ]) {
      const { status, body } = await tracker.send<Failure>(method ?? '', path ?? '')
      expect([path, status, body.error_code]).toEqual([path, 404, 'ENDPOINT_NOT_FOUND'])
    }
  })

  it('for what is not served is told so', async () => {
    for (const path of [
      '/api/3.0/mlflow/traces',
      '/api/2.0/mlflow/traces/x/tags',
      '/api/2.0/mlflow/webhooks',
      '/api/3.0/mlflow/scorers/list',
    ]) {
      const { status, body } = await tracker.post<Failure>(path, {})
      expect([path, status, body.error_code]).toEqual([path, 501, 'NOT_IMPLEMENTED'])
    }
  })

  it('that SQL hides in is a text like any other', async () => {
    const evil = "'; DROP TABLE runs; --"
    const experiment = await mlflow.createExperiment(evil, { tags: [{ key: 'a', value: evil }] })
    const { info } = await mlflow.createRun(experiment, { run_name: evil, user_id: evil })
    await mlflow.post('/runs/log-parameter', { run_id: info.run_id, key: 'p', value: evil })
    const quoted = evil.replaceAll("'", "''")
    const { runs } = await mlflow.search({
      experiment_ids: [experiment],
      filter: `params.p = '${quoted}' and user_id = '${quoted}' and params."${evil}" IS NULL`,
      order_by: [`params.\`${evil}\``, `metrics.\`${evil}\` DESC`],
    })
    expect(runs.map((run) => run.info.run_id)).toEqual([info.run_id])
  })

  it('meets a database that is away with a code that clients try again after', async () => {
    const { info } = await mlflow.createRun('0')
    const down = {
      ...tracker.env,
      DATABASE_URL: 'postgres://a:b@127.0.0.1:1/nothing',
      DATABASE_GATEWAY: 'http://127.0.0.1:9',
    }
    const { status, body, headers } = await trackerOn(down).get<Failure>(
      `/api/2.0/mlflow/runs/get?run_id=${info.run_id}`,
    )
    expect([status, body.error_code, headers.get('Retry-After')]).toEqual([
      503,
      'TEMPORARILY_UNAVAILABLE',
      '1',
    ])
  })
})

describe('one request makes one round trip', () => {
  /** Every route, the trips that it makes where not one, and a request that makes it work. */
  let routes: Record<string, [request: Record<string, unknown>, trips?: number]>
  let experiment: string
  let run: string

  beforeAll(async () => {
    experiment = await mlflow.createExperiment('trips')
    run = (await mlflow.createRun(experiment)).info.run_id
    const other = (await mlflow.createRun(experiment)).info.run_id
    const spare = await mlflow.createExperiment('trips: spare')
    const ofExperiment = { experiment_id: experiment }
    const ofRun = { run_id: run }
    routes = {
      'POST /experiments/create': [{ name: 'trips: created' }],
      'GET /experiments/get': [ofExperiment],
      'GET /experiments/get-by-name': [{ experiment_name: 'trips' }],
      'POST /experiments/search': [{ max_results: 5 }],
      'GET /experiments/search': [{ max_results: 5 }],
      'POST /experiments/search-datasets': [{ experiment_ids: [experiment] }],
      'POST /experiments/update': [{ ...ofExperiment, new_name: 'trips: renamed' }],
      'POST /experiments/set-experiment-tag': [{ ...ofExperiment, key: 'a', value: 'b' }],
      'POST /experiments/delete-experiment-tag': [{ ...ofExperiment, key: 'a' }],
      'POST /experiments/delete': [{ experiment_id: spare }],
      'POST /experiments/restore': [{ experiment_id: spare }],
      'POST /runs/create': [ofExperiment],
      'GET /runs/get': [ofRun],
      'POST /runs/update': [{ ...ofRun, status: 'RUNNING' }],
      'POST /runs/log-metric': [{ ...ofRun, key: 'm', value: 1, timestamp: 1 }],
      'POST /runs/log-parameter': [{ ...ofRun, key: 'p', value: '1' }],
      'POST /runs/log-batch': [
        { ...ofRun, metrics: [{ key: 'n', value: 1, timestamp: 1 }], params: [{ key: 'q', value: '1' }] },
      ],
      'POST /runs/set-tag': [{ ...ofRun, key: 't', value: '1' }],
      'POST /runs/delete-tag': [{ ...ofRun, key: 't' }],
      'POST /runs/log-inputs': [{ ...ofRun, models: [{ model_id: 'm-1' }] }],
      'POST /runs/outputs': [{ ...ofRun, models: [{ model_id: 'm-1' }] }],
      'POST /runs/log-model': [
        { ...ofRun, model_json: '{"artifact_path":"a","flavors":{},"utc_time_created":"x","run_id":"r"}' },
      ],
      'POST /runs/search': [{ experiment_ids: [experiment], order_by: ['metrics.m'] }],
      'POST /runs/delete': [{ run_id: other }],
      'POST /runs/restore': [{ run_id: other }],
      'GET /metrics/get-history': [{ ...ofRun, metric_key: 'm' }],
      // Which runs fill the answer decides what is read of each.
      'GET /metrics/get-history-bulk': [{ ...ofRun, metric_key: 'm' }, 2],
      'GET /metrics/get-history-bulk-interval': [{ run_ids: run, metric_key: 'm' }],
    }
  })

  it('and every route of experiments, runs and metrics is in the table and makes its trips', async () => {
    const served = mlflowDoor.routes
      .filter(
        ({ path, method }) =>
          method !== 'ALL' && /^\/api\/2\.0\/mlflow\/(experiments|runs|metrics)\//.test(path),
      )
      .map(({ path, method }) => `${method} ${path.replace('/api/2.0/mlflow', '')}`)
    expect(Object.keys(routes).sort()).toEqual([...new Set(served)].sort())
    for (const [route, [request, trips = 1]] of Object.entries(routes)) {
      const [method, path = ''] = route.split(' ')
      const before = roundTrips()
      const { status } =
        method === 'GET'
          ? await mlflow.get(
              path,
              Object.fromEntries(Object.entries(request).map(([key, value]) => [key, `${value}`])),
            )
          : await mlflow.post(path, request)
      expect([route, status, roundTrips() - before]).toEqual([route, 200, trips])
    }
  })

  it('finds as many statements for a page of many runs as for one of few', async () => {
    for (let i = 0; i < 10; i++) await mlflow.createRun(experiment)
    const before = roundTrips()
    expect((await mlflow.search({ experiment_ids: [experiment] })).runs.length).toBeGreaterThan(10)
    expect(roundTrips() - before).toBe(1)
  })
})
