import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { csvParse } from 'd3-dsv'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanUp } from '../system/support.ts'
import { drawn, plotOf, runColour } from './drawn.ts'
import { Stage } from './stage.ts'

let stage: Stage
let experiment: string

beforeAll(async () => {
  stage = await Stage.open()
  experiment = (await stage.ask<{ id: string }>('POST', '/experiments', { name: 'curves', owner: 'ann' })).id
})
afterAll(async () => {
  await stage.close()
  await cleanUp()
})

type Value = number | 'NaN' | 'Infinity' | '-Infinity'

interface Logged {
  steps: number[]
  values: Value[]
  timestamps?: string[]
}

async function createRun(name: string): Promise<string> {
  return (await stage.ask<{ id: string }>('POST', `/experiments/${experiment}/runs`, { name })).id
}

const log = (run: string, metrics: Record<string, Logged>, rank = 0, attempt = 0) =>
  stage.ask('POST', `/runs/${run}/metrics`, {
    rank,
    attempt,
    series: Object.entries(metrics).map(([name, logged]) => ({ name, ...logged })),
  })

async function makeRun(name: string, metrics: Record<string, Logged>, status = 'completed'): Promise<string> {
  const run = await createRun(name)
  await log(run, metrics)
  if (status !== 'running') await stage.ask('PATCH', `/runs/${run}`, { status })
  return run
}

/** Some numbers that go up and down, the same each time. */
function noise(count: number, seed = 1): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  })
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

/** A line `step,value` of 400 steps that a test can foresee. */
const fall = (scale: number): Logged => ({
  steps: upTo(400),
  values: upTo(400).map((step) => scale * Math.exp(-step / 100)),
})

/** Waits until the plot of the run of a page has its curve. */
async function ready(page: Page, metric: string): Promise<void> {
  await plotOf(page, metric).waitFor()
  const colour = await runColour(page)
  await expect
    .poll(async () => (await drawn(page, metric, colour)).columns.some((column) => column))
    .toBe(true)
}

async function saved(page: Page, metric: string, kind: 'PNG' | 'SVG' | 'CSV') {
  const figure = page.locator(`figure[aria-label="${metric}"]`)
  await figure.hover()
  await figure.getByText('Save', { exact: true }).click()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    figure.getByRole('button', { name: kind }).click(),
  ])
  return { name: download.suggestedFilename(), content: await readFile(await download.path()) }
}

const points = async (page: Page, metric: string) =>
  csvParse((await saved(page, metric, 'CSV')).content.toString())

it('shows one point among ten million', async () => {
  const run = await createRun('long')
  const [count, spike] = [10_000_000, 6_123_457]
  const waves = noise(20_000).map((value) => 1 + value / 50)
  for (let from = 0; from < count; from += 20_000) {
    const values = from <= spike && spike < from + 20_000 ? waves.with(spike - from, 9) : waves
    await log(run, { loss: { steps: upTo(20_000).map((i) => from + i), values } })
  }
  await stage.ask('PATCH', `/runs/${run}`, { status: 'completed' })
  const page = await stage.visit(`/r/${run}`)
  await ready(page, 'loss')
  const { columns, width, height } = await drawn(page, 'loss', await runColour(page))
  const high = columns.flatMap((column, x) => (column && column[0] < height / 2 ? [x] : []))
  const foreseen = (spike / count) * width
  expect(high.length).toBeGreaterThan(0)
  expect(Math.min(...high)).toBeGreaterThan(foreseen - 6)
  expect(Math.max(...high)).toBeLessThan(foreseen + 6)
  // Nowhere else is it anything but low, and nowhere is it missing.
  expect(columns.slice(2, -2).every((column) => column && column[1] > height * 0.9)).toBe(true)

  // Zoomed in, it is one point among its neighbours, as they were logged.
  await page.goto(`${stage.tracker.url}/r/${run}?from=${spike - 20}&to=${spike + 20}`)
  await ready(page, 'loss')
  await expect.poll(async () => (await points(page, 'loss')).length).toBe(41)
  const rows = await points(page, 'loss')
  expect(rows.map(({ step }) => Number(step))).toEqual(upTo(41).map((i) => spike - 20 + i))
  expect(rows.map(({ value }) => Number(value))).toEqual(
    upTo(41).map((i) => (i === 20 ? 9 : waves[(spike - 20 + i) % 20_000])),
  )
  await page.context().close()
})

