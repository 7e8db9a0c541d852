/** Addresses of other servers in all that may hold one: none of them is ever called. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AtStage } from './group.ts'
import { type Answer, exchange, type Request } from './http.ts'
import { doorOf, judge } from './judge.ts'

/** Where somebody listens is at `@`. */
const ADDRESSES = [
  'http://127.0.0.1:@/x',
  'http://localhost:@/x',
  'http://[::1]:@/x',
  'http://[::ffff:127.0.0.1]:@/x',
  'http://127.1:@/x',
  'http://2130706433:@/x',
  'http://0x7f.0.0.1:@/x',
  'http://017700000001:@/x',
  'http://0:@/x',
  'http://user:password@127.0.0.1:@/x',
  'http://127.0.0.1:@/x?y=z',
  'http://127.0.0.1:@/api/2.0/mlflow-artifacts/artifacts/x',
  'HTTP://127.0.0.1:@/x',
  'https://127.0.0.1:@/x',
  '//127.0.0.1:@/x',
  'ftp://127.0.0.1:@/x',
  'sftp://127.0.0.1:@/x',
  'gopher://127.0.0.1:@/_x',
  'dict://127.0.0.1:@/x',
  'ldap://127.0.0.1:@/x',
  'redis://127.0.0.1:@/0',
  'ws://127.0.0.1:@/x',
  'postgres://a:b@127.0.0.1:@/x',
  'file://127.0.0.1:@/x',
  'smb://127.0.0.1:@/x',
  's3://127.0.0.1:@/x',
  's3+http://127.0.0.1:@/x',
  'gs://127.0.0.1:@/x',
  'hdfs://127.0.0.1:@/x',
  'wasbs://c@127.0.0.1:@/x',
  'abfss://c@127.0.0.1:@/x',
  'dbfs://127.0.0.1:@/x',
  'mlflow-artifacts://127.0.0.1:@/x',
  'mlflow-artifacts:/http://127.0.0.1:@/x',
  'models://127.0.0.1:@/x/1',
  'runs://127.0.0.1:@/x',
  'http://169.254.169.254/latest/meta-data/',
  'http://metadata.google.internal/computeMetadata/v1/',
  'file:///etc/passwd',
  'data:text/html,x',
]

const M = '/api/2.0/mlflow'
const json = (method: string, target: string, body: unknown): Request => ({
  method,
  target,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
})

/** Requests that have an address in every place that takes text. */
const SINKS: [name: string, (address: string) => Request][] = [
  [
    'the source of a version',
    (source) => json('POST', `${M}/model-versions/create`, { name: 'net', source }),
  ],
  [
    'the source of a version of a run',
    (source) => json('POST', `${M}/model-versions/create`, { name: 'net', source, run_id: '{hexRun}' }),
  ],
  [
    'the source of a prompt',
    (source) =>
      json('POST', `${M}/model-versions/create`, {
        name: 'net',
        source,
        tags: [{ key: 'mlflow.prompt.is_prompt', value: 'true' }],
      }),
  ],
  [
    'the link to the run, the description and a tag of a version',
    (text) =>
      json('POST', `${M}/model-versions/create`, {
        name: 'net',
        source: 's3://bucket/x',
        run_link: text,
        description: text,
        tags: [{ key: 'a', value: text }],
      }),
  ],
  [
    'the run of a version',
    (text) => json('POST', `${M}/model-versions/create`, { name: 'net', source: 's3://b/x', run_id: text }),
  ],
  [
    'the model of a version',
    (text) => json('POST', `${M}/model-versions/create`, { name: 'net', source: 's3://b/x', model_id: text }),
  ],
  [
    'the description of a model',
    (description) => json('PATCH', `${M}/registered-models/update`, { name: 'net', description }),
  ],
  [
    'a tag of an experiment',
    (value) =>
      json('POST', `${M}/experiments/set-experiment-tag`, {
        experiment_id: '{hexExperiment}',
        key: 'a',
        value,
      }),
  ],
  [
    'a tag of a run that says where its code is',
    (value) => json('POST', `${M}/runs/set-tag`, { run_id: '{hexRun}', key: 'mlflow.source.name', value }),
  ],
  ['a user', (user_id) => json('POST', `${M}/runs/create`, { experiment_id: '{hexExperiment}', user_id })],
  [
    'the source of a dataset',
    (source) =>
      json('POST', `${M}/runs/log-inputs`, {
        run_id: '{hexRun}',
        datasets: [
          {
            dataset: { name: 'd', digest: 'x', source_type: 'http', source, schema: source, profile: source },
          },
        ],
      }),
  ],
  [
    'a model as MLflow 2 logs it',
    (text) =>
      json('POST', `${M}/runs/log-model`, {
        run_id: '{hexRun}',
        model_json: JSON.stringify({
          artifact_path: text,
          flavors: { a: text },
          utc_time_created: 'x',
          run_id: text,
        }),
      }),
  ],
  [
    'a logged model',
    (text) =>
      json('POST', `${M}/logged-models`, {
        experiment_id: '{hexExperiment}',
        name: 'a',
        model_type: text,
        source_run_id: text,
      }),
  ],
  [
    'the path of an artifact',
    (text) => ({
      method: 'PUT',
      target: `/api/2.0/mlflow-artifacts/artifacts/out/${encodeURIComponent(text)}`,
      body: 'x',
    }),
  ],
  [
    'the path of a file in parts',
    (path) => json('POST', '/api/2.0/mlflow-artifacts/mpu/create/out', { path }),
  ],
  [
    'a path that is read',
    (text) => ({ method: 'GET', target: `/get-artifact?run_id={hexRun}&path=${encodeURIComponent(text)}` }),
  ],
  [
    'a path that is listed',
    (text) => ({
      method: 'GET',
      target: `/api/2.0/mlflow-artifacts/artifacts?path=${encodeURIComponent(text)}`,
    }),
  ],
  [
    'a filter',
    (text) =>
      json('POST', `${M}/runs/search`, {
        experiment_ids: ['{hexExperiment}'],
        filter: `params.a = '${text}'`,
      }),
  ],
  [
    'a description and a param of the native API',
    (text) =>
      json('POST', '/experiments', {
        name: 'out',
        owner: 'o',
        description: text,
        run: { params: { a: text } },
      }),
  ],
  [
    'query parameters that servers have been asked by',
    (text) => ({
      method: 'GET',
      target: `/experiments?${['url', 'uri', 'callback', 'next', 'redirect', 'proxy', 'webhook'].map((name) => `${name}=${encodeURIComponent(text)}`).join('&')}`,
    }),
  ],
  [
    'headers that proxies are told by',
    (text) => ({
      method: 'GET',
      target: '/experiments?limit=1',
      headers: {
        Origin: text,
        Referer: text,
        Forwarded: `host=${text}`,
        'X-Forwarded-Host': text,
        'X-Forwarded-For': text,
        'X-Original-URL': text,
        'X-Rewrite-URL': text,
        'X-Http-Destinationurl': text,
        Destination: text,
        'CF-Connecting-IP': text,
        Profile: text,
      },
    }),
  ],
]

