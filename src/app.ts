import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import { analysisRoutes } from './analysis/routes.ts'
import { chartRoutes } from './charts/routes.ts'
import { TrackerError } from './errors.ts'
import { experimentRoutes } from './experiments/routes.ts'
import { healthRoutes } from './health/routes.ts'
import { validAddress } from './http/address.ts'
import { router } from './http/context.ts'
import { browserHeaders } from './http/headers.ts'
import { checkHost } from './http/host.ts'
import { allowOrigins, checkOrigin } from './http/origins.ts'
import { onError } from './http/problem.ts'
import { requestLog } from './http/request-log.ts'
import { takeLimits } from './http/take-limits.ts'
import { requireAccess } from './keys/guard.ts'
import { keyRoutes } from './keys/routes.ts'
import { checkNeeds } from './keys/scopes.ts'
import { sessionRoutes } from './keys/sessions.ts'
import { metricRoutes } from './metrics/routes.ts'
import { isMlflows, mlflowDoor } from './mlflow/door.ts'
import { onMlflowError } from './mlflow/errors.ts'
import { runRoutes } from './runs/routes.ts'

const base = router()
base.onError((thrown, c) => (isMlflows(c.req.path) ? onMlflowError : onError)(thrown, c))
base.notFound((c) => onError(new TrackerError('not_found', `There is nothing at ${c.req.path}`), c))
// Too short for a key.
base.use(requestId({ limitLength: 36 }))
base.use(requestLog)
base.use(validAddress)
base.use(browserHeaders)
base.use(checkHost)
base.use(allowOrigins)
base.use(checkOrigin)
base.use(takeLimits)
base.use(requireAccess)
base.use(
  methodNotAllowed({
    app: base,
    onMethodNotAllowed: (c, methods) => {
      c.header('Allow', methods.join(', '))
      return onError(new TrackerError('method_not_allowed', `Use ${methods.join(' or ')} here`), c)
    },
  }),
)

/** Middleware in the order it runs, the MLflow door, then the native API: the routes of each resource. */
export const app = base
  .route('/', mlflowDoor)
  .route('/', healthRoutes)
  .route('/', sessionRoutes)
  .route('/', keyRoutes)
  .route('/', experimentRoutes)
  .route('/', runRoutes)
  .route('/', metricRoutes)
  .route('/', chartRoutes)
  .route('/', analysisRoutes)

const SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key.' },
  basic: { type: 'http', scheme: 'basic', description: 'Any user, and an API key as password.' },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-edgerun',
    description: 'What `POST /session` sets.',
  },
} as const
for (const [name, scheme] of Object.entries(SCHEMES)) {
  app.openAPIRegistry.registerComponent('securitySchemes', name, scheme)
}

app.doc31('/openapi.json', {
  openapi: '3.1.0',
  // Where nothing else is said; a tracker that is open asks for none.
  security: Object.keys(SCHEMES).map((name) => ({ [name]: [] })),
  info: {
    title: 'Edgerun',
    version: '0.1.0',
    description: 'Log metrics from anywhere, read the curves back.',
    license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
  },
})

checkNeeds(app.routes)

export type AppType = typeof app
