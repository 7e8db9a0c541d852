import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp } from '../system/support.ts'
import { faultsOf, overflowOf } from './axe.ts'
import { makeRuns } from './runs-made.ts'
import { Stage } from './stage.ts'

interface Made {
  name: string
  params: Record<string, string | number>
  /** Its losses at steps 1, 2 and so on. */
  loss: (number | 'NaN')[]
  accuracy?: number
  host: string
}

/** One that lacks a param, one whose loss broke, and one whose learning rate was logged as text. */
const MADE: Made[] = [
  {
    name: 'ann',
    params: { lr: 0.001, depth: 2, optimizer: 'sgd' },
    loss: [4, 2, 3],
    accuracy: 0.5,
    host: 'a',
  },
  {
    name: 'bob',
    params: { lr: '0.01', depth: 4, optimizer: 'adam' },
    loss: [5, 1],
    accuracy: 0.75,
    host: 'a',
  },
  { name: 'cyd', params: { lr: 0.1, depth: 8, optimizer: 'sgd' }, loss: [2.5, 'NaN'], host: 'a' },
  { name: 'dan', params: { lr: 1, depth: 16, optimizer: 'adam' }, loss: [6], host: 'b' },
  { name: 'eve', params: { depth: 2, optimizer: 'adam' }, loss: [2.25], accuracy: 0.25, host: 'a' },
]
const names = MADE.map(({ name }) => name)
const GONE = '01890000-0000-7000-8000-000000000000'

let stage: Stage
let experiment: string
let ids: string[]
beforeAll(async () => {
  stage = await Stage.open()
  ;({ id: experiment } = await stage.ask<{ id: string }>('POST', '/experiments', {
    name: 'sweep',
    owner: 'ann',
  }))
  ids = []
  for (const { name, params, loss, accuracy, host } of MADE) {
    const { id } = await stage.ask<{ id: string }>('POST', `/experiments/${experiment}/runs`, {
      name,
      params: { ...params, batch: 64 },
      tags: { host },
    })
    const metrics = loss.map((value, i) => ({ name: 'val/loss', step: i + 1, value }))
    if (accuracy !== undefined) metrics.push({ name: 'train/accuracy', step: 1, value: accuracy })
    await stage.ask('POST', `/runs/${id}/metrics`, { metrics })
    await stage.ask('PATCH', `/runs/${id}`, { status: 'completed' })
    ids.push(id)
  }
})
afterAll(async () => {
  await stage.close()
  await cleanUp()
})

const pathOf = (more = '', runs: readonly string[] = ids) =>
  `/e/${experiment}/compare?runs=${runs.join(',')}${more}`
const visit = (more?: string, runs?: readonly string[]) => stage.visit(pathOf(more, runs))
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
/** What the address says beside the runs. */
const stateOf = (page: Page) => {
  const search = new URL(page.url()).searchParams
  search.delete('runs')
  return Object.fromEntries(search)
}
const runsOf = (page: Page) => new URL(page.url()).searchParams.get('runs')?.split(',') ?? []
const leave = (page: Page) => page.context().close()

