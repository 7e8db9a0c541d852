import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cleanUp, Tracker, until } from '../system/support.ts'
import { launch, Site } from './support.ts'

/** A name that its owner points at this machine. */
const REBOUND = 'rebound.example'

let tracker: Tracker
let browser: Browser
/** One whose pages may call the tracker, and one whose may not. */
let listed: Site
let evil: Site
let page: Page
beforeAll(async () => {
  listed = await Site.open()
  evil = await Site.open()
  tracker = await Tracker.start({ env: { ALLOWED_ORIGINS: listed.origin } })
  browser = await launch(`--host-resolver-rules=MAP ${REBOUND} 127.0.0.1`)
}, 120_000)
afterAll(async () => {
  await browser.close()
  await Promise.all([listed.close(), evil.close()])
  await cleanUp()
})
beforeEach(async () => {
  page = await browser.newPage()
})
afterEach(() => page.close())

const visit = (site: Site) => page.goto(site.put('/', 'text/html', '<!doctype html><body>'))

/** What a script in the page gets to see. */
const ask = (path: string, init?: RequestInit) =>
  page.evaluate(
    async ([url = '', init]) => {
      const response = await fetch(url, init && JSON.parse(init)).catch(() => undefined)
      return (
        response && {
          status: response.status,
          text: await response.text(),
          headers: Object.fromEntries(response.headers),
        }
      )
    },
    [new URL(path, tracker.url).href, init && JSON.stringify(init)] as const,
  )

const create = (name: string): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ name, owner: 'page' }),
})

/** How often a page has got an experiment in. */
const stored = async (name: string) =>
  Number((await tracker.query(`select count(*) as n from experiments where name = '${name}'`))[0]?.n)

describe('a page of another site', () => {
  it('reads nothing of an open tracker and changes nothing in it', async () => {
    await visit(evil)
    expect(await ask('/experiments')).toBeUndefined()
    expect(await ask('/experiments', create('by evil'))).toBeUndefined()
    expect(await stored('by evil')).toBe(0)
  })

  it('uploads no artifact, for which a browser asks nobody beforehand', async () => {
    const { body } = await tracker.send('POST', '/experiments', { name: 'target', owner: 'me', run: {} })
    const run = (body as { runs: { id: string }[] }).runs[0]?.id.replaceAll('-', '')
    await visit(evil)
    const path = `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=evil.html`
    await ask(path, { method: 'POST', mode: 'no-cors', body: 'x' })
    const line = /"route":"\/ajax-api\/2.0\/mlflow\/upload-artifact","status":(\d+)/
    await until('it is logged', () => line.test(tracker.out))
    expect(line.exec(tracker.out)?.[1]).toBe('403')
    // By itself the route takes such an upload.
    expect((await fetch(tracker.url + path, { method: 'POST', body: 'x' })).status).toBe(200)
  })

  it('sends no form', async () => {
    await page.goto(
      evil.put(
        '/form',
        'text/html',
        `<form method="post" enctype="text/plain" action="${tracker.url}/experiments"><input name="x"><button>Go</button></form>`,
      ),
    )
    const refused = page.waitForResponse(`${tracker.url}/experiments`)
    await page.getByRole('button').click()
    expect((await refused).status()).toBe(403)
  })

  it('does not show our page in a frame of its own', async () => {
    await page.goto(evil.put('/frame', 'text/html', `<iframe src="${tracker.url}/docs/"></iframe>`))
    const [, frame] = page.frames()
    await frame?.waitForLoadState()
    expect(await frame?.locator('form').count()).toBe(0)
    expect(frame?.url()).toMatch(/^chrome-error:/)
  })

  it('reads and writes where it is listed, with the headers that it needs', async () => {
    await visit(listed)
    const made = await ask('/experiments', create('by listed'))
    expect(made).toMatchObject({
      status: 201,
      headers: { location: expect.stringMatching(/^\/experiments\//) },
    })
    expect(await stored('by listed')).toBe(1)
    await ask('/experiments', create('by listed, too'))
    const page = await ask('/experiments?limit=1', { credentials: 'include' })
    expect(page).toMatchObject({
      status: 200,
      headers: {
        link: expect.stringContaining('rel="next"'),
        'server-timing': expect.any(String),
        'x-request-id': expect.any(String),
      },
    })
    expect(await ask('/experiments/1')).toMatchObject({
      status: 404,
      text: expect.stringContaining('not found'),
    })
  })
})

describe('a page whose name was pointed at this machine', () => {
  it('is answered nothing, though its browser takes the tracker for its own', async () => {
    const own = `http://${REBOUND}:${tracker.port}`
    // A page of this machine, as a browser sees it, or it would keep the page from us by itself.
    await page.goto(`${own}/docs/`)
    await page.getByText(`This tracker does not answer to ${REBOUND}`).waitFor()
    const answers = [
      await ask(`${own}/experiments`),
      await ask(`${own}/experiments`, create('rebound')),
      await ask(`${own}/api/2.0/mlflow/experiments/search?max_results=1`),
    ]
    expect(answers.map((answer) => answer?.status)).toEqual([421, 421, 421])
    expect(await stored('rebound')).toBe(0)
  })
})
