/** A history of 100,000 points, the summary of a run, and a run created: one call after another. */
import { expect, type Row } from '../bench.ts'
import type { Edgerun } from '../edgerun.ts'
import { compare, inTurn } from '../load.ts'
import { batches, columnsBody, metricNames } from '../points.ts'

const POINTS = 100_000

export const history: Row = {
  name: 'history',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    const run = await edgerun.createRun()
    for (const batch of batches(POINTS / 10_000, ['loss'], 10_000)) {
      await edgerun.log(run, columnsBody(batch), 10_000)
    }
    const theirs = await mlflow.createRun()
    await mlflow.fill([theirs], 'loss', POINTS)
    const path = `/runs/${run}/metrics/loss`
    await compare(bench, {
      name: 'history of 100,000 points',
      figures: ['p50'],
      pointsPerCall: POINTS,
      rounds: bench.pick(1, 3),
      contestants: {
        edgerun: () =>
          inTurn(bench, 3, async () => expect('points read', await readPages(edgerun, path), POINTS)),
        mlflow: () =>
          inTurn(bench, 1, async () =>
            expect('points read', await mlflow.readHistory(theirs, 'loss'), POINTS),
          ),
      },
    })
    await compare(bench, {
      name: 'history of 100,000 points as a CSV stream',
      figures: ['p50'],
      rounds: 1,
      contestants: {
        edgerun: () =>
          inTurn(bench, 5, async () => {
            const { body } = await edgerun.http.send('GET', path, undefined, { Accept: 'text/csv' })
            expect('lines read', body.trimEnd().split('\n').length, 1 + POINTS)
          }),
      },
    })
  },
}

async function readPages(edgerun: Edgerun, path: string): Promise<number> {
  let count = 0
  for (let next: string | undefined = `${path}?limit=50000`; next !== undefined; ) {
    const page = await edgerun.http.send('GET', next)
    const points: unknown[] = JSON.parse(page.body)
    count += points.length
    // A path, or a whole URL.
    next = page.next?.replace(/^https?:\/\/[^/]*/, '')
  }
  return count
}

export const runs: Row = {
  name: 'runs',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    const names = metricNames(50)
    const params = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`param_${i}`, `value ${i}`]))
    const run = await edgerun.createRun({ params })
    for (const batch of batches(1, names, 1)) await edgerun.log(run, columnsBody(batch), names.length)
    const theirs = await mlflow.createRun()
    await mlflow.logBatch(theirs, {
      metrics: names.map((key) => ({ key, value: 0.5, timestamp: 1_750_000_000_000, step: 0 })),
      params: Object.entries(params).map(([key, value]) => ({ key, value })),
    })
    const figures = ['p50' as const]
    const rounds = bench.pick(1, 3)
    const calls = bench.pick(60, 100)
    await compare(bench, {
      name: 'run summary, 50 metrics and 20 params',
      figures,
      rounds,
      contestants: {
        edgerun: () =>
          inTurn(bench, calls, async () => {
            type Answer = { metrics: unknown[]; params: object }
            const { metrics, params } = await edgerun.http.json<Answer>('GET', `/runs/${run}`)
            expect('metrics and params', metrics.length + Object.keys(params).length, 70)
          }),
        mlflow: () =>
          inTurn(bench, calls, async () => {
            const { metrics, params } = await mlflow.getRun(theirs)
            expect('metrics and params', metrics.length + params.length, 70)
          }),
      },
    })
    await compare(bench, {
      name: 'create a run',
      figures,
      rounds,
      contestants: {
        edgerun: () => inTurn(bench, calls, () => edgerun.createRun()),
        mlflow: () => inTurn(bench, calls, () => mlflow.createRun()),
      },
    })
  },
}
