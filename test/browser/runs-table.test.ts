import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanUp } from '../system/support.ts'
import { faultsOf, overflowOf } from './axe.ts'
import { runColour } from './drawn.ts'
import { makeRuns } from './runs-made.ts'
import { Stage } from './stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await Stage.open()
})
afterAll(async () => {
  await stage.close()
  await cleanUp()
})

interface Sample {
  name: string
  loss: number
  lr: number
  model?: string
}

/** Runs `a` to `d`, the newest first. */
const SAMPLE: Sample[] = [
  { name: 'a', loss: 0.4, lr: 0.1, model: 'mlp' },
  { name: 'b', loss: 0.2, lr: 0.1, model: 'conv' },
  { name: 'c', loss: 0.9, lr: 0.01, model: 'mlp' },
  { name: 'd', loss: 0.7, lr: 0.01 },
]

/** An experiment with runs that have ended, and their ids by their names. */
async function makeExperiment(
  samples = SAMPLE,
): Promise<{ path: string; id: string; ids: Map<string, string> }> {
  const { id } = await stage.ask<{ id: string }>('POST', '/experiments', { name: 'digits', owner: 'ann' })
  const ids = new Map<string, string>()
  for (const [i, { name, loss, lr, model }] of samples.entries()) {
    const run = await stage.ask<{ id: string }>('POST', `/experiments/${id}/runs`, {
      name,
      started_at: new Date(Date.now() - i * 60_000).toISOString(),
      params: { lr, ...(model && { model }) },
    })
    const steps = [1, 2, 3]
    await stage.ask('POST', `/runs/${run.id}/metrics`, {
      series: [
        { name: 'loss', steps, values: [1, 0.1, loss] },
        { name: 'accuracy', steps, values: [0, 0.5, 1 - loss] },
      ],
    })
    await stage.ask('PATCH', `/runs/${run.id}`, { status: 'completed' })
    ids.set(name, run.id)
  }
  return { path: `/e/${id}`, id, ids }
}

const runs = (page: Page) => page.getByRole('region', { name: 'Runs' })
const names = (page: Page) => runs(page).locator('.line .name a')
const heads = (page: Page) => runs(page).getByRole('columnheader')
const head = (page: Page, name: string) => heads(page).getByRole('button', { name, exact: true })
const box = (page: Page) => page.getByRole('combobox', { name: 'Filter runs' })
const search = (page: Page, name: string) => new URL(page.url()).searchParams.get(name)

const shows = (page: Page, expected: string[]) =>
  expect.poll(() => names(page).allTextContents()).toEqual(expected)
const says = (page: Page, name: string, expected: string | null) =>
  expect.poll(() => search(page, name)).toBe(expected)

it('sorts by a head, by more of them with shift, and by what an address says', async () => {
  const { path } = await makeExperiment()
  const page = await stage.visit(path)
  await shows(page, ['a', 'b', 'c', 'd'])
  await head(page, 'loss').click()
  await shows(page, ['b', 'a', 'd', 'c'])
  expect(await heads(page).filter({ hasText: 'loss' }).getAttribute('aria-sort')).toBe('ascending')
  await head(page, 'loss').click()
  await shows(page, ['c', 'd', 'a', 'b'])
  await says(page, 'sort', 'metrics.loss desc')

  await head(page, 'lr').click()
  await head(page, 'loss').click({ modifiers: ['Shift'] })
  await shows(page, ['d', 'c', 'b', 'a'])
  await says(page, 'sort', 'params.lr,metrics.loss')
  await page.goBack()
  await page.goBack()
  await shows(page, ['c', 'd', 'a', 'b'])

  // What makes no sense in it is left out.
  const nonsense = '&runs=nobody&group=nothing&cols=name,status,nothing,metrics.%60&split=wide'
  const pasted = await stage.visit(`${path}?sort=min(metrics.accuracy),nothing,name desc${nonsense}`)
  await shows(pasted, ['d', 'c', 'b', 'a'])
  expect(await heads(pasted).allTextContents()).toEqual(['Name↓2', 'Status'])
  await pasted.getByText('Charts of the first 4 runs').waitFor()
})

