import { Pool } from '@neondatabase/serverless'
import { beforeAll, describe, expect, it } from 'vitest'
import { interfere, lostAnswer, stopInterfering } from '../support/faults.ts'
import { gzip, logger, newRun as newRunOf, UNKNOWN } from '../support/runs.ts'
import { newTracker, type Problem, type Tracker } from '../support/tracker.ts'
import type { Point, Summary } from '../support/wire.ts'

const T1 = '2026-01-02T03:04:05.001Z'
const T2 = '2026-01-02T03:04:05.002Z'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})
const newRun = () => newRunOf(tracker)
stopInterfering()
const { log, lines } = logger(() => tracker)

async function history(run: string, name: string, query = '') {
  const { body } = await tracker.get<Point[]>(`/runs/${run}/metrics/${encodeURIComponent(name)}${query}`)
  return body
}

const values = async (run: string, name: string, query?: string) =>
  (await history(run, name, query)).map(({ step, value }) => [step, value])

describe('the three shapes', () => {
  it('takes rows', async () => {
    const run = await newRun()
    const { status, body } = await log(run, {
      metrics: [
        { name: 'loss', step: 2, value: 0.25, timestamp: T2 },
        { name: 'loss', step: 1, value: 0.5, timestamp: Date.parse(T1) },
        { name: 'train/accuracy', step: 1, value: 1 },
      ],
      rank: 3,
    })
    expect([status, body]).toEqual([200, { stored: 3, duplicates: 0 }])
    expect(await history(run, 'loss', '?rank=3')).toEqual([
      { step: 1, value: 0.5, timestamp: T1 },
      { step: 2, value: 0.25, timestamp: T2 },
    ])
    expect(await values(run, 'train/accuracy', '?rank=3')).toEqual([[1, 1]])
  })

  it('takes columns', async () => {
    const run = await newRun()
    const { status, body } = await log(run, {
      series: [
        { name: 'loss', steps: [3, 1, 2], values: [0.1, 0.5, 0.4], timestamps: [T1, T2, null] },
        { name: 'acc', steps: [1], values: [0.9] },
      ],
    })
    expect([status, body]).toEqual([200, { stored: 4, duplicates: 0 }])
    expect(await values(run, 'loss')).toEqual([
      [1, 0.5],
      [2, 0.4],
      [3, 0.1],
    ])
  })

  it('takes lines: points and rows of a training log, each with its rank', async () => {
    const run = await newRun()
    const { status, body } = await lines(
      run,
      `{"name": "loss", "step": 1, "value": 0.5, "timestamp": "${T1}"}\r\n\n` +
        '{"step": 2, "loss": 0.4, "accuracy": "NaN", "phase": "train", "extra": null}\n' +
        `{"step": 2, "loss": 0.3, "rank": 1, "timestamp": "${T1}"}`,
    )
    expect([status, body]).toEqual([200, { stored: 4, duplicates: 0, ignored: ['phase', 'extra'] }])
    expect(await values(run, 'loss')).toEqual([
      [1, 0.5],
      [2, 0.4],
    ])
    expect(await history(run, 'loss', '?rank=1')).toEqual([{ step: 2, value: 0.3, timestamp: T1 }])
    expect(await values(run, 'accuracy')).toEqual([[2, 'NaN']])
  })

  it('takes gzip, and says so when it is none', async () => {
    const run = await newRun()
    const encoding = { 'Content-Encoding': 'gzip' }
    const body = JSON.stringify({ metrics: [{ name: 'loss', step: 1, value: 0.5 }] })
    expect(
      (await log(run, await gzip(body), { ...encoding, 'Content-Type': 'application/json' })).body.stored,
    ).toBe(1)
    const plain = await log<Problem>(run, body, encoding)
    expect([plain.status, plain.body.detail]).toEqual([
      400,
      'The body cannot be read: it is cut short, or it is not gzip',
    ])
    const cut = await log<Problem>(run, (await gzip(body)).slice(0, 30), encoding)
    expect(cut.status).toBe(400)
  })

  it('takes nothing, and stores nothing', async () => {
    const run = await newRun()
    for (const answer of [
      await log(run, { metrics: [] }),
      await log(run, { series: [] }),
      await lines(run, ''),
    ]) {
      expect([answer.status, answer.body]).toEqual([200, { stored: 0, duplicates: 0 }])
    }
    expect((await log(UNKNOWN, { metrics: [] })).status).toBe(404)
  })
})

