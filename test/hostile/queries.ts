/** Bad values in queries and paths of what is read. */
import { expect } from 'vitest'
import { type AtStage, answered, type Case, noLarger, refused } from './group.ts'
import type { Answer } from './http.ts'

/** Values as they stand in a URL, encoded where they have to be. */
const NO_NUMBER = [
  '',
  'x',
  '1.5',
  '1e3',
  '0x10',
  '+1',
  '%201',
  '1%20',
  'NaN',
  'Infinity',
  'null',
  '%00',
  '%EF%BC%91',
  '%FF',
  '1,2',
  '1;2',
  '[1]',
  '1e400',
]
const NO_COUNT = [...NO_NUMBER, '0', '-1', '99999999999999999999']
const NO_ATTEMPT = [...NO_NUMBER, '-1', '2147483648', 'NEWEST']
const NO_INT64 = [...NO_NUMBER, '9223372036854775808', '-9223372036854775809', '-', '--1']
const NO_CURSOR = [
  'x',
  '..',
  '%00',
  '1',
  '1.2',
  '1.2.3',
  'null',
  'bnVsbA',
  'W10',
  'WzEsMl0',
  '%F0%9F%98%80',
  '%ED%A0%80',
  "1' or 1=1",
  'a'.repeat(10_000),
  '9'.repeat(400),
].map((value) => value.replaceAll(' ', '%20'))
const NO_ENUM = ['nope', 'RUNNING', 'running%00', 'running,failed', "'", '%F0%9F%98%80']
const NO_FILTER = [
  '%3D',
  'metrics.loss',
  'metrics.loss%20%3C',
  'metrics.loss%20%3C%20%27a%27',
  'nothing.x%20%3D%201',
  'params.a%20%3D%20%27%00%27',
  `params.a%20%3D%20%27${'x'.repeat(10_001)}%27`,
  '('.repeat(5_000),
  "params.a%20=%20'x';%20drop%20table%20runs",
  '%F0%9F%98%80',
]
const NO_ORDER = [
  '',
  'x%20y%20z',
  'metrics.loss%20UP',
  'nothing.x',
  '%00',
  '(',
  'name;%20drop%20table%20runs',
]

/** Native routes, their query parameters and what each of them does not take. */
const NATIVE: [target: string, Record<string, string[]>][] = [
  [
    '/experiments',
    {
      limit: [...NO_COUNT, '1001'],
      cursor: NO_CURSOR,
      status: NO_ENUM,
      q: ['', '%00', '%ED%A0%80', 'x'.repeat(101)],
    },
  ],
  [
    '/experiments/{experiment}/fields?kind=metrics',
    {
      limit: [...NO_COUNT, '1001'],
      cursor: NO_CURSOR,
      q: ['', '%00', 'x'.repeat(251)],
    },
  ],
  ['/experiments/{experiment}/fields', { kind: ['', 'metric', 'METRICS', '%00'] }],
  [
    '/experiments/{experiment}/groups?by=params.lr',
    {
      metrics: ['', '.', '%00', 'x'.repeat(251), `a${'&metrics=a'.repeat(20)}`],
      of: ['', 'mean', 'LAST', '%00'],
      filter: NO_FILTER,
      limit: [...NO_COUNT, '501'],
    },
  ],
  [
    '/experiments/{experiment}/groups',
    { by: ['', 'metrics.loss', 'min(params.a)', 'nothing.x', 'params.a%20b', 'ended_at', '%00', '('] },
  ],
  [
    '/experiments/{experiment}/correlations?metric=loss',
    { of: ['', 'mean', 'LAST', '%00'], filter: NO_FILTER },
  ],
  ['/experiments/{experiment}/correlations', { metric: ['', '.', '%00', '%0A', 'x'.repeat(251)] }],
  ['/owners', { limit: [...NO_COUNT, '1001'], cursor: NO_CURSOR.filter((value) => !/^1\.2/.test(value)) }],
  [
    '/experiments/{experiment}/runs',
    {
      limit: [...NO_COUNT, '1001'],
      cursor: NO_CURSOR,
      status: NO_ENUM,
      filter: NO_FILTER,
      order_by: NO_ORDER,
      metrics: ['', '.', '%00', '%0A', 'x'.repeat(251), `a${'&metrics=a'.repeat(50)}`],
    },
  ],
  [
    '/runs/{run}/metrics',
    { attempt: NO_ATTEMPT, limit: NO_COUNT, cursor: NO_CURSOR.filter((value) => !/^1\.2/.test(value)) },
  ],
  [
    '/runs/{run}/metrics/loss',
    {
      rank: [...NO_NUMBER, '-1', '2147483648'],
      attempt: [...NO_ATTEMPT, 'all'],
      from_step: NO_INT64,
      to_step: NO_INT64,
      limit: [...NO_COUNT, '50001'],
      cursor: NO_CURSOR,
    },
  ],
  [
    '/charts?runs={run}&names=loss',
    {
      rank: [...NO_NUMBER, '-1', 'ALL'],
      attempt: NO_ATTEMPT,
      x: ['', 'steps', 'TIME', '%00'],
      buckets: [...NO_COUNT, '1', '4097'],
      from: NO_INT64,
      to: NO_INT64,
      since: ['', 'x', '1', '1.', '.1', '999.1', '1.9999999999999999', '1.1.', '1.1.0'],
    },
  ],
  [
    '/charts?names=loss',
    { runs: ['', 'x', '%00', ',', 'a'.repeat(5_000), '{run},x', `{run}${',{run}'.repeat(100)}x`] },
  ],
  ['/charts?runs={run}', { names: ['', '.', '..', '%00', '%0A', '%E2%80%A8', 'x'.repeat(251)] }],
  ['/charts', { names: ['loss'], runs: ['{run}'] }],
]

