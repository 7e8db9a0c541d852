import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp } from '../system/support.ts'
import { faultsOf } from './axe.ts'
import { Stage } from './stage.ts'

let stage: Stage
/** What the address of a view has in the place of these words. */
const ids: Record<string, string> = {}

beforeAll(async () => {
  stage = await Stage.open()
  const experiment = await stage.ask<{ id: string }>('POST', '/experiments', { name: 'words', owner: 'ann' })
  const runs: string[] = []
  for (let i = 0; i < 3; i++) {
    const run = await stage.ask<{ id: string }>('POST', `/experiments/${experiment.id}/runs`, {
      name: `run ${i}`,
      params: { lr: 0.1 / (i + 1), optimizer: i % 2 ? 'adam' : 'sgd' },
      tags: { host: 'gpu-1', note: 'A **note**' },
    })
    runs.push(run.id)
    const steps = Array.from({ length: 200 }, (_, step) => step)
    const values = steps.map((step) => Math.exp(-step / (40 + 20 * i)))
    const series = ['train/loss', 'val/loss', 'system/cpu'].map((name) => ({ name, steps, values }))
    await stage.ask('POST', `/runs/${run.id}/metrics`, { series })
    if (i > 0) await stage.ask('PATCH', `/runs/${run.id}`, { status: i === 1 ? 'completed' : 'failed' })
  }
  const empty = await stage.ask<{ id: string }>('POST', '/experiments', { name: 'nothing', owner: 'bob' })
  Object.assign(ids, { experiment: experiment.id, run: runs[0], runs: runs.join(), empty: empty.id })
})
afterAll(async () => {
  await stage.close()
  await cleanUp()
})

/** Views by what they are, with what is in them once they show something. */
const VIEWS: [name: string, path: string, ready: string][] = [
  ['experiments', '/', 'table a'],
  ['first lines', '/start', 'pre'],
  ['runs', '/e/{experiment}?runs={runs}', 'a[href^="/r/"]'],
  ['charts of runs', '/e/{experiment}?runs={runs}&view=charts', 'canvas'],
  [
    'one chart of runs',
    '/e/{experiment}?runs={runs}&view=charts&chart=train/loss&smooth=2',
    '.data-table td',
  ],
  ['an experiment without runs', '/e/{empty}', 'pre'],
  ['compared runs', '/e/{experiment}/compare?runs={runs}', 'main table'],
  ['a run', '/r/{run}', 'canvas'],
  ['params and tags of a run', '/r/{run}?tab=params', 'main table'],
  ['an address that leads nowhere', '/e/{experiment}/nothing', 'main h2'],
]

const addressOf = (path: string) => path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? '')

const visit = async (path: string, ready: string, options: Parameters<Stage['visit']>[1]): Promise<Page> => {
  const page = await stage.visit(addressOf(path), options)
  await page.locator(ready).first().waitFor()
  await page.waitForLoadState('networkidle', { timeout: 3_000 }).catch(() => {})
  return page
}

describe.each(VIEWS)('%s', (_, path, ready) => {
  it.each(['light', 'dark'] as const)('has no barrier of weight in the %s', async (colorScheme) => {
    const page = await visit(path, ready, { colorScheme })
    expect(await faultsOf(page)).toEqual([])
    await page.context().close()
  })

  it.each([400, 3_840])('needs no more than %i pixels, and can be read there', async (width) => {
    const page = await visit(path, ready, { viewport: { width, height: 900 } })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    expect(await faultsOf(page)).toEqual([])
    await page.context().close()
  })

  it('loads less than 150 KB of scripts', async () => {
    const page = await visit(path, ready, {})
    const scripts = await page.evaluate(() =>
      performance.getEntriesByType('resource').flatMap(({ name }) => (name.endsWith('.js') ? [name] : [])),
    )
    const bodies = await Promise.all(scripts.map(async (url) => (await fetch(url)).arrayBuffer()))
    const loaded = bodies.reduce((sum, body) => sum + gzipSync(body).length, 0)
    expect(loaded).toBeGreaterThan(20_000)
    expect(loaded).toBeLessThan(150_000)
    await page.context().close()
  })

  it('is shown by its address alone, and after going away and back', async () => {
    const page = await visit(path, ready, {})
    const address = page.url()
    const text = () => page.locator('main').innerHTML()
    const before = (await text()).replaceAll(/\d+ (s|min) ago|just now/g, '')
    await page.getByRole('link', { name: 'Getting started' }).click()
    await page.getByRole('heading', { name: 'Getting started' }).waitFor()
    await page.goBack()
    await page.locator(ready).first().waitFor()
    expect(page.url()).toBe(address)
    await expect
      .poll(async () => (await text()).replaceAll(/\d+ (s|min) ago|just now/g, '').slice(0, 200))
      .toBe(before.slice(0, 200))
    await page.context().close()
  })
})