describe('side by side', () => {
  /** A row by its name: whether it is marked, and its cells. */
  const rowOf = async (page: Page, name: string) => {
    const row = page.locator('.side-by-side tbody tr').filter({ has: page.getByTitle(name, { exact: true }) })
    const title = await row.getByRole('rowheader').textContent()
    const values = (await row.locator('td').allTextContents()).slice(1, -1)
    return { isMarked: title?.includes('differs') ?? false, values }
  }
  const heads = (page: Page) => page.getByRole('columnheader').getByRole('link').allTextContents()
  /** Where all metrics are there. */
  const settle = (page: Page) => page.getByTitle('val/loss', { exact: true }).waitFor()

  it('stand params, metrics and tags of runs, and what differs is marked', async () => {
    const page = await visit()
    await settle(page)
    await page.getByRole('heading', { level: 1, name: 'Compare 5 runs' }).waitFor()
    expect(await heads(page)).toEqual(names)
    expect(await rowOf(page, 'lr')).toEqual({ isMarked: true, values: ['0.001', '0.01', '0.1', '1', '–'] })
    expect(await rowOf(page, 'batch')).toEqual({ isMarked: false, values: Array(5).fill('64') })
    expect(await rowOf(page, 'host')).toEqual({ isMarked: true, values: ['a', 'a', 'a', 'b', 'a'] })
    expect(await rowOf(page, 'val/loss')).toEqual({ isMarked: true, values: ['3', '1', 'NaN', '6', '2.25'] })
    expect(await rowOf(page, 'train/accuracy')).toEqual({
      isMarked: true,
      values: ['0.5', '0.75', '–', '–', '0.25'],
    })
    expect(await page.locator('.side-by-side td.other').allTextContents()).toEqual(
      expect.arrayContaining(['adam', 'b', '16']),
    )
    await leave(page)
  })

  it('stand the lowest and highest values, differences alone, and what is searched for, as the address says', async () => {
    const page = await visit()
    await settle(page)
    await page.getByRole('combobox', { name: 'A metric is its' }).selectOption('lowest value')
    await expect.poll(() => rowOf(page, 'val/loss')).toMatchObject({ values: ['2', '1', '2.5', '6', '2.25'] })
    await page.getByRole('combobox', { name: 'A metric is its' }).selectOption('highest value')
    await expect.poll(() => rowOf(page, 'val/loss')).toMatchObject({ values: ['4', '5', '2.5', '6', '2.25'] })
    await page.getByRole('checkbox', { name: 'Differences only' }).check()
    await page.getByTitle('batch', { exact: true }).waitFor({ state: 'detached' })
    await page.locator('body').click()
    await page.keyboard.press('/')
    await page.keyboard.type('ADAM')
    await page.getByTitle('depth', { exact: true }).waitFor({ state: 'detached' })
    await page.getByTitle('optimizer', { exact: true }).waitFor()
    expect(stateOf(page)).toEqual({ of: 'max', differences: '1', q: 'ADAM' })
    await page.reload()
    await page.getByTitle('optimizer', { exact: true }).waitFor()
    await page.getByRole('searchbox').fill('none of that')
    await button(page, 'Show all').click()
    await page.getByTitle('batch', { exact: true }).waitFor()
    await page.goBack()
    await page.getByText('Nothing is like that').waitFor()
    await leave(page)
  })

  it('leaves runs out, says which are missing, and what to do about it', async () => {
    const page = await visit('', [...ids, GONE, 'nonsense', "it's"])
    await page.getByText('3 of the runs are not in this experiment, or deleted.').waitFor()
    await button(page, 'Leave out').click()
    await page.getByRole('heading', { level: 1, name: 'Compare 5 runs' }).waitFor()
    await button(page, 'Leave out bob').click()
    await page.getByRole('heading', { level: 1, name: 'Compare 4 runs' }).waitFor()
    expect(runsOf(page)).toEqual(ids.filter((_, i) => i !== 1))
    await page.goBack()
    await page.getByRole('link', { name: 'bob' }).waitFor()

    await page.goto(stage.tracker.url + pathOf('', [GONE]))
    await page.getByText('1 of the runs is not in this experiment, or deleted.').waitFor()
    await page.goto(`${stage.tracker.url}/e/${experiment}/compare`)
    await button(page, 'Compare the newest 5').click()
    await page.getByRole('heading', { level: 1, name: 'Compare 5 runs' }).waitFor()
    expect(runsOf(page).sort()).toEqual(ids.toSorted())
    await page.goto(`${stage.tracker.url}/e/${GONE}/compare?runs=${ids[0]}`)
    await page.getByText('There is no such experiment').waitFor()
    stage.forgive(/404/)
    await leave(page)
  })

  it('stands one run alone, which has no differences', async () => {
    const page = await visit('', ids.slice(0, 1))
    await settle(page)
    expect(await rowOf(page, 'lr')).toEqual({ isMarked: false, values: ['0.001'] })
    await page.getByRole('checkbox', { name: 'Differences only' }).check()
    await page.getByText('These runs have no differences').waitFor()
    for (const [way, drawing] of [
      ['Scatter', 'val/loss against'],
      ['Parallel', '1 of 1 runs over'],
    ] as const) {
      await page.getByRole('tab', { name: way }).click()
      await page.getByRole('figure', { name: drawing }).waitFor()
    }
    await leave(page)
  })
})

