import { beforeAll, describe, expect, it } from 'vitest'
import { gzip, logger, newRun as newRunOf, UNKNOWN } from '../support/runs.ts'
import { newTracker, type Problem, type Tracker } from '../support/tracker.ts'

const MIB = 1024 * 1024

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})
const newRun = () => newRunOf(tracker)
const { log, lines } = logger(() => tracker)

describe('what is refused', () => {
  it('refuses the whole call for one bad point, with the index of each fault', async () => {
    const run = await newRun()
    const { status, body } = await log<Problem>(run, {
      metrics: [
        { name: 'ok', step: 1, value: 1 },
        { name: '', step: 1.5, value: 'nan', timestamp: 'noon' },
        { name: 'a\u0007', step: '9223372036854775808', value: null },
        { name: 'x'.repeat(251), step: 9007199254740992, value: '1', colour: 'red' },
        'loss=1',
        { step: true },
      ],
      rank: -1,
    })
    expect(status).toBe(422)
    expect(body.errors?.map(({ path }) => path)).toEqual([
      'rank',
      'metrics[1].name',
      'metrics[1].step',
      'metrics[1].value',
      'metrics[1].timestamp',
      'metrics[2].name',
      'metrics[2].step',
      'metrics[2].value',
      'metrics[3].colour',
      'metrics[3].name',
      'metrics[3].step',
      'metrics[3].value',
      'metrics[4]',
      'metrics[5].name',
      'metrics[5].step',
      'metrics[5].value',
    ])
    expect((await tracker.get(`/runs/${run}/metrics`)).body).toEqual([])
  })

  it('names the place in columns', async () => {
    const run = await newRun()
    const { body } = await log<Problem>(run, {
      series: [
        { name: 'a', steps: [1, 'x'], values: [1, 2] },
        { name: 'b', steps: [1], values: [1, 2] },
        { name: '..', steps: [1], values: [[]], timestamps: [{}] },
        { name: 'c', steps: 1, values: [], timestamps: [1], more: 1 },
      ],
    })
    expect(body.errors?.map(({ path }) => path)).toEqual([
      'series[0].steps[1]',
      'series[1].values',
      'series[2].name',
      'series[2].values[0]',
      'series[2].timestamps[0]',
      'series[3].more',
      'series[3].steps',
      'series[3].timestamps',
    ])
  })

  it('names the line, counted from 0 in a path and from 1 in a sentence', async () => {
    const run = await newRun()
    const bad = await lines<Problem>(
      run,
      '{"step": 1, "loss": 1}\n\n[1]\n{"loss": 1}\n{"step": 1, "lo\\u0000ss": 1}',
    )
    expect([bad.status, bad.body.errors?.map(({ path }) => path)]).toEqual([
      422,
      ['lines[2]', 'lines[3].step', 'lines[4]["lo\\u0000ss"]'],
    ])
    const broken = await lines<Problem>(run, '{"step": 1, "loss": 1}\n{"step": 2, "loss": NaN}')
    expect([broken.status, broken.body.detail]).toEqual([
      400,
      'Line 2 is not JSON; write NaN and Infinity as strings, "NaN"',
    ])
    expect((await tracker.get(`/runs/${run}/metrics`)).body).toEqual([])
  })

  it('refuses a number that no double holds, instead of storing Infinity', async () => {
    const run = await newRun()
    const { status, body } = await log<Problem>(
      run,
      '{"metrics": [{"name": "a", "step": 1, "value": 1e999}]}',
    )
    expect([status, body.errors]).toEqual([
      422,
      [{ path: 'metrics[0].value', message: 'does not fit a double' }],
    ])
  })

  it.each([[[]], [{}], [{ metrics: [], series: [] }], [{ metrics: {} }], [{ points: [] }], [null], ['x']])(
    'refuses %j, which has no points to read',
    async (body) => {
      const run = await newRun()
      expect((await log(run, JSON.stringify(body))).status).toBe(422)
    },
  )

  it('takes 20,000 points a call and no more', async () => {
    const run = await newRun()
    const steps = Array.from({ length: 20_000 }, (_, i) => i)
    expect((await log(run, { series: [{ name: 'a', steps, values: steps }] })).body.stored).toBe(20_000)
    const { status, body } = await log<Problem>(run, {
      series: [{ name: 'a', steps: [...steps, 20_000], values: [...steps, 20_000] }],
    })
    expect([status, body.errors]).toEqual([
      422,
      [{ path: '', message: 'has 20001 points; at most 20000 a call' }],
    ])
  })

  it('tells a hundred faults and counts the others', async () => {
    const run = await newRun()
    const { body } = await log<Problem>(run, { metrics: Array(300).fill({ name: 'a', step: 1 }) })
    expect(body.errors).toHaveLength(101)
    expect(body.errors?.at(-1)).toEqual({ path: '', message: 'and 200 more' })
  })

  it('takes 8 MiB and refuses one byte more, also when it is small before inflating', async () => {
    const run = await newRun()
    const point = '{"metrics":[{"name":"a","step":1,"value":1}]}'
    const full = point.padEnd(8 * MIB, ' ')
    const json = { 'Content-Type': 'application/json' }
    expect((await log(run, full)).status).toBe(200)
    expect((await log(run, await gzip(full), { ...json, 'Content-Encoding': 'gzip' })).status).toBe(200)
    expect((await log<Problem>(run, `${full} `)).body).toMatchObject({
      status: 413,
      detail: 'The body has 8388609 bytes; at most 8388608 are taken',
    })
    const bomb = await gzip(' '.repeat(64 * MIB))
    expect(bomb.byteLength).toBeLessThan(100_000)
    expect((await log(run, bomb, { ...json, 'Content-Encoding': 'gzip' })).status).toBe(413)
  })

  it('says that the run is not found, and leaves nothing behind', async () => {
    for (const id of [UNKNOWN, 'no-uuid']) {
      const { status, body } = await log<Problem>(id, { metrics: [{ name: 'a', step: 1, value: 1 }] })
      expect([status, body.detail]).toEqual([404, 'Run not found'])
    }
    const run = await newRun()
    await log(run, { metrics: [{ name: 'a', step: 1, value: 1 }] })
    await tracker.delete(`/runs/${run}`)
    expect((await log(run, { metrics: [{ name: 'a', step: 1, value: 1 }] })).status).toBe(404)
  })

  it('refuses another content type, naming those it takes', async () => {
    const run = await newRun()
    const { status, body } = await log<Problem>(run, 'a=1', {
      'Content-Type': 'application/x-www-form-urlencoded',
    })
    expect([status, body.detail]).toEqual([
      415,
      'Content-Type must be application/json or application/x-ndjson or application/ndjson or application/jsonl or application/x-jsonlines; not application/x-www-form-urlencoded',
    ])
  })
})
