import { beforeAll, describe, expect, it } from 'vitest'
import type { Chart } from '../support/m4.ts'
import { logger, newRun as newRunOf, UNKNOWN } from '../support/runs.ts'
import { newTracker, type Problem, roundTrips, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})
const newRun = () => newRunOf(tracker)
const { log, lines } = logger(() => tracker)

const chart = (query: string, headers?: Record<string, string>) =>
  tracker.get<Chart>(`/charts?${query}`, headers)

/** Steps `from` to `to`, their own values. */
const ramp = (name: string, from: number, to: number, rank = 0) => {
  const steps = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  return { series: [{ name, steps, values: steps }], rank }
}

const starts = ({ series }: Chart) => series.map(({ buckets }) => buckets.start)
const counts = ({ series }: Chart) => series.map(({ buckets }) => buckets.count)

describe('GET /charts', () => {
  it('gives a bucket for each point where there are few, with all that is known of it', async () => {
    const run = await newRun()
    await log(run, {
      metrics: [
        { name: 'loss', step: 4, value: 'NaN', timestamp: '2026-01-01T00:00:00.004Z' },
        { name: 'loss', step: 3, value: -0.0, timestamp: '2026-01-01T00:00:00.003Z' },
      ],
    })
    const { status, headers, body } = await chart(`runs=${run}&names=loss`)
    expect([status, headers.get('Content-Type')]).toEqual([200, 'application/json'])
    const points = {
      step: [3, 4],
      value: [0, 'NaN'],
      timestamp: ['2026-01-01T00:00:00.003Z', '2026-01-01T00:00:00.004Z'],
    }
    const finite = { step: [3, null], value: [0, null], timestamp: ['2026-01-01T00:00:00.003Z', null] }
    expect(body).toEqual({
      x: 'step',
      bits: 0,
      complete: true,
      next: expect.stringMatching(/^0\.\d+$/),
      series: [
        {
          run_id: run,
          name: 'loss',
          rank: 0,
          attempt: null,
          buckets: {
            start: [3, 4],
            count: [1, 1],
            nonfinite: [0, 1],
            first: points,
            last: points,
            min: finite,
            max: finite,
          },
        },
      ],
    })
  })

  it('puts several runs and metrics on one scale, by run and name', async () => {
    const [one, two] = [await newRun(), await newRun()].sort()
    await log(one ?? '', ramp('a', 0, 99))
    await log(two ?? '', ramp('a', 0, 999))
    await log(two ?? '', ramp('b, c', 500, 700))
    const { body } = await chart(
      `runs=${two},${one}&names=a&names=${encodeURIComponent('b, c')}&names=none&buckets=10`,
    )
    expect(body.bits).toBe(7)
    expect(body.series.map(({ run_id, name }) => [run_id, name])).toEqual([
      [one, 'a'],
      [two, 'a'],
      [two, 'b, c'],
    ])
    expect(starts(body)).toEqual([[0], [0, 128, 256, 384, 512, 640, 768, 896], [384, 512, 640]])
    expect(counts(body)).toEqual([[100], [128, 128, 128, 128, 128, 128, 128, 104], [12, 128, 61]])
    const repeated = await chart(
      `runs=${two}&runs=${one}&names=a&names=${encodeURIComponent('b, c')}&buckets=10`,
    )
    expect(repeated.body.series).toEqual(body.series)
  })

  it('keeps its buckets where they are when it is panned, and widens it to whole ones', async () => {
    const run = await newRun()
    await log(run, ramp('a', -50, 5_000))
    const { body } = await chart(`runs=${run}&names=a&buckets=4&from=-3&to=9`)
    expect([body.bits, ...starts(body), ...counts(body)]).toEqual([3, [-8, 0, 8], [8, 8, 8]])
    // However they lie, as many steps have buckets of one length.
    for (let from = 0; from < 16; from++) {
      const { body } = await chart(`runs=${run}&names=a&buckets=4&from=${from}&to=${from + 12}`)
      const first = from - (from % 8)
      expect([body.bits, starts(body)[0]?.slice(0, 2)]).toEqual([3, [first, first + 8]])
    }
    const open = await chart(`runs=${run}&names=a&buckets=4&from=4900`)
    expect([...starts(open.body), ...counts(open.body)]).toEqual([
      [4_864, 4_928, 4_992],
      [64, 64, 9],
    ])
    expect((await chart(`runs=${run}&names=a&from=9000&to=9999`)).body.series).toEqual([])
  })

  it('shows one rank, all, or the mean of them with the lowest and the highest', async () => {
    const run = await newRun()
    for (const rank of [0, 1, 2]) {
      await log(run, {
        rank,
        metrics: [
          { name: 'a', step: 1, value: rank },
          { name: 'a', step: 2, value: 10 * rank },
        ],
      })
    }
    expect((await chart(`runs=${run}&names=a`)).body.series.map(({ rank }) => rank)).toEqual([0])
    expect((await chart(`runs=${run}&names=a&rank=2`)).body.series.map(({ rank }) => rank)).toEqual([2])
    expect((await chart(`runs=${run}&names=a&rank=7`)).body.series).toEqual([])
    const all = await chart(`runs=${run}&names=a&rank=all`)
    expect(all.body.series.map(({ rank }) => rank)).toEqual([0, 1, 2])
    const { body } = await chart(`runs=${run}&names=a&rank=mean`)
    expect(body.series).toEqual([
      {
        run_id: run,
        name: 'a',
        rank: null,
        attempt: null,
        buckets: {
          start: [1, 2],
          count: [3, 3],
          nonfinite: [0, 0],
          min: expect.objectContaining({ value: [0, 0] }),
          max: expect.objectContaining({ value: [2, 20] }),
          mean: [1, 10],
        },
      },
    ])
  })

  it('draws by time, and by time since the start of each run', async () => {
    const START = Date.parse('2026-01-01T00:00:00Z')
    const { body: experiment } = await tracker.post<{ id: string }>('/experiments', { name: 'x', owner: 'y' })
    const started = async (delay: number) => {
      const started_at = new Date(START + delay).toISOString()
      const { body } = await tracker.post<{ id: string }>(`/experiments/${experiment.id}/runs`, {
        started_at,
      })
      const metrics = [0, 1, 2].map((step) => ({
        name: 'a',
        step,
        value: step,
        timestamp: START + delay + step * 1_000,
      }))
      await log(body.id, { metrics })
      return body.id
    }
    const runs = [await started(0), await started(3_600_000)]
    const relative = await chart(`runs=${runs}&names=a&x=relative&from=0&to=2000&buckets=3`)
    expect(relative.body.bits).toBe(10)
    expect(starts(relative.body)).toEqual([
      [0, 1_024],
      [0, 1_024],
    ])
    expect(counts(relative.body)).toEqual([
      [2, 1],
      [2, 1],
    ])
    const time = await chart(
      `runs=${runs}&names=a&x=time&from=2026-01-01T01:00:00Z&to=${START + 3_602_000}&buckets=4`,
    )
    expect(time.body.series.map(({ run_id }) => run_id)).toEqual([runs[1]])
    expect(time.body.series[0]?.buckets.first?.timestamp[0]).toBe('2026-01-01T01:00:00.000Z')
    expect(time.body.series[0]?.buckets.start[0]).toMatch(/^2026-01-01T0[01]:\d\d:\d\d\.\d{3}Z$/)
  })

  it('has whole buckets at every zoom, whichever nodes it is made of', async () => {
    const run = await newRun()
    await log(run, ramp('a', 0, 19_999))
    for (let bits = 0; bits <= 15; bits++) {
      const width = 2 ** bits
      const { body } = await chart(
        `runs=${run}&names=a&buckets=${Math.min(Math.floor(19_999 / width) + 2, 4_096)}`,
      )
      const length = 2 ** body.bits
      const whole = Array(Math.floor(20_000 / length)).fill(length)
      const rest = 20_000 % length
      expect(counts(body)).toEqual([rest === 0 ? whole : [...whole, rest]])
      expect(body.series[0]?.buckets.max.value).toEqual(body.series[0]?.buckets.last?.value)
    }
  })

  it('takes four hundred series of many small chunks each, more than one answer of the database holds', async () => {
    const run = await newRun()
    const names = Array.from({ length: 20 }, (_, i) => `${'n'.repeat(200)}${i}`)
    const ranks = Array.from({ length: 20 }, (_, rank) => rank)
    for (let step = 0; step < 40; step++) {
      const points = ranks.flatMap((rank) => names.map((name) => ({ rank, name, step, value: rank })))
      await lines(run, points.map((point) => JSON.stringify(point)).join('\n'))
    }
    const { status, body } = await chart(
      `runs=${run}&rank=all&${names.map((name) => `names=${name}`).join('&')}`,
    )
    expect([status, body.series.length]).toEqual([200, 400])
    expect(new Set(counts(body).map((count) => count.length))).toEqual(new Set([40]))
  })

  it('refuses more series than it can hold, before it reads them', async () => {
    const run = await newRun()
    await tracker.sql`
      insert into series (workspace_id, run_id, name, rank, count, last_step) select 1, ${run}, 'a', rank, 1, 1 from generate_series(0, 2000) as rank`
    const { status, body } = await tracker.get<Problem>(`/charts?runs=${run}&names=a&rank=all`)
    expect([status, body.errors]).toEqual([
      422,
      [{ path: 'rank', message: 'gives 2001 series; at most 2000' }],
    ])
    expect((await chart(`runs=${run}&names=a&rank=mean`)).status).toBe(200)
  })

  it('knows steps beyond 2^53', async () => {
    const run = await newRun()
    const steps = ['-9223372036854775808', -1, '9223372036854775807']
    await log(run, { series: [{ name: 'a', steps, values: [1, 2, 3] }] })
    const { body } = await chart(`runs=${run}&names=a&buckets=2`)
    expect([body.bits, ...starts(body), ...counts(body)]).toEqual([63, ['-9223372036854775808', 0], [2, 1]])
    const zoomed = await chart(`runs=${run}&names=a&from=9223372036854775800&to=9223372036854775807`)
    expect(zoomed.body.series[0]?.buckets.first?.step).toEqual(['9223372036854775807'])
  })

  it('takes a hundred runs with twenty metrics, and then has fewer buckets a series', async () => {
    const { body: experiment } = await tracker.post<{ id: string }>('/experiments', { name: 'x', owner: 'y' })
    const names = Array.from({ length: 20 }, (_, i) => `m${i}`)
    const steps = Array.from({ length: 100 }, (_, i) => i)
    const runs = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const { body } = await tracker.post<{ id: string }>(`/experiments/${experiment.id}/runs`, {})
        await log(body.id, { series: names.map((name) => ({ name, steps, values: steps })) })
        return body.id
      }),
    )
    const query = `runs=${runs}&${names.map((name) => `names=${name}`).join('&')}`
    const { status, body } = await chart(query)
    expect([status, body.series.length, body.bits]).toEqual([200, 2_000, 3])
    expect(new Set(counts(body).map((count) => count.reduce((sum, one) => sum + one, 0)))).toEqual(
      new Set([100]),
    )
    expect((await chart(`${query}&runs=${UNKNOWN}`)).status).toBe(422)
  })
})

