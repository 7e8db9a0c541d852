/**
 * The page in a browser: how long one that has seen nothing yet takes to show the first curve, against MLflow's page; and
 * how long a frame takes while 20 curves of 1,000 buckets are panned, against the chart library drawing the same lines.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { PROJECT } from '../../local/options.ts'
import type { Bench, Row } from '../bench.ts'
import type { Edgerun } from '../edgerun.ts'
import { compare, inTurn } from '../load.ts'
import { batches, columnsBody, metricNames } from '../points.ts'

const METRIC = 'loss'
/** Of each of the runs that are panned: with buckets of 128 steps they are 1,000. */
const STEPS = 128_000
const PER_CALL = 16_000
const VIEWPORT = { width: 1_900, height: 1_000 }

export const page: Row = {
  name: 'page',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      // Frames follow each other as fast as they are made.
      args: ['--no-sandbox', '--disable-gpu', '--disable-frame-rate-limit', '--disable-gpu-vsync'],
    })
    bench.stack.defer(() => browser.close())
    const runs = await edgerun.createRuns(20)
    await fill(edgerun, runs)
    const [first = ''] = runs
    const [theirs = ''] = await mlflow.createRuns(1)
    await mlflow.fill([theirs], METRIC, STEPS)

    const own = `${edgerun.http.url}/r/${first}`
    await compare(bench, {
      name: 'page of a run, first curve in a new browser',
      figures: ['p50'],
      rounds: bench.pick(1, 3),
      contestants: {
        edgerun: () =>
          inTurn(bench, bench.pick(2, 5), () => firstCurve(browser, own, '.plot canvas:not([hidden])')),
        mlflow: () =>
          inTurn(bench, bench.pick(1, 2), () =>
            firstCurve(browser, mlflow.pageOf(theirs), '.js-plotly-plot .scatterlayer path'),
          ),
      },
    })
    await panning(bench, browser, edgerun, runs)
  },
}

async function fill(edgerun: Edgerun, runs: string[]): Promise<void> {
  const calls = batches(STEPS / PER_CALL, metricNames(runs.length), PER_CALL)
  await Promise.all(
    runs.map(async (run, r) => {
      for (const batch of calls) {
        const values = batch.values.slice(r, r + 1)
        await edgerun.log(run, columnsBody({ ...batch, names: [METRIC], values }), PER_CALL)
      }
      await edgerun.http.json('PATCH', `/runs/${run}`, { status: 'completed' })
    }),
  )
  await edgerun.sealed(runs)
}

/** Opens an address and waits for what stands for a curve. */
async function firstCurve(browser: Browser, url: string, curve: string): Promise<void> {
  const context = await browser.newContext({ viewport: VIEWPORT })
  const page = await context.newPage()
  await page.goto(url, { waitUntil: 'commit' })
  await page.locator(curve).first().waitFor({ state: 'attached', timeout: 60_000 })
  await context.close()
}

async function panning(bench: Bench, browser: Browser, edgerun: Edgerun, runs: string[]): Promise<void> {
  const experiment = (await edgerun.http.json<{ experiment_id: string }>('GET', `/runs/${runs[0]}`))
    .experiment_id
  const ours = await browser.newPage({ viewport: VIEWPORT })
  await ours.goto(`${edgerun.http.url}/e/${experiment}?runs=${runs}&chart=${METRIC}&split=25`)
  await ours
    .locator('.data-table tbody tr')
    .nth(runs.length - 1)
    .waitFor()
  const drawn = await ours.locator('.plot canvas').first().boundingBox()
  const plot = await ours.locator('.plot .u-over').boundingBox()
  if (!drawn || !plot) throw new Error('There is no plot to pan')
  // A pan begins as a person begins it; then it moves with each frame.
  await ours.keyboard.down('Shift')
  await ours.mouse.move(plot.x + plot.width / 2, plot.y + plot.height / 2)
  await ours.mouse.down()

  const lines = await edgerun.lines(runs, METRIC)
  const theirs = await browser.newPage({ viewport: VIEWPORT })
  await theirs.setContent('<!doctype html><body></body>')
  const library = path.join(PROJECT, 'node_modules/uplot/dist/uPlot.iife.min.js')
  await theirs.addScriptTag({ content: await readFile(library, 'utf8') })
  await theirs.evaluate(drawWithUplot, { lines, width: drawn.width, height: drawn.height })

  const measure = async (page: Page, move: string) => {
    await page.bringToFront()
    return page.evaluate(frameTimes, { move, frames: bench.pick(60, 200) })
  }
  const figures: Record<'edgerun' | 'uplot', number[]> = { edgerun: [], uplot: [] }
  for (let round = 0; round < bench.pick(1, 3); round++) {
    figures.edgerun.push(median(await measure(ours, 'pointer')))
    figures.uplot.push(median(await measure(theirs, 'scale')))
  }
  bench.report({
    name: 'frame while panning 20 curves of 1,000 buckets',
    unit: 'ms',
    better: 'less',
    figures: { edgerun: median(figures.edgerun), uplot: median(figures.uplot) },
    samples: figures,
  })
  await Promise.all([ours.close(), theirs.close()])
}

const median = (values: number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** In the browser: milliseconds from one frame to the next, each of which moves the curves. */
function frameTimes({ move, frames }: { move: string; frames: number }): Promise<number[]> {
  const over = document.querySelector('.u-over')
  if (!over) throw new Error('There is no plot')
  const { left, width, top, height } = over.getBoundingClientRect()
  const step = (i: number) => {
    const part = 0.2 * Math.sin(i / 20)
    if (move === 'scale') Reflect.get(window, 'pan')(part)
    else {
      const place = { clientX: left + width * (0.5 + part), clientY: top + height / 2 }
      over.dispatchEvent(new PointerEvent('pointermove', { ...place, pointerId: 1, shiftKey: true }))
    }
  }
  return new Promise((resolve) => {
    const times: number[] = []
    let before: number | undefined
    const frame = (now: number) => {
      if (before !== undefined) times.push(now - before)
      before = now
      if (times.length === frames) return resolve(times)
      step(times.length)
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })
}

interface Lines {
  lines: { x: number[]; y: number[] }[]
  width: number
  height: number
}

/** In the browser: the same lines, stroked by the chart library itself. */
function drawWithUplot({ lines, width, height }: Lines): void {
  const Plot = Reflect.get(window, 'uPlot')
  const tables = lines.map(({ x, y }) => [x, y])
  const data = Plot.join(tables)
  const [from, to] = [data[0][0], data[0].at(-1)]
  const series = lines.map((_, i) => ({
    stroke: `hsl(${i * 18} 60% 45%)`,
    width: 1.5,
    spanGaps: true,
    points: { show: false },
  }))
  const plot = new Plot(
    {
      width,
      height,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false } },
      series: [{}, ...series],
    },
    data,
    document.body,
  )
  const pan = (part: number) =>
    plot.setScale('x', { min: from - part * (to - from), max: to - part * (to - from) })
  Object.assign(window, { pan })
}