it('filters, completes names, operators and values, and explains a fault under its place', async () => {
  const { path } = await makeExperiment()
  const page = await stage.visit(path)
  await shows(page, ['a', 'b', 'c', 'd'])
  await page.keyboard.press('/')
  await page.keyboard.type('metrics.lo')
  await page.getByRole('option', { name: 'loss' }).waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect.poll(() => box(page).inputValue()).toBe('metrics.loss ')
  await page.getByRole('option', { name: '<=' }).click()
  await page.keyboard.type('0.7 ')
  await shows(page, ['a', 'b', 'd'])
  await page.getByRole('option', { name: 'AND' }).waitFor()
  await page.keyboard.type('and params.model = ')
  await page.getByRole('option', { name: 'conv' }).click()
  await shows(page, ['b'])
  await says(page, 'filter', "metrics.loss <= 0.7 and params.model = 'conv' ")

  await box(page).fill('metrics.loss < 1 AND ( params.lr')
  const fault = page.getByRole('alert')
  await fault.getByText('Expected a comparison').waitFor()
  expect(await box(page).getAttribute('aria-invalid')).toBe('true')
  await box(page).fill('metrics.loss < 1 ~ AND params.lr = 1')
  await fault.getByText('This cannot be read').waitFor()
  // The mark is under the character.
  const mark = await fault.locator('b').boundingBox()
  const input = await box(page).boundingBox()
  const letter = await fault.locator('.until').evaluate((text) => text.getBoundingClientRect().width / 17)
  expect((mark?.x ?? 0) - (input?.x ?? 0)).toBeCloseTo(9 + 17 * letter, 0)
  // What it was before stays, and says that it is old.
  expect(await names(page).allTextContents()).toEqual(['b'])
  expect(await page.getByRole('grid').getAttribute('aria-busy')).toBe('true')

  // What only the tracker can know.
  await box(page).fill("weight = 'x'")
  await fault.getByText("Invalid attribute key 'weight'").waitFor()
  stage.forgive(/422/)

  await box(page).fill('b')
  await shows(page, ['b'])
  await box(page).fill('nothing')
  await page.getByText('No run is like that').waitFor()
  await page.getByRole('button', { name: 'Show all' }).click()
  await shows(page, ['a', 'b', 'c', 'd'])
})

it('has the columns that are chosen, in the order and of the width that is wanted, and keeps them in the address', async () => {
  const { path } = await makeExperiment()
  const page = await stage.visit(path)
  const labels = () => heads(page).locator('.label').allTextContents()
  const shown = (expected: string[]) => expect.poll(labels).toEqual(expected)
  await shown(['Name', 'Status', 'Started', 'Duration', 'lr', 'model', 'accuracy', 'loss'])
  await page.getByRole('button', { name: 'Columns' }).click()
  const panel = page.getByRole('region', { name: 'Columns' })
  await page.keyboard.type('los')
  await panel.getByRole('button', { name: 'last of accuracy' }).waitFor({ state: 'detached' })
  await panel.getByRole('button', { name: 'min of loss' }).click()
  await panel.getByRole('button', { name: 'last of loss' }).click()
  await panel.getByRole('tab', { name: 'Run' }).click()
  await panel.getByRole('searchbox').fill('')
  await panel.getByRole('checkbox', { name: 'seed' }).check()
  for (const id of ['started_at', 'duration', 'params.model']) {
    await panel.getByRole('button', { name: `Leave out ${id}` }).click()
  }
  await shown(['Name', 'Status', 'lr', 'accuracy', 'min loss', 'Seed'])
  await panel.getByRole('button', { name: 'min(metrics.loss): alt and arrows move it' }).focus()
  for (let i = 0; i < 2; i++) await page.keyboard.press('Alt+ArrowUp')
  await shown(['Name', 'Status', 'min loss', 'lr', 'accuracy', 'Seed'])
  await panel.getByRole('button', { name: 'Pin params.lr' }).click()
  await shown(['Name', 'lr', 'Status', 'min loss', 'accuracy', 'Seed'])
  await page.keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })
  const least = page.locator('[role=gridcell][aria-colindex="4"]')
  await expect.poll(() => least.allTextContents()).toEqual(['0.1', '0.1', '0.1', '0.1'])

  // By their heads: dragged, and by keys.
  await head(page, 'Seed').dragTo(head(page, 'Status'))
  await shown(['Name', 'lr', 'Seed', 'Status', 'min loss', 'accuracy'])
  await head(page, 'accuracy').focus()
  await page.keyboard.press('Alt+ArrowLeft')
  await page.keyboard.press('Shift+ArrowRight')
  await page.keyboard.press('p')
  await shown(['Name', 'lr', 'accuracy', 'Seed', 'Status', 'min loss'])
  expect((await heads(page).filter({ hasText: 'accuracy' }).boundingBox())?.width).toBe(136)
  await says(page, 'pin', 'params.lr,metrics.accuracy')
  await page.reload()
  await shown(['Name', 'lr', 'accuracy', 'Seed', 'Status', 'min loss'])

  await page.setViewportSize({ width: 700, height: 600 })
  await page.getByRole('grid').evaluate((grid) => grid.scrollTo({ left: 200 }))
  await expect.poll(async () => (await heads(page).filter({ hasText: 'lr' }).boundingBox())?.x).toBe(190)
})