interface Tick {
  at: number
  label: string
}

/** Where a value is between two ticks of its axis. */
function placeOf(ticks: readonly Tick[], value: number, { isLog = false } = {}): number {
  const measure = isLog ? Math.log10 : Number
  const known = ticks.map(({ at, label }) => ({ at, value: measure(Number(label)) }))
  const [first, last] = [known[0], known.at(-1)]
  if (!first || !last || first.value === last.value) throw new Error('An axis has too few ticks')
  return first.at + ((measure(value) - first.value) / (last.value - first.value)) * (last.at - first.at)
}

describe('a scatter', () => {
  /** The ticks of both axes, marks beyond them, and where the points are. */
  const drawingOf = (page: Page) =>
    page.locator('.drawing svg').evaluate((svg) => {
      const ticks: { x: { at: number; label: string }[]; y: { at: number; label: string }[] } = {
        x: [],
        y: [],
      }
      for (const tick of svg.querySelectorAll('.grid > g')) {
        const of = (name: string) => Number(tick.querySelector('line')?.getAttribute(name))
        const label = tick.querySelector('text')?.textContent ?? ''
        if (of('x1') === of('x2')) ticks.x.push({ at: of('x1'), label })
        else ticks.y.push({ at: of('y1'), label })
      }
      const points = [...svg.querySelectorAll('a.point')].map((point) => {
        const [x = Number.NaN, y = Number.NaN] =
          point
            .querySelector('path')
            ?.getAttribute('transform')
            ?.match(/-?[\d.]+/g)
            ?.map(Number) ?? []
        return { name: point.getAttribute('aria-label')?.split(':')[0] ?? '', x, y }
      })
      return {
        ...ticks,
        points,
        offs: [...svg.querySelectorAll('text.off')].map(({ textContent }) => textContent),
      }
    })
  const runOf = (name: string): Made => {
    const made = MADE.find((made) => made.name === name)
    if (!made) throw new Error(`No run is called ${name}`)
    return made
  }

  it('has each run where its values are, on lines and on logarithms', async () => {
    const page = await visit('&view=scatter&x=params.lr&y=metrics.val/loss&of=max')
    for (const isLog of [false, true]) {
      await page.getByRole('figure', { name: 'val/loss against lr, 4 runs' }).waitFor()
      await page.getByText('1 of 5 runs lack one of the two').waitFor()
      const { x, y, points, offs } = await drawingOf(page)
      expect(points.map(({ name }) => name)).toEqual(['ann', 'bob', 'cyd', 'dan'])
      expect(offs).toEqual([])
      for (const point of points) {
        const { params, loss } = runOf(point.name)
        const highest = Math.max(...loss.map(Number).filter(Number.isFinite))
        expect(point.x).toBeCloseTo(placeOf(x, Number(params.lr), { isLog }), 3)
        expect(point.y).toBeCloseTo(placeOf(y, highest), 3)
      }
      if (!isLog) await page.getByRole('checkbox', { name: 'Logarithmic x' }).check()
    }
    expect(stateOf(page)).toMatchObject({ xlog: '1' })
    await leave(page)
  })

  it('marks what has no number, and has words in their order', async () => {
    const page = await visit('&view=scatter&x=params.optimizer&y=metrics.val/loss')
    await page.getByRole('figure', { name: 'val/loss against optimizer, 5 runs' }).waitFor()
    const { x, y, points, offs } = await drawingOf(page)
    expect(x.map(({ label }) => label)).toEqual(['adam', 'sgd'])
    expect(offs).toEqual(['NaN'])
    for (const { name, x: at } of points) {
      expect(at).toBe(x.find(({ label }) => label === runOf(name).params.optimizer)?.at)
    }
    const broken = points.find(({ name }) => name === 'cyd')
    expect(broken?.y).toBeGreaterThan(Math.max(...y.map(({ at }) => at)))
    await leave(page)
  })

  it('is chosen and swapped in the address, leads to its runs, and has the numbers behind it', async () => {
    const page = await visit('&view=scatter')
    await page.getByRole('combobox', { name: 'Up' }).selectOption({ label: 'train/accuracy' })
    await page.getByRole('combobox', { name: 'Across' }).selectOption({ label: 'depth' })
    await page.getByRole('figure', { name: 'train/accuracy against depth, 3 runs' }).waitFor()
    await button(page, 'Swap').click()
    await page.getByRole('figure', { name: 'depth against train/accuracy, 3 runs' }).waitFor()
    expect(stateOf(page)).toEqual({ view: 'scatter', x: 'metrics.train/accuracy', y: 'params.depth' })
    await page.getByText('The numbers').click()
    const rows = page.locator('.behind tbody tr')
    const numbers = () => rows.locator('td').allTextContents()
    expect(await numbers()).toEqual(['ann', '2', '0.5', 'bob', '4', '0.75', 'eve', '2', '0.25'])
    await page.getByRole('button', { name: 'train/accuracy', exact: true }).click()
    expect(await numbers()).toEqual(['eve', '2', '0.25', 'ann', '2', '0.5', 'bob', '4', '0.75'])
    const point = page.getByRole('link', { name: 'bob: 4 at 0.75' })
    await point.focus()
    await page.locator('.tooltip').getByText('bob').waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'bob' }).waitFor()
    await page.goBack()
    await page.getByRole('figure', { name: 'depth against train/accuracy, 3 runs' }).waitFor()
    await leave(page)
  })
})

