/** How each route of the router is called: what the suites of keys and isolation send. */
import { app } from '../../src/app.ts'
import { isHandler, NEEDS, type Need } from '../../src/keys/scopes.ts'
import { type Fixture, hex } from './fixture.ts'

/** All of the router's, as in `GET /runs/:id`. */
export const ROUTES = [
  ...new Set(app.routes.filter(isHandler).map(({ method, path }) => `${method} ${path}`)),
]

export function needOf(route: string): Need {
  const need = NEEDS.get(route)
  if (need === undefined) throw new Error(`\`${route}\` is not in src/keys/scopes.ts`)
  return need
}

/** Those that need a key. */
export const CLOSED = ROUTES.filter((route) => needOf(route) !== 'public')

/** Whether failures are told in MLflow's words. */
export const isMlflows = (route: string) =>
  /^\w+ \/((ajax-)?api\/|version$|(model-versions\/)?get-artifact$)/.test(route)

export interface Example {
  query?: Record<string, string>
  body?: unknown
  headers?: Record<string, string>
}

export interface Call {
  method: string
  path: string
  body: unknown
  headers: Record<string, string>
}

/** What stands in a path for a parameter, or for the rest of the path. */
const PLACES: [pattern: RegExp, value: (f: Fixture) => string][] = [
  [/(?<=\/experiments\/):id/, (f) => f.experiment],
  [/(?<=\/runs\/):id/, (f) => f.run],
  [/(?<=\/keys\/):id/, (f) => f.key],
  [/(?<=\/logged-models\/):(id|model_id)/, (f) => f.model],
  [/(?<=\/metrics\/):name/, () => 'loss'],
  [/(?<=\/tags\/):key\{\.\+\}/, () => 'colour'],
  [/(?<=\/(artifacts|presigned)\/)\*/, (f) => `${f.place}/a.txt`],
  [/(?<=\/mpu\/part\/)\*/, (f) => `${f.place}/big.bin`],
  [/(?<=\/mpu\/(create|complete|abort)\/)\*/, (f) => f.place],
]

const NONE = () => ({})
const experiment = (f: Fixture) => ({ experiment_id: hex(f.experiment) })
const run = (f: Fixture) => ({ run_id: hex(f.run) })
const registered = (f: Fixture) => ({ name: f.registered })
const version = (f: Fixture) => ({ name: f.registered, version: f.version })
const colour = { key: 'colour', value: 'blue' }

/** Native routes, and those of MLflow's that are at the root. */
const NATIVE: Record<string, (f: Fixture) => Example> = {
  'GET /health': NONE,
  'GET /health/ready': NONE,
  'GET /openapi.json': NONE,
  'GET /version': NONE,

  'POST /session': () => ({ body: { key: 'er_none' } }),
  'GET /session': NONE,
  'DELETE /session': NONE,
  'POST /keys': (f) => ({ body: { name: 'x', scope: 'ingest', run_id: f.run } }),
  'GET /keys': NONE,
  'DELETE /keys/:id': NONE,
  'GET /audit': NONE,
  'POST /workspaces': () => ({ body: { name: crypto.randomUUID() } }),
  'GET /workspaces': NONE,

  'POST /experiments': () => ({ body: { name: 'x', owner: 'ann', run: {} } }),
  'GET /experiments': NONE,
  'GET /experiments/:id': NONE,
  'PATCH /experiments/:id': () => ({ body: { name: 'y' } }),
  'DELETE /experiments/:id': NONE,
  'GET /experiments/:id/fields': () => ({ query: { kind: 'metrics' } }),
  'GET /experiments/:id/groups': () => ({ query: { by: 'params.lr', metrics: 'loss' } }),
  'GET /experiments/:id/correlations': () => ({ query: { metric: 'loss' } }),
  'GET /owners': NONE,

  'POST /experiments/:id/runs': () => ({ body: {} }),
  'GET /experiments/:id/runs': NONE,
  'GET /runs/:id': NONE,
  'PATCH /runs/:id': () => ({ body: { tags: { colour: 'blue' } } }),
  'POST /runs/:id/heartbeat': NONE,
  'DELETE /runs/:id': NONE,

  'POST /runs/:id/metrics': () => ({ body: { metrics: [{ name: 'loss', step: 2, value: 1 }] } }),
  'GET /runs/:id/metrics': NONE,
  'GET /runs/:id/metrics/:name': NONE,
  'GET /charts': (f) => ({ query: { runs: f.run, names: 'loss' } }),

  'GET /get-artifact': (f) => ({ query: { ...run(f), path: 'a.txt' } }),
  'GET /model-versions/get-artifact': (f) => ({ query: { ...version(f), path: 'a.txt' } }),
}