it('groups runs with mean and spread, opens groups, and selects all that are in one', async () => {
  const { path, ids } = await makeExperiment()
  const page = await stage.visit(path)
  await shows(page, ['a', 'b', 'c', 'd'])
  await page.getByRole('button', { name: 'Group' }).click()
  await page.getByRole('region', { name: 'Group' }).getByRole('button', { name: 'lr' }).click()
  const row = (name: string) => page.getByRole('row').filter({ has: page.getByRole('button', { name }) })
  await says(page, 'group', 'params.lr')
  const spreads = (name: string) => row(name).locator('.spread').allTextContents()
  await expect.poll(() => spreads('0.1 2 runs')).toContain('0.3 ± 0.140.2 – 0.4')
  await expect.poll(() => spreads('0.01 2 runs')).toContain('0.8 ± 0.140.7 – 0.9')
  const about = await row('0.1 2 runs').locator('.spread').last().getAttribute('title')
  expect(about).toMatch(/standard deviation 0\.141.*min 0\.2\nmax 0\.4\nof 2 runs/s)

  await page.getByRole('button', { name: '0.01 2 runs' }).click()
  await shows(page, ['c', 'd'])
  await page.reload()
  await shows(page, ['c', 'd'])
  await page.getByRole('checkbox', { name: 'Select the runs of 0.1', exact: true }).click()
  await says(page, 'runs', `${ids.get('a')},${ids.get('b')}`)
  const box = page.getByRole('checkbox', { name: 'Select the runs of 0.1', exact: true })
  await expect.poll(() => box.isChecked()).toBe(true)
  // By what is out of sight, too.
  const groups = () => page.locator('.line.group .name').allTextContents()
  await page.goto(`${stage.tracker.url}${path}?group=params.lr&cols=name&sort=metrics.loss`)
  await expect.poll(groups).toEqual([expect.stringContaining('0.1'), expect.stringContaining('0.01')])
  await page.goto(`${stage.tracker.url}${path}?group=params.lr&cols=name&sort=metrics.loss desc`)
  await expect.poll(groups).toEqual([expect.stringContaining('0.01'), expect.stringContaining('0.1')])
  await box.click()
  await says(page, 'runs', `${ids.get('a')},${ids.get('b')}`)
  await box.click()
  await says(page, 'runs', null)

  await page.getByRole('button', { name: 'By lr' }).click()
  await page.getByRole('region', { name: 'By lr' }).getByRole('button', { name: 'model' }).click()
  await page.getByRole('button', { name: 'none 1 run' }).click()
  await shows(page, ['d'])
  await page.getByRole('button', { name: 'By model' }).click()
  await page.getByRole('button', { name: 'No groups' }).click()
  await shows(page, ['c', 'd', 'a', 'b'])
})