it('draws the points themselves once there is room for them', async () => {
  const values = noise(3_000, 7)
  const run = await makeRun('noise', { loss: { steps: upTo(3_000), values } })
  const [from, to] = [1_000, 1_040]
  const page = await stage.visit(`/r/${run}?from=${from}&to=${to}`)
  await ready(page, 'loss')
  await expect.poll(async () => (await points(page, 'loss')).length).toBe(to - from + 1)
  const { columns, width, height } = await drawn(page, 'loss', await runColour(page))
  // The axis has a twentieth of the height beyond the lowest and the highest one.
  const seen = values.slice(from, to + 1)
  const [low, high] = [Math.min(...seen), Math.max(...seen)]
  const room = (high - low) / 20
  for (const [i, value] of seen.entries()) {
    const x = (i / (to - from)) * width
    const y = (1 - (value - low + room) / (high - low + 2 * room)) * height
    const near = columns.slice(Math.max(0, Math.round(x) - 2), Math.round(x) + 3).filter((column) => column)
    const [top, bottom] = [
      Math.min(...near.map((c) => c?.[0] ?? height)),
      Math.max(...near.map((c) => c?.[1] ?? 0)),
    ]
    // A peak and a valley are the end of what is drawn there.
    const [before, after] = [seen[i - 1] ?? value, seen[i + 1] ?? value]
    if (value >= before && value >= after) expect(Math.abs(top - y)).toBeLessThan(5)
    if (value <= before && value <= after) expect(Math.abs(bottom - y)).toBeLessThan(5)
    expect(top - 3).toBeLessThan(y)
    expect(bottom + 3).toBeGreaterThan(y)
  }
  await page.context().close()
})

it('reads all runs where the pointer is, the highest first, in all charts at once', async () => {
  const scales = [1, 3, 2]
  const runs = await Promise.all(
    scales.map((scale) =>
      makeRun(`scale ${scale}`, { 'train/loss': fall(scale), 'val/loss': fall(scale + 0.5) }),
    ),
  )
  const page = await stage.visit(`/e/${experiment}?runs=${runs}`)
  await plotOf(page, 'train/loss').waitFor()
  const box = await plotOf(page, 'train/loss').boundingBox()
  if (!box) throw new Error('There is no plot')
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.95)
  await expect
    .poll(() => page.locator('.tooltip .name').allTextContents())
    .toEqual(['scale 3', 'scale 2', 'scale 1'])
  const step = Number((await page.locator('.tooltip p').first().textContent())?.replace(/\D/g, ''))
  expect(Math.abs(step - 399 / 2)).toBeLessThan(4)
  const told = (await page.locator('.tooltip b').allTextContents()).map(Number)
  for (const [i, scale] of [3, 2, 1].entries()) {
    expect(Math.abs((told[i] ?? 0) - scale * Math.exp(-step / 100))).toBeLessThan(0.02 * scale)
  }
  await page.locator('figure[aria-label="val/loss"] .plot-line').waitFor()
  // The run that is pointed at stands out in the table, and the other way round.
  await page.mouse.move(box.x + box.width * 0.02, box.y + box.height * 0.05)
  await expect.poll(() => page.locator('.tooltip li.lifted .name').textContent()).toBe('scale 3')
  await page.mouse.move(10, 10)
  await expect.poll(() => page.locator('.tooltip').count()).toBe(0)
  const overlay = page.locator('figure[aria-label="train/loss"] .plot-overlay')
  await overlay.waitFor({ state: 'hidden' })
  await page.getByText('scale 2', { exact: true }).hover()
  await overlay.waitFor()
  await page.mouse.move(10, 10)
  await overlay.waitFor({ state: 'hidden' })
  await page.context().close()
})

