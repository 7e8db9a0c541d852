/** Much at once: what each of many callers may cost. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { AtStage } from './group.ts'
import type { Request } from './http.ts'
import { doorOf, judge } from './judge.ts'

const JSON_TYPE = { 'Content-Type': 'application/json' }
const GZIP = { ...JSON_TYPE, 'Content-Encoding': 'gzip' }
const MiB = 1024 ** 2

/** A body of as many bytes as are taken, of as many values as fit. */
const many = (value: string) => `[${`${value},`.repeat((8 * MiB) / (value.length + 1) - 2)}${value}]`

const LOADS: [name: string, () => Request][] = [
  [
    'bodies that inflate to 256 MiB',
    () => ({
      method: 'POST',
      target: '/experiments',
      headers: GZIP,
      body: gzipSync(Buffer.alloc(256 * MiB, ' '), { level: 1 }),
    }),
  ],
  [
    'bodies of 8 MiB of empty objects',
    () => ({
      method: 'POST',
      target: '/runs/{run}/metrics',
      headers: JSON_TYPE,
      body: `{"metrics":${many('{}')}}`.slice(0, 8 * MiB),
    }),
  ],
  [
    'bodies of 8 MiB of empty objects behind MLflow’s door',
    () => ({
      method: 'POST',
      target: '/api/2.0/mlflow/runs/log-batch',
      headers: JSON_TYPE,
      body: `{"run_id":"x","metrics":${many('{}').slice(0, -20)}]}`,
    }),
  ],
  [
    'lines that are no points',
    () => ({
      method: 'POST',
      target: '/runs/{run}/metrics',
      headers: { 'Content-Type': 'application/x-ndjson' },
      body: '{}\n'.repeat((8 * MiB) / 3 - 1),
    }),
  ],
  [
    'a row of a log with 500,000 fields',
    () => ({
      method: 'POST',
      target: '/runs/{run}/metrics',
      headers: { 'Content-Type': 'application/x-ndjson' },
      body: `{"step":"x",${Array.from({ length: 500_000 }, (_, i) => `"f${i}":1`).join(',')}}`,
    }),
  ],
  [
    'params of 8 MiB',
    () => ({
      method: 'POST',
      target: '/experiments',
      headers: JSON_TYPE,
      body: `{"name":"n","owner":"o","run":{"params":{"a":"${'x'.repeat(8 * MiB - 100)}"}}}`,
    }),
  ],
  [
    'percent signs encoded 100,000 times',
    () => ({
      method: 'POST',
      target: '/api/2.0/mlflow/model-versions/create',
      headers: JSON_TYPE,
      body: `{"name":"net","source":"s3://b/%${'25'.repeat(100_000)}2e"}`,
    }),
  ],
  [
    'strings of 1 MiB of escapes that do not end',
    () => ({
      method: 'POST',
      target: '/api/2.0/mlflow/runs/log-batch',
      headers: JSON_TYPE,
      body: `{"a":NaN,"b":"${'\\"'.repeat(MiB / 2)}`,
    }),
  ],
  [
    'values that grow when they are told back',
    () => ({
      method: 'POST',
      target: '/api/2.0/mlflow/experiments/create',
      headers: JSON_TYPE,
      body: `{"name":["${'\u007f'.repeat(4 * MiB)}"]}`,
    }),
  ],
]

/** What workerd may take in addition for eight bodies of 8 MiB and all that is read of them, in MiB. */
const MEMORY = 1_280
/** The same for eight that are not read beyond 8 MiB: inflated whole, they would take 2 GiB. */
const MEMORY_OF_BOMBS = 512

export function load(at: AtStage): void {
  describe('eight at once', () => {
    for (const [name, request] of LOADS) {
      it(`are refused, and cost neither much time nor memory: ${name}`, async () => {
        const stage = at()
        const sent = request()
        const before = await stage.memory()
        const began = performance.now()
        let most = before
        const watch = setInterval(async () => {
          most = Math.max(most, await stage.memory())
        }, 50)
        const answers = await Promise.all(Array.from({ length: 8 }, () => stage.send(sent)))
        clearInterval(watch)
        for (const answer of answers) {
          judge(answer, doorOf(sent.target), stage.secrets)
          expect(answer.status).toBeGreaterThanOrEqual(400)
          expect(answer.body.length).toBeLessThan(64 * 1024)
        }
        expect(performance.now() - began).toBeLessThan(60_000)
        expect(most - before).toBeLessThan(sent.headers === GZIP ? MEMORY_OF_BOMBS : MEMORY)
      })
    }
  })

  describe('200 callers that do not get to an end', () => {
    it.each([
      ['say nothing', ''],
      ['stop within the headers', 'POST /experiments HTTP/1.1\r\nHost: a\r\nX-A: '],
      [
        'stop within the body',
        'POST /experiments HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
      ],
      [
        'stop within a file',
        'PUT /api/2.0/mlflow-artifacts/artifacts/never HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx',
      ],
    ])('keep nobody else waiting: they %s', async (_, bytes) => {
      const stage = at()
      const sockets = await Promise.all(
        Array.from({ length: 200 }, async () => {
          const socket = connect(stage.tracker.port, '127.0.0.1')
          socket.on('error', () => {})
          await once(socket, 'connect')
          socket.write(bytes)
          return socket
        }),
      )
      const began = performance.now()
      expect((await stage.send({ method: 'GET', target: '/experiments' })).status).toBe(200)
      expect(performance.now() - began).toBeLessThan(10_000)
      for (const socket of sockets) socket.destroy()
      expect(
        (await stage.send({ method: 'GET', target: '/api/2.0/mlflow-artifacts/artifacts/never' })).status,
      ).toBe(404)
    })
  })
}
