/** Every route that takes a JSON body: a body that it takes, and of what kind each field of it is. */
import type { Door } from './judge.ts'
import type { Kind } from './values.ts'

export interface BodyRoute {
  door: Door
  method: string
  /** With names of the stage. */
  target: string
  body: Record<string, unknown>
  /** Kinds of fields by path, as in `run.seed`, `metrics.0.step`. */
  fields: Record<string, Kind>
  /** Whether there is nothing that it needs, so that an empty object is a request. */
  takesNothing?: true
}

const route = (
  door: Door,
  line: string,
  body: BodyRoute['body'],
  fields: BodyRoute['fields'],
  rest: { takesNothing?: true } = {},
): BodyRoute => {
  const [method = '', target = ''] = line.split(' ')
  return { door, method, target, body, fields, ...rest }
}

const NATIVE: BodyRoute[] = [
  route(
    'native',
    'POST /experiments',
    {
      name: 'n',
      owner: 'o',
      description: 'd',
      run: { name: 'r', seed: 1, params: { lr: 1 }, tags: { a: 'b' } },
    },
    {
      id: 'uuid',
      name: 'name100',
      owner: 'name50',
      description: 'text',
      run: 'object',
      'run.name': 'name250',
      'run.seed': 'safeInteger',
      'run.params': 'params',
      'run.tags': 'tags',
      'run.parent_run_id': 'uuid',
      'run.unknown': 'unknown',
      unknown: 'unknown',
    },
  ),
  route(
    'native',
    'PATCH /experiments/{experiment}',
    { name: 'n' },
    {
      name: 'name100',
      owner: 'name50',
      description: 'text',
      status: 'enum',
      id: 'unknown',
      unknown: 'unknown',
    },
    { takesNothing: true },
  ),
  route(
    'native',
    'POST /experiments/{experiment}/runs',
    { name: 'r' },
    {
      id: 'uuid',
      name: 'name250',
      seed: 'safeInteger',
      started_at: 'moment',
      params: 'params',
      tags: 'tags',
      parent_run_id: 'uuid',
      status: 'unknown',
      unknown: 'unknown',
    },
    { takesNothing: true },
  ),
  route(
    'native',
    'PATCH /runs/{run}',
    { name: 'r' },
    {
      name: 'name250',
      status: 'enum',
      ended_at: 'moment',
      params: 'params',
      tags: 'tagsOrNull',
      seed: 'unknown',
      unknown: 'unknown',
    },
    { takesNothing: true },
  ),
  route(
    'native',
    'POST /runs/{run}/metrics',
    { metrics: [{ name: 'acc', step: 1, value: 0.5 }] },
    {
      metrics: 'list',
      'metrics.0': 'object',
      'metrics.0.name': 'metric',
      'metrics.0.step': 'step',
      'metrics.0.value': 'double',
      'metrics.0.timestamp': 'moment',
      'metrics.0.unknown': 'unknown',
      'metrics.0.rank': 'unknown',
      'metrics.0.attempt': 'unknown',
      rank: 'rank',
      attempt: 'rank',
      unknown: 'unknown',
    },
  ),
  route(
    'native',
    'POST /runs/{run}/metrics?columns',
    { series: [{ name: 'acc', steps: [1, 2], values: [0.5, 0.6] }] },
    {
      series: 'list',
      'series.0': 'object',
      'series.0.name': 'metric',
      'series.0.steps': 'columnOfTwo',
      'series.0.values': 'columnOfTwo',
      'series.0.timestamps': 'timesOfTwo',
      'series.0.steps.1': 'step',
      'series.0.values.1': 'double',
      'series.0.unknown': 'unknown',
      rank: 'rank',
      attempt: 'rank',
    },
  ),
]

const mlflow = (line: string, body: BodyRoute['body'], fields: BodyRoute['fields'], rest = {}) =>
  route('mlflow', line.replace(' /', ' /api/2.0/mlflow/'), body, fields, rest)

const ofRun = { run_id: '{hexRun}' }
const ofExperiment = { experiment_id: '{hexExperiment}' }
const ofVersion = { name: 'net', version: '1' }