it('zooms by dragging, pans, and goes back; the address says where', async () => {
  const run = await makeRun('zoomed', { loss: fall(1) })
  const page = await stage.visit(`/r/${run}`)
  await ready(page, 'loss')
  const plot = plotOf(page, 'loss')
  const box = await plot.boundingBox()
  if (!box) throw new Error('There is no plot')
  const range = () => {
    const { searchParams } = new URL(page.url())
    return ['from', 'to']
      .map((name) => searchParams.get(name))
      .map((text) => (text === null ? null : Number(text)))
  }
  const drag = async (from: number, to: number) => {
    const y = box.y + box.height / 2
    await page.mouse.move(box.x + box.width * from, y)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * to, y, { steps: 5 })
    await page.mouse.up()
  }
  await drag(0.25, 0.75)
  await expect.poll(range).toEqual([expect.closeTo(399 / 4, 0), expect.closeTo((399 * 3) / 4, 0)])
  await page.keyboard.down('Shift')
  await drag(0.5, 0.25)
  await page.keyboard.up('Shift')
  await expect.poll(range).toEqual([expect.closeTo((399 * 3) / 8, 0), expect.closeTo((399 * 7) / 8, 0)])
  await page.goBack()
  await expect.poll(range).toEqual([expect.closeTo(399 / 4, 0), expect.closeTo((399 * 3) / 4, 0)])
  await plot.dblclick()
  await expect.poll(range).toEqual([null, null])

  // The same by keyboard.
  await page.locator('.plot').focus()
  await page.keyboard.press('ArrowRight')
  await page.locator('.tooltip').waitFor()
  await page.keyboard.press('+')
  await expect.poll(() => (range()[1] ?? 0) - (range()[0] ?? 0)).toBeCloseTo(399 / 2, 0)
  const [before] = range()
  await page.keyboard.press('Shift+ArrowRight')
  await expect.poll(() => (range()[0] ?? 0) - (before ?? 0)).toBeCloseTo(399 / 20, 0)
  await page.keyboard.press('-')
  await expect.poll(() => (range()[1] ?? 0) - (range()[0] ?? 0)).toBeCloseTo(399, 0)
  await page.keyboard.press('0')
  await expect.poll(range).toEqual([null, null])
  await page.keyboard.press('Enter')
  await expect.poll(() => new URL(page.url()).searchParams.get('chart')).toBe('loss')
  await page.locator('figure.large canvas').first().waitFor()
  await page.keyboard.press('Escape')
  const title = page.getByRole('button', { name: 'loss', exact: true })
  await expect.poll(() => title.evaluate((it) => it === document.activeElement)).toBe(true)
  await title.click()
  await page.locator('figure.large canvas').first().waitFor()
  await page.getByRole('button', { name: 'All charts' }).click()
  await page.locator('figure:not(.large) canvas').first().waitFor()
  await page.context().close()
})

it('smooths by distance on the axis, and leaves what it smooths behind', async () => {
  const steps = [...upTo(200), ...upTo(50).map((i) => 200 + 8 * i)]
  const values = noise(steps.length, 3)
  const run = await makeRun('smoothed', { loss: { steps, values } })
  const page = await stage.visit(`/r/${run}?smooth=5`)
  await ready(page, 'loss')
  const halfLife = (steps.at(-1) ?? 0) * 0.05
  let mean = values[0] ?? 0
  const foreseen = values.map((value, i) => {
    if (i > 0) mean += (1 - 2 ** (-((steps[i] ?? 0) - (steps[i - 1] ?? 0)) / halfLife)) * (value - mean)
    return mean
  })
  const rows = await points(page, 'loss')
  expect(rows.map(({ value }) => Number(value))).toEqual(values)
  for (const [i, { smoothed }] of rows.entries()) expect(Number(smoothed)).toBeCloseTo(foreseen[i] ?? 0, 9)
  await page.context().close()
})

it('goes on smoothing behind what is not finite, and does not go on where nothing else comes', async () => {
  const values = upTo(300).map((i): Value => (i === 100 || i >= 200 ? 'NaN' : 2))
  const run = await makeRun('diverged', { loss: { steps: upTo(300), values } })
  const page = await stage.visit(`/r/${run}?smooth=5`)
  await ready(page, 'loss')
  const { columns, width } = await drawn(page, 'loss', await runColour(page))
  expect(columns[Math.round(width * 0.5)]).not.toBeNull()
  // But for the marks on the lower edge.
  const { height } = await drawn(page, 'loss', await runColour(page))
  expect(
    columns.slice(Math.round(width * 0.7)).every((column) => !column || column[0] > height / 2 + 9),
  ).toBe(true)
  const figure = page.locator('figure[aria-label="loss"]')
  await figure.hover()
  await figure.getByRole('button', { name: 'Table' }).click()
  expect(await figure.locator('tbody td').allTextContents()).toEqual(['NaN', '2', '2', '101'])
  await page.context().close()
})