it('tags many runs at once with a way back, and deletes them when that is confirmed', async () => {
  const { path, id, ids } = await makeExperiment()
  const page = await stage.visit(`${path}?cols=name,tags.kept`)
  await page.getByRole('checkbox', { name: 'Select b' }).click()
  await page.getByRole('checkbox', { name: 'Select d' }).click({ modifiers: ['Shift'] })
  await page.getByText('3 selected').waitFor()
  await page.getByRole('button', { name: 'Tag…' }).click()
  await page.getByRole('textbox', { name: 'Tag', exact: true }).fill('kept')
  await page.getByRole('textbox', { name: 'Value' }).fill('yes')
  await page.keyboard.press('Enter')
  await page.getByText('Tagged 3 runs').waitFor()
  await expect.poll(() => runs(page).getByRole('gridcell', { name: 'yes' }).count()).toBe(3)
  const tagsOf = async (name: string) =>
    (await stage.ask<{ tags: Record<string, unknown> }>('GET', `/runs/${ids.get(name)}`)).tags
  expect(await tagsOf('c')).toEqual({ kept: 'yes' })
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect.poll(() => runs(page).getByRole('gridcell', { name: 'yes' }).count()).toBe(0)
  await expect.poll(() => tagsOf('c')).toEqual({})

  await page.getByRole('checkbox', { name: 'Select c' }).click()
  await page.getByText('2 selected').waitFor()
  // A box that has been clicked takes no text: keys mean what they mean.
  await page.keyboard.press('/')
  await page.keyboard.type('a')
  await shows(page, ['a'])
  await page.getByText('2 selected, 2 not in the table').waitFor()
  await page.getByRole('button', { name: 'Delete…' }).click()
  await page.getByText('b, d (2 not in the table as it is filtered)').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await box(page).fill('')
  await shows(page, ['a', 'b', 'c', 'd'])
  await page.getByRole('button', { name: 'Delete…' }).click()
  await page.getByRole('dialog', { name: 'Delete 2 runs?' }).getByRole('button', { name: 'Cancel' }).click()
  await shows(page, ['a', 'b', 'c', 'd'])
  await page.getByRole('button', { name: 'Delete…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('Deleted 2 runs').waitFor()
  await shows(page, ['a', 'c'])
  await says(page, 'runs', null)
  const left = await stage.ask<{ name: string }[]>('GET', `/experiments/${id}/runs`)
  expect(left.map(({ name }) => name)).toEqual(['a', 'c'])
})

it('is used with the keyboard alone, and its address has what is selected', async () => {
  const { path, ids } = await makeExperiment()
  const page = await stage.visit(path)
  await shows(page, ['a', 'b', 'c', 'd'])
  await page.getByText('Charts of the first 4 runs').waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('x')
  await says(page, 'runs', ids.get('b') ?? '')
  await page.getByText('Charts of 1 run selected').waitFor()
  await page.keyboard.press('End')
  await page.keyboard.press('k')
  await page.keyboard.press(' ')
  await says(page, 'runs', `${ids.get('b')},${ids.get('c')}`)
  const row = page.getByRole('row', { selected: true })
  expect(await row.locator('.name a').allTextContents()).toEqual(['b', 'c'])
  expect(await page.getByRole('grid').getAttribute('aria-activedescendant')).toBe(`run-${ids.get('c')}`)
  await page.goBack()
  await says(page, 'runs', ids.get('b') ?? '')
  await page.goForward()
  await expect.poll(() => row.count()).toBe(2)
  await page.keyboard.press('c')
  await page.waitForURL(`**/compare?runs=${ids.get('b')},${ids.get('c')}`)
  await page.goBack()
  await shows(page, ['a', 'b', 'c', 'd'])
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/r/${ids.get('a')}`)
})

it('shows how long a run has been silent of which signs of life are expected', async () => {
  const { path, id } = await makeExperiment([])
  await stage.ask('POST', `/experiments/${id}/runs`, { name: 'live', heartbeat_timeout: 600 })
  const page = await stage.visit(path)
  const status = page.getByRole('gridcell').filter({ hasText: 'running' })
  await expect.poll(() => status.textContent()).toMatch(/^running\d+m?s$/)
  expect(await status.locator('.state').getAttribute('title')).toContain('after 10m 0s without one')
})

it('says what to do where there is no run, shows the first one by itself, and later ones when asked to', async () => {
  const { path, id } = await makeExperiment([])
  const page = await stage.visit(path)
  await page.getByText('These lines log a first one here').waitFor()
  await stage.ask('POST', `/experiments/${id}/runs`, { name: 'first' })
  await shows(page, ['first'])

  // Later ones wait while somebody is at it.
  await page.keyboard.press('j')
  await stage.ask('POST', `/experiments/${id}/runs`, { name: 'second' })
  await page.getByRole('button', { name: '1 new run' }).waitFor()
  await shows(page, ['first'])
  await page.getByRole('button', { name: '1 new run' }).click()
  await shows(page, ['second', 'first'])

  // Told so, not cut off: what is on its way would fail.
  await page.evaluate(() => dispatchEvent(new Event('offline')))
  await page.getByText('Paused: the tracker does not answer').waitFor()
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await page.getByText('Paused: the tracker does not answer').waitFor({ state: 'detached' })
})

it('keeps the colours of runs, whichever of them are shown, down to their own pages', async () => {
  const many = Array.from({ length: 8 }, (_, i) => ({ name: `run ${i}`, loss: i, lr: 0.1 }))
  const { path } = await makeExperiment(many)
  const page = await stage.visit(path)
  const colourOf = (name: string) =>
    page
      .getByRole('button', { name: `Show ${name} in the charts` })
      .locator('i')
      .evaluate((it) => getComputedStyle(it).color)
  const colours = new Map<string, string>()
  for (const { name } of many) colours.set(name, await colourOf(name))
  expect(new Set(colours.values()).size).toBe(8)
  for (const { name } of many) {
    await page.getByRole('checkbox', { name: `Select ${name}` }).click()
    await page.getByText('Charts of 1 run selected').waitFor()
    expect([name, await colourOf(name)]).toEqual([name, colours.get(name)])
    await page.getByRole('checkbox', { name: `Select ${name}` }).click()
  }
  await names(page).nth(6).click()
  await page.getByRole('heading', { level: 1 }).waitFor()
  expect(await runColour(page)).toBe(colours.get('run 6'))
})

it('is where it was on the way back from a run', async () => {
  const { path, id } = await makeExperiment([])
  await makeRuns(stage.tracker, { experiment: id, runs: 100, metrics: 8 })
  const page = await stage.visit(path)
  await names(page).first().waitFor()
  await page.getByRole('grid').evaluate((grid) => grid.scrollTo({ top: 900 }))
  const charts = page.getByRole('region', { name: 'Charts' })
  await charts.locator('figure').nth(7).waitFor()
  await charts.evaluate((it) => it.scrollTo({ top: 700 }))
  await expect.poll(() => names(page).first().textContent()).not.toBe('run 100')
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => resolve(undefined))))
  await names(page).nth(12).click()
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.goBack()
  await page.getByRole('grid').waitFor()
  await expect.poll(() => page.getByRole('grid').evaluate((it) => it.scrollTop)).toBe(900)
  await expect.poll(() => charts.evaluate((it) => it.scrollTop)).toBe(700)
})

it('says where a view cannot be loaded, as after a deploy', async () => {
  const { path } = await makeExperiment()
  const page = await stage.visit(path)
  await shows(page, ['a', 'b', 'c', 'd'])
  await page.route(/\/run-[^/]*\.(js|css)$/, (route) => route.fulfill({ status: 404 }))
  await names(page).first().click()
  await page.getByText('This view could not be loaded').waitFor()
  stage.forgive(/404/)
  await page.unroute(/\/run-[^/]*\.(js|css)$/)
  await page.getByRole('button', { name: 'Load the page again' }).click()
  await page.getByRole('heading', { level: 1, name: 'a' }).waitFor()
})

/** Counts what the table is made of. */
const sizeOf = (page: Page) =>
  page.getByRole('grid').evaluate((grid) => ({
    rows: grid.querySelectorAll('[role=row]').length,
    cells: grid.querySelectorAll('[role=gridcell], [role=columnheader]').length,
  }))

it('draws of 5,000 runs with 200 metrics what is in sight, down to the last run', async () => {
  const { path, id } = await makeExperiment([])
  await makeRuns(stage.tracker, { experiment: id, runs: 5_000, metrics: 200 })
  const metrics = Array.from({ length: 200 }, (_, i) => `metrics.m/${String(i + 1).padStart(4, '0')}`)
  const page = await stage.visit(`${path}?cols=${['name', ...metrics].join(',')}`)
  await expect.poll(() => names(page).first().textContent()).toBe('run 5000')
  const bounded = async () => {
    const { rows, cells } = await sizeOf(page)
    expect(rows).toBeGreaterThan(20)
    expect(rows).toBeLessThan(60)
    expect(cells).toBeLessThan(60 * 16)
  }
  await bounded()
  const grid = page.getByRole('grid')
  expect(await grid.getAttribute('aria-colcount')).toBe('201')
  // To the right end, where values have yet to come.
  await grid.evaluate((element) => element.scrollTo({ left: element.scrollWidth }))
  await head(page, 'm/0200').waitFor()
  const value = ((5_000 * 31 + 200 * 17) % 1_000) / 1_000 + 0.001
  const first = page.getByRole('row').nth(1).getByRole('gridcell').last()
  await expect.poll(() => first.textContent()).toBe(String(Number(value.toPrecision(4))))
  await bounded()
  await grid.press('End')
  await expect.poll(() => names(page).last().textContent(), { timeout: 30_000 }).toBe('run 1')
  await bounded()
  expect(await grid.getAttribute('aria-rowcount')).toBe('5001')
  const last = ((1 * 31 + 200 * 17) % 1_000) / 1_000 + 0.001
  await expect
    .poll(() => page.getByRole('row').last().getByRole('gridcell').last().textContent())
    .toBe(String(Number(last.toPrecision(4))))
})

it('finds a column among 12,000 names, and shows thousands of them', async () => {
  const { path, id } = await makeExperiment([])
  await makeRuns(stage.tracker, { experiment: id, runs: 3, metrics: 0, names: 12_000 })
  const page = await stage.visit(path)
  await shows(page, ['run 3', 'run 2', 'run 1'])
  await page.getByRole('button', { name: 'Columns' }).click()
  const list = page.getByRole('region', { name: 'Columns' }).locator('.names').first()
  await list.getByText('name/00001').waitFor()
  expect(await list.getByRole('listitem').count()).toBeLessThan(40)
  await page.getByRole('searchbox', { name: 'Search columns' }).fill('11987')
  await list.getByRole('button', { name: 'last of name/11987' }).click()
  await head(page, 'name/11987').waitFor()
  await page.getByRole('searchbox', { name: 'Search columns' }).fill('')
  await expect
    .poll(
      async () => {
        await list.evaluate((element) => element.scrollTo({ top: element.scrollHeight }))
        return list.getByText('name/12000').count()
      },
      { timeout: 20_000, interval: 50 },
    )
    .toBe(1)
  expect(await list.getByRole('listitem').count()).toBeLessThan(40)
})

for (const colorScheme of ['light', 'dark'] as const) {
  it(`has no serious fault that axe can find, ${colorScheme}, wide and narrow`, async () => {
    const { path } = await makeExperiment()
    const page = await stage.visit(path, { colorScheme })
    await shows(page, ['a', 'b', 'c', 'd'])
    await page.getByRole('checkbox', { name: 'Select b' }).click()
    expect(await faultsOf(page)).toEqual([])
    await page.getByRole('button', { name: 'Columns' }).click()
    await page.getByRole('region', { name: 'Columns' }).getByRole('button', { name: 'min of loss' }).waitFor()
    expect(await faultsOf(page)).toEqual([])
    await page.keyboard.press('Escape')
    await box(page).fill('metrics. <')
    await page.getByRole('alert').waitFor()
    expect(await faultsOf(page)).toEqual([])
    await page.goto(`${stage.tracker.url}${path}?group=params.lr`)
    await page.getByText('2 runs').first().waitFor()
    expect(await faultsOf(page)).toEqual([])
    await page.setViewportSize({ width: 400, height: 800 })
    expect(await faultsOf(page)).toEqual([])
    expect(await overflowOf(page)).toBe(0)
  })
}
