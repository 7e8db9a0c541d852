import { crc32, deflateSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanUp } from '../system/support.ts'
import { faultsOf, overflowOf } from './axe.ts'
import { checkHostile, HOSTILE, ranIn } from './hostile-text.ts'
import { Stage } from './stage.ts'

interface Run {
  id: string
  experiment_id: string
}

const HTML = `<!doctype html><body onload="window.ran = 'onload'"><script>window.ran = 'html'</script>`

let stage: Stage
/** A run with a file of each kind, and one without any. */
let run: Run
let bare: Run
beforeAll(async () => {
  stage = await Stage.open()
  const { id } = await stage.ask<{ id: string }>('POST', '/experiments', { name: 'digits', owner: 'ann' })
  run = await stage.ask('POST', `/experiments/${id}/runs`, { name: 'full' })
  bare = await stage.ask('POST', `/experiments/${id}/runs`, { name: 'bare' })
  await storeFiles(run)
})
afterAll(async () => {
  await stage.close()
  await cleanUp()
})

const hex = (id: string) => id.replaceAll('-', '')
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const searchOf = (page: Page) => new URL(page.url()).search
const leave = (page: Page) => page.context().close()

/** A picture of 6 by 4 pixels. */
function png(): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    check.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, check])
  }
  const head = Buffer.from([0, 0, 0, 6, 0, 0, 0, 4, 8, 2, 0, 0, 0])
  const pixels = Buffer.alloc(4 * (1 + 6 * 3))
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(pixels)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

const LOG = Array.from({ length: 20_000 }, (_, i) => `epoch ${i}: the loss is falling`).join('\n')

async function storeFiles({ id, experiment_id }: Run): Promise<void> {
  const files: Record<string, string | Buffer<ArrayBuffer>> = {
    'plots/loss.png': Buffer.from(png()),
    'plots/curve.svg': `<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><rect width="30" height="20"/><script>window.ran = 'picture'</script></svg>`,
    'log.txt': LOG,
    'config.json': '{"model": {"depth": 18, "name": "resnet"}, "steps": 9007199254740993, "notes": null}',
    'broken.json': '{"model": ',
    'tables/confusion.csv': 'class,precision\n"cat, small",0.25\ndog,0.75\n',
    'report.html': HTML,
    'README.md': `${HOSTILE}\n\n![own](plots/loss.png)`,
    'weights.bin': Buffer.from([0, 1, 2, 3]),
    'none.txt': '',
  }
  const place = `/api/2.0/mlflow-artifacts/artifacts/${hex(experiment_id)}/${hex(id)}/artifacts`
  for (const [name, body] of Object.entries(files)) {
    const put = await fetch(`${stage.tracker.url}${place}/${name}`, { method: 'PUT', body })
    expect([name, put.status]).toEqual([name, 200])
  }
}

const preview = (page: Page, path: string) => page.getByRole('region', { name: path })
const visit = (file: string) => stage.visit(`/r/${run.id}?tab=artifacts&file=${file}`)

it('artifacts are a tree that is opened by keyboard, and a chosen file is in the address', async () => {
  const page = await stage.visit(`/r/${run.id}?tab=artifacts`)
  const tree = page.getByRole('navigation', { name: 'Artifacts' })
  await tree.getByRole('button', { name: 'tables/' }).focus()
  await page.keyboard.press('Enter')
  await tree.getByRole('button', { name: 'confusion.csv' }).focus()
  await page.keyboard.press('Enter')
  await preview(page, 'tables/confusion.csv').getByText('2 rows, 2 columns').waitFor()
  expect(searchOf(page)).toBe('?tab=artifacts&file=tables/confusion.csv')
  await tree.getByRole('button', { name: 'config.json' }).click()
  await preview(page, 'config.json').waitFor()
  await page.goBack()
  await preview(page, 'tables/confusion.csv').waitFor()
  await page.reload()
  await preview(page, 'tables/confusion.csv').waitFor()
  // The folder that the file lies in is open.
  expect(await tree.getByRole('button', { name: 'confusion.csv' }).getAttribute('aria-current')).toBe('true')
  await leave(page)
})

it('artifacts that are images are shown, and what is in them does not run', async () => {
  for (const [file, size] of [
    ['plots/loss.png', '6 × 4'],
    ['plots/curve.svg', '30 × 20'],
  ] as const) {
    const page = await visit(file)
    await preview(page, file).getByText(size).waitFor()
    expect(await ranIn(page)).toBeUndefined()
    await leave(page)
  }
})

