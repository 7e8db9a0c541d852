/** What a point takes on disk, indexes included, logged in calls of 1,000 points of 8 metrics by 4 writers. */
import type pg from 'pg'
import type { Row } from '../bench.ts'
import { batches, metricNames, mlflowTail, rowsBody } from '../points.ts'
import { sizeOf } from '../postgres.ts'

export const disk: Row = {
  name: 'disk',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    const many = batches(bench.pick(25, 200), metricNames(8), 125)
    const load = { seconds: 60, pointsPerCall: 1_000 }
    const bodies = many.map(rowsBody)
    const tails = many.slice(0, bench.pick(4, 25)).map(mlflowTail)
    const runs = await edgerun.createRuns(4)
    const own = await grown(edgerun.database, bodies, async (bodies) => {
      const shot = await edgerun.ingest(bench, { ...load, bodies, runs })
      await edgerun.sealed(runs)
      return shot
    })
    const theirs = await grown(mlflow.database, tails, async (tails) =>
      mlflow.ingest(bench, 'log-batch', { ...load, tails, runs: await mlflow.createRuns(4) }),
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

/** In how many parts a run is logged. */
const PARTS = 5

/**
 * By how many bytes a point the tables grow, with the free space that is left in them and without. A vacuum after each
 * part stands for the autovacuum that a run of hours meets: what is free then is used again.
 */
async function grown<Call>(
  pool: pg.Pool,
  all: Call[],
  ingest: (calls: Call[]) => Promise<{ calls: number }>,
) {
  // Without it, points could fit into holes that earlier rows have left.
  await pool.query('vacuum full')
  const before = await sizeOf(pool)
  let points = 0
  const size = Math.ceil(all.length / PARTS)
  for (let from = 0; from < all.length; from += size) {
    points += (await ingest(all.slice(from, from + size))).calls * 1_000
    await pool.query('vacuum')
  }
  const vacuumed = ((await sizeOf(pool)) - before) / points
  await pool.query('vacuum full')
  return { vacuumed, packed: ((await sizeOf(pool)) - before) / points }
}