describe('parallel coordinates', () => {
  const AXES = '&axes=params.depth,params.lr,params.optimizer,metrics.val/loss'

  /** The axes by their fields, with their ticks, and the corners of each run's line. */
  const drawingOf = (page: Page) =>
    page.locator('.drawing svg').evaluate((svg) => {
      const lanes = [...svg.querySelectorAll('.lane')].map((lane) => ({
        field: lane.querySelector('[data-axis]')?.getAttribute('data-axis') ?? '',
        x: Number(lane.getAttribute('transform')?.match(/[\d.]+/)?.[0]),
        ticks: [...lane.querySelectorAll('g:has(> line)')].map((tick) => ({
          at: Number(tick.querySelector('line')?.getAttribute('y1')),
          label: tick.querySelector('text')?.textContent ?? '',
        })),
        offs: [...lane.querySelectorAll('text.off')].map(({ textContent }) => textContent),
      }))
      const lines = [...svg.querySelectorAll('path.line')].map((line) => ({
        name: line.getAttribute('data-run') ?? '',
        isOut: line.classList.contains('out'),
        corners: [...(line.getAttribute('d') ?? '').matchAll(/([ML])([\d.]+) ([\d.]+)/g)].map(
          ([, kind, x, y]) => ({ kind, x: Number(x), y: Number(y) }),
        ),
      }))
      return { lanes, lines }
    })
  const through = async (page: Page) =>
    (await drawingOf(page)).lines
      .filter(({ isOut }) => !isOut)
      .map(({ name }) => name)
      .sort()
  const counted = (page: Page, text: string) => page.getByText(text).waitFor()

  it('have the line of each run where its values are, broken where it has none', async () => {
    const page = await visit(`&view=parallel${AXES}&logs=params.lr`)
    await counted(page, '5 of 5 runs')
    await page.getByRole('figure', { name: '5 of 5 runs over 4 axes' }).waitFor()
    await expect.poll(async () => (await drawingOf(page)).lanes[3]?.offs).toEqual(['NaN'])
    const { lanes, lines } = await drawingOf(page)
    expect(lanes.map(({ field }) => field)).toEqual([
      'params.depth',
      'params.lr',
      'params.optimizer',
      'metrics.val/loss',
    ])
    const [depth, lr, optimizer, losses] = lanes
    if (!depth || !lr || !optimizer || !losses) throw new Error('An axis is missing')
    expect(lines.map(({ name }) => name).sort()).toEqual(names)
    for (const { name, params, loss } of MADE) {
      const corners = lines.find((line) => line.name === name)?.corners ?? []
      const last = Number(loss.at(-1))
      const bottom = Math.max(...losses.ticks.map(({ at }) => at))
      const expected = [
        [depth.x, placeOf(depth.ticks, Number(params.depth))],
        ...(params.lr === undefined ? [] : [[lr.x, placeOf(lr.ticks, Number(params.lr), { isLog: true })]]),
        [optimizer.x, optimizer.ticks.find(({ label }) => label === params.optimizer)?.at],
        [losses.x, Number.isNaN(last) ? corners.at(-1)?.y : placeOf(losses.ticks, last)],
      ]
      expect(corners.length).toBe(expected.length)
      for (const [i, [x = Number.NaN, y = Number.NaN]] of expected.entries()) {
        // They are drawn to a tenth of a pixel.
        expect(Math.abs((corners[i]?.x ?? Number.NaN) - x)).toBeLessThan(0.06)
        expect(Math.abs((corners[i]?.y ?? Number.NaN) - y)).toBeLessThan(0.06)
      }
      expect(corners.map(({ kind }) => kind).join('')).toBe(params.lr === undefined ? 'MML' : 'MLLL')
      if (Number.isNaN(last)) expect(corners.at(-1)?.y).toBeGreaterThan(bottom)
    }
    await leave(page)
  })

  it('are brushed by dragging and by keys, and what goes through stays and is compared', async () => {
    const page = await visit(`&view=parallel${AXES}`)
    await counted(page, '5 of 5 runs')
    const { lanes } = await drawingOf(page)
    const depth = lanes[0]?.ticks ?? []
    const axis = await page.locator('[data-axis="params.depth"]').boundingBox()
    const svg = await page.locator('.drawing svg').boundingBox()
    if (!axis || !svg) throw new Error('There is no axis')
    const across = axis.x + axis.width / 2
    await page.mouse.move(across, svg.y + placeOf(depth, 3))
    await page.mouse.down()
    await page.mouse.move(across, svg.y + placeOf(depth, 9), { steps: 4 })
    await page.mouse.up()
    await counted(page, '2 of 5 runs go through what is brushed')
    expect(await through(page)).toEqual(['bob', 'cyd'])
    const [low, high] = stateOf(page)['brush.params.depth']?.split(',').map(Number) ?? []
    expect(low).toBeCloseTo(3, 0)
    expect(high).toBeCloseTo(9, 0)
    await page.reload()
    await counted(page, '2 of 5 runs go through what is brushed')

    // Words are taken one by one: the higher of two goes down to the lower one.
    await page.getByRole('slider', { name: 'Highest optimizer' }).focus()
    await page.keyboard.press('ArrowDown')
    await counted(page, '1 of 5 runs go through what is brushed')
    expect(await through(page)).toEqual(['bob'])
    await page.keyboard.press('Escape')
    await counted(page, '2 of 5 runs go through what is brushed')
    await button(page, 'Compare only these').click()
    await page.getByRole('heading', { level: 1, name: 'Compare 2 runs' }).waitFor()
    await page.goBack()
    await button(page, 'Clear brushes').click()
    await counted(page, '5 of 5 runs')
    await leave(page)
  })

  it('have the axes that are chosen, in their order', async () => {
    const page = await visit('&view=parallel')
    const axes = async () => (await drawingOf(page)).lanes.map(({ field }) => field)
    await counted(page, '5 of 5 runs')
    // What differs, numbers first, and a metric that is likely to be wanted.
    await expect.poll(axes).toEqual(['params.depth', 'params.lr', 'params.optimizer', 'metrics.val/loss'])
    await button(page, 'Take optimizer away').click()
    await page.getByRole('combobox', { name: 'Add an axis' }).selectOption({ label: 'train/accuracy' })
    await button(page, 'Move train/accuracy to the left').click()
    await button(page, 'log lr').click()
    const chosen = ['params.depth', 'params.lr', 'metrics.train/accuracy', 'metrics.val/loss']
    await expect.poll(axes).toEqual(chosen)
    expect(stateOf(page)).toEqual({ view: 'parallel', axes: chosen.join(','), logs: 'params.lr' })
    // A title is dragged to the place of the axis before it.
    const from = await page.locator('[data-title="params.lr"]').boundingBox()
    const to = await page.locator('[data-title="params.depth"]').boundingBox()
    if (!from || !to) throw new Error('There is no title')
    await page.mouse.move(from.x + from.width / 2, from.y + 5)
    await page.mouse.down()
    await page.mouse.move(to.x, to.y + 5, { steps: 5 })
    await page.mouse.up()
    await expect
      .poll(axes)
      .toEqual(['params.lr', 'params.depth', 'metrics.train/accuracy', 'metrics.val/loss'])
    await page.goBack()
    await expect.poll(axes).toEqual(chosen)
    await leave(page)
  })
})