describe('round trips of a chart', () => {
  it('are one more for what one answer of the database cannot hold', async () => {
    const runs = [await newRun(), await newRun(), await newRun()]
    const names = Array.from({ length: 20 }, (_, i) => `m${i}`)
    const { series } = ramp('', 0, 19_999)
    for (const run of runs) {
      for (const name of names) await log(run, { series: series.map((columns) => ({ ...columns, name })) })
    }
    const query = (buckets: number) =>
      `runs=${runs}&${names.map((name) => `names=${name}`).join('&')}&buckets=${buckets}`
    const trips = async (buckets: number) => {
      const before = roundTrips()
      const { body } = await chart(query(buckets))
      const totals = counts(body).map((count) => count.reduce((sum, one) => sum + one, 0))
      expect([body.series.length, new Set(totals)]).toEqual([60, new Set([20_000])])
      return [body.bits, roundTrips() - before]
    }
    // Nodes do for buckets of 1,024 steps; of 64 steps all points are read, 160 KB a series.
    expect(await trips(30)).toEqual([10, 1])
    expect(await trips(4_000)).toEqual([6, 2])
    const { body } = await chart(query(4_000))
    const order = body.series.map(({ run_id, name }) => `${run_id} ${name}`)
    expect(order).toEqual(order.toSorted())
  })

  it('are two where the axis is time, the second for points around the ends of buckets', async () => {
    const run = await newRun()
    const { series } = ramp('a', 0, 9_999)
    const timestamps = Array.from({ length: 10_000 }, (_, i) => 1_790_000_000_000 + i * 1_000)
    await log(run, { series: series.map((columns) => ({ ...columns, timestamps })) })
    const before = roundTrips()
    const { body } = await chart(`runs=${run}&names=a&x=time&buckets=10`)
    expect(roundTrips() - before).toBe(2)
    expect(counts(body)[0]?.reduce((sum, one) => sum + one, 0)).toBe(10_000)
  })
})

