/** The tracker's API from TypeScript, typed by its routes: a small sweep is logged, and its best runs are read back. */

import { type ClientResponse, hc } from 'hono/client'
// `npm run types` writes it; no code comes with it.
import type { AppType } from '#api'

const url = process.env.EDGERUN_URL || 'http://127.0.0.1:8787'
const key = process.env.EDGERUN_KEY

/** Paths, parameters, bodies and answers of the tracker; a wrong one is an error where it stands. */
const tracker = hc<AppType>(url, {
  headers: { 'Content-Type': 'application/json', ...(key && { Authorization: `Bearer ${key}` }) },
})

type Body<R> = R extends ClientResponse<infer T, infer S, 'json'> ? (S extends 200 | 201 ? T : never) : never

/**
 * The body of an answer.
 *
 * @throws Error with what the tracker found wrong
 */
async function read<R extends ClientResponse<unknown>>(response: Promise<R>): Promise<Body<R>> {
  const answer = await response
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  return (await answer.json()) as Body<R>
}

const experiment = await read(
  tracker.experiments.$post({ json: { name: 'typed sweep', owner: process.env.USER || 'somebody' } }),
)
for (const lr of [0.3, 0.1, 0.03]) {
  const run = await read(
    tracker.experiments[':id'].runs.$post({
      param: { id: experiment.id },
      json: { name: `lr ${lr}`, params: { lr } },
    }),
  )
  const steps = Array.from({ length: 100 }, (_, step) => step)
  const values = steps.map((step) => Math.exp(-lr * step) + lr / 10)
  // Points come in several shapes, so their body is not typed: here in columns, the cheapest of them.
  const body = JSON.stringify({ series: [{ name: 'loss', steps, values }] })
  await read(tracker.runs[':id'].metrics.$post({ param: { id: run.id } }, { init: { body } }))
  await read(tracker.runs[':id'].$patch({ param: { id: run.id }, json: { status: 'completed' } }))
}

const best = await read(
  tracker.experiments[':id'].runs.$get({
    param: { id: experiment.id },
    query: { filter: 'metrics.loss < 0.05', order_by: ['metrics.loss'], metrics: ['loss'] },
  }),
)
for (const { name, params, metrics } of best) {
  console.log(`${name}: loss ${metrics?.loss?.last} at lr ${params.lr}`)
}

const chart = await read(
  tracker.charts.$get({ query: { runs: best.map(({ id }) => id), names: ['loss'], buckets: '20' } }),
)
for (const { run_id, buckets } of chart.series) {
  console.log(`${url}/r/${run_id} in ${buckets.start.length} buckets`)
}
