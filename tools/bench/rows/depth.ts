/** A very long run: to draw it, and to delete it, should take no more than for a short one. */
import { type Bench, expect, type Row } from '../bench.ts'
import { peakMemory } from '../cpu.ts'
import type { Edgerun } from '../edgerun.ts'
import { compare, inTurn } from '../load.ts'
import { batches, columnsBody } from '../points.ts'
import { expectM4 } from './chart.ts'

const PER_CALL = 20_000
const SHORT = 100_000
/** How many calls are prepared at a time. */
const CALLS = 25

export const depth: Row = {
  name: 'depth',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const millions = bench.pick(1, 10)
    const long = millions * 1_000_000
    const label = `${millions} million points`
    const [short = '', deep = ''] = await edgerun.createRuns(2)
    await log(edgerun, short, SHORT)
    const { values, seconds } = await log(edgerun, deep, long)
    const name = `ingest of ${label} into one series, 20,000 a call in columns, 1 writer`
    bench.report({ name, unit: 'points/s', better: 'more', figures: { edgerun: long / seconds } })

    const draw = async (suffix: string, rounds: number, calls: number) =>
      compare(bench, {
        name: `chart of a run of ${label}${suffix}`,
        figures: ['p50'],
        rounds,
        contestants: {
          edgerun: () => inTurn(bench, calls, () => edgerun.chart([deep], 'loss', long)),
          short: () => inTurn(bench, calls, () => edgerun.chart([short], 'loss', SHORT)),
        },
      })
    await draw(', right after logging', 1, 5)
    await edgerun.sealed([short, deep], 300)
    for (const series of await edgerun.chart([deep], 'loss', long)) expectM4(series, values)
    await draw('', bench.pick(3, 5), 20)

    const tiny = await edgerun.createRun()
    await log(edgerun, tiny, 10)
    // The first one so that the second finds the same processes warm.
    const small = await remove(bench, edgerun, tiny)
    const large = await remove(bench, edgerun, deep)
    bench.report({
      name: `delete a run of ${label}`,
      unit: 'ms',
      better: 'less',
      figures: { edgerun: large.milliseconds },
    })
    for (const [process, title] of [
      ['postgres', 'Postgres'],
      ['workerd', 'workerd'],
    ] as const) {
      const edgerun = large.peak[process]
      const tiny = small.peak[process]
      // Where there is no /proc.
      if (edgerun === undefined || tiny === undefined) continue
      const name = `delete a run of ${label}: peak memory of ${title}`
      bench.report({ name, unit: 'MB', better: 'less', figures: { edgerun, tiny } })
    }
  },
}

/**
 * Logs so many points at the steps from 0 on.
 *
 * @returns their values, and the time that the calls took: the bodies are made while the clock stands, a few at a
 *   time, because all together they would be some 400 MB
 */
async function log(edgerun: Edgerun, run: string, count: number) {
  const perCall = Math.min(PER_CALL, count)
  const values = new Float64Array(count)
  let seconds = 0
  for (let step = 0; step < count; step += perCall * CALLS) {
    const calls = Math.min(CALLS, (count - step) / perCall)
    const some = batches(calls, ['loss'], perCall, step)
    for (const {
      steps,
      values: [column],
    } of some)
      values.set(column ?? [], steps[0])
    const bodies = some.map(columnsBody)
    const start = performance.now()
    for (const body of bodies) await edgerun.log(run, body, perCall)
    seconds += (performance.now() - start) / 1_000
  }
  return { values, seconds }
}

/** Deletes a run. Gives the memory in MB that each kind of process held at most. */
async function remove(bench: Bench, edgerun: Edgerun, run: string) {
  const start = performance.now()
  let milliseconds = 0
  const bytes = await peakMemory(
    () => bench.memory(),
    async () => {
      await edgerun.http.send('DELETE', `/runs/${run}`)
      milliseconds = performance.now() - start
    },
  )
  const series = 'select count(*)::int as count from series where run_id = $1'
  const { rows } = await edgerun.database.query<{ count: number }>(series, [run])
  expect('series of a deleted run', rows[0]?.count, 0)
  const peak = Object.fromEntries(Object.entries(bytes).map(([name, held]) => [name, held / 1_000_000]))
  return { milliseconds, peak }
}
