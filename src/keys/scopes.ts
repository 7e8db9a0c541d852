/** What a caller has to be allowed to do, for each route there is. */
import type { KeyScope } from './repository.ts'

/**
 * - `public`: everybody, without a key
 * - `any`: whoever has a key
 * - `read`, `write`, `admin`: each can do what those before it can
 * - `ingest`: whoever may write, and keys that are for the run or experiment in question alone
 * - `read_own`: likewise, whoever may read
 * - `operator`: whoever has the bootstrap secret
 */
export type Need = 'public' | 'any' | 'read' | 'write' | 'ingest' | 'read_own' | 'admin' | 'operator'

/** Keys of which scopes meet a need. */
export const ADMITTED: Record<Need, readonly KeyScope[]> = {
  public: [],
  any: ['read', 'write', 'ingest', 'admin'],
  read: ['read', 'write', 'admin'],
  write: ['write', 'admin'],
  ingest: ['ingest', 'write', 'admin'],
  read_own: ['ingest', 'read', 'write', 'admin'],
  admin: ['admin'],
  operator: [],
}

/** Needs that a key of scope `ingest` meets for what it is for, and for nothing else. */
export const isAimed = (need: Need): boolean => need === 'ingest' || need === 'read_own'

/** What the bootstrap secret is good for. */
export const OPERATOR_NEEDS: readonly Need[] = ['any', 'admin', 'operator']

const NATIVE: Record<string, Need> = {
  'GET /health': 'public',
  'GET /health/ready': 'any',
  'GET /openapi.json': 'any',

  'POST /session': 'public',
  'GET /session': 'any',
  'DELETE /session': 'any',
  'POST /keys': 'admin',
  'GET /keys': 'admin',
  'DELETE /keys/:id': 'admin',
  'GET /audit': 'admin',
  'POST /workspaces': 'operator',
  'GET /workspaces': 'operator',

  'POST /experiments': 'write',
  'GET /experiments': 'read',
  'GET /experiments/:id': 'read',
  'PATCH /experiments/:id': 'write',
  'DELETE /experiments/:id': 'write',
  'GET /experiments/:id/fields': 'read',
  'GET /experiments/:id/groups': 'read',
  'GET /experiments/:id/correlations': 'read',
  'GET /owners': 'read',

  'POST /experiments/:id/runs': 'ingest',
  'GET /experiments/:id/runs': 'read',
  'GET /runs/:id': 'read',
  'PATCH /runs/:id': 'ingest',
  'POST /runs/:id/heartbeat': 'ingest',
  'DELETE /runs/:id': 'write',

  'POST /runs/:id/metrics': 'ingest',
  'GET /runs/:id/metrics': 'read',
  'GET /runs/:id/metrics/:name': 'read',
  'GET /charts': 'read',

  'GET /version': 'any',
  'GET /get-artifact': 'read',
  'GET /model-versions/get-artifact': 'read',
}