it('lays out values and logarithms of any range', async () => {
  // Of the last one, the library's own ticks have no end.
  const ranges = [
    [1, 1e12],
    [2, 7],
    [0.3, 0.31],
    [1e-200, 1e200],
    [1e-20, 3e-20],
    [0.030107658769805163, 0.02, 0.010434431516359557],
  ]
  const metrics = ranges.map((values, i): [string, Logged] => [
    `of/${i}`,
    { steps: upTo(values.length), values },
  ])
  const run = await makeRun('logarithms', Object.fromEntries(metrics))
  const page = await stage.visit(`/r/${run}`)
  for (const [name] of metrics) await ready(page, name)
  await page.getByRole('button', { name: 'Log y' }).click()
  for (const [name] of metrics) await ready(page, name)
  await page.getByRole('button', { name: 'Log x' }).click()
  await expect.poll(() => new URL(page.url()).searchParams.get('log')).toBe('xy')
  await page.context().close()
})

it('lays out steps, moments and durations, and logarithms', async () => {
  const begin = Date.now() - 400_000
  const run = await makeRun('axes', {
    loss: { ...fall(1), timestamps: upTo(400).map((i) => new Date(begin + i * 1_000).toISOString()) },
  })
  const page = await stage.visit(`/r/${run}`)
  await ready(page, 'loss')
  await page.getByRole('combobox', { name: 'Horizontal axis' }).selectOption('Time')
  await expect.poll(async () => (await points(page, 'loss')).columns).toContain('time')
  const times = (await points(page, 'loss')).map(({ time }) => Date.parse(time ?? ''))
  expect(times).toEqual(upTo(400).map((i) => begin + i * 1_000))
  await page.getByRole('combobox', { name: 'Horizontal axis' }).selectOption('Relative time')
  await expect.poll(async () => (await points(page, 'loss')).columns).toContain('milliseconds')
  const rows = await points(page, 'loss')
  const [first, last] = [rows[0], rows.at(-1)].map((row) => Number(row?.milliseconds))
  expect((last ?? 0) - (first ?? 0)).toBe(399_000)
  await page.getByRole('combobox', { name: 'Horizontal axis' }).selectOption('Step')

  // What falls exponentially is a straight line on a logarithmic axis.
  await page.getByRole('button', { name: 'Log y' }).click()
  await expect
    .poll(async () => {
      const { columns, width } = await drawn(page, 'loss', await runColour(page))
      const middleOf = (x: number) => ((columns[x]?.[0] ?? 0) + (columns[x]?.[1] ?? 0)) / 2
      const [left, middle, right] = [0.1, 0.5, 0.9].map((part) => middleOf(Math.round(width * part)))
      return Math.abs((middle ?? 0) - ((left ?? 0) + (right ?? 99)) / 2)
    })
    .toBeLessThan(2)
  expect(new URL(page.url()).searchParams.get('log')).toBe('y')
  await page.getByRole('button', { name: 'Log x' }).click()
  await expect.poll(() => new URL(page.url()).searchParams.get('log')).toBe('xy')
  await page.context().close()
})

