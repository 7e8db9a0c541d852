import { MlflowClient } from '../support/mlflow.ts'
import type { Tracker } from '../support/tracker.ts'
import type { Experiment } from '../support/wire.ts'

/** One of each thing that a route can be about: their ids and names, as a request has them. */
export interface Fixture {
  experiment: string
  experimentName: string
  /** In the trash. */
  trashed: string
  run: string
  /** A logged model. */
  model: string
  registered: string
  version: string
  alias: string
  /** Where the run's artifacts lie; in it is `a.txt`. */
  place: string
  /** An upload that has begun, of `big.bin` in the same place, and its only part. */
  upload: string
  etag: string
  /** The id of an API key. */
  key: string
}

export const hex = (id: string) => id.replaceAll('-', '')

const ARTIFACTS = '/api/2.0/mlflow-artifacts'

/** Makes one of each, with a key of scope admin, through the public door. */
export async function newFixture(tracker: Tracker): Promise<Fixture> {
  const name = crypto.randomUUID()
  const mlflow = new MlflowClient(() => tracker)
  const made = await tracker.post<Experiment>('/experiments', {
    name,
    owner: 'ann',
    run: { params: { lr: 1 }, tags: { colour: 'red' } },
  })
  const experiment = made.body.id
  const run = made.body.runs[0]?.id ?? ''
  const place = `${hex(experiment)}/${hex(run)}/artifacts`
  const [, , , trashed, model, , key, , upload] = await Promise.all([
    tracker.post(`/runs/${run}/metrics`, { metrics: [{ name: 'loss', step: 1, value: 0.5 }] }),
    mlflow.post('/experiments/set-experiment-tag', {
      experiment_id: hex(experiment),
      key: 'colour',
      value: 'red',
    }),
    mlflow.post('/runs/log-inputs', {
      run_id: hex(run),
      datasets: [{ dataset: { name, digest: 'd', source_type: 'local', source: 's' } }],
    }),
    mlflow.createExperiment(`trashed ${name}`),
    mlflow.post<{ model: { info: { model_id: string } } }>('/logged-models', {
      experiment_id: hex(experiment),
      source_run_id: hex(run),
      name: 'net',
      tags: [{ key: 'colour', value: 'red' }],
    }),
    mlflow.post('/registered-models/create', { name, tags: [{ key: 'colour', value: 'red' }] }),
    tracker.post<{ id: string }>('/keys', { name: 'fixture', scope: 'read' }),
    tracker.send('PUT', `${ARTIFACTS}/artifacts/${place}/a.txt`, 'secret'),
    tracker.post<{ upload_id: string }>(`${ARTIFACTS}/mpu/create/${place}`, { path: 'big.bin' }),
  ])
  const { model_id } = model.body.model.info
  await tracker.send(
    'PUT',
    `${ARTIFACTS}/artifacts/${hex(experiment)}/models/${model_id}/artifacts/m.txt`,
    'secret',
  )
  await mlflow.post('/experiments/delete', { experiment_id: trashed })
  const version = { name, version: '1' }
  await mlflow.post('/model-versions/create', {
    name,
    source: `mlflow-artifacts:/${place}`,
    run_id: hex(run),
    tags: [{ key: 'colour', value: 'red' }],
  })
  await mlflow.post('/registered-models/alias', { ...version, alias: 'best' })
  const part = new URLSearchParams({ upload_id: upload.body.upload_id, part_number: '1' })
  const { headers } = await tracker.send('PUT', `${ARTIFACTS}/mpu/part/${place}/big.bin?${part}`, 'part', {
    'Content-Length': '4',
  })
  return {
    experiment,
    experimentName: name,
    trashed,
    run,
    model: model_id,
    registered: name,
    version: '1',
    alias: 'best',
    place,
    upload: upload.body.upload_id,
    etag: headers.get('etag') ?? '',
    key: key.body.id,
  }
}

/** The same of what nobody has. */
export function ghost(): Fixture {
  const [experiment, run, name] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
  return {
    experiment,
    experimentName: name,
    trashed: hex(crypto.randomUUID()),
    run,
    model: `m-${hex(crypto.randomUUID())}`,
    registered: name,
    version: '1',
    alias: 'best',
    place: `${hex(experiment)}/${hex(run)}/artifacts`,
    upload: `${crypto.randomUUID()}.none`,
    etag: '"none"',
    key: hex(crypto.randomUUID()).slice(0, 12),
  }
}

/** The artifacts of an experiment, as they lie in the bucket. */
export async function filesOf(tracker: Tracker, { experiment }: Pick<Fixture, 'experiment'>, workspace = 1) {
  const root = workspace === 1 ? '' : `#${workspace}/`
  const page = await tracker.env.ARTIFACTS?.list({ prefix: `${root}${hex(experiment)}/` })
  return page?.objects.map(({ key, etag }) => [key, etag])
}