/** Spearman's: Pearson's correlation of ranks, where equal values share the mean of theirs. */
function spearman(pairs: readonly (readonly [x: number, y: number])[]): number {
  const ranksOf = (values: number[]) =>
    values.map((value) => {
      const below = values.filter((other) => other < value).length
      return below + (values.filter((other) => other === value).length + 1) / 2
    })
  const centred = (ranks: number[]) => {
    const mean = ranks.reduce((sum, rank) => sum + rank, 0) / ranks.length
    return ranks.map((rank) => rank - mean)
  }
  const dot = (a: number[], b: number[]) => a.reduce((sum, each, i) => sum + each * (b[i] ?? 0), 0)
  const x = centred(ranksOf(pairs.map(([x]) => x)))
  const y = centred(ranksOf(pairs.map(([, y]) => y)))
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y))
}

describe('what matters', () => {
  /** Each param's correlation and runs, as they stand there. */
  const shown = async (page: Page) => {
    const rows = await page.locator('.ranked tbody tr').all()
    return Promise.all(
      rows.map(async (row) => [
        await row.getByRole('rowheader').textContent(),
        ...(await row.locator('td.number').allTextContents()),
      ]),
    )
  }
  /** As they should: of the params that are numbers, by the highest or last loss that is finite. */
  const computed = (lossOf: (loss: number[]) => number) =>
    ['lr', 'depth']
      .map((param) => {
        const pairs = MADE.map(
          ({ params, loss }) => [Number(params[param] ?? Number.NaN), lossOf(loss.map(Number))] as const,
        ).filter((pair) => pair.every(Number.isFinite))
        return { param, correlation: spearman(pairs), runs: pairs.length }
      })
      .sort((a, b) => Math.abs(b.correlation) - Math.abs(a.correlation))
      .map(({ param, correlation, runs }) => [param, correlation.toFixed(2), String(runs)])

  it('is the rank correlation of each param with a metric, the strongest first', async () => {
    const page = await visit('&view=correlations')
    await page.getByText('Goes with val/loss').waitFor()
    const last = computed((loss) => loss.at(-1) ?? Number.NaN)
    expect(await shown(page)).toEqual([...last, ['batch', '', '4']])
    await page.getByRole('row').filter({ hasText: 'batch' }).getByText('cannot be said').waitFor()
    await page.getByRole('combobox', { name: 'A metric is its' }).selectOption('highest value')
    const highest = computed((loss) => Math.max(...loss.filter(Number.isFinite)))
    expect(highest).not.toEqual(last)
    await expect.poll(() => shown(page)).toEqual([...highest, ['batch', '', '5']])
    await leave(page)
  })

  it('is asked of these runs or of all, says where nothing can be said, and leads to a scatter', async () => {
    const page = await visit('&view=correlations&metric=metrics.val/loss', [...ids.slice(0, 2), "it's"])
    await page.getByText('Nothing can be said yet').waitFor()
    await page.getByRole('combobox', { name: 'Among which runs' }).selectOption('all runs of the experiment')
    await button(page, 'depth').waitFor()
    expect(stateOf(page)).toMatchObject({ among: 'all' })
    await page.goBack()
    await page.getByText('Nothing can be said yet').waitFor()
    await page.goForward()
    await button(page, 'depth').click()
    await page.getByRole('figure', { name: 'val/loss against depth, 2 runs' }).waitFor()
    await leave(page)
  })
})