it('marks what has no place on an axis', async () => {
  const values: Value[] = upTo(300).map(() => 1)
  values[150] = 'NaN'
  values[75] = 'Infinity'
  values[225] = '-Infinity'
  const run = await makeRun('odd', { loss: { steps: upTo(300), values } })
  const page = await stage.visit(`/r/${run}`)
  await ready(page, 'loss')
  const { columns, width, height } = await drawn(page, 'loss', await runColour(page))
  const near = (part: number) =>
    columns.slice(Math.round(width * part) - 3, Math.round(width * part) + 4).filter((column) => column)
  expect(near(150 / 299).some((column) => (column?.[1] ?? 0) > height * 0.85)).toBe(true)
  expect(near(75 / 299).some((column) => (column?.[0] ?? height) < height * 0.15)).toBe(true)
  expect(near(225 / 299).some((column) => (column?.[1] ?? 0) > height * 0.85)).toBe(true)
  expect(near(0.4).every((column) => column && column[0] > height * 0.4 && column[1] < height * 0.6)).toBe(
    true,
  )
  const box = await plotOf(page, 'loss').boundingBox()
  if (!box) throw new Error('There is no plot')
  for (const [step, text] of [
    [150, 'NaN'],
    [75, '∞'],
    [225, '-∞'],
  ] as const) {
    await page.mouse.move(box.x + (box.width * step) / 299, box.y + 10)
    await expect.poll(() => page.locator('.tooltip b').textContent()).toBe(text)
  }
  const figure = page.locator('figure[aria-label="loss"]')
  await figure.getByRole('button', { name: 'Table' }).click()
  expect(await figure.locator('tbody td').last().textContent()).toBe('3')
  await page.context().close()
})

it('shows the ranks of a job, as a band or one by one, and which lags behind', async () => {
  const run = await createRun('job')
  for (const rank of upTo(4)) {
    const steps = upTo(rank === 2 ? 60 : 100)
    await log(run, { loss: { steps, values: steps.map((step) => 10 - step / 20 + rank) } }, rank)
  }
  const page = await stage.visit(`/r/${run}`)
  await ready(page, 'loss')
  const figure = page.locator('figure[aria-label="loss"]')
  await figure.hover()
  await figure.getByRole('button', { name: 'Table' }).click()
  expect(await figure.locator('tbody tr').count()).toBe(1)
  await page.getByRole('combobox', { name: 'Ranks' }).selectOption('All ranks')
  await expect.poll(() => figure.locator('tbody tr').count()).toBe(4)
  const lasts = await figure.locator('tbody td:nth-child(3)').allTextContents()
  expect(lasts.map(Number)).toEqual([5.05, 6.05, 9.05, 8.05])
  expect(await figure.locator('.plot').getAttribute('aria-label')).toContain('rank 2 lags behind')
  await page.getByRole('combobox', { name: 'Ranks' }).selectOption('Mean of ranks')
  await expect.poll(() => figure.locator('tbody tr').count()).toBe(1)
  await expect
    .poll(async () => Number((await points(page, 'loss'))[30]?.value))
    .toBeCloseTo(10 - 1.5 + 1.5, 9)
  const row = (await points(page, 'loss'))[30]
  expect([Number(row?.bucket_min), Number(row?.bucket_max)]).toEqual([8.5, 11.5])
  await page.context().close()
})

it('shows a job that went on from a checkpoint as one curve, or each of its attempts', async () => {
  const run = await createRun('resumed')
  const part = (attempt: number, from: number, to: number): Logged => {
    const steps = upTo(to).slice(from)
    return { steps, values: steps.map((step) => step + 1_000 * attempt) }
  }
  await log(run, { loss: part(0, 0, 90) })
  await log(run, { loss: part(1, 50, 70) }, 0, 1)
  const page = await stage.visit(`/r/${run}`)
  await ready(page, 'loss')
  const figure = page.locator('figure[aria-label="loss"]')
  await figure.hover()
  await figure.getByRole('button', { name: 'Table' }).click()
  const table = async () =>
    (await figure.locator('tbody tr').allTextContents()).map((text) => text.replaceAll(/\s+/g, ' ').trim())
  expect(await table()).toEqual([expect.stringMatching(/^resumed ?1,?069/)])
  expect((await points(page, 'loss')).map(({ value }) => Number(value))).toEqual([
    ...upTo(50),
    ...part(1, 50, 70).values,
  ])
  await page.getByRole('combobox', { name: 'Attempts' }).selectOption('All attempts')
  await expect.poll(async () => (await table()).length).toBe(2)
  expect(await table()).toEqual([
    expect.stringMatching(/^resumed · attempt 0 ?89/),
    expect.stringMatching(/^resumed · attempt 1 ?1,?069/),
  ])
  expect(new URL(page.url()).searchParams.get('attempts')).toBe('all')
  const rows = await points(page, 'loss')
  expect(rows.map(({ attempt, value }) => [Number(attempt), Number(value)])).toEqual([
    ...upTo(90).map((value) => [0, value]),
    ...part(1, 50, 70).values.map((value) => [1, value]),
  ])
  const box = await plotOf(page, 'loss').boundingBox()
  await page.mouse.move((box?.x ?? 0) + 0.65 * (box?.width ?? 0), (box?.y ?? 0) + 40)
  await expect
    .poll(() => page.locator('.tooltip .name').allTextContents())
    .toEqual(['resumed · attempt 1', 'resumed · attempt 0'])
  await page.reload()
  await plotOf(page, 'loss').waitFor()
  await page.getByRole('combobox', { name: 'Attempts' }).selectOption('Newest attempt')
  await ready(page, 'loss')
  expect(new URL(page.url()).searchParams.has('attempts')).toBe(false)
  await page.context().close()
})