describe('the cache of a chart', () => {
  it('is asked before each use while a run goes on, and kept for ever when all have ended', async () => {
    const run = await newRun()
    await log(run, ramp('a', 0, 9))
    const query = `runs=${run}&names=a`
    const first = await chart(query)
    expect(first.headers.get('Cache-Control')).toBe('private, no-cache')
    const tag = first.headers.get('ETag') ?? ''
    const again = await chart(query, { 'If-None-Match': `"other", ${tag}` })
    expect([again.status, again.text, again.headers.get('ETag')]).toEqual([304, '', tag])
    // Sealing changes nothing that a chart shows.
    await tracker.seal(90)
    expect((await chart(query, { 'If-None-Match': tag })).status).toBe(304)
    // One step that was there already is no change, a new one is.
    await log(run, ramp('a', 0, 9))
    expect((await chart(query, { 'If-None-Match': tag })).status).toBe(304)
    await log(run, ramp('a', 10, 10))
    const changed = await chart(query, { 'If-None-Match': tag })
    expect([changed.status, ...counts(changed.body)]).toEqual([200, Array(11).fill(1)])
    await tracker.patch(`/runs/${run}`, { status: 'completed' })
    expect((await chart(query)).headers.get('Cache-Control')).toBe('private, max-age=31536000, immutable')
    const other = await newRun()
    expect((await chart(`${query}&runs=${other}`)).headers.get('Cache-Control')).toBe('private, no-cache')
  })
})