export function outward(at: AtStage): void {
  describe('an address of another server', () => {
    const servers: Server[] = []
    let port = 0
    let calls = 0
    beforeAll(async () => {
      for (const host of ['127.0.0.1', '::1']) {
        const server = createServer((socket) => {
          calls += 1
          socket.destroy()
        })
        await once(server.listen(port, host), 'listening').catch((error: NodeJS.ErrnoException) => {
          // Where there is no IPv6, there is nobody to call by it.
          if (host !== '::1' || error.code !== 'EADDRNOTAVAIL') throw error
        })
        const address = server.address()
        if (address !== null && typeof address !== 'string') port = address.port
        servers.push(server)
      }
    })
    afterAll(() => {
      for (const server of servers) server.close()
    })
    const to = (address: string) => address.replace(/@(?=\/|$)/, String(port))

    it('is heard by whoever listens there', async () => {
      await exchange(port, Buffer.from('x'))
      expect(calls).toBe(1)
      calls = 0
    })

    for (const [sink, request] of SINKS) {
      for (const address of ADDRESSES) {
        it(`is not called as ${sink}: ${address}`, async () => {
          const sent = request(to(address))
          const answer = await at().send({
            ...sent,
            ...(typeof sent.body === 'string' && { body: at().fill(sent.body) }),
          })
          judge(answer, doorOf(sent.target), at().secrets)
          expect(calls).toBe(0)
        })
      }
    }

    for (const address of ADDRESSES) {
      it(`is not called for the artifacts of an experiment that are said to be there: ${address}`, async () => {
        const stage = at()
        const send = async (sent: Request): Promise<Answer> => {
          const answer = await stage.send(sent)
          judge(answer, doorOf(sent.target), stage.secrets)
          return answer
        }
        const created = await send(
          json('POST', `${M}/experiments/create`, { name: `out ${address}`, artifact_location: to(address) }),
        )
        if (created.status !== 200) return
        const { experiment_id: experiment } = JSON.parse(String(created.body))
        const { run } = await stage.json<{ run: { info: { run_id: string } } }>('POST', `${M}/runs/create`, {
          experiment_id: experiment,
        })
        const { model } = await stage.json<{ model: { info: { model_id: string } } }>(
          'POST',
          `${M}/logged-models`,
          {
            experiment_id: experiment,
          },
        )
        const { run_id: id } = run.info
        const { model_id: modelId } = model.info
        // All that could go there: reading, writing, and clearing away.
        for (const target of [
          `${M}/artifacts/list?run_id=${id}`,
          `/get-artifact?run_id=${id}&path=x`,
          `${M}/logged-models/${modelId}/artifacts/directories`,
          `${M}/logged-models/${modelId}/artifacts/files?artifact_file_path=x`,
        ]) {
          await send({ method: 'GET', target })
        }
        await send({
          method: 'POST',
          target: `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${id}&path=x`,
          body: 'x',
        })
        await send(
          json('POST', `${M}/model-versions/create`, { name: 'net', source: `runs:/${id}/m`, run_id: id }),
        )
        await send({ method: 'DELETE', target: `/runs/${id}` })
        await send({ method: 'DELETE', target: `/experiments/${experiment}` })
        expect(calls).toBe(0)
      })
    }

    it('is not called later, by nobody', async () => {
      for (let version = 1; version <= 100; version += 11) {
        await at().send({
          method: 'GET',
          target: `/model-versions/get-artifact?name=net&version=${version}&path=x`,
        })
      }
      await sleep(1_000)
      expect(calls).toBe(0)
    })
  })
}
