import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cleanUp, Tracker } from '../system/support.ts'
import { launch, Site } from './support.ts'

const MLFLOW = '/api/2.0/mlflow'

/** How long a script that should not run is waited for, in milliseconds. */
const PATIENCE = 1_000

let tracker: Tracker
let browser: Browser
let site: Site
let page: Page
/** The addresses of a file, by each route that serves one. */
const routes: [string, (name: string) => string][] = []
beforeAll(async () => {
  tracker = await Tracker.start()
  browser = await launch()
  site = await Site.open()
  await storeFiles()
}, 120_000)
afterAll(async () => {
  await browser.close()
  await site.close()
  await cleanUp()
})
beforeEach(async () => {
  page = await browser.newPage()
  site.called.length = 0
})
afterEach(() => page.close())

/** What tells the other site that a script ran. */
const script = (name: string) =>
  `try { document.title = 'ran' } catch {} fetch('${site.origin}/ran/${name}', { mode: 'no-cors' })`
const html = (name: string) =>
  `<!doctype html><title>quiet</title><body onload="${script(`${name}/onload`)}"><script>${script(name)}</script>`
const svg = (name: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/><script>${script(name)}</script></svg>`

/** Files that would run, and as what another site would serve them. */
const FILES: Record<string, [type: string, text: (name: string) => string]> = {
  'page.html': ['text/html', html],
  'page.xhtml': [
    'application/xhtml+xml',
    (name) => `<html xmlns="http://www.w3.org/1999/xhtml"><script>${script(name)}</script></html>`,
  ],
  'picture.svg': ['image/svg+xml', svg],
  'config.yaml': ['text/html', html],
  'feed.xml': ['text/xml', (name) => svg(name)],
  unknown: ['text/html', html],
  'script.js': ['text/javascript', script],
  'module.mjs': ['text/javascript', script],
  'script.JS': ['text/javascript', script],
}
const names = Object.keys(FILES)

async function storeFiles(): Promise<void> {
  type Created = {
    experiment_id: string
    run: { info: { run_id: string } }
    model: { info: { model_id: string } }
  }
  const post = async (path: string, body: object) =>
    (await tracker.send('POST', MLFLOW + path, body)).body as Created
  const { experiment_id } = await post('/experiments/create', { name: 'serving' })
  const { run_id } = (await post('/runs/create', { experiment_id })).run.info
  const { model_id } = (await post('/logged-models', { experiment_id })).model.info
  const ofRun = `${experiment_id}/${run_id}/artifacts`
  await post('/registered-models/create', { name: 'served' })
  await post('/model-versions/create', { name: 'served', source: `mlflow-artifacts:/${ofRun}`, run_id })
  const store = `${tracker.url}/api/2.0/mlflow-artifacts/artifacts`
  for (const [name, [, text]] of Object.entries(FILES)) {
    for (const folder of [ofRun, `${experiment_id}/models/${model_id}/artifacts`]) {
      const put = await fetch(`${store}/${folder}/${name}`, { method: 'PUT', body: text(name) })
      expect(put.status).toBe(200)
    }
  }
  const { url } = tracker
  routes.push(
    ['store', (name) => `${store}/${ofRun}/${name}`],
    ['run', (name) => `${url}/get-artifact?run_id=${run_id}&path=${name}`],
    ['version', (name) => `${url}/model-versions/get-artifact?name=served&version=1&path=${name}`],
    [
      'logged model',
      (name) => `${url}${MLFLOW}/logged-models/${model_id}/artifacts/files?artifact_file_path=${name}`,
    ],
  )
}

/** Who has told that a script of his ran. */
const ran = (): string[] => site.called.filter((path) => path.startsWith('/ran/'))

async function ranLater(): Promise<string[]> {
  await sleep(PATIENCE)
  return ran()
}

/** Puts an address into a page in every way there is to load something, and gives what became of each. */
const embed = (url: string) =>
  page.evaluate(async (address) => {
    const outcomes: Record<string, string> = {}
    const wait = Object.entries({
      iframe: 'src',
      frame: 'src',
      embed: 'src',
      object: 'data',
      img: 'src',
      script: 'src',
      module: 'src',
      link: 'href',
    }).map(async ([kind, attribute]) => {
      const element = document.createElement(kind === 'module' ? 'script' : kind)
      if (kind === 'module') element.setAttribute('type', 'module')
      if (kind === 'link') element.setAttribute('rel', 'stylesheet')
      const settled = new Promise<string>((resolve) => {
        for (const event of ['load', 'error']) element.addEventListener(event, () => resolve(event))
        // Of frames nothing may ever be heard; these say what became of them, sooner or later.
        const patience = ['img', 'script', 'module'].includes(kind) ? 4_000 : 500
        setTimeout(() => resolve('nothing'), patience)
      })
      element.setAttribute(attribute, address)
      document.body.append(element)
      outcomes[kind] = await settled
    })
    await Promise.all(wait)
    return outcomes
  }, url)

/** Opens an address as a person does who clicks a link to it: what it does, or that it is saved. */
async function open(url: string): Promise<'shown' | 'saved'> {
  const saved = page.waitForEvent('download').catch(() => undefined)
  try {
    await page.goto(url)
    return 'shown'
  } catch (error) {
    if (!/Download is starting|ERR_ABORTED/.test(String(error))) throw error
    return (await saved) ? 'saved' : 'shown'
  }
}

describe('a stored file', () => {
  it('would run if another site served it as what it is', async () => {
    for (const name of ['page.html', 'picture.svg', 'page.xhtml', 'feed.xml']) {
      const [type, text] = FILES[name] ?? ['', String]
      expect(await open(site.put(`/${name}`, type, text(name)))).toBe('shown')
      await expect.poll(ran).toContain(`/ran/${name}`)
      if (name === 'page.html') await expect.poll(ran).toContain('/ran/page.html/onload')
    }
    await page.goto(site.put('/', 'text/html', '<!doctype html><body>'))
    for (const name of ['page.html', 'picture.svg', 'module.mjs']) {
      const [type, text] = FILES[name] ?? ['', String]
      await embed(site.put(`/embedded-${name}`, type, text(`embedded-${name}`)))
      await expect.poll(ran).toContain(`/ran/embedded-${name}`)
    }
  })

  it('is saved, and does not run, when somebody opens it, by whatever route', async () => {
    for (const [route, url] of routes) {
      for (const name of names) {
        expect([route, name, await open(url(name))]).toEqual([route, name, 'saved'])
        expect(await page.title()).toBe('')
      }
    }
    expect(await ranLater()).toEqual([])
  })

  it('is saved as it was stored', async () => {
    for (const [, url] of routes) {
      const saved = page.waitForEvent('download')
      await open(url('page.html'))
      const download = await saved
      expect(download.suggestedFilename()).toBe('page.html')
      const chunks: Buffer[] = []
      for await (const chunk of await download.createReadStream()) chunks.push(chunk)
      expect(Buffer.concat(chunks).toString()).toBe(html('page.html'))
    }
  })

  it('does not run in a page of another site, and gives it no picture', async () => {
    await page.goto(site.put('/', 'text/html', '<!doctype html><title>quiet</title><body>'))
    for (const [, url] of routes) {
      for (const name of names) {
        const { img, script, module } = await embed(url(name))
        expect([name, img, script, module]).toEqual([name, 'error', 'error', 'error'])
      }
    }
    expect(await page.title()).toBe('quiet')
    expect(await ranLater()).toEqual([])
  })

  it('does not run in our own page, of which scripts of our origin are part', async () => {
    await page.goto(`${tracker.url}/docs/`)
    for (const [, url] of routes) {
      for (const name of names) {
        const { script, module } = await embed(url(name))
        expect([name, script, module]).toEqual([name, 'error', 'error'])
      }
    }
    expect(await page.title()).toBe('Edgerun API')
    expect(await ranLater()).toEqual([])
  })

  it('is no service worker', async () => {
    await page.goto(`${tracker.url}/docs/`)
    for (const [, url] of routes) {
      const outcome = await page.evaluate(
        (address) => navigator.serviceWorker.register(address).then(String, ({ name }) => name),
        url('module.mjs'),
      )
      expect(outcome).toBe('SecurityError')
    }
  })
})
