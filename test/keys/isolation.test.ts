/** Two workspaces that call everything by the same names, and by the same ids where a client chooses them. */
import { beforeAll, describe, expect, it } from 'vitest'
import { fingerprint, makeKey, makeWorkspace, newClosedTracker, withKey } from '../support/keys.ts'
import { LoggedModels } from '../support/logged-models.ts'
import { MlflowClient, type RunOfMlflow } from '../support/mlflow.ts'
import { type ModelOfMlflow, Registry } from '../support/registry.ts'
import { allPages, type Tracker } from '../support/tracker.ts'
import type { Experiment, Run } from '../support/wire.ts'
import { filesOf, hex } from './fixture.ts'

const ARTIFACTS = '/api/2.0/mlflow-artifacts'

interface Tenant {
  /** Is in all that is the tenant's, and in nothing else. */
  mark: string
  workspace: number
  tracker: Tracker
  mlflow: MlflowClient
  /** A logged model: its id is not for a client to choose. */
  model: string
}

/** What both have. */
interface Twins {
  experiment: string
  run: string
  child: string
  name: string
  place: string
}

let tracker: Tracker
let twins: Twins
let ann: Tenant
let bob: Tenant
beforeAll(async () => {
  tracker = await newClosedTracker()
  await makeWorkspace(tracker, 'bobs')
  twins = newTwins()
  ann = await newTenant('annas', 1, 'default', twins)
  bob = await newTenant('berts', 2, 'bobs', twins)
})

function newTwins(): Twins {
  const [experiment, run, child] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
  return { experiment, run, child, name: `net-${run}`, place: `${hex(experiment)}/${hex(run)}/artifacts` }
}

async function newTenant(mark: string, workspace: number, name: string, things: Twins): Promise<Tenant> {
  const { key } = await makeKey(tracker, { scope: 'admin' }, name)
  const own = withKey(tracker, key)
  const mlflow = new MlflowClient(() => own)
  return { mark, workspace, tracker: own, mlflow, model: await fill(own, mlflow, mark, workspace, things) }
}

/** Makes one of each. */
async function fill(
  own: Tracker,
  mlflow: MlflowClient,
  mark: string,
  value: number,
  t: Twins,
): Promise<string> {
  const [run_id, experiment_id] = [hex(t.run), hex(t.experiment)]
  await own.post('/experiments', { id: t.experiment, name: t.name, owner: mark, description: mark })
  await own.post(`/experiments/${t.experiment}/runs`, {
    id: t.run,
    name: mark,
    params: { by: mark, [`p-${mark}`]: 1 },
    tags: { [`t-${mark}`]: 1 },
  })
  await own.post(`/experiments/${t.experiment}/runs`, { id: t.child, name: mark, parent_run_id: t.run })
  // As many as a correlation takes.
  const more = [2, 3].map(async (n) => {
    const { body } = await own.post<Run>(`/experiments/${t.experiment}/runs`, {
      name: mark,
      params: { by: mark, [`p-${mark}`]: n },
    })
    return body.id
  })
  for (const run of [t.run, t.child, ...(await Promise.all(more))]) {
    const steps = Array.from({ length: 10 }, (_, step) => ({ name: 'loss', step, value: value + 0.12345 }))
    await own.post(`/runs/${run}/metrics`, {
      metrics: [...steps, { name: `only-${mark}`, step: 1, value: 1 }],
    })
  }
  await mlflow.post('/experiments/set-experiment-tag', { experiment_id, key: 'by', value: mark })
  const dataset = { name: 'data', digest: 'd', source_type: 'local', source: mark }
  await mlflow.post('/runs/log-inputs', {
    run_id,
    datasets: [{ dataset, tags: [{ key: 'mlflow.data.context', value: mark }] }],
  })
  const models = new LoggedModels(mlflow)
  const { info } = await models.create(experiment_id, {
    name: t.name,
    source_run_id: run_id,
    model_type: mark,
  })
  await models.log(run_id, info.model_id, 'accuracy', value + 0.12345, {
    dataset_name: 'data',
    dataset_digest: 'd',
  })
  await mlflow.post('/runs/outputs', { run_id, models: [{ model_id: info.model_id, step: 1 }] })
  const registry = new Registry(mlflow)
  await registry.model(t.name, 0, { description: mark })
  await registry.version(t.name, { source: `mlflow-artifacts:/${t.place}`, run_id, description: mark })
  await mlflow.post('/registered-models/alias', { name: t.name, version: '1', alias: 'best' })
  await mlflow.createRun('0', { run_name: mark })
  await own.send('PUT', `${ARTIFACTS}/artifacts/${t.place}/a.txt`, mark)
  return info.model_id
}