const MLFLOW: BodyRoute[] = [
  mlflow(
    'POST /experiments/create',
    { name: 'n', tags: [{ key: 'a', value: 'b' }] },
    { name: 'required', artifact_location: 'string', tags: 'list', 'tags.0': 'pair', 'tags.0.key': 'key' },
  ),
  mlflow(
    'POST /experiments/update',
    { ...ofExperiment, new_name: 'n' },
    { experiment_id: 'id', new_name: 'required' },
  ),
  mlflow('POST /experiments/delete', ofExperiment, { experiment_id: 'id' }),
  mlflow('POST /experiments/restore', ofExperiment, { experiment_id: 'id' }),
  mlflow(
    'POST /experiments/set-experiment-tag',
    { ...ofExperiment, key: 'a', value: 'b' },
    { experiment_id: 'id', key: 'requiredKey', value: 'string' },
  ),
  mlflow(
    'POST /experiments/delete-experiment-tag',
    { ...ofExperiment, key: 'a' },
    { experiment_id: 'id', key: 'required' },
  ),
  mlflow(
    'POST /experiments/search',
    { max_results: 10 },
    {
      view_type: 'viewType',
      max_results: 'count',
      order_by: 'strings',
      filter: 'filter',
      page_token: 'token',
    },
  ),
  mlflow(
    'POST /experiments/search-datasets',
    { experiment_ids: ['{hexExperiment}'] },
    { experiment_ids: 'strings', 'experiment_ids.0': 'idOfMany' },
  ),
  mlflow(
    'POST /runs/create',
    { ...ofExperiment, run_name: 'r', tags: [{ key: 'a', value: 'b' }] },
    {
      experiment_id: 'idOrNone',
      user_id: 'string',
      run_name: 'string',
      start_time: 'milliseconds',
      tags: 'list',
      'tags.0': 'pair',
    },
    { takesNothing: true },
  ),
  mlflow(
    'POST /runs/update',
    { ...ofRun, run_name: 'r' },
    { run_id: 'id', status: 'enum', end_time: 'milliseconds', run_name: 'string' },
  ),
  mlflow('POST /runs/delete', ofRun, { run_id: 'id' }),
  mlflow('POST /runs/restore', ofRun, { run_id: 'id' }),
  mlflow(
    'POST /runs/log-parameter',
    { ...ofRun, key: 'a', value: 'b' },
    { run_id: 'id', key: 'requiredKey', value: 'string' },
  ),
  mlflow(
    'POST /runs/set-tag',
    { ...ofRun, key: 'a', value: 'b' },
    { run_id: 'id', key: 'requiredKey', value: 'string' },
  ),
  mlflow('POST /runs/delete-tag', { ...ofRun, key: 'a' }, { run_id: 'id', key: 'required' }),
  mlflow(
    'POST /runs/log-metric',
    { ...ofRun, key: 'acc', value: 1, timestamp: 1, step: 1 },
    {
      run_id: 'id',
      key: 'requiredKey',
      value: 'pythonDouble',
      timestamp: 'time',
      step: 'mlflowStep',
      model_id: 'string',
    },
  ),
  mlflow(
    'POST /runs/log-batch',
    {
      ...ofRun,
      metrics: [{ key: 'acc', value: 1, timestamp: 1, step: 1 }],
      params: [{ key: 'a', value: 'b' }],
      tags: [{ key: 'a', value: 'b' }],
    },
    {
      run_id: 'id',
      metrics: 'list',
      params: 'list',
      tags: 'list',
      'metrics.0': 'object',
      'metrics.0.key': 'requiredKey',
      'metrics.0.value': 'pythonDouble',
      'metrics.0.timestamp': 'time',
      'metrics.0.step': 'mlflowStep',
      'params.0': 'pair',
      'params.0.key': 'requiredKey',
      'tags.0': 'pair',
      'tags.0.key': 'requiredKey',
    },
  ),
  mlflow(
    'POST /runs/log-inputs',
    {
      ...ofRun,
      datasets: [{ dataset: { name: 'd', digest: 'x', source_type: 'local', source: 's' }, tags: [] }],
      models: [{ model_id: '{model}' }],
    },
    {
      run_id: 'id',
      datasets: 'list',
      'datasets.0': 'object',
      'datasets.0.dataset': 'object',
      'datasets.0.dataset.name': 'string',
      'datasets.0.dataset.schema': 'string',
      'datasets.0.tags': 'list',
      models: 'list',
      'models.0': 'object',
      'models.0.model_id': 'required',
    },
  ),
  mlflow(
    'POST /runs/outputs',
    { ...ofRun, models: [{ model_id: '{model}', step: 1 }] },
    { run_id: 'id', models: 'list', 'models.0': 'object', 'models.0.step': 'int64' },
  ),
  mlflow('POST /runs/log-model', { ...ofRun, model_json: '{}' }, { run_id: 'id', model_json: 'required' }),
  mlflow(
    'POST /runs/search',
    { experiment_ids: ['{hexExperiment}'] },
    {
      experiment_ids: 'list',
      'experiment_ids.0': 'idOfMany',
      filter: 'filter',
      run_view_type: 'viewType',
      max_results: 'count',
      order_by: 'strings',
      page_token: 'token',
    },
    { takesNothing: true },
  ),
  mlflow(
    'POST /logged-models',
    { ...ofExperiment, name: 'm', params: [{ key: 'a', value: 'b' }], tags: [{ key: 'a', value: 'b' }] },
    {
      experiment_id: 'id',
      name: 'string',
      model_type: 'string',
      source_run_id: 'string',
      params: 'list',
      tags: 'list',
      'params.0': 'pair',
      'tags.0': 'pair',
    },
  ),
  mlflow(
    'POST /logged-models/search',
    { experiment_ids: ['{hexExperiment}'] },
    {
      experiment_ids: 'strings',
      filter: 'filter',
      datasets: 'list',
      max_results: 'whole',
      order_by: 'list',
      page_token: 'token',
    },
  ),
  mlflow('PATCH /logged-models/{model}', { status: 'LOGGED_MODEL_READY' }, { status: 'enum' }),
  mlflow(
    'PATCH /logged-models/{model}/tags',
    { tags: [{ key: 'a', value: 'b' }] },
    { tags: 'list', 'tags.0': 'pair' },
    { takesNothing: true },
  ),
  mlflow(
    'POST /logged-models/{model}/params',
    { params: [{ key: 'a', value: 'b' }] },
    { params: 'list', 'params.0': 'pair' },
    { takesNothing: true },
  ),
  mlflow(
    'POST /registered-models/create',
    { name: 'new', tags: [{ key: 'a', value: 'b' }] },
    { name: 'modelName', description: 'string', tags: 'list', 'tags.0': 'pair', 'tags.0.key': 'key' },
  ),
  mlflow(
    'PATCH /registered-models/update',
    { name: 'net', description: 'd' },
    { name: 'modelName', description: 'string' },
  ),
  mlflow(
    'POST /registered-models/rename',
    { name: 'net', new_name: 'other' },
    { name: 'modelName', new_name: 'modelName' },
  ),
  mlflow('DELETE /registered-models/delete', { name: 'none' }, { name: 'modelName' }),
  mlflow(
    'POST /registered-models/get-latest-versions',
    { name: 'net' },
    { name: 'modelName', stages: 'strings' },
  ),
  mlflow(
    'POST /registered-models/set-tag',
    { name: 'net', key: 'a', value: 'b' },
    { name: 'modelName', key: 'requiredKey', value: 'string' },
  ),
  mlflow(
    'DELETE /registered-models/delete-tag',
    { name: 'none', key: 'a' },
    { name: 'modelName', key: 'requiredKey' },
  ),
  mlflow(
    'POST /registered-models/alias',
    { name: 'net', alias: 'best', version: '1' },
    { name: 'modelName', alias: 'alias', version: 'version' },
  ),
  mlflow(
    'DELETE /registered-models/alias',
    { name: 'none', alias: 'best' },
    { name: 'modelName', alias: 'alias' },
  ),
  mlflow(
    'POST /model-versions/create',
    { name: 'net', source: 's3://bucket/model', tags: [{ key: 'a', value: 'b' }] },
    {
      name: 'modelName',
      source: 'required',
      run_id: 'string',
      run_link: 'string',
      description: 'string',
      tags: 'list',
      'tags.0': 'pair',
      'tags.0.key': 'key',
    },
  ),
  mlflow(
    'PATCH /model-versions/update',
    { ...ofVersion, description: 'd' },
    { name: 'modelName', version: 'version', description: 'string' },
  ),
  mlflow(
    'POST /model-versions/transition-stage',
    { ...ofVersion, stage: 'Staging' },
    { name: 'modelName', version: 'version', stage: 'required', archive_existing_versions: 'boolean' },
  ),
  mlflow(
    'DELETE /model-versions/delete',
    { name: 'none', version: '1' },
    { name: 'modelName', version: 'version' },
  ),
  mlflow(
    'POST /model-versions/set-tag',
    { ...ofVersion, key: 'a', value: 'b' },
    { name: 'modelName', version: 'version', key: 'requiredKey', value: 'string' },
  ),
  mlflow(
    'DELETE /model-versions/delete-tag',
    { name: 'none', version: '1', key: 'a' },
    { name: 'modelName', version: 'version', key: 'requiredKey' },
  ),
]

const multipart = (line: string, body: BodyRoute['body'], fields: BodyRoute['fields']) =>
  route('mlflow', line.replace(' /', ' /api/2.0/mlflow-artifacts/mpu/'), body, fields)

const MULTIPART: BodyRoute[] = [
  multipart('POST /create/x', { path: 'f.bin' }, { path: 'required', num_parts: 'count' }),
  multipart(
    'POST /complete/{hexExperiment}',
    { path: 'parts.bin', upload_id: '{upload}', parts: [{ part_number: 1, etag: 'x' }] },
    {
      path: 'required',
      upload_id: 'required',
      parts: 'list',
      'parts.0': 'object',
      'parts.0.part_number': 'count',
      'parts.0.etag': 'required',
    },
  ),
  multipart(
    'POST /abort/x',
    { path: 'parts.bin', upload_id: 'none' },
    { path: 'required', upload_id: 'required' },
  ),
]

export const BODY_ROUTES: BodyRoute[] = [...NATIVE, ...MLFLOW, ...MULTIPART]
