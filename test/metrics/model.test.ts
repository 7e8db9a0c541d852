import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { allPages, newTracker, type Tracker } from '../support/tracker.ts'
import type { Experiment, Point, Stored, Summary } from '../support/wire.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})

interface Sent {
  name: string
  step: number
  value: number | 'NaN' | 'Infinity'
  timestamp?: number
}

/** Few names, steps, values and times, so that repeats, ties and overlaps are the rule. */
const point: fc.Arbitrary<Sent> = fc.record(
  {
    name: fc.constantFrom('a', 'b'),
    step: fc.integer({ min: -3, max: 6 }),
    value: fc.constantFrom<Sent['value'][]>(0, 1, -2.5, 'NaN', 'Infinity'),
    timestamp: fc.constantFrom(1_700_000_000_001, 1_700_000_000_002),
  },
  { requiredKeys: ['name', 'step', 'value'] },
)
const call = fc.array(point, { maxLength: 12 })
/** What happens to a run: a call, one that is sent several times at once, or sealing after so many minutes. */
const events = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ call, copies: fc.constantFrom(1, 1, 4) }) },
    fc.record({ minutes: fc.constantFrom(6, 1_500) }),
  ),
  { minLength: 1, maxLength: 8 },
)

/** What the contract says of a history, as simply as it can be said: points in a list, each looked for before it is added. */
class Model {
  readonly points: (Sent & { time: number | undefined })[] = []

  /** Takes one call and gives the answer that it must get. */
  log(call: Sent[]): Stored {
    let stored = 0
    for (const point of call) {
      const there = this.points.some(
        (other) =>
          other.name === point.name &&
          other.step === point.step &&
          other.value === point.value &&
          (point.timestamp === undefined || other.time === point.timestamp),
      )
      if (there) continue
      this.points.push({ ...point, time: point.timestamp })
      stored += 1
    }
    return { stored, duplicates: call.length - stored }
  }

  of(name: string) {
    return this.points.filter((point) => point.name === name)
  }
}

const key = ({ step, value }: { step: number | string; value: number | string }) => `${step} ${value}`

it('any sequence of calls, with repeats, overlaps, copies at once and sealing in between, gives the history of a list', async () => {
  await fc.assert(
    fc.asyncProperty(events, async (sequence) => {
      const { body } = await tracker.post<Experiment>('/experiments', { name: 'x', owner: 'y', run: {} })
      const path = `/runs/${body.runs[0]?.id}/metrics`
      const model = new Model()
      for (const event of sequence) {
        if ('minutes' in event) {
          await tracker.seal(event.minutes)
          continue
        }
        const { call: metrics, copies } = event
        const answers = await Promise.all(
          Array.from({ length: copies }, () => tracker.post<Stored>(path, { metrics })),
        )
        // One of them is the first; the others find everything there.
        const { stored } = model.log(metrics)
        const all = { stored: 0, duplicates: 0 }
        for (const { body } of answers) {
          expect(body.stored + body.duplicates).toBe(metrics.length)
          all.stored += body.stored
          all.duplicates += body.duplicates
        }
        expect(all).toEqual({ stored, duplicates: copies * metrics.length - stored })
      }
      const { body: summaries } = await tracker.get<Summary[]>(path)
      for (const name of ['a', 'b']) {
        const expected = model.of(name)
        const summary = summaries.find((one) => one.name === name)
        expect(summary?.count ?? 0).toBe(expected.length)
        if (!summary) continue
        const history = await allPages<Point>(tracker, `${path}/${name}?limit=3`)
        expect(history.map(key).sort()).toEqual(expected.map(key).sort())
        expect(history).toEqual(
          history.toSorted(
            (a, b) => Number(a.step) - Number(b.step) || Date.parse(a.timestamp) - Date.parse(b.timestamp),
          ),
        )
        const finite = history.map(({ value }) => value).filter((value) => typeof value === 'number')
        expect(summary.min?.value).toBe(finite.length === 0 ? undefined : Math.min(...finite))
        expect(summary.max?.value).toBe(finite.length === 0 ? undefined : Math.max(...finite))
        expect(summary.last.step).toBe(Math.max(...expected.map(({ step }) => step)))
        expect(summary.last).toEqual(history.at(-1))
      }
    }),
    { numRuns: 60, seed: 20261124 },
  )
}, 60_000)