const each = () => [
  { me: ann, other: bob },
  { me: bob, other: ann },
]
const query = (path: string, params: Record<string, string>) => `${path}?${new URLSearchParams(params)}`

describe('each sees what is its own, and nothing else', () => {
  const name = () => `name = '${twins.name}'`
  const ids = () => [hex(twins.experiment)]
  const run = () => hex(twins.run)
  const reads: [
    what: string,
    read: (tenant: Tenant) => Promise<{ status: number; text: string }>,
    isMarked?: false,
  ][] = [
    ['experiments', ({ tracker }) => tracker.get('/experiments')],
    ['experiments by name', ({ tracker }) => tracker.get(`/experiments?q=${twins.name.slice(0, 9)}`)],
    ['owners', ({ tracker }) => tracker.get('/owners')],
    ['an experiment', ({ tracker }) => tracker.get(`/experiments/${twins.experiment}`)],
    ['runs', ({ tracker }) => tracker.get(`/experiments/${twins.experiment}/runs`)],
    ['runs with metrics', ({ tracker }) => tracker.get(`/experiments/${twins.experiment}/runs?metrics=loss`)],
    [
      'runs of a parent',
      ({ tracker }) =>
        tracker.get(
          query(`/experiments/${twins.experiment}/runs`, { filter: `parent_run_id = '${twins.run}'` }),
        ),
    ],
    [
      'names of metrics',
      ({ tracker }) => tracker.get(`/experiments/${twins.experiment}/fields?kind=metrics`),
    ],
    ['names of params', ({ tracker }) => tracker.get(`/experiments/${twins.experiment}/fields?kind=params`)],
    [
      'groups of runs',
      ({ tracker }) => tracker.get(`/experiments/${twins.experiment}/groups?by=params.by&metrics=loss`),
    ],
    [
      'metrics of groups of runs',
      ({ tracker }) => tracker.get(`/experiments/${twins.experiment}/groups?by=status&metrics=loss`),
      false,
    ],
    [
      'correlations',
      ({ tracker }) => tracker.get(`/experiments/${twins.experiment}/correlations?metric=loss`),
    ],
    ['names of tags', ({ tracker }) => tracker.get(`/experiments/${twins.experiment}/fields?kind=tags`)],
    ['a run', ({ tracker }) => tracker.get(`/runs/${twins.run}`)],
    ['metrics of a run', ({ tracker }) => tracker.get(`/runs/${twins.run}/metrics`)],
    [
      'an experiment of MLflow',
      ({ mlflow }) => mlflow.get('/experiments/get', { experiment_id: hex(twins.experiment) }),
    ],
    [
      'an experiment by name',
      ({ mlflow }) => mlflow.get('/experiments/get-by-name', { experiment_name: twins.name }),
    ],
    [
      'experiments that are searched',
      ({ mlflow }) => mlflow.post('/experiments/search', { filter: name(), max_results: 9 }),
    ],
    ['datasets', ({ mlflow }) => mlflow.post('/experiments/search-datasets', { experiment_ids: ids() })],
    ['a run of MLflow', ({ mlflow }) => mlflow.get('/runs/get', { run_id: run() })],
    [
      'runs of two experiments',
      ({ mlflow }) => mlflow.post('/runs/search', { experiment_ids: [...ids(), '0'] }),
    ],
    [
      'runs of the default experiment',
      ({ mlflow }) => mlflow.post('/runs/search', { experiment_ids: ['0'] }),
    ],
    [
      'runs by a metric',
      ({ mlflow }) => mlflow.post('/runs/search', { experiment_ids: ids(), order_by: ['metrics.loss DESC'] }),
    ],
    [
      'runs by two metrics',
      ({ mlflow }) =>
        mlflow.post('/runs/search', { experiment_ids: ids(), order_by: ['params.by', 'metrics.loss'] }),
    ],
    [
      'runs with a metric',
      ({ mlflow }) => mlflow.post('/runs/search', { experiment_ids: ids(), filter: 'metrics.loss > 0' }),
    ],
    [
      'runs with a dataset',
      ({ mlflow }) =>
        mlflow.post('/runs/search', { experiment_ids: ids(), filter: "datasets.name = 'data'" }),
    ],
    ['logged models', ({ mlflow }) => mlflow.post('/logged-models/search', { experiment_ids: ids() })],
    [
      'logged models by a metric',
      ({ mlflow }) =>
        mlflow.post('/logged-models/search', {
          experiment_ids: ids(),
          order_by: [{ field_name: 'metrics.accuracy' }],
        }),
    ],
    ['a logged model', ({ mlflow, model }) => mlflow.get(`/logged-models/${model}`)],
    ['registered models', ({ mlflow }) => mlflow.get('/registered-models/search', { filter: name() })],
    ['a registered model', ({ mlflow }) => mlflow.get('/registered-models/get', { name: twins.name })],
    ['versions', ({ mlflow }) => mlflow.get('/model-versions/search', { filter: name() })],
    [
      'versions of a run',
      ({ mlflow }) => mlflow.get('/model-versions/search', { filter: `run_id = '${run()}'` }),
    ],
    [
      'a version by its alias',
      ({ mlflow }) => mlflow.get('/registered-models/alias', { name: twins.name, alias: 'best' }),
    ],
    [
      'the latest version',
      ({ mlflow }) => mlflow.get('/registered-models/get-latest-versions', { name: twins.name }),
    ],
    ['an artifact', ({ tracker }) => tracker.get(`${ARTIFACTS}/artifacts/${twins.place}/a.txt`)],
    [
      'an artifact of a run',
      ({ tracker }) => tracker.get(query('/get-artifact', { run_id: run(), path: 'a.txt' })),
    ],
    [
      'an artifact of a version',
      ({ tracker }) =>
        tracker.get(query('/model-versions/get-artifact', { name: twins.name, version: '1', path: 'a.txt' })),
    ],
    // These have numbers alone.
    ['a history', ({ tracker }) => tracker.get(`/runs/${twins.run}/metrics/loss`), false],
    [
      'a history as CSV',
      ({ tracker }) => tracker.get(`/runs/${twins.run}/metrics/loss`, { Accept: 'text/csv' }),
      false,
    ],
    [
      'a chart over several runs',
      ({ tracker }) => tracker.get(`/charts?runs=${twins.run}&runs=${twins.child}&names=loss`),
      false,
    ],
    ['a chart by time', ({ tracker }) => tracker.get(`/charts?runs=${twins.run}&names=loss&x=time`), false],
    [
      'a history of MLflow',
      ({ mlflow }) => mlflow.get('/metrics/get-history', { run_id: run(), metric_key: 'loss' }),
      false,
    ],
    [
      'histories in bulk',
      ({ tracker }) =>
        tracker.get(
          `/api/2.0/mlflow/metrics/get-history-bulk?run_id=${twins.run}&run_id=${twins.child}&metric_key=loss`,
        ),
      false,
    ],
    [
      'histories in an interval',
      ({ mlflow }) =>
        mlflow.get('/metrics/get-history-bulk-interval', { run_ids: run(), metric_key: 'loss' }),
      false,
    ],
  ]
  it.each(reads)('%s', async (_, read, isMarked: boolean = true) => {
    for (const { me, other } of each()) {
      const { status, text } = await read(me)
      expect([status, text]).toEqual([200, text])
      expect(text).not.toContain(other.mark)
      expect(text).not.toContain(`${other.workspace}.12345`)
      expect(text).toContain(isMarked ? me.mark : `${me.workspace}.12345`)
    }
  })

  it('the metrics that the other has logged to a run of the same id are not there', async () => {
    for (const { me, other } of each()) {
      expect((await me.tracker.get(`/runs/${twins.run}/metrics/only-${me.mark}`)).status).toBe(200)
      expect((await me.tracker.get(`/runs/${twins.run}/metrics/only-${other.mark}`)).status).toBe(404)
      const { runs } = await me.mlflow.search({
        experiment_ids: [hex(twins.experiment)],
        filter: `metrics.\`only-${other.mark}\` > 0`,
      })
      expect(runs).toEqual([])
    }
  })

  it('a child is one of the run in its own workspace', async () => {
    for (const { me } of each()) {
      const { body } = await me.tracker.get<Run>(`/runs/${twins.child}`)
      expect([body.parent_run_id, body.name]).toEqual([twins.run, me.mark])
    }
  })
})

