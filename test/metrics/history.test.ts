import { beforeAll, describe, expect, it } from 'vitest'
import { newRun as newRunOf, UNKNOWN } from '../support/runs.ts'
import { allPages, newTracker, nextPage, type Problem, type Tracker } from '../support/tracker.ts'
import type { Point, Stored } from '../support/wire.ts'

let tracker: Tracker
beforeAll(async () => {
  tracker = await newTracker()
})

const newRun = () => newRunOf(tracker)

/** Logs step → value pairs as one call, and so as one chunk. */
const log = (run: string, steps: number[], value = (step: number) => step / 8) =>
  tracker.post<Stored>(`/runs/${run}/metrics`, {
    series: [{ name: 'loss', steps, values: steps.map(value) }],
  })

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

it('the view metrics has a row a point, with the columns of the course', async () => {
  const run = await newRun()
  await tracker.post<Stored>(`/runs/${run}/metrics`, {
    series: [
      {
        name: 'loss',
        steps: [1, 2, 3],
        values: [0.5, 'NaN', -1],
        timestamps: [1_700_000_000_001, 1_700_000_000_003, 1_700_000_000_004],
      },
    ],
    rank: 2,
  })
  await tracker.post<Stored>(`/runs/${run}/metrics`, {
    series: [
      { name: 'loss', steps: [7, 5], values: [7, 5], timestamps: [1_700_000_000_000, 1_700_000_000_000] },
    ],
    rank: 2,
  })
  const rows = await tracker.sql.query(
    'select run_id, name, step, value, timestamp::text, rank from metrics where run_id = $1 order by step',
    [run],
  )
  const row = (step: number, value: number, milliseconds: string) => ({
    run_id: run,
    name: 'loss',
    step: String(step),
    value,
    timestamp: `2023-11-14 22:13:20${milliseconds}+00`,
    rank: 2,
  })
  expect(rows).toEqual([
    row(1, 0.5, '.001'),
    row(2, Number.NaN, '.003'),
    row(3, -1, '.004'),
    row(5, 5, ''),
    row(7, 7, ''),
  ])
})

