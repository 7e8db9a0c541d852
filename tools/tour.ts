/**
 * `npm run tour`: makes the pictures of the tour in README, of the tracker at EDGERUN_URL, which should be an empty one:
 * of the digits example, which it trains for that, and of a sweep of larger runs, which is made up.
 */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { chromium, type Page } from 'playwright-core'
import { Tracker } from '../examples/tracker.ts'
import { PROJECT } from './local/options.ts'

const TARGET = path.join(PROJECT, 'docs/tour')
const STEPS = 20_000
const RANKS = 4
/** In milliseconds. */
const STEP_TAKES = 450
const PATIENCE = 30_000

const tracker = new Tracker()

const send = <T>(method: string, where: string, body?: unknown): Promise<T> =>
  tracker.request<T>(method, where, AbortSignal.timeout(PATIENCE), body)

/** Noise from -1 to 1 that is the same each time. */
function noiseOf(seed: number): () => number {
  let state = seed + 1
  return () => {
    state = Math.imul(state, 48_271) % 0x7fffffff
    return (state / 0x7fffffff) * 2
  }
}

interface Sort {
  lr: number
  layers: number
  optimizer: string
}

/** The curves of a made-up run: those with a high rate of learning fall faster, and some of them break. */
function curves({ lr, layers, optimizer }: Sort, seed: number) {
  const noise = noiseOf(seed)
  const speed = lr * (optimizer === 'adam' ? 1.5 : 0.8) * 3
  const floor = 0.9 / layers + 0.1 * Math.abs(noise())
  const breaks = lr > 0.5 && optimizer === 'adam' ? STEPS * 0.6 : Number.POSITIVE_INFINITY
  const steps = Array.from({ length: STEPS / 10 }, (_, i) => i * 10)
  const fall = (step: number) => floor + 2.3 * Math.exp((-step / STEPS) * 10 * speed)
  const loss = steps.map((step) => (step > breaks ? Number.NaN : fall(step) * (1 + 0.12 * noise())))
  const evaluated = steps.filter((step) => step % 400 === 0)
  return [
    { name: 'train/loss', steps, values: loss.map((value) => (Number.isNaN(value) ? 'NaN' : value)) },
    {
      name: 'train/accuracy',
      steps,
      values: steps.map((step) => Math.min(0.999, 1.02 - fall(step) / 2.6 + 0.02 * noise())),
    },
    {
      name: 'val/loss',
      steps: evaluated,
      values: evaluated.map((step) => fall(step) * 1.08 + 0.03 * noise()),
    },
    {
      name: 'val/accuracy',
      steps: evaluated,
      values: evaluated.map((step) => Math.min(0.998, 0.99 - fall(step) / 2.7 + 0.01 * noise())),
    },
    { name: 'lr', steps, values: steps.map((step) => (lr * (1 + Math.cos((Math.PI * step) / STEPS))) / 2) },
  ]
}

async function makeSweep(): Promise<string> {
  const { id } = await send<{ id: string }>('POST', '/experiments', {
    name: 'transformer sweep',
    owner: 'alice',
    description: 'Learning rate, depth and optimizer of a small language model.',
  })
  const now = Date.now()
  const sorts = [0.05, 0.1, 0.3, 0.6].flatMap((lr) =>
    [2, 4, 8].flatMap((layers) => ['adam', 'sgd'].map((optimizer) => ({ lr, layers, optimizer }))),
  )
  for (const [i, sort] of sorts.entries()) {
    const started = now - (sorts.length - i) * 3_600_000
    const run = await send<{ id: string }>('POST', `/experiments/${id}/runs`, {
      name: `${sort.optimizer}-${sort.layers}x-${sort.lr}`,
      seed: i,
      started_at: new Date(started).toISOString(),
      params: { ...sort, batch_size: 256, warmup: 500 },
      tags: {
        host: `gpu-0${i % 4}`,
        git_commit: 'a1c9f0e',
        ...(i === 3 && { note: '**Best so far.** Its loss falls to the end: worth a longer run.' }),
      },
    })
    const timed = curves(sort, i).map((series) => ({
      ...series,
      timestamps: series.steps.map((step) => started + step * STEP_TAKES),
    }))
    await send('POST', `/runs/${run.id}/metrics`, { series: timed })
    const steps = Array.from({ length: 200 }, (_, i) => i * 100)
    for (let rank = 0; rank < RANKS; rank++) {
      const noise = noiseOf(i * RANKS + rank)
      const values = steps.map(() => 88 - rank * 6 + 5 * noise())
      const timestamps = steps.map((step) => started + step * STEP_TAKES)
      await send('POST', `/runs/${run.id}/metrics`, {
        rank,
        series: [{ name: 'system/gpu utilisation', steps, values, timestamps }],
      })
    }
    if (i === sorts.length - 1) continue
    const status = sort.lr > 0.5 && sort.optimizer === 'adam' ? 'failed' : 'completed'
    const ended_at = new Date(started + STEPS * STEP_TAKES).toISOString()
    await send('PATCH', `/runs/${run.id}`, { status, ended_at })
  }
  return id
}

async function picture(page: Page, name: string, where: string, ready: string): Promise<void> {
  await page.goto(tracker.url + where)
  await page.locator(ready).first().waitFor()
  // Until what it draws is drawn.
  await page.waitForLoadState('networkidle').catch(() => {})
  await page.waitForTimeout(1_500)
  await page.screenshot({ path: path.join(TARGET, `${name}.png`) })
  console.log(`docs/tour/${name}.png`)
}

await promisify(execFile)(process.execPath, ['examples/train.ts'], {
  cwd: PROJECT,
  env: { ...process.env, EDGERUN_URL: tracker.url },
})
const sweep = await makeSweep()
const experiments = await send<{ id: string; name: string }[]>('GET', '/experiments')
const digits = experiments.find(({ name }) => name === 'handwritten digits')?.id
const [example] = await send<{ id: string }[]>('GET', `/experiments/${digits}/runs`)
const runs = await send<{ id: string }[]>('GET', `/experiments/${sweep}/runs?order_by=metrics.%60val/loss%60`)
const chosen = runs.slice(0, 8).map(({ id }) => id)

await mkdir(TARGET, { recursive: true })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
for (const colorScheme of ['light', 'dark'] as const) {
  const context = await browser.newContext({ colorScheme, viewport: { width: 1_440, height: 860 } })
  const page = await context.newPage()
  const name = (view: string) => (colorScheme === 'light' ? view : `${view}-dark`)
  await picture(page, name('experiments'), '/', 'table')
  await picture(page, name('runs'), `/e/${sweep}?runs=${chosen}&smooth=2`, 'canvas')
  await picture(page, name('compare'), `/e/${sweep}/compare?runs=${chosen}`, 'main')
  await picture(page, name('digits'), `/r/${example?.id}`, 'canvas')
  await context.close()
}
await browser.close()