describe('what one deletes, the other keeps', () => {
  it.each([0, 1])('whoever of the two it is (%i)', async (which) => {
    const things = newTwins()
    const [name, other] = which === 0 ? ['default', 'bobs'] : ['bobs', 'default']
    const me = await newTenant('mine', which === 0 ? 1 : 2, name, things)
    const kept = await newTenant('kept', which === 0 ? 2 : 1, other, things)
    const at = { experiment: things.experiment }
    const state = async (workspace: number) => [
      await fingerprint(tracker, workspace),
      await filesOf(tracker, at, workspace),
    ]
    const before = await state(kept.workspace)
    const { mlflow } = me
    const version = { name: things.name, version: '1' }
    for (const answer of [
      await mlflow.post('/runs/update', { run_id: hex(things.run), run_name: 'changed', status: 'FINISHED' }),
      await mlflow.post('/experiments/update', {
        experiment_id: hex(things.experiment),
        new_name: `x-${things.name}`,
      }),
      await mlflow.post('/model-versions/transition-stage', {
        ...version,
        stage: 'Production',
        archive_existing_versions: true,
      }),
      await mlflow.delete('/registered-models/alias', { name: things.name, alias: 'best' }),
      await mlflow.delete('/model-versions/delete', version),
      await mlflow.post('/registered-models/rename', { name: things.name, new_name: `x-${things.name}` }),
      await mlflow.delete('/registered-models/delete', { name: `x-${things.name}` }),
      await mlflow.delete(`/logged-models/${me.model}`),
      await me.tracker.delete(`${ARTIFACTS}/artifacts/${things.place}/a.txt`),
      await me.tracker.send('PUT', `${ARTIFACTS}/artifacts/${things.place}/b.txt`, 'b'),
      await mlflow.post('/runs/delete', { run_id: hex(things.child) }),
      await me.tracker.delete(`/runs/${things.run}`),
      await mlflow.post('/experiments/delete', { experiment_id: hex(things.experiment) }),
      await mlflow.post('/experiments/restore', { experiment_id: hex(things.experiment) }),
      await me.tracker.delete(`/experiments/${things.experiment}`),
    ]) {
      expect([answer.status < 300, answer.text]).toEqual([true, answer.text])
    }
    await tracker.seal(0)
    expect(await state(kept.workspace)).toEqual(before)
    expect((await filesOf(tracker, at, kept.workspace))?.length).toBe(1)
    expect(await filesOf(tracker, at, me.workspace)).toEqual([])
    expect((await kept.tracker.get<Run>(`/runs/${things.child}`)).body.parent_run_id).toBe(things.run)
  })
})

