/** Ingest into long runs of a full database, in turn with the same into new runs of another, almost empty one. */
import type { Bench, Row } from '../bench.ts'
import { Edgerun } from '../edgerun.ts'
import { compare, type Shot } from '../load.ts'
import { batches, columnsBody, metricNames, rowsBody } from '../points.ts'

const NAMES = metricNames(10)
const WRITERS = 4

export const growth: Row = {
  name: 'growth',
  async run(bench) {
    const full = new Growing(bench, await bench.edgerun())
    for (const millions of bench.pick([1], [1, 5])) {
      const missing = millions * 1_000_000 - full.points
      await full.extend(Math.ceil(missing / WRITERS / 10_000), 1_000, columnsBody)
      const empty = new Growing(bench, await Edgerun.start(bench))
      await compare(bench, {
        name: `ingest, 1,000 rows a call, ${millions} million points stored`,
        figures: ['points/s'],
        pointsPerCall: 1_000,
        rounds: bench.pick(3, 5),
        contestants: {
          edgerun: () => full.extend(30, 100, rowsBody),
          empty: () => empty.extend(30, 100, rowsBody),
        },
      })
      await empty.edgerun.stop()
    }
  },
}

/** A tracker with a run for each writer, which grow. */
class Growing {
  readonly edgerun: Edgerun
  readonly #bench: Bench
  #runs: string[] = []
  #steps = 0

  constructor(bench: Bench, edgerun: Edgerun) {
    this.#bench = bench
    this.edgerun = edgerun
  }

  get points(): number {
    return this.#steps * NAMES.length * WRITERS
  }

  /** Makes each run longer, by so many calls of so many steps. */
  async extend(calls: number, stepsPerCall: number, body: typeof rowsBody): Promise<Shot> {
    if (this.#runs.length === 0) this.#runs = await this.edgerun.createRuns(WRITERS)
    const bodies = batches(calls, NAMES, stepsPerCall, this.#steps).map(body)
    this.#steps += calls * stepsPerCall
    const load = { runs: this.#runs, bodies, pointsPerCall: stepsPerCall * NAMES.length, seconds: 60 }
    return this.edgerun.ingest(this.#bench, load)
  }
}