describe('GET /runs/{id}/metrics/{name}', () => {
  it('gives the points of a range, bounds included', async () => {
    const run = await newRun()
    await log(run, range(0, 20))
    const steps = async (query: string) =>
      (await tracker.get<Point[]>(`/runs/${run}/metrics/loss?${query}`)).body.map(({ step }) => step)
    expect(await steps('from_step=5&to_step=8')).toEqual([5, 6, 7, 8])
    expect(await steps('from_step=18')).toEqual([18, 19])
    expect(await steps('to_step=1')).toEqual([0, 1])
    expect(await steps('from_step=9&to_step=3')).toEqual([])
    expect(await steps('from_step=20')).toEqual([])
  })

  it('pages through chunks that follow, overlap and hold each other, each point once and in order', async () => {
    const run = await newRun()
    await log(run, range(0, 30))
    await log(run, range(100, 130))
    await log(run, [20, 50, 110, 500], (step) => -step)
    await log(run, [31, 32])
    await log(run, [0, 600], () => 7)
    for (const step of range(60, 70).reverse()) await log(run, [step])
    const whole = (await tracker.get<Point[]>(`/runs/${run}/metrics/loss`)).body
    expect(whole).toHaveLength(78)
    const sorted = whole.map(({ step }) => Number(step)).sort((a, b) => a - b)
    expect(whole.map(({ step }) => step)).toEqual(sorted)
    for (const limit of [1, 2, 7, 77, 78]) {
      expect(await allPages(tracker, `/runs/${run}/metrics/loss?limit=${limit}`)).toEqual(whole)
    }
  })

  it('pages through many values at one step, NaN and -0 among them', async () => {
    const run = await newRun()
    const values = [0, 'NaN', 'Infinity', '-Infinity', ...range(1, 10)]
    const timestamp = '2026-01-02T03:04:05.000Z'
    await tracker.post(`/runs/${run}/metrics`, {
      metrics: values.map((value) => ({ name: 'loss', step: 1, value, timestamp })),
    })
    await tracker.send(
      'POST',
      `/runs/${run}/metrics`,
      `{"name":"loss","step":1,"value":-0.0,"timestamp":"${timestamp}"}`,
      {
        'Content-Type': 'application/x-ndjson',
      },
    )
    const paged = await allPages<Point>(tracker, `/runs/${run}/metrics/loss?limit=1`)
    expect(paged).toHaveLength(14)
    expect(new Set(paged.map(({ value }) => (Object.is(value, -0) ? '-0' : value))).size).toBe(14)
  })

  it('links to the next page with the same range', async () => {
    const run = await newRun()
    await log(run, range(0, 10))
    const { headers } = await tracker.get(`/runs/${run}/metrics/loss?from_step=2&to_step=6&limit=3`)
    const { body } = await tracker.get<Point[]>(nextPage(headers) ?? '')
    expect(body.map(({ step }) => step)).toEqual([5, 6])
  })

  it('streams the whole history as CSV, beyond one page', async () => {
    const run = await newRun()
    for (const part of [0, 1, 2]) await log(run, range(part * 20_000, (part + 1) * 20_000))
    await tracker.post(`/runs/${run}/metrics`, {
      metrics: [{ name: 'loss', step: 60_000, value: 'NaN', timestamp: '2026-01-02T03:04:05.006Z' }],
    })
    const { status, headers, text } = await tracker.get(`/runs/${run}/metrics/loss`, { Accept: 'text/csv' })
    expect([status, headers.get('Content-Type')]).toEqual([200, 'text/csv; charset=utf-8'])
    const lines = text.trimEnd().split('\n')
    expect(lines[0]).toBe('step,value,timestamp')
    expect(lines.at(-1)).toBe('60000,NaN,2026-01-02T03:04:05.006Z')
    expect(lines).toHaveLength(60_002)
    expect(lines.slice(1).every((line, i) => line.startsWith(`${i},${i === 60_000 ? 'NaN' : i / 8},`))).toBe(
      true,
    )
  })

  it('streams JSON lines', async () => {
    const run = await newRun()
    await log(run, range(0, 5))
    const accept = { Accept: 'application/x-ndjson' }
    const { headers, text } = await tracker.get(`/runs/${run}/metrics/loss?from_step=2`, accept)
    expect(headers.get('Content-Type')).toBe('application/x-ndjson; charset=utf-8')
    const points: Point[] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(points.map(({ step, value }) => [step, value])).toEqual([
      [2, 0.25],
      [3, 0.375],
      [4, 0.5],
    ])
  })

  it('answers a HEAD, for any type', async () => {
    const run = await newRun()
    await log(run, [1])
    for (const Accept of ['text/csv', 'application/x-ndjson', 'application/json']) {
      const { status, text } = await tracker.send('HEAD', `/runs/${run}/metrics/loss`, undefined, { Accept })
      expect([status, text]).toEqual([200, ''])
    }
  })

  it('answers JSON to whoever accepts anything', async () => {
    const run = await newRun()
    await log(run, [1])
    for (const Accept of ['*/*', 'text/html', 'application/json, text/csv;q=0.5']) {
      const { headers } = await tracker.get(`/runs/${run}/metrics/loss`, { Accept })
      expect(headers.get('Content-Type')).toBe('application/json')
    }
  })

  it('tells an unknown run from an unknown metric or rank', async () => {
    const run = await newRun()
    await log(run, [1])
    const detail = async (path: string) => {
      const { status, body } = await tracker.get<Problem>(path)
      return [status, body.detail]
    }
    expect(await detail(`/runs/${UNKNOWN}/metrics/loss`)).toEqual([404, 'Run not found'])
    expect(await detail(`/runs/${run}/metrics/acc`)).toEqual([404, 'Metric not found'])
    expect(await detail(`/runs/${run}/metrics/loss?rank=1`)).toEqual([404, 'Metric not found'])
    expect(await detail(`/runs/${run}/metrics/a%00b`)).toEqual([404, 'Metric not found'])
    expect(await detail(`/runs/${run}/metrics/${'x'.repeat(251)}`)).toEqual([404, 'Metric not found'])
  })

  it.each([
    'rank=-1',
    'rank=x',
    'from_step=1.5',
    'from_step=9223372036854775808',
    'to_step=',
    'limit=50001',
    'cursor=W10',
  ])('refuses ?%s', async (query) => {
    const run = await newRun()
    await log(run, [1])
    const { status, body } = await tracker.get<Problem>(`/runs/${run}/metrics/loss?${query}`)
    expect([status, body.errors?.map(({ path }) => path)]).toEqual([422, [query.split('=')[0]]])
  })
})