describe('nothing of another workspace can be named', () => {
  it('as a parent', async () => {
    const foreign = await ann.tracker.post<Experiment>('/experiments', { name: 'x', owner: 'ann', run: {} })
    const parent = foreign.body.runs[0]?.id ?? ''
    const body = { parent_run_id: parent }
    expect((await bob.tracker.post(`/experiments/${twins.experiment}/runs`, body)).status).toBe(404)
    expect((await bob.tracker.post('/experiments', { name: 'y', owner: 'bob', run: body })).status).toBe(404)
    const tags = [{ key: 'mlflow.parentRunId', value: hex(parent) }]
    const made = await bob.mlflow.createRun(hex(twins.experiment), { tags })
    const { body: run } = await bob.tracker.get<Run>(`/runs/${made.info.run_id}`)
    expect(run.parent_run_id).toBeNull()
    await bob.mlflow.post('/runs/set-tag', { run_id: made.info.run_id, ...tags[0] })
    expect((await bob.tracker.get<Run>(`/runs/${made.info.run_id}`)).body.parent_run_id).toBeNull()
  })

  it('as what a version is made of', async () => {
    const theirs = newTwins()
    const other = await newTenant('secret', 1, 'default', theirs)
    const name = await new Registry(bob.mlflow).model(`stolen-${theirs.run}`)
    const run_id = hex(theirs.run)
    for (const body of [
      { source: `mlflow-artifacts:/${theirs.place}`, run_id },
      { source: `mlflow-artifacts:/${theirs.place}`, model_id: other.model },
      { source: `models:/${other.model}`, model_id: other.model },
      { source: `models:/${theirs.name}/1` },
      { source: `models:/${theirs.name}@best` },
      { source: `models:/${theirs.name}/latest` },
    ]) {
      const { status, text } = await bob.mlflow.post('/model-versions/create', { name, ...body })
      expect([body, [400, 404].includes(status), text]).toEqual([body, true, text])
      expect(text).not.toContain('secret')
    }
    const { body } = await bob.mlflow.post<{ model_version: { version: string } }>('/model-versions/create', {
      name,
      source: `runs:/${run_id}/model`,
      run_id,
    })
    const version = body.model_version?.version ?? '1'
    const got = await bob.tracker.get(query('/model-versions/get-artifact', { name, version, path: 'a.txt' }))
    expect([got.status < 400, got.text.includes('secret')]).toEqual([false, false])
  })

  it('as a model whose metrics are logged', async () => {
    const metric = { key: 'accuracy', value: 9, timestamp: 1, step: 1, model_id: ann.model }
    const before = await fingerprint(tracker, 1)
    for (const [path, rest] of [
      ['/runs/log-metric', metric],
      ['/runs/log-batch', { metrics: [metric] }],
    ] as const) {
      const { status } = await bob.mlflow.post(path, { run_id: hex(twins.run), ...rest })
      expect([path, status]).toEqual([path, 400])
    }
    expect(await fingerprint(tracker, 1)).toEqual(before)
  })

  it('in a list beside what is of the own one', async () => {
    const foreign = await ann.tracker.post<Experiment>('/experiments', { name: 'x', owner: 'ann', run: {} })
    const [theirs, run] = [hex(foreign.body.id), foreign.body.runs[0]?.id ?? '']
    const experiment_ids = [hex(twins.experiment), theirs]
    const { runs } = await bob.mlflow.search({ experiment_ids })
    expect(new Set(runs.map(({ info }) => info.experiment_id))).toEqual(new Set([hex(twins.experiment)]))
    const models = await bob.mlflow.post('/logged-models/search', { experiment_ids })
    expect(models.text).not.toContain(theirs)
    const charts = await bob.tracker.get(`/charts?runs=${twins.run}&runs=${run}&names=loss`)
    expect(charts.status).toBe(404)
    const bulk = await bob.tracker.get(
      `/api/2.0/mlflow/metrics/get-history-bulk?run_id=${hex(run)}&run_id=${twins.run}&metric_key=loss`,
    )
    expect(bulk.text).not.toContain(hex(run))
  })

  it('by the next page of a list of the other', async () => {
    for (let i = 0; i < 3; i++) await ann.mlflow.createExperiment(`annas ${i}`)
    for (const path of [
      '/experiments?limit=1',
      `/experiments/${twins.experiment}/runs?limit=1`,
      '/keys?limit=1',
      '/audit?limit=1',
    ]) {
      const { headers } = await ann.tracker.get(path)
      const [, next = ''] = /<([^>]*)>; rel="next"/.exec(headers.get('Link') ?? '') ?? []
      expect(next).not.toBe('')
      const text = JSON.stringify(await allPages(bob.tracker, next))
      expect(text).not.toContain('annas')
      expect(text).not.toContain(ann.model)
    }
    const experiment_ids = [hex(twins.experiment)]
    for (const order_by of [[], ['metrics.loss'], ['params.by']]) {
      const { next } = await ann.mlflow.search({ experiment_ids, order_by, max_results: 1 })
      expect(next).toEqual(expect.any(String))
      const { runs } = await bob.mlflow.search({ experiment_ids, order_by, page_token: next })
      expect(JSON.stringify(runs)).not.toContain('annas')
    }
    const { body } = await ann.mlflow.post<{ next_page_token: string }>('/experiments/search', {
      max_results: 1,
    })
    const page = await bob.mlflow.post('/experiments/search', {
      max_results: 50,
      page_token: body.next_page_token,
    })
    expect([page.status, page.text.includes('annas')]).toEqual([200, false])
    await new Registry(ann.mlflow).model('annas net')
    const models = await ann.mlflow.get<{ next_page_token: string }>('/registered-models/search', {
      max_results: '1',
    })
    const rest = await bob.mlflow.get<{ registered_models?: ModelOfMlflow[] }>('/registered-models/search', {
      page_token: models.body.next_page_token,
    })
    expect([rest.status, rest.text.includes('annas')]).toEqual([200, false])
  })
})