it('takes from the screen what a new attempt will log again', async () => {
  const run = await makeRun('preempted', { loss: { steps: upTo(20_000), values: noise(20_000) } }, 'running')
  const page = await stage.visit(`/r/${run}?from=15000&to=15100`)
  await ready(page, 'loss')
  await expect.poll(async () => (await points(page, 'loss')).length).toBe(101)
  await log(run, { loss: { steps: [15_050], values: [7] } }, 0, 1)
  await expect.poll(async () => (await points(page, 'loss')).at(-1)?.value).toBe('7')
  expect(await points(page, 'loss')).toHaveLength(51)
  await log(run, { loss: { steps: [10_000], values: [8] } }, 0, 1)
  await expect.poll(async () => (await points(page, 'loss')).length).toBe(1)
  await log(run, { loss: { steps: [9_000], values: [8] } }, 0, 2)
  await expect.poll(async () => (await points(page, 'loss')).length).toBe(0)
  await page.context().close()
})

it('puts new points on the screen without asking again for what is there', async () => {
  const run = await makeRun('growing', { loss: fall(1) }, 'running')
  // The tracker looks fifteen seconds back for what is new.
  await sleep(16_000)
  const page = await stage.visit(`/r/${run}`)
  await ready(page, 'loss')
  const figure = page.locator('figure[aria-label="loss"]')
  await figure.hover()
  await figure.getByRole('button', { name: 'Table' }).click()
  const asked: URL[] = []
  const sizes: Promise<number>[] = []
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.pathname === '/charts') asked.push(url)
  })
  page.on('requestfinished', async (request) => {
    const { pathname, searchParams } = new URL(request.url())
    const response = await request.response()
    if (pathname === '/charts' && searchParams.has('since') && response?.status() === 200)
      sizes.push(response.body().then((body) => body.length))
  })
  for (const i of upTo(3)) {
    await log(run, { loss: { steps: [400 + i], values: [7 + i] } })
    asked.length = 0
    await expect.poll(() => figure.locator('tbody td').nth(2).textContent()).toBe(String(7 + i))
    // The page asks once a second: the first question after a point was stored brings it, if none has before.
    expect(asked.length).toBeLessThanOrEqual(2)
    expect(asked.every((url) => url.searchParams.has('since'))).toBe(true)
  }
  await expect.poll(() => sizes.length).toBeGreaterThanOrEqual(3)
  expect(Math.max(...(await Promise.all(sizes)))).toBeLessThan(6_000)

  // Nothing is asked while nobody looks.
  const hide = (state: string) =>
    page.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state })
      document.dispatchEvent(new Event('visibilitychange'))
    }, state)
  await hide('hidden')
  await page.getByText('paused', { exact: true }).waitFor()
  asked.length = 0
  await log(run, { loss: { steps: [403], values: [20] } })
  await page.waitForTimeout(2_500)
  expect(asked).toEqual([])
  await hide('visible')
  await expect.poll(() => figure.locator('tbody td').nth(2).textContent()).toBe('20')
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByText('paused', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByText('live', { exact: true }).waitFor()
  await stage.ask('PATCH', `/runs/${run}`, { status: 'completed' })
  await page.getByText('live', { exact: true }).waitFor({ state: 'detached' })
  await page.context().close()
})