/** Routes below `/api` and below `/ajax-api`. */
const MLFLOW: Record<string, (f: Fixture) => Example> = {
  'GET /3.0/mlflow/server-info': NONE,

  'GET /2.0/mlflow-artifacts/artifacts': (f) => ({ query: { path: f.place } }),
  'GET /2.0/mlflow-artifacts/artifacts/*': NONE,
  'PUT /2.0/mlflow-artifacts/artifacts/*': () => ({ body: 'other' }),
  'DELETE /2.0/mlflow-artifacts/artifacts/*': NONE,
  'POST /2.0/mlflow-artifacts/mpu/create/*': () => ({ body: { path: 'new.bin' } }),
  'PUT /2.0/mlflow-artifacts/mpu/part/*': (f) => ({
    query: { upload_id: f.upload, part_number: '1' },
    body: 'evil',
    headers: { 'Content-Length': '4' },
  }),
  'POST /2.0/mlflow-artifacts/mpu/complete/*': (f) => ({
    body: { path: 'big.bin', upload_id: f.upload, parts: [{ part_number: 1, etag: f.etag }] },
  }),
  'POST /2.0/mlflow-artifacts/mpu/abort/*': (f) => ({ body: { path: 'big.bin', upload_id: f.upload } }),
  'GET /2.0/mlflow-artifacts/presigned/*': NONE,
  'GET /2.0/mlflow/artifacts/list': (f) => ({ query: run(f) }),
  'GET /2.0/mlflow/get-artifact': (f) => ({ query: { ...run(f), path: 'a.txt' } }),
  'POST /2.0/mlflow/upload-artifact': (f) => ({
    query: { run_uuid: hex(f.run), path: 'b.txt' },
    body: 'other',
  }),

  'POST /2.0/mlflow/experiments/create': () => ({ body: { name: crypto.randomUUID() } }),
  'GET /2.0/mlflow/experiments/get': (f) => ({ query: experiment(f) }),
  'GET /2.0/mlflow/experiments/get-by-name': (f) => ({ query: { experiment_name: f.experimentName } }),
  'POST /2.0/mlflow/experiments/search': (f) => ({
    body: { max_results: 100, filter: `name = '${f.experimentName}'` },
  }),
  'GET /2.0/mlflow/experiments/search': (f) => ({
    query: { max_results: '100', filter: `name = '${f.experimentName}'` },
  }),
  'POST /2.0/mlflow/experiments/search-datasets': (f) => ({
    body: { experiment_ids: [hex(f.experiment)] },
  }),
  'POST /2.0/mlflow/experiments/update': (f) => ({
    body: { ...experiment(f), new_name: crypto.randomUUID() },
  }),
  'POST /2.0/mlflow/experiments/delete': (f) => ({ body: experiment(f) }),
  'POST /2.0/mlflow/experiments/restore': (f) => ({ body: { experiment_id: f.trashed } }),
  'POST /2.0/mlflow/experiments/set-experiment-tag': (f) => ({ body: { ...experiment(f), ...colour } }),
  'POST /2.0/mlflow/experiments/delete-experiment-tag': (f) => ({
    body: { ...experiment(f), key: 'colour' },
  }),

  'POST /2.0/mlflow/runs/create': (f) => ({ body: { ...experiment(f), run_name: 'x', start_time: 1 } }),
  'GET /2.0/mlflow/runs/get': (f) => ({ query: run(f) }),
  'POST /2.0/mlflow/runs/update': (f) => ({ body: { ...run(f), status: 'FINISHED' } }),
  'POST /2.0/mlflow/runs/delete': (f) => ({ body: run(f) }),
  'POST /2.0/mlflow/runs/restore': (f) => ({ body: run(f) }),
  'POST /2.0/mlflow/runs/log-parameter': (f) => ({ body: { ...run(f), key: 'depth', value: '3' } }),
  'POST /2.0/mlflow/runs/set-tag': (f) => ({ body: { ...run(f), ...colour } }),
  'POST /2.0/mlflow/runs/delete-tag': (f) => ({ body: { ...run(f), key: 'colour' } }),
  'POST /2.0/mlflow/runs/search': (f) => ({ body: { experiment_ids: [hex(f.experiment)] } }),
  'POST /2.0/mlflow/runs/log-inputs': (f) => ({ body: { ...run(f), models: [{ model_id: f.model }] } }),
  'POST /2.0/mlflow/runs/outputs': (f) => ({ body: { ...run(f), models: [{ model_id: f.model, step: 1 }] } }),
  'POST /2.0/mlflow/runs/log-model': (f) => ({
    body: {
      ...run(f),
      model_json: '{"artifact_path":"m","flavors":{},"utc_time_created":"2026","run_id":"x"}',
    },
  }),
  'POST /2.0/mlflow/runs/log-metric': (f) => ({
    body: { ...run(f), key: 'loss', value: 1, timestamp: 1, step: 3 },
  }),
  'POST /2.0/mlflow/runs/log-batch': (f) => ({
    body: { ...run(f), metrics: [{ key: 'loss', value: 1, timestamp: 1, step: 4 }], tags: [colour] },
  }),

  'GET /2.0/mlflow/metrics/get-history': (f) => ({ query: { ...run(f), metric_key: 'loss' } }),
  'GET /2.0/mlflow/metrics/get-history-bulk': (f) => ({ query: { ...run(f), metric_key: 'loss' } }),
  'GET /2.0/mlflow/metrics/get-history-bulk-interval': (f) => ({
    query: { run_ids: hex(f.run), metric_key: 'loss' },
  }),

  'POST /2.0/mlflow/logged-models': (f) => ({ body: { ...experiment(f), name: 'net' } }),
  'POST /2.0/mlflow/logged-models/search': (f) => ({ body: { experiment_ids: [hex(f.experiment)] } }),
  'GET /2.0/mlflow/logged-models/:model_id': NONE,
  'PATCH /2.0/mlflow/logged-models/:model_id': () => ({ body: { status: 'LOGGED_MODEL_READY' } }),
  'DELETE /2.0/mlflow/logged-models/:model_id': NONE,
  'PATCH /2.0/mlflow/logged-models/:model_id/tags': () => ({ body: { tags: [colour] } }),
  'DELETE /2.0/mlflow/logged-models/:model_id/tags/:key{.+}': NONE,
  'POST /2.0/mlflow/logged-models/:model_id/params': () => ({
    body: { params: [{ key: 'depth', value: '3' }] },
  }),
  'GET /2.0/mlflow/logged-models/:id/artifacts/directories': NONE,
  'GET /2.0/mlflow/logged-models/:id/artifacts/files': () => ({ query: { artifact_file_path: 'm.txt' } }),

  'POST /2.0/mlflow/registered-models/create': () => ({ body: { name: crypto.randomUUID() } }),
  'GET /2.0/mlflow/registered-models/get': (f) => ({ query: registered(f) }),
  'PATCH /2.0/mlflow/registered-models/update': (f) => ({ body: { ...registered(f), description: 'x' } }),
  'POST /2.0/mlflow/registered-models/rename': (f) => ({
    body: { ...registered(f), new_name: crypto.randomUUID() },
  }),
  'DELETE /2.0/mlflow/registered-models/delete': (f) => ({ body: registered(f) }),
  'GET /2.0/mlflow/registered-models/search': (f) => ({ query: { filter: `name = '${f.registered}'` } }),
  'GET /2.0/mlflow/registered-models/get-latest-versions': (f) => ({ query: registered(f) }),
  'POST /2.0/mlflow/registered-models/get-latest-versions': (f) => ({ body: registered(f) }),
  'POST /2.0/mlflow/registered-models/set-tag': (f) => ({ body: { ...registered(f), ...colour } }),
  'DELETE /2.0/mlflow/registered-models/delete-tag': (f) => ({ body: { ...registered(f), key: 'colour' } }),
  'POST /2.0/mlflow/registered-models/alias': (f) => ({ body: { ...version(f), alias: 'next' } }),
  'DELETE /2.0/mlflow/registered-models/alias': (f) => ({ body: { ...registered(f), alias: f.alias } }),
  'GET /2.0/mlflow/registered-models/alias': (f) => ({ query: { ...registered(f), alias: f.alias } }),

  'POST /2.0/mlflow/model-versions/create': (f) => ({
    body: { ...registered(f), ...run(f), source: `mlflow-artifacts:/${f.place}/m` },
  }),
  'GET /2.0/mlflow/model-versions/get': (f) => ({ query: version(f) }),
  'PATCH /2.0/mlflow/model-versions/update': (f) => ({ body: { ...version(f), description: 'x' } }),
  'POST /2.0/mlflow/model-versions/transition-stage': (f) => ({
    body: { ...version(f), stage: 'Staging', archive_existing_versions: false },
  }),
  'DELETE /2.0/mlflow/model-versions/delete': (f) => ({ body: version(f) }),
  'GET /2.0/mlflow/model-versions/get-download-uri': (f) => ({ query: version(f) }),
  'GET /2.0/mlflow/model-versions/search': (f) => ({ query: { filter: `name = '${f.registered}'` } }),
  'POST /2.0/mlflow/model-versions/set-tag': (f) => ({ body: { ...version(f), ...colour } }),
  'DELETE /2.0/mlflow/model-versions/delete-tag': (f) => ({ body: { ...version(f), key: 'colour' } }),
}

/**
 * A request for a route, about the things of a fixture.
 *
 * @param route as in `GET /runs/:id`
 * @throws Error that says what has to be added here for a new route
 */
export function callOf(route: string, f: Fixture): Call {
  const [method = '', pattern = ''] = route.split(' ')
  const example = NATIVE[route] ?? MLFLOW[`${method} ${pattern.replace(/^\/(ajax-)?api(?=\/)/, '')}`]
  if (example === undefined) {
    throw new Error(`Say in test/keys/requests.ts how \`${route}\` is called: an entry in NATIVE or MLFLOW`)
  }
  const path = PLACES.reduce((path, [place, value]) => path.replace(place, value(f)), pattern)
  if (/[:*{}]/.test(path)) {
    throw new Error(`Say in test/keys/requests.ts what stands in \`${path}\`: an entry in PLACES`)
  }
  const { query, body, headers = {} } = example(f)
  return { method, path: query ? `${path}?${new URLSearchParams(query)}` : path, body, headers }
}
