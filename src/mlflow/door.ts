/**
 * The MLflow door: MLflow's REST API, so that its clients work here when their tracking URI is changed. Thin routes
 * over the functions of the native API; what is a fact of MLflow's protocol, and no more, is in this folder.
 */
import { Hono } from 'hono'
import type { AppEnv } from '../http/context.ts'
import { artifactRoutes } from './artifacts.ts'
import { MlflowError, onMlflowError } from './errors.ts'
import { experimentRoutes } from './experiments.ts'
import { loggedModelRoutes } from './logged-models.ts'
import { metricRoutes } from './metrics.ts'
import { modelVersionRoutes } from './model-versions.ts'
import { registeredModelRoutes } from './registered-models.ts'
import { runInputRoutes } from './run-inputs.ts'
import { runRoutes } from './runs.ts'

/** The MLflow whose API this is; its clients ask for it. */
const VERSION = '3.17.0'

/** What MLflow's server has beside, and this one has not. */
const NOT_SERVED =
  /^\/(traces|assessments|scorers|webhooks|gateway|prompts|prompt-optimization|datasets|runs\/link-traces|secrets|endpoints|jobs)\b/

const api = new Hono<AppEnv>()
  .route('/', experimentRoutes)
  .route('/', runRoutes)
  .route('/', runInputRoutes)
  .route('/', metricRoutes)
  .route('/', loggedModelRoutes)
  .route('/', registeredModelRoutes)
  .route('/', modelVersionRoutes)

/** Answers whatever none of the routes does. */
const nothingHere = new Hono<AppEnv>().all('*', (c) => {
  const path = c.req.path.replace(/^\/(ajax-)?api\/\d\.0\/mlflow/, '')
  if (NOT_SERVED.test(path)) {
    throw new MlflowError('NOT_IMPLEMENTED', `This tracker does not serve ${c.req.path}`)
  }
  throw new MlflowError('ENDPOINT_NOT_FOUND', `There is nothing at ${c.req.method} ${c.req.path}`)
})

/** Whether a path is of MLflow's API, in which failures have another form. */
export const isMlflows = (path: string) =>
  /^\/((ajax-)?api\/|version$|get-artifact$|model-versions\/get-artifact$)/.test(path)

export const mlflowDoor = new Hono<AppEnv>()
mlflowDoor.onError(onMlflowError)
mlflowDoor.get('/version', (c) => c.text(VERSION))
mlflowDoor.route('/', artifactRoutes)
for (const prefix of ['/api', '/ajax-api']) {
  mlflowDoor.route(`${prefix}/2.0/mlflow`, api)
  mlflowDoor.get(`${prefix}/3.0/mlflow/server-info`, (c) =>
    c.json({
      store_type: null,
      workspaces_enabled: false,
      trace_archival_enabled: false,
      // See multipart.ts: what is sent in parts may be larger; what is fetched in parts takes a call more for each file.
      multipart_uploads_enabled: true,
      multipart_downloads_enabled: false,
    }),
  )
  mlflowDoor.route(`${prefix}/*`, nothingHere)
}
