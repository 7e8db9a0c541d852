/**
 * What a point takes on disk, indexes included, when a run of 8 metrics is logged in calls of 125 steps; with a vacuum now
 * and then, which stands for the autovacuum that a run of hours meets: what is free then is used again.
 */
import type pg from 'pg'
import type { Row } from '../bench.ts'
import { batches, metricNames, mlflowTail, rowsBody } from '../points.ts'
import { sizeOf } from '../postgres.ts'

const METRICS = 8
const STEPS_PER_CALL = 125
const POINTS_PER_CALL = METRICS * STEPS_PER_CALL

/** After how many calls there is a vacuum. */
const CALLS_PER_VACUUM = 80

export const disk: Row = {
  name: 'disk',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    // 100,000 steps of each metric.
    const many = batches(bench.pick(160, 800), metricNames(METRICS), STEPS_PER_CALL)
    const run = await edgerun.createRun()
    const own = await grown(edgerun.database, many.map(rowsBody), async (bodies, isLast) => {
      for (const body of bodies) await edgerun.log(run, body, POINTS_PER_CALL)
      if (isLast) await edgerun.sealed([run])
    })
    // Rows of its tables take the same however many there are.
    const tails = many.slice(0, bench.pick(16, 100)).map(mlflowTail)
    const load = { seconds: 60, pointsPerCall: POINTS_PER_CALL }
    const theirs = await grown(mlflow.database, tails, async (tails) =>
      mlflow.ingest(bench, 'log-batch', { ...load, tails, runs: await mlflow.createRuns(1) }),
    )
    for (const [state, name] of [
      ['vacuumed', 'bytes for a point, after vacuum'],
      ['packed', 'bytes for a point, tables rewritten'],
    ] as const) {
      const figures = { edgerun: own[state], mlflow: theirs[state] }
      bench.report({ name, unit: 'bytes', better: 'less', figures })
    }
  },
}

/** By how many bytes a point the tables grow, with the free space that is left in them and without. */
async function grown<Call>(
  pool: pg.Pool,
  calls: Call[],
  log: (some: Call[], isLast: boolean) => Promise<unknown>,
) {
  // Without it, points could fit into holes that earlier rows have left.
  await pool.query('vacuum full')
  const before = await sizeOf(pool)
  for (let from = 0; from < calls.length; from += CALLS_PER_VACUUM) {
    const to = from + CALLS_PER_VACUUM
    await log(calls.slice(from, to), to >= calls.length)
    await pool.query('vacuum')
  }
  const grownBy = async () => ((await sizeOf(pool)) - before) / (calls.length * POINTS_PER_CALL)
  const vacuumed = await grownBy()
  await pool.query('vacuum full')
  return { vacuumed, packed: await grownBy() }
}
