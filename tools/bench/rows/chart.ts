/** A chart of some runs, against the sample of their points that MLflow's page draws. */
import { expect, type Row } from '../bench.ts'
import { BUCKETS, type Series } from '../edgerun.ts'
import { compare, inTurn } from '../load.ts'
import { batches, columnsBody, metricNames } from '../points.ts'

const POINTS = 100_000
const PER_CALL = 1_000

export const chart: Row = {
  name: 'chart',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    // MLflow's points take longest to prepare.
    const count = bench.pick(3, 10)
    const runs = await edgerun.createRuns(count)
    // Each run gets the values of another metric.
    const calls = batches(POINTS / PER_CALL, metricNames(count), PER_CALL)
    await Promise.all(
      runs.map(async (run, r) => {
        for (const batch of calls) {
          const values = batch.values.slice(r, r + 1)
          await edgerun.log(run, columnsBody({ ...batch, names: ['loss'], values }), PER_CALL)
        }
      }),
    )
    await edgerun.sealed(runs)
    for (const series of await edgerun.chart(runs, 'loss', POINTS)) {
      const r = runs.indexOf(series.run_id)
      expectM4(
        series,
        calls.flatMap(({ values }) => values[r] ?? []),
      )
    }

    const theirs = await mlflow.createRuns(count)
    await mlflow.fill(theirs, 'loss', POINTS)
    await compare(bench, {
      name: `chart of ${count} runs of 100,000 points`,
      figures: ['p50'],
      // For the CPU time: those that are drawn.
      pointsPerCall: count * POINTS,
      rounds: bench.pick(1, 3),
      contestants: {
        edgerun: () => inTurn(bench, bench.pick(10, 20), () => edgerun.chart(runs, 'loss', POINTS)),
        mlflow: () =>
          inTurn(bench, bench.pick(1, 2), async () =>
            expect('points drawn', await mlflow.readChart(theirs, 'loss', BUCKETS), count * BUCKETS),
          ),
      },
    })
  },
}

/** @param values by step, from 0 on */
export function expectM4({ buckets }: Series, values: ArrayLike<number>): void {
  for (const [i, start] of buckets.start.entries()) {
    const within = Array.from({ length: buckets.count[i] ?? 0 }, (_, s) => values[start + s] ?? Number.NaN)
    const wanted = {
      first: within[0],
      last: within.at(-1),
      min: Math.min(...within),
      max: Math.max(...within),
    }
    for (const name of ['first', 'min', 'max', 'last'] as const) {
      expect(`${name} of the bucket at step ${start}`, buckets[name].value[i], wanted[name])
    }
  }
}