it('lays out metrics by prefix, finds them, and shows a hundred runs at once', async () => {
  const names = ['loss', 'train/loss', 'train/acc', 'val/loss', 'system/cpu']
  const runs: string[] = []
  for (const i of upTo(100)) {
    runs.push(await makeRun(`one of many ${i}`, Object.fromEntries(names.map((name) => [name, fall(1 + i)]))))
  }
  const requests: string[] = []
  const page = await stage.visit(`/e/${experiment}?runs=${runs}&chart=train/loss`)
  page.on('request', (request) => requests.push(new URL(request.url()).pathname))
  const rows = page.locator('figure[aria-label="train/loss"] tbody tr')
  await expect.poll(() => rows.count()).toBe(100)
  const highest = (await rows.locator('td:nth-child(4)').allTextContents()).map(Number)
  expect(highest.toSorted((a, b) => a - b)).toEqual(upTo(100).map((i) => 1 + i))
  await page.getByRole('button', { name: 'All charts' }).click()
  await plotOf(page, 'loss').waitFor()
  const sections = await page.locator('.chart-section').evaluateAll((all) => all.map((one) => one.ariaLabel))
  expect(sections.filter((name) => ['Metrics', 'train', 'val', 'system'].includes(name ?? ''))).toEqual([
    'Metrics',
    'train',
    'val',
    'system',
  ])
  await page.getByRole('button', { name: /^train/, expanded: true }).click()
  await expect.poll(() => page.locator('figure[aria-label="train/acc"]').count()).toBe(0)
  expect(new URL(page.url()).searchParams.get('closed')).toBe('train')
  await page.keyboard.press('m')
  await page.keyboard.type('VAL loss')
  await expect.poll(() => page.locator('figure').count()).toBe(1)
  await page.reload()
  await plotOf(page, 'val/loss').waitFor()
  expect(await page.locator('figure').count()).toBe(1)
  await page.getByRole('searchbox', { name: 'Search charts' }).fill('nothing like it')
  await page.getByRole('button', { name: 'Show all' }).click()
  await plotOf(page, 'loss').waitFor()
  expect(requests.filter((path) => path === '/charts').length).toBeLessThan(15)
  await page.context().close()
})

it('saves a chart as pixels, as lines and as numbers, and fills the screen', async () => {
  const run = await makeRun('saved & <kept>', { 'train/loss': fall(1) })
  const page = await stage.visit(`/r/${run}`)
  await ready(page, 'train/loss')
  const png = await saved(page, 'train/loss', 'PNG')
  expect(png.name).toBe('train-loss.png')
  const [width, height] = [png.content.readUInt32BE(16), png.content.readUInt32BE(20)]
  expect(png.content.subarray(1, 4).toString()).toBe('PNG')
  expect(width).toBeGreaterThan(300)
  expect(height).toBeGreaterThan(200)
  const svg = (await saved(page, 'train/loss', 'SVG')).content.toString()
  const parsed = await page.evaluate((text) => {
    const root = new DOMParser().parseFromString(text, 'image/svg+xml')
    return {
      isWrong: root.querySelector('parsererror') !== null,
      text: root.documentElement.textContent,
      points: root.querySelector('path')?.getAttribute('d')?.split('L').length,
    }
  }, svg)
  expect(parsed).toMatchObject({ isWrong: false, points: 400 })
  expect(parsed.text).toContain('saved & <kept>')
  const rows = await points(page, 'train/loss')
  expect(rows.map(({ value }) => Number(value))).toEqual(fall(1).values)
  expect(rows[0]).toMatchObject({ run_id: run, run: 'saved & <kept>', metric: 'train/loss', step: '0' })

  await page.locator('figure').hover()
  await page.getByRole('button', { name: 'Full screen' }).click()
  await expect.poll(() => page.evaluate(() => document.fullscreenElement?.tagName)).toBe('FIGURE')
  await expect
    .poll(() => plotOf(page, 'train/loss').evaluate((plot) => plot.clientHeight))
    .toBeGreaterThan(500)
  await page.keyboard.press('Escape')
  await page.context().close()
})