/** Routes of MLflow's API, below `/api` and below `/ajax-api`. */
const MLFLOW: Record<string, Need> = {
  'GET /3.0/mlflow/server-info': 'any',

  'GET /2.0/mlflow-artifacts/artifacts': 'read',
  'GET /2.0/mlflow-artifacts/artifacts/*': 'read',
  'PUT /2.0/mlflow-artifacts/artifacts/*': 'write',
  'DELETE /2.0/mlflow-artifacts/artifacts/*': 'write',
  'POST /2.0/mlflow-artifacts/mpu/create/*': 'write',
  'PUT /2.0/mlflow-artifacts/mpu/part/*': 'write',
  'POST /2.0/mlflow-artifacts/mpu/complete/*': 'write',
  'POST /2.0/mlflow-artifacts/mpu/abort/*': 'write',
  'GET /2.0/mlflow-artifacts/presigned/*': 'read',
  'GET /2.0/mlflow/artifacts/list': 'read',
  'GET /2.0/mlflow/get-artifact': 'read',
  'POST /2.0/mlflow/upload-artifact': 'write',

  'POST /2.0/mlflow/experiments/create': 'write',
  'GET /2.0/mlflow/experiments/get': 'read',
  'GET /2.0/mlflow/experiments/get-by-name': 'read',
  'POST /2.0/mlflow/experiments/search': 'read',
  'GET /2.0/mlflow/experiments/search': 'read',
  'POST /2.0/mlflow/experiments/search-datasets': 'read',
  'POST /2.0/mlflow/experiments/update': 'write',
  'POST /2.0/mlflow/experiments/delete': 'write',
  'POST /2.0/mlflow/experiments/restore': 'write',
  'POST /2.0/mlflow/experiments/set-experiment-tag': 'write',
  'POST /2.0/mlflow/experiments/delete-experiment-tag': 'write',

  'POST /2.0/mlflow/runs/create': 'ingest',
  // MLflow's client cannot end a run without reading it.
  'GET /2.0/mlflow/runs/get': 'read_own',
  'POST /2.0/mlflow/runs/update': 'ingest',
  'POST /2.0/mlflow/runs/delete': 'write',
  'POST /2.0/mlflow/runs/restore': 'write',
  'POST /2.0/mlflow/runs/log-parameter': 'ingest',
  'POST /2.0/mlflow/runs/set-tag': 'ingest',
  'POST /2.0/mlflow/runs/delete-tag': 'write',
  'POST /2.0/mlflow/runs/search': 'read',
  'POST /2.0/mlflow/runs/log-inputs': 'ingest',
  'POST /2.0/mlflow/runs/outputs': 'ingest',
  'POST /2.0/mlflow/runs/log-model': 'ingest',
  'POST /2.0/mlflow/runs/log-metric': 'ingest',
  'POST /2.0/mlflow/runs/log-batch': 'ingest',

  'GET /2.0/mlflow/metrics/get-history': 'read',
  'GET /2.0/mlflow/metrics/get-history-bulk': 'read',
  'GET /2.0/mlflow/metrics/get-history-bulk-interval': 'read',

  'POST /2.0/mlflow/logged-models': 'write',
  'POST /2.0/mlflow/logged-models/search': 'read',
  'GET /2.0/mlflow/logged-models/:model_id': 'read',
  'PATCH /2.0/mlflow/logged-models/:model_id': 'write',
  'DELETE /2.0/mlflow/logged-models/:model_id': 'write',
  'PATCH /2.0/mlflow/logged-models/:model_id/tags': 'write',
  'DELETE /2.0/mlflow/logged-models/:model_id/tags/:key{.+}': 'write',
  'POST /2.0/mlflow/logged-models/:model_id/params': 'write',
  'GET /2.0/mlflow/logged-models/:id/artifacts/directories': 'read',
  'GET /2.0/mlflow/logged-models/:id/artifacts/files': 'read',

  'POST /2.0/mlflow/registered-models/create': 'write',
  'GET /2.0/mlflow/registered-models/get': 'read',
  'PATCH /2.0/mlflow/registered-models/update': 'write',
  'POST /2.0/mlflow/registered-models/rename': 'write',
  'DELETE /2.0/mlflow/registered-models/delete': 'write',
  'GET /2.0/mlflow/registered-models/search': 'read',
  'GET /2.0/mlflow/registered-models/get-latest-versions': 'read',
  'POST /2.0/mlflow/registered-models/get-latest-versions': 'read',
  'POST /2.0/mlflow/registered-models/set-tag': 'write',
  'DELETE /2.0/mlflow/registered-models/delete-tag': 'write',
  'POST /2.0/mlflow/registered-models/alias': 'write',
  'DELETE /2.0/mlflow/registered-models/alias': 'write',
  'GET /2.0/mlflow/registered-models/alias': 'read',

  'POST /2.0/mlflow/model-versions/create': 'write',
  'GET /2.0/mlflow/model-versions/get': 'read',
  'PATCH /2.0/mlflow/model-versions/update': 'write',
  'POST /2.0/mlflow/model-versions/transition-stage': 'write',
  'DELETE /2.0/mlflow/model-versions/delete': 'write',
  'GET /2.0/mlflow/model-versions/get-download-uri': 'read',
  'GET /2.0/mlflow/model-versions/search': 'read',
  'POST /2.0/mlflow/model-versions/set-tag': 'write',
  'DELETE /2.0/mlflow/model-versions/delete-tag': 'write',
}

const below = (prefix: string): [string, Need][] =>
  Object.entries(MLFLOW).map(([route, need]) => [route.replace(' ', ` ${prefix}`), need])

/** Each route, as in `GET /experiments/:id`, and what it needs. */
export const NEEDS: ReadonlyMap<string, Need> = new Map([
  ...Object.entries(NATIVE),
  ...below('/api'),
  ...below('/ajax-api'),
])

/** Routes that a signed URL opens as well: what MLflow's client is sent to without credentials. */
const SIGNED = new Set(
  ['/api', '/ajax-api'].flatMap((prefix) => [
    `PUT ${prefix}/2.0/mlflow-artifacts/mpu/part/*`,
    `GET ${prefix}/2.0/mlflow-artifacts/artifacts/*`,
  ]),
)

export const takesSignature = (route: Route | undefined): boolean =>
  route !== undefined && SIGNED.has(`${route.method} ${route.path}`)

interface Route {
  method: string
  path: string
}

/** What a route needs; where there is none for a request, a key all the same: who has none is not told what there is. */
export const needOf = (route: Route | undefined): Need =>
  (route && NEEDS.get(`${route.method} ${route.path}`)) ?? 'any'

/** Handlers are of one method; what is of all methods is a middleware, or says that there is nothing. */
export const isHandler = ({ method }: Route) => method !== 'ALL'

/**
 * Holds a router against the table.
 *
 * @throws Error when it has a route of which the table says nothing, or lacks one of which it does
 */
export function checkNeeds(routes: Route[]): void {
  const there = new Set(routes.filter(isHandler).map(({ method, path }) => `${method} ${path}`))
  const unknown = [...there].filter((route) => !NEEDS.has(route))
  const gone = [...NEEDS.keys()].filter((route) => !there.has(route))
  if (unknown.length + gone.length === 0) return
  throw new Error(`Routes without a scope: ${unknown.join(', ')}; scopes without a route: ${gone.join(', ')}`)
}