it('artifacts that are text are text, of which long ones are read on', async () => {
  const page = await visit('log.txt')
  const text = preview(page, 'log.txt').locator('pre')
  await text.waitFor()
  expect(LOG.startsWith((await text.textContent()) ?? '?')).toBe(true)
  const parts = Math.ceil(LOG.length / (256 * 1_024))
  for (let part = 1; part < parts; part++) await button(page, 'Read more').click()
  await button(page, 'Read more').waitFor({ state: 'detached' })
  await expect.poll(async () => (await text.textContent()) === LOG).toBe(true)
  await leave(page)
})

it('artifacts that are JSON are a tree, with whole numbers as they were written', async () => {
  const page = await visit('config.json')
  const json = preview(page, 'config.json')
  await json.getByText('9007199254740993').waitFor()
  await json.getByText('"resnet"').waitFor()
  await json.getByRole('button', { name: 'model' }).click()
  await json.getByText('"resnet"').waitFor({ state: 'detached' })
  await button(page, 'As text').click()
  expect(await json.locator('pre').textContent()).toContain('{"model": {"depth": 18')
  await page.getByRole('button', { name: 'broken.json' }).click()
  await preview(page, 'broken.json').getByText('This is not valid JSON').waitFor()
  await leave(page)
})

it('artifacts that are tables are tables', async () => {
  const page = await visit('tables/confusion.csv')
  const table = preview(page, 'tables/confusion.csv').getByRole('table')
  await table.waitFor()
  expect(await table.getByRole('columnheader').allTextContents()).toEqual(['class', 'precision'])
  expect(await table.getByRole('cell').allTextContents()).toEqual(['cat, small', '0.25', 'dog', '0.75'])
  await leave(page)
})

it('artifacts that are HTML are shown as text, and those that are Markdown made safe', async () => {
  const page = await visit('report.html')
  const text = preview(page, 'report.html').locator('pre')
  await text.waitFor()
  expect(await text.textContent()).toBe(HTML)
  expect(await ranIn(page)).toBeUndefined()
  await page.getByRole('button', { name: 'README.md' }).click()
  const own = preview(page, 'README.md').getByRole('img', { name: 'own' })
  await own.waitFor()
  await expect.poll(() => own.evaluate((it) => it instanceof HTMLImageElement && it.naturalWidth)).toBe(6)
  await checkHostile(page)
  await leave(page)
})

it('artifacts of which there is nothing to show are saved as they are', async () => {
  const page = await visit('weights.bin')
  await preview(page, 'weights.bin').getByText('There is no preview of such a file').waitFor()
  const saved = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download', exact: true }).click()
  const download = await saved
  expect(download.suggestedFilename()).toBe('weights.bin')
  const chunks: Buffer[] = []
  for await (const chunk of await download.createReadStream()) chunks.push(chunk)
  expect(Buffer.concat(chunks)).toEqual(Buffer.from([0, 1, 2, 3]))
  await button(page, 'As text').click()
  await page.getByText('It is no text').waitFor()
  await page.getByRole('button', { name: 'none.txt' }).click()
  await page.getByText('The file is empty.').waitFor()
  await leave(page)
})

it('artifacts that are not there are said not to be, and a run without any says how there are some', async () => {
  const page = await visit('gone.txt')
  await preview(page, 'gone.txt').getByRole('alert').waitFor()
  stage.forgive(/404/)
  await page.goto(`${stage.tracker.url}/r/${bare.id}?tab=artifacts`)
  await page.getByText('This run has no artifacts').waitFor()
  await leave(page)
})

it('artifacts are in order for axe, in both themes, and no wider than a phone', async () => {
  const files: [name: string, within: string][] = [
    ['plots/loss.png', '6 × 4'],
    ['log.txt', 'epoch 1'],
    ['config.json', 'resnet'],
    ['tables/confusion.csv', 'dog'],
    ['README.md', 'Findings'],
    ['weights.bin', 'no preview'],
  ]
  for (const [colorScheme, width] of [
    ['light', 400],
    ['dark', 1400],
  ] as const) {
    const page = await stage.visit('/', { colorScheme, viewport: { width, height: 800 } })
    for (const [file, within] of files) {
      await page.goto(`${stage.tracker.url}/r/${run.id}?tab=artifacts&file=${file}`)
      await preview(page, file).getByText(within).first().waitFor()
      expect([file, width, await overflowOf(page), await faultsOf(page)]).toEqual([file, width, 0, []])
    }
    await leave(page)
  }
})
