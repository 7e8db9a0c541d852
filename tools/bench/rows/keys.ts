/** What it costs to ask for keys: the same load on a tracker that does, and on one that does not. */
import type { Row } from '../bench.ts'
import { Edgerun } from '../edgerun.ts'
import { compare } from '../load.ts'
import { batches, metricNames, rowsBody } from '../points.ts'

export const keys: Row = {
  name: 'keys',
  async run(bench) {
    const open = await Edgerun.start(bench)
    const keyed = await Edgerun.start(bench, { keys: true })
    for (const { name, figure, steps, calls, metrics, writers } of [
      { name: '1,000 rows a call', figure: 'points/s', steps: 100, calls: 600, metrics: 10, writers: 4 },
      { name: '1 point a call', figure: 'calls/s', steps: 1, calls: 5_000, metrics: 1, writers: 16 },
    ] as const) {
      const bodies = batches(bench.pick(calls / 2, calls), metricNames(metrics), steps).map(rowsBody)
      const pointsPerCall = steps * metrics
      const shoot = async (edgerun: Edgerun) => {
        const runs = await edgerun.createRuns(writers)
        return edgerun.ingest(bench, { runs, bodies, pointsPerCall, seconds: bench.pick(1, 2) })
      }
      await compare(bench, {
        name: `ingest with keys, ${name}, ${writers} writers`,
        figures: [figure, 'p50', 'p99'],
        pointsPerCall,
        // Many short ones: what is looked for is less than what one differs from the next by.
        rounds: bench.pick(3, 12),
        contestants: { edgerun: () => shoot(keyed), open: () => shoot(open) },
      })
    }
  },
}