describe('exact values', () => {
  it('keeps NaN, both infinities, -0, the smallest and the largest double', async () => {
    const run = await newRun()
    const exact = ['NaN', 'Infinity', '-Infinity', -0, 0, 5e-324, 1.7976931348623157e308, 0.1, -1 / 3]
    await log(run, {
      series: [{ name: 'v', steps: exact.map((_, i) => i), values: exact }],
    })
    // JSON.stringify writes -0 as 0, so it is sent as text.
    await lines(run, '{"step": 100, "v": -0.0}')
    const { text } = await tracker.get(`/runs/${run}/metrics/v`)
    const read: Point[] = JSON.parse(text)
    expect(read.map(({ value }) => value)).toEqual([
      'NaN',
      'Infinity',
      '-Infinity',
      0,
      0,
      5e-324,
      1.7976931348623157e308,
      0.1,
      -1 / 3,
      -0,
    ])
    const { text: summary } = await tracker.get(`/runs/${run}/metrics`)
    expect(summary).toContain('"last":{"step":100,"value":-0.0,')
  })

  it('keeps steps of 64 bits, negative ones, and any order', async () => {
    const run = await newRun()
    const steps = [
      '9223372036854775807',
      7,
      '-9223372036854775808',
      -1,
      9007199254740991,
      '9007199254740992',
      '8',
    ]
    await log(run, { series: [{ name: 's', steps, values: steps.map((_, i) => i) }] })
    expect(await values(run, 's')).toEqual([
      ['-9223372036854775808', 2],
      [-1, 3],
      [7, 1],
      [8, 6],
      [9007199254740991, 4],
      ['9007199254740992', 5],
      ['9223372036854775807', 0],
    ])
    const ahead = '?from_step=9007199254740992&to_step=9223372036854775807'
    expect(await values(run, 's', ahead)).toEqual([
      ['9007199254740992', 5],
      ['9223372036854775807', 0],
    ])
  })

  it('keeps two values at one step, and 0 apart from -0', async () => {
    const run = await newRun()
    await lines(run, '{"step": 1, "v": 0}\n{"step": 1, "v": 2}\n{"step": 1, "v": -0.0}')
    await lines(run, '{"step": 1, "v": -0.0}')
    const { body } = await lines(run, '{"step": 1, "v": 0}\n{"step": 1, "v": 3}')
    expect(body).toEqual({ stored: 1, duplicates: 1 })
    const kept = (await history(run, 'v')).map(({ value }) => value)
    expect(kept).toHaveLength(4)
    expect(kept.filter((value) => Object.is(value, -0))).toHaveLength(1)
    expect(kept.filter((value) => Object.is(value, 0))).toHaveLength(1)
  })

  it('keeps names with slashes, spaces, dots and any printable Unicode, of 250 characters', async () => {
    const run = await newRun()
    for (const name of [
      'train/loss',
      'a b',
      '100%',
      '%2F',
      'グラフ',
      '🧪'.repeat(250),
      '../x',
      'a?b#c',
      '"q"',
      "o'x",
      '{},\\',
    ]) {
      expect((await log(run, { metrics: [{ name, step: 1, value: 1 }] })).body).toEqual({
        stored: 1,
        duplicates: 0,
      })
      expect(await values(run, name)).toEqual([[1, 1]])
    }
  })
})