/** As `NATIVE`, behind MLflow's door. */
const MLFLOW: [target: string, Record<string, string[]>][] = [
  [
    'experiments/get',
    { experiment_id: ['', 'x', '-1', '%00', '99999999999999999999', '../..', '%ED%A0%80'] },
  ],
  ['experiments/get-by-name', { experiment_name: ['', '%00', 'nothing', 'x'.repeat(5_000)] }],
  ['experiments/search', { max_results: [...NO_COUNT, '50001'], view_type: ['x', '1.5'] }],
  [
    'experiments/search?max_results=10',
    {
      page_token: NO_CURSOR,
      filter: NO_FILTER,
      order_by: NO_ORDER,
    },
  ],
  ['runs/get', { run_id: ['', 'x', '%00', '../..', 'a'.repeat(5_000), '%F0%9F%98%80'], run_uuid: ['', 'x'] }],
  [
    'metrics/get-history?run_id={hexRun}&metric_key=loss',
    { max_results: [...NO_COUNT], page_token: NO_CURSOR },
  ],
  [
    'metrics/get-history-bulk-interval?run_ids={hexRun}&metric_key=loss',
    {
      max_results: [...NO_COUNT, '2501'],
      start_step: ['1', 'x', '1.5'],
      end_step: ['1', '9223372036854775808'],
    },
  ],
  ['metrics/get-history-bulk-interval?metric_key=loss', { run_ids: [`x${'&run_ids=x'.repeat(100)}`] }],
  ['metrics/get-history-bulk?metric_key=loss', { run_id: [`x${'&run_id=x'.repeat(100)}`] }],
  ['artifacts/list?run_id={hexRun}', { path: ['..', '/', '%00', 'a\\b', 'file:x', 'c:/x'] }],
  ['artifacts/list', { run_id: ['', 'x', '%00'] }],
  ['registered-models/get', { name: ['', '%20', '%00', 'a/b', '..', 'nothing', 'x'.repeat(5_000)] }],
  [
    'registered-models/search',
    {
      max_results: [...NO_NUMBER, '99999999999999999999', '1001'],
      filter: NO_FILTER,
      order_by: NO_ORDER,
      page_token: NO_CURSOR,
    },
  ],
  ['registered-models/get-latest-versions?name=net', { stages: ['x', '%00', ''] }],
  ['registered-models/alias?name=net', { alias: ['', 'a/b', '%00', 'none', 'x'.repeat(256)] }],
  ['model-versions/get?name=net', { version: ['', 'x', '0', '-1', '1.5', '99', '9'.repeat(5_000), '%00'] }],
  ['model-versions/get-download-uri?name=net', { version: ['', 'x', '0', '9'.repeat(5_000)] }],
  [
    'model-versions/search',
    { max_results: [...NO_COUNT, '200001'], filter: NO_FILTER, order_by: NO_ORDER, page_token: NO_CURSOR },
  ],
]

/** Parameters that MLflow's routes read without being told what is wrong with them. */
const LENIENT: [target: string, Record<string, string[]>][] = [
  [
    'metrics/get-history-bulk?run_id={hexRun}&metric_key=loss',
    { max_results: [...NO_COUNT, '0.5', '1e-7', '-0.5', '1e400'] },
  ],
  ['metrics/get-history?run_id={hexRun}', { metric_key: ['%00', '%ED%A0%80', 'x'.repeat(5_000), '..'] }],
  ['metrics/get-history-bulk?run_id={hexRun}', { metric_key: ['%00', '%ED%A0%80', 'x'.repeat(5_000), ''] }],
  ['registered-models/search', { max_results: ['0', '-1'] }],
  ['logged-models/{model}', { allow_deleted: ['x', '%00', 'TRUE'] }],
]