describe('the files of another workspace', () => {
  /** Where in the bucket Bob's file lies, as a path that Ann might name: hers begin where the bucket does. */
  const tricks = [
    '#2/',
    '%232/',
    '%25232/',
    '%2525232/',
    './#2/',
    'x/../#2/',
    '/#2/',
    '//#2/',
    '\\#2/',
    '＃2/',
    '#2%2f',
    '../#2/',
  ]
  it.each(tricks)('are not reached through %s', async (trick) => {
    const before = await filesOf(tracker, twins, 2)
    for (const path of [`${trick}${twins.place}`, encodeURIComponent(`${trick}${twins.place}`)]) {
      const answers = [
        await ann.tracker.get(`${ARTIFACTS}/artifacts/${path}/a.txt`),
        await ann.tracker.get(query(`${ARTIFACTS}/artifacts`, { path })),
        await ann.tracker.get(query('/get-artifact', { run_id: hex(twins.run), path: `${path}/a.txt` })),
        await ann.tracker.send('PUT', `${ARTIFACTS}/artifacts/${path}/a.txt`, 'annas'),
        await ann.tracker.post(`${ARTIFACTS}/mpu/create/${path}`, { path: 'a.txt' }),
        await ann.tracker.delete(`${ARTIFACTS}/artifacts/${path}`),
      ]
      for (const { text } of answers) expect(text).not.toMatch(/berts|a\.txt","is_dir/)
      expect(answers.map(({ status }) => status).filter((status) => status >= 500)).toEqual([])
    }
    expect(await filesOf(tracker, twins, 2)).toEqual(before)
    expect((await bob.tracker.get(`${ARTIFACTS}/artifacts/${twins.place}/a.txt`)).text).toBe('berts')
  })

  it.each(['%232', '%25232', '/%232', './%232'])('are not where an experiment lies at %s', async (place) => {
    const id = await ann.mlflow.createExperiment(`at ${place}`, {
      artifact_location: `mlflow-artifacts:/${place}/${twins.place}`,
    })
    const { info }: RunOfMlflow = await ann.mlflow.createRun(id)
    const of = { run_id: info.run_id, path: 'a.txt' }
    await ann.tracker.post(
      query('/api/2.0/mlflow/upload-artifact', { run_uuid: info.run_id, path: 'a.txt' }),
      'annas',
    )
    expect((await ann.tracker.get(query('/get-artifact', of))).text).not.toContain('berts')
    const before = await filesOf(tracker, twins, 2)
    await ann.tracker.delete(`/runs/${info.run_id}`)
    await ann.tracker.delete(`/experiments/${id}`)
    await tracker.seal(0)
    expect(await filesOf(tracker, twins, 2)).toEqual(before)
  })

  it('are in no list of the first, which lies around them', async () => {
    const { text } = await ann.tracker.get(`${ARTIFACTS}/artifacts`)
    expect(text).toContain(hex(twins.experiment))
    expect(text).not.toContain('#')
  })

  it('that are on their way go on when another ends an upload with the same id', async () => {
    const path = 'big.bin'
    for (const { me, other } of each()) {
      const begun = await me.tracker.post<{ upload_id: string }>(`${ARTIFACTS}/mpu/create/${twins.place}`, {
        path,
      })
      const { upload_id } = begun.body
      const part = query(`${ARTIFACTS}/mpu/part/${twins.place}/${path}`, { upload_id, part_number: '1' })
      const put = (tenant: Tenant, text: string) =>
        tenant.tracker.send('PUT', part, text, { 'Content-Length': `${text.length}` })
      const { headers } = await put(me, me.mark)
      const parts = [{ part_number: 1, etag: headers.get('etag') }]
      expect((await put(other, other.mark)).status).toBe(404)
      await other.tracker.post(`${ARTIFACTS}/mpu/abort/${twins.place}`, { path, upload_id })
      const stolen = await other.tracker.post(`${ARTIFACTS}/mpu/complete/${twins.place}`, {
        path,
        upload_id,
        parts,
      })
      expect(stolen.status).toBeGreaterThanOrEqual(400)
      const done = await me.tracker.post(`${ARTIFACTS}/mpu/complete/${twins.place}`, {
        path,
        upload_id,
        parts,
      })
      expect(done.status).toBe(200)
      expect((await me.tracker.get(`${ARTIFACTS}/artifacts/${twins.place}/${path}`)).text).toBe(me.mark)
    }
  })
})

it('tells each only what was done in its own workspace', async () => {
  const { body } = await ann.tracker.post<{ id: string }>('/keys', { name: 'x', scope: 'read' })
  const audit = async (tenant: Tenant) => (await tenant.tracker.get('/audit?limit=1000')).text
  expect(await audit(ann)).toContain(body.id)
  expect(await audit(bob)).not.toContain(body.id)
})