describe('each point once', () => {
  it('counts a call that comes again as duplicates, with and without timestamps', async () => {
    const run = await newRun()
    const call = {
      metrics: [
        { name: 'loss', step: 1, value: 0.5, timestamp: T1 },
        { name: 'loss', step: 2, value: 'NaN' },
        { name: 'acc', step: 1, value: 0.5 },
      ],
    }
    expect((await log(run, call)).body).toEqual({ stored: 3, duplicates: 0 })
    const before = await history(run, 'loss')
    expect((await log(run, call)).body).toEqual({ stored: 0, duplicates: 3 })
    expect(await history(run, 'loss')).toEqual(before)
  })

  it('counts repeats within one call', async () => {
    const run = await newRun()
    const point = { name: 'loss', step: 1, value: 0.5 }
    const { body } = await log(run, {
      metrics: [point, point, { ...point, timestamp: T1 }, { ...point, timestamp: T1 }],
    })
    expect(body).toEqual({ stored: 2, duplicates: 2 })
  })

  it('takes a point with a timestamp as another one when the timestamp differs', async () => {
    const run = await newRun()
    const point = { name: 'loss', step: 1, value: 0.5 }
    await log(run, { metrics: [{ ...point, timestamp: T1 }] })
    expect((await log(run, { metrics: [point] })).body).toEqual({ stored: 0, duplicates: 1 })
    expect((await log(run, { metrics: [{ ...point, timestamp: T2 }] })).body).toEqual({
      stored: 1,
      duplicates: 0,
    })
  })

  it('stores the rest of a call that is partly there, behind, between and before what is there', async () => {
    const run = await newRun()
    const call = (steps: number[]) =>
      log(run, { series: [{ name: 's', steps, values: steps.map((step) => step / 10) }] })
    expect((await call([10, 20, 30])).body).toEqual({ stored: 3, duplicates: 0 })
    expect((await call([20, 25, 40])).body).toEqual({ stored: 2, duplicates: 1 })
    expect((await call([5, 10, 15, 20, 25, 30, 35, 40])).body).toEqual({ stored: 3, duplicates: 5 })
    expect((await values(run, 's')).map(([step]) => step)).toEqual([5, 10, 15, 20, 25, 30, 35, 40])
  })

  it.each(['new', 'known'])(
    'stores a batch that comes ten times at once once, when its series are %s',
    async (series) => {
      const run = await newRun()
      const steps = Array.from({ length: 200 }, (_, i) => i)
      const call = { series: ['a', 'b', 'c'].map((name) => ({ name, steps, values: steps.map(Math.sin) })) }
      if (series === 'known') {
        await log(run, { series: call.series.map(({ name }) => ({ name, steps: [-1], values: [0] })) })
      }
      const answers = await Promise.all(Array.from({ length: 10 }, () => log(run, call)))
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
      const sum = (key: 'stored' | 'duplicates') => answers.reduce((total, { body }) => total + body[key], 0)
      expect([sum('stored'), sum('duplicates')]).toEqual([600, 5400])
      const { body: summaries } = await tracker.get<Summary[]>(`/runs/${run}/metrics`)
      expect(summaries.map(({ count }) => count)).toEqual(Array(3).fill(series === 'known' ? 201 : 200))
    },
  )

  it('stores a call once whose answer was lost on the way from the database, or to the client', async () => {
    const run = await newRun()
    const body = { metrics: [1, 2, 3].map((step) => ({ name: 'a', step, value: step })) }
    interfere(lostAnswer)
    // The tracker asks again by itself, and is told that they are there.
    expect((await log(run, body)).body).toEqual({ stored: 0, duplicates: 3 })
    interfere(lostAnswer, lostAnswer, lostAnswer)
    const more = { metrics: [3, 4].map((step) => ({ name: 'a', step, value: step })) }
    expect((await log(run, more)).status).toBe(503)
    interfere()
    expect((await log(run, more)).body).toEqual({ stored: 0, duplicates: 2 })
    expect((await values(run, 'a')).map(([step]) => step)).toEqual([1, 2, 3, 4])
  })

  it('lets sixteen writers log the same names in different orders without a deadlock', async () => {
    const run = await newRun()
    const names = Array.from({ length: 40 }, (_, i) => `m${i}`)
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, writer) => {
        const turned = [...names.slice(writer * 2), ...names.slice(0, writer * 2)]
        return log(run, { metrics: turned.map((name) => ({ name, step: writer, value: writer })) })
      }),
    )
    for (const { status, body } of answers)
      expect([status, body]).toEqual([200, { stored: 40, duplicates: 0 }])
  })

  it('answers 404 when the run was deleted while the call waited for it', async () => {
    const run = await newRun()
    const body = { metrics: [{ name: 'a', step: 1, value: 1 }] }
    await log(run, body)
    const pool = new Pool({ connectionString: tracker.env.DATABASE_URL, max: 1 })
    pool.on('error', () => {})
    const deletion = await pool.connect()
    deletion.on('error', () => {})
    await deletion.query('begin')
    await deletion.query('delete from runs where id = $1', [run])
    const answer = log<Problem>(run, body)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await deletion.query('commit')
    deletion.release()
    await pool.end()
    expect([(await answer).status, (await answer).body.detail]).toEqual([404, 'Run not found'])
  })

  it('looks at no point of another time where all are logged at one step', async () => {
    const run = await newRun()
    const at = (time: number, values: number[]) =>
      log(run, { metrics: values.map((value) => ({ name: 'a', step: 0, value, timestamp: time })) })
    expect((await at(1_000, [1, 2])).body).toEqual({ stored: 2, duplicates: 0 })
    expect((await at(2_000, [1, 3])).body).toEqual({ stored: 2, duplicates: 0 })
    expect((await at(1_000, [2, 3])).body).toEqual({ stored: 1, duplicates: 1 })
    expect((await log(run, { metrics: [{ name: 'a', step: 0, value: 3 }] })).body).toEqual({
      stored: 0,
      duplicates: 1,
    })
    expect((await values(run, 'a')).length).toBe(5)
  })

  it('knows which points of a long call came without a time', async () => {
    const run = await newRun()
    const steps = Array.from({ length: 600 }, (_, i) => i)
    const series = (time: (step: number) => number | null) => [
      { name: 'a', steps, values: steps, timestamps: steps.map(time) },
    ]
    expect((await log(run, { series: series((step) => 1_000_000 + step) })).body).toEqual({
      stored: 600,
      duplicates: 0,
    })
    // Another time makes another point, but none is as any.
    const other = await log(run, { series: series((step) => (step % 3 === 0 ? null : 2_000_000 + step)) })
    expect(other.body).toEqual({ stored: 400, duplicates: 200 })
  })

  it('keeps ranks apart', async () => {
    const run = await newRun()
    for (const rank of [0, 1, 2147483647]) {
      expect((await log(run, { metrics: [{ name: 'loss', step: 1, value: 1 }], rank })).body.stored).toBe(1)
    }
    const { body } = await tracker.get<Summary[]>(`/runs/${run}/metrics`)
    expect(body.map(({ rank }) => rank)).toEqual([0, 1, 2147483647])
  })
})

describe('a call that reaches back', () => {
  it('is compared with every chunk that one of its steps lies in, to the ends of int64', async () => {
    const run = await newRun()
    const call = (...steps: (number | string)[]) =>
      log(run, { series: [{ name: 's', steps, values: steps.map(() => 1) }] })
    const min = '-9223372036854775808'
    const max = '9223372036854775807'
    await call(min, '-9223372036854775807')
    await call(1, 2, 3)
    await call(5)
    await call(10, 20)
    await call(max)
    expect((await call(min, 2, 4, 5, 15, 20, max)).body).toEqual({ stored: 2, duplicates: 5 })
    expect((await call(min, '-9223372036854775807', 1, 3, 10, max)).body).toEqual({
      stored: 0,
      duplicates: 6,
    })
  })

  it('stores a point without a time once, also beside one that says the time of arrival', async () => {
    const run = await newRun()
    const point = { name: 'a', step: 1, value: 1 }
    const now = Date.now()
    const around = Array.from({ length: 5_000 }, (_, i) => ({ ...point, timestamp: now + i }))
    const { body } = await log(run, { metrics: [point, ...around] })
    expect(body).toEqual({ stored: 5_000, duplicates: 1 })
  })
})