/** Ids in paths that are none. */
const NO_ID = [
  'x',
  '0',
  '-1',
  '%00',
  '%20',
  '%2e%2e',
  '..%2f..',
  '%FF',
  '%ED%A0%80',
  '%F0%9F%98%80',
  '%',
  '%zz',
  "1'%20or%201=1",
  '{run}x',
  '{run}%00',
  '00000000-0000-0000-0000-00000000000g',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  'a'.repeat(10_000),
  'null',
  'undefined',
  '__proto__',
  'constructor',
  '[object%20Object]',
]
const WITH_ID = [
  'GET /experiments/@',
  'DELETE /experiments/@',
  'GET /experiments/@/runs',
  'GET /runs/@',
  'DELETE /runs/@',
  'GET /runs/@/metrics',
  'GET /runs/@/metrics/loss',
  'GET /runs/{run}/metrics/@',
  'GET /api/2.0/mlflow/logged-models/@',
  'DELETE /api/2.0/mlflow/logged-models/@',
  'DELETE /api/2.0/mlflow/logged-models/{model}/tags/@',
  'GET /api/2.0/mlflow/logged-models/@/artifacts/directories',
  'GET /api/2.0/mlflow/logged-models/@/artifacts/files?artifact_file_path=x',
]

const NOWHERE = [
  '/nothing',
  '/experiments/',
  '/Experiments',
  '//example.com',
  '//example.com/',
  '/%5cexample.com',
  '/%2fexample.com',
  '/.env',
  '/.git/config',
  '/wp-login.php',
  '/server-status',
  '/cdn-cgi/trace',
  '/__proto__',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/runs',
  '/runs/{run}/nothing',
  '/runs/{run}/metrics/a/b/c/d?limit=x',
  '/api',
  '/api/',
  '/api/2.0',
  '/api/2.0/mlflow',
  '/api/2.0/mlflow/',
  '/api/2.0/mlflow/nothing',
  '/api/2.0/mlflow/__proto__',
  '/api/1.0/mlflow/runs/get?run_id={hexRun}',
  '/api/2.0/mlflow-artifacts',
  '/api/2.0/mlflow-artifacts/nothing',
  '/ajax-api/2.0/mlflow/%2e%2e/x',
  '/api/2.0/preview/mlflow/nothing',
  `/${'a'.repeat(30_000)}`,
  `/${'a/'.repeat(10_000)}`,
  `/${'%2e'.repeat(5_000)}`,
]
/** Paths with too much in them. Cloudflare leads from them to where the file is, and may lead to no other host. */
const DETOURS: [target: string, leadsTo: string][] = [
  ['//', '/'],
  ['//index.html', '/'],
  ['//example.com/..', '/'],
  ['//example.com/%2e%2e', '/'],
  ['//docs', '/docs/'],
]
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']

const withParameter = (target: string, name: string, value: string) =>
  `${target}${target.includes('?') ? '&' : '?'}${name}=${value}`

const short = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}… of ${text.length}` : text)

const casesOf = (routes: [string, Record<string, string[]>][], prefix = ''): Case[] =>
  routes.flatMap(([target, parameters]) =>
    Object.entries(parameters).flatMap(([name, values]) =>
      values.map((value) => ({
        name: `${target} with ${name}=${short(value)}`,
        request: () => ({ method: 'GET', target: withParameter(prefix + target, name, value) }),
        check: noLarger,
      })),
    ),
  )

export function queries(at: AtStage): void {
  refused(at, 'a bad query', casesOf(NATIVE))
  refused(at, 'a bad query of MLflow', casesOf(MLFLOW, '/api/2.0/mlflow/'))
  answered(at, 'an odd query of MLflow', casesOf(LENIENT, '/api/2.0/mlflow/'))
  const ids = WITH_ID.flatMap((line) =>
    NO_ID.map((id) => {
      const [method = '', target = ''] = line.replace('@', id).split(' ')
      return { name: `${line} with ${short(id)}`, request: () => ({ method, target }) }
    }),
  )
  refused(at, 'an id that is none', ids)
  const nowhere = METHODS.flatMap((method) =>
    NOWHERE.map((target) => ({
      name: `${method} ${short(target)}`,
      request: () => ({ method, target }),
      check: noLarger,
    })),
  )
  refused(at, 'a path that leads nowhere', nowhere)
  const detours = ['GET', 'HEAD'].flatMap((method) =>
    DETOURS.map(([target, leadsTo]) => ({
      name: `${method} ${target}`,
      request: () => ({ method, target }),
      check: ({ status, headers }: Answer) => expect([status, headers.location]).toEqual([307, leadsTo]),
    })),
  )
  answered(at, 'a detour', detours)
  const noDetours = METHODS.slice(2).map((method) => ({
    name: `${method} //`,
    request: () => ({ method, target: '//' }),
    check: noLarger,
  }))
  refused(at, 'what is no detour', noDetours)
}
