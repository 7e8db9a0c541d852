/** Ingest as training jobs do it: 1,000 points of 10 metrics a call as rows, and one point a call. */
import type { Row } from '../bench.ts'
import { compare } from '../load.ts'
import { batches, metricNames, mlflowPointTail, mlflowTail, rowsBody } from '../points.ts'

const label = (writers: number) => (writers === 1 ? '1 writer' : `${writers} writers`)

export const ingest: Row = {
  name: 'ingest',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    const many = batches(bench.pick(300, 600), metricNames(10), 100)
    const bodies = many.map(rowsBody)
    const tails = many.slice(0, 100).map(mlflowTail)
    const pointsPerCall = 1_000
    for (const writers of [1, 4, 16]) {
      const seconds = bench.pick(1, 2)
      // So slow that a shorter time would see few calls of each writer.
      const theirSeconds = writers === 16 ? bench.pick(3, 10) : bench.pick(1.5, 5)
      await compare(bench, {
        name: `ingest, 1,000 rows a call, ${label(writers)}`,
        figures: ['points/s', 'p50', 'p99'],
        pointsPerCall,
        rounds: bench.pick(1, 3),
        contestants: {
          edgerun: async () => {
            const runs = await edgerun.createRuns(writers)
            return edgerun.ingest(bench, { runs, bodies, pointsPerCall, seconds })
          },
          mlflow: async () => {
            const runs = await mlflow.createRuns(writers)
            return mlflow.ingest(bench, 'log-batch', { runs, tails, pointsPerCall, seconds: theirSeconds })
          },
        },
      })
    }
  },
}

export const single: Row = {
  name: 'single',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    const many = batches(bench.pick(2_000, 5_000), metricNames(1), 1)
    const bodies = many.map(rowsBody)
    const tails = many.map(mlflowPointTail)
    const load = { pointsPerCall: 1, seconds: bench.pick(1.5, 3) }
    for (const writers of [1, 16]) {
      await compare(bench, {
        name: `1 point a call, ${label(writers)}`,
        figures: ['calls/s', 'p50', 'p99'],
        pointsPerCall: 1,
        rounds: bench.pick(1, 3),
        contestants: {
          edgerun: async () =>
            edgerun.ingest(bench, { ...load, bodies, runs: await edgerun.createRuns(writers) }),
          mlflow: async () =>
            mlflow.ingest(bench, 'log-metric', { ...load, tails, runs: await mlflow.createRuns(writers) }),
        },
      })
    }
  },
}