describe('since', () => {
  /** As if what is there had come long ago. */
  const age = () => tracker.sql`update chunks set arrived = arrived - 60000`

  it('gives the buckets from the first one on that has something new', async () => {
    const run = await newRun()
    await log(run, ramp('a', 0, 999))
    await log(run, ramp('b', 0, 999))
    await age()
    const query = `runs=${run}&names=a&names=b&buckets=10`
    const { body: whole } = await chart(query)
    const quiet = await chart(`${query}&since=${whole.next}`)
    expect([quiet.body.complete, quiet.body.series, quiet.body.bits]).toEqual([false, [], 7])
    await log(run, ramp('a', 1_000, 1_010))
    const { body: news } = await chart(`${query}&since=${quiet.body.next}`)
    expect([news.complete, news.series.map(({ name }) => name)]).toEqual([false, ['a', 'b']])
    // Whole buckets, to be put in the place of those that were there.
    expect([...starts(news), ...counts(news)]).toEqual([[896], [896], [115], [104]])
    // A point that comes late is as new.
    await age()
    await log(run, { metrics: [{ name: 'b', step: 300, value: -1 }] })
    const { body: late } = await chart(`${query}&since=${news.next}`)
    expect(starts(late)[1]?.[0]).toBe(256)
  })

  it('gives all when buckets have become longer', async () => {
    const run = await newRun()
    await log(run, ramp('a', 0, 999))
    await age()
    const query = `runs=${run}&names=a&buckets=10`
    const { body: whole } = await chart(query)
    await log(run, ramp('a', 1_000, 1_999))
    const { body } = await chart(`${query}&since=${whole.next}`)
    expect([body.complete, body.bits, ...counts(body)]).toEqual([
      true,
      8,
      [256, 256, 256, 256, 256, 256, 256, 208],
    ])
  })
})

describe('is refused', () => {
  const fine = (run: string) => `runs=${run}&names=a`

  it.each([
    ['runs=RUN', 'names', 'Invalid'],
    ['FINE&names=', 'names', 'must not be empty'],
    ['FINE&names=%00', 'names', 'NUL'],
    ['FINE&x=steps', 'x', 'Invalid option'],
    ['FINE&buckets=1', 'buckets', 'must be a whole number from 2 to 4096'],
    ['FINE&buckets=x', 'buckets', 'must be a whole number'],
    ['FINE&rank=-1', 'rank', ''],
    ['FINE&from=1.5', 'from', 'must be an int64'],
    ['FINE&from=9223372036854775808', 'from', 'must be an int64'],
    ['FINE&x=time&from=yesterday', 'from', 'must be an ISO 8601 date and time or epoch milliseconds'],
    ['FINE&x=relative&to=2026-01-01T00:00:00Z', 'to', 'must be an int64'],
    ['FINE&from=2&to=1', 'to', 'lies before from'],
    ['FINE&since=now', 'since', 'is not what an earlier answer gave as next'],
  ])('%s', async (query, path, message) => {
    const run = await newRun()
    const { status, body } = await tracker.get<Problem>(
      `/charts?${query.replace('FINE', fine(run)).replace('RUN', run)}`,
    )
    expect([status, body.errors?.map(({ path }) => path)]).toEqual([422, [path]])
    expect(body.errors?.[0]?.message).toContain(message)
  })

  it('with too many runs and names, both told', async () => {
    const runs = Array.from({ length: 101 }, (_, i) => `01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9${String(100 + i)}`)
    const names = Array.from({ length: 21 }, (_, i) => `names=${i}`).join('&')
    const { status, body } = await tracker.get<Problem>(`/charts?runs=${runs}&${names}`)
    expect([status, body.errors]).toEqual([
      422,
      [
        { path: 'runs', message: 'has 101 runs; at most 100' },
        { path: 'names', message: 'has 21 names; at most 20' },
      ],
    ])
  })

  it('with 404 for runs that do not exist, each named, and for ids that are none', async () => {
    const run = await newRun()
    const { status, body } = await tracker.get<Problem>(`/charts?runs=${run},${UNKNOWN}&names=a`)
    expect([status, body.detail, body.errors]).toEqual([
      404,
      'Run not found',
      [{ path: 'runs', message: `there is no run ${UNKNOWN}` }],
    ])
    expect((await tracker.get<Problem>(`/charts?runs=x&names=a`)).body).toMatchObject({
      status: 404,
      detail: 'Run not found',
    })
  })
})
