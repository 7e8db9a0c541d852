import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { cut } from '../../src/metrics/sealing.ts'
import { interfere, lostAnswer, lostRequest, stopInterfering } from '../support/faults.ts'
import { logger, newRun as newRunOf } from '../support/runs.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'
import type { Point, Stored } from '../support/wire.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})
const newRun = () => newRunOf(tracker)
const { log } = logger(() => tracker)
stopInterfering()

interface ChunkOnDisk {
  first_step: string
  count: number
  sealed: boolean
}

const chunks = async (run: string, name = 'loss') =>
  (await tracker.sql`
    select first_step, chunks.count, sealed from chunks join series on series.id = series_id
    where run_id = ${run} and name = ${name} order by chunks.last_step, chunks.id`) as unknown as ChunkOnDisk[]

const counts = async (run: string) => (await chunks(run)).map(({ count }) => count)

async function steps(run: string): Promise<(number | string)[]> {
  const { body } = await tracker.get<Point[]>(`/runs/${run}/metrics/loss?limit=50000`)
  return body.map(({ step }) => step)
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** One call, of the steps from `from` up to, not including, `to`. */
const logSteps = (run: string, from: number, to: number) =>
  log<Stored>(run, { series: [{ name: 'loss', steps: range(from, to), values: range(from, to) }] })

/** As many calls as make a series due, of one step each but for the last of them. */
async function untilDue(run: string) {
  for (let step = 0; step < 63; step++) await logSteps(run, step, step + 1)
}

describe('after a call', () => {
  it('merges the small chunks of a series when they have become many, and no others', async () => {
    const run = await newRun()
    await logSteps(run, 10_000, 10_600)
    for (let step = 0; step < 62; step++) await logSteps(run, step, step + 1)
    expect((await chunks(run)).length).toBe(63)
    await logSteps(run, 62, 63)
    expect(await counts(run)).toEqual([63, 600])
    expect(await steps(run)).toEqual([...range(0, 63), ...range(10_000, 10_600)])
  })

  it('leaves all as it is when it fails, and the answer is that of the call', async () => {
    const run = await newRun()
    await untilDue(run)
    // The call, what sealing reads, and each attempt at what it writes.
    interfere(undefined, undefined, lostRequest, lostRequest, lostRequest)
    expect((await logSteps(run, 63, 64)).body).toEqual({ stored: 1, duplicates: 0 })
    expect((await chunks(run)).length).toBe(64)
    expect(await steps(run)).toEqual(range(0, 64))
  })

  it('is done once when its answer is lost', async () => {
    const run = await newRun()
    await untilDue(run)
    interfere(undefined, undefined, lostAnswer)
    await logSteps(run, 63, 64)
    expect(await counts(run)).toEqual([64])
    expect(await steps(run)).toEqual(range(0, 64))
  })

  it('gives way to another that was quicker', async () => {
    const run = await newRun()
    await untilDue(run)
    interfere(undefined, undefined, async (send) => {
      await tracker.seal(6)
      return send()
    })
    await logSteps(run, 63, 64)
    expect(await counts(run)).toEqual([64])
    expect(await steps(run)).toEqual(range(0, 64))
  })

  it('does nothing to a run that is deleted meanwhile', async () => {
    const run = await newRun()
    await untilDue(run)
    interfere(undefined, undefined, async (send) => {
      expect((await tracker.delete(`/runs/${run}`)).status).toBe(204)
      return send()
    })
    await logSteps(run, 63, 64)
    expect(await chunks(run)).toEqual([])
  })
})

describe('cron', () => {
  it('waits until nothing has come for five minutes', async () => {
    const run = await newRun()
    await logSteps(run, 0, 1_000)
    await logSteps(run, 1_000, 2_000)
    await logSteps(run, 2_000, 4_500)
    await tracker.seal(4)
    expect(await counts(run)).toEqual([1_000, 1_000, 2_500])
    await tracker.seal(2)
    expect(await chunks(run)).toEqual([{ first_step: '0', count: 4_500, sealed: true }])
    await logSteps(run, 4_500, 4_600)
    await logSteps(run, 4_600, 4_700)
    await tracker.seal(6)
    expect(await counts(run)).toEqual([4_500, 200])
  })

  it('does not wait when there are many', async () => {
    const run = await newRun()
    for (let call = 0; call < 255; call++) await logSteps(run, call * 512, (call + 1) * 512)
    await tracker.seal(0)
    expect((await chunks(run)).length).toBe(255)
    await logSteps(run, 255 * 512, 256 * 512)
    await tracker.seal(0)
    expect(await counts(run)).toEqual(Array(16).fill(8_192))
  })

  it('seals what is left of a series after an hour, or a day where it is little', async () => {
    const run = await newRun()
    await logSteps(run, 0, 3)
    const other = await newRun()
    await logSteps(other, 0, 300)
    const sealed = async (run: string) => (await chunks(run)).map(({ sealed }) => sealed)
    await tracker.seal(50)
    expect([await sealed(run), await sealed(other)]).toEqual([[false], [false]])
    await tracker.seal(11)
    expect([await sealed(run), await sealed(other)]).toEqual([[false], [true]])
    await tracker.seal(1_440)
    expect(await sealed(run)).toEqual([true])
  })

  it('makes parts of 4,096 to 8,192 points that begin at round steps, whatever came in which order', async () => {
    const run = await newRun()
    for (const part of [3, 1, 0, 4, 2]) await logSteps(run, part * 4_000, (part + 1) * 4_000)
    await tracker.seal(6)
    expect(await chunks(run)).toEqual([
      { first_step: '0', count: 8_192, sealed: true },
      { first_step: '8192', count: 8_192, sealed: true },
      { first_step: '16384', count: 3_616, sealed: false },
    ])
    expect(await steps(run)).toEqual(range(0, 20_000))
  })

  it('does not rewrite a long rest for each point that comes', async () => {
    const run = await newRun()
    await logSteps(run, 0, 2_000)
    await logSteps(run, 2_000, 2_001)
    await tracker.seal(6)
    expect(await counts(run)).toEqual([2_000, 1])
    await logSteps(run, 2_001, 2_300)
    await tracker.seal(6)
    expect(await counts(run)).toEqual([2_300])
  })

  it('makes small chunks and nodes of a large call that reached into what was there', async () => {
    const run = await newRun()
    await logSteps(run, 0, 1_000)
    expect((await logSteps(run, 999, 12_000)).body).toEqual({ stored: 11_000, duplicates: 1 })
    expect(await counts(run)).toEqual([1_000, 11_000])
    await tracker.seal(6)
    expect(await chunks(run)).toEqual([
      { first_step: '0', count: 8_192, sealed: true },
      { first_step: '8192', count: 3_808, sealed: false },
    ])
    expect(await steps(run)).toEqual(range(0, 12_000))
  })

  it('gets on with more chunks than one answer of the database holds', async () => {
    const other = await newTracker()
    const run = await newRunOf(other)
    const series = range(0, 10_000).map((i) => ({ name: `m${i}`, steps: [0], values: [i] }))
    for (let step = 0; step < 9; step++) {
      for (const one of series) one.steps = [step]
      await other.post(`/runs/${run}/metrics`, { series })
    }
    for (let left = Number.POSITIVE_INFINITY; left > 10_000; ) {
      await other.seal(6)
      const [row] = await other.sql`select count(*)::int as left from chunks`
      expect(row?.left).toBeLessThan(left)
      left = row?.left
    }
    const [row] = await other.sql`select sum(count)::int as points, min(count) as fewest from chunks`
    expect(row).toEqual({ points: 90_000, fewest: 9 })
  }, 60_000)

  it('goes on when ten of them run at once, while points come in', async () => {
    const run = await newRun()
    for (let part = 0; part < 40; part++) await logSteps(run, part * 200, (part + 1) * 200)
    await Promise.all([
      ...Array.from({ length: 10 }, () => tracker.seal(6)),
      ...Array.from({ length: 10 }, (_, i) => logSteps(run, 8_000 + i * 50, 8_050 + i * 50)),
      // And some that were there.
      ...Array.from({ length: 10 }, (_, i) => logSteps(run, i * 800, i * 800 + 100)),
    ])
    expect(await steps(run)).toEqual(range(0, 8_500))
  })

  it('brings a point down to at most 20 bytes, index included', async () => {
    const other = await newTracker()
    const run = await newRunOf(other)
    const names = range(0, 8).map((i) => `metric_${i}`)
    for (let from = 0; from < 20_000; from += 250) {
      const all = range(from, from + 250)
      const values = all.map(() => Math.random())
      const timestamps = all.map((step) => 1_790_000_000_000 + step * 70 + Math.floor(Math.random() * 30))
      await other.post(`/runs/${run}/metrics`, {
        series: names.map((name) => ({ name, steps: all, values, timestamps })),
      })
    }
    await other.seal(6)
    await other.sql.query('vacuum full chunks')
    const [row] =
      await other.sql`select (pg_total_relation_size('chunks') + pg_total_relation_size('series')) / sum(count) as bytes from series`
    expect(Number(row?.bytes)).toBeLessThan(20)
    // And no fewer than the values take.
    expect(Number(row?.bytes)).toBeGreaterThan(8)
  })
})

it('a cut keeps all points in order, in parts of 4,096 to 8,192 but for the last', () => {
  const stretches = fc.array(
    fc.record({
      count: fc.integer({ min: 1, max: 9_000 }),
      stride: fc.constantFrom(0, 1, 3, 1_000, 2 ** 40),
    }),
    { minLength: 1, maxLength: 5 },
  )
  fc.assert(
    fc.property(stretches, fc.integer({ min: -(2 ** 50), max: 2 ** 50 }), (parts, first) => {
      let step = first
      const all = parts.flatMap(({ count, stride }) => Array.from({ length: count }, () => (step += stride)))
      const points = { steps: all, values: all.map((_, i) => i), times: all.map(() => 0) }
      const pieces = cut(points)
      expect(pieces.flatMap(({ values }) => values)).toEqual(points.values)
      expect(pieces.flatMap(({ steps }) => steps)).toEqual(points.steps)
      for (const [i, { steps }] of pieces.entries()) {
        expect(steps.length).toBeLessThanOrEqual(8_192)
        if (i < pieces.length - 1) expect(steps.length).toBeGreaterThanOrEqual(4_096)
      }
    }),
    { numRuns: 40 },
  )
})