it('compares a hundred runs', async () => {
  const { id } = await stage.ask<{ id: string }>('POST', '/experiments', { name: 'many', owner: 'ann' })
  await makeRuns(stage.tracker, { experiment: id, runs: 100, metrics: 60 })
  const runs = await stage.ask<{ id: string; name: string }[]>('GET', `/experiments/${id}/runs?limit=100`)
  const address = `/e/${id}/compare?runs=${runs.map(({ id }) => id).join(',')}`
  const page = await stage.visit(address)
  await page.getByRole('heading', { level: 1, name: 'Compare 100 runs' }).waitFor()
  const table = page.getByRole('region', { name: 'Runs side by side' })
  await table.getByRole('link', { name: 'run 100', exact: true }).waitFor()
  // What is out of sight is not drawn.
  expect(await table.getByRole('columnheader').getByRole('link').count()).toBeLessThan(40)
  await table.focus()
  const last = table.getByTitle('host', { exact: true })
  await expect
    .poll(async () => {
      // Again as metrics come, which make it longer.
      await table.evaluate((it) => it.scrollTo(it.scrollWidth, it.scrollHeight))
      return last.count()
    })
    .toBe(1)
  await table.getByRole('link', { name: 'run 1', exact: true }).waitFor()
  await page.getByRole('tab', { name: 'Scatter' }).click()
  await page.getByRole('figure', { name: '100 runs' }).waitFor()
  expect(await page.locator('a.point').count()).toBe(100)
  await page.getByRole('tab', { name: 'Parallel' }).click()
  await page.getByText('100 of 100 runs').waitFor()
  await expect.poll(() => page.locator('path.line').count()).toBe(100)
  await page.getByRole('tab', { name: 'What matters' }).click()
  await page.getByRole('row').filter({ hasText: 'depth' }).getByText('100', { exact: true }).waitFor()
  await leave(page)
})

it('is in order for axe, in both themes, and no wider than a phone or narrower than a wall', async () => {
  for (const [colorScheme, width] of [
    ['light', 400],
    ['dark', 1400],
    ['light', 3840],
  ] as const) {
    const page = await stage.visit(pathOf(), { colorScheme, viewport: { width, height: 800 } })
    for (const [way, shown] of [
      ['Side by side', page.getByTitle('val/loss', { exact: true })],
      ['Scatter', page.locator('a.point')],
      ['Parallel', page.locator('path.line')],
      ['What matters', page.locator('.ranked')],
    ] as const) {
      await page.getByRole('tab', { name: way }).click()
      await shown.first().waitFor()
      if (way === 'Scatter' || way === 'Parallel') await page.getByText('The numbers').click()
      const found = width === 3840 ? [] : await faultsOf(page)
      expect([way, width, await overflowOf(page), found]).toEqual([way, width, 0, []])
    }
    await leave(page)
  }
})
