import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cleanUp, PROJECT, Tracker } from '../system/support.ts'
import { complaintsOf, launch } from './support.ts'

let open: Tracker
/** One that asks for keys, and a key of it. */
let closed: Tracker
let key: string
let browser: Browser
let context: BrowserContext
let page: Page
let complaints: string[]
beforeAll(async () => {
  browser = await launch()
  open = await Tracker.start()
  closed = await Tracker.start({ env: { EDGERUN_KEYS: 'on' } })
  key = await makeKey('write')
}, 180_000)
afterAll(async () => {
  await browser.close()
  await cleanUp()
})
beforeEach(async () => {
  context = await browser.newContext({ colorScheme: 'light' })
  page = await context.newPage()
  complaints = complaintsOf(page)
})
afterEach(() => context.close())

async function makeKey(scope: string): Promise<string> {
  const args = ['tools/keys.ts', 'make', '--name', `${scope} key`, '--scope', scope]
  const env = { ...process.env, EDGERUN_DATA: closed.data }
  return (await promisify(execFile)(process.execPath, args, { cwd: PROJECT, env })).stdout.trim()
}

/** What a browser says of an answer by itself, whatever the page makes of it. */
const REFUSED = 'Failed to load resource: the server responded with a status of 401 (Unauthorized)'

const field = () => page.getByLabel('API key')
const button = (name: string) => page.getByRole('button', { name, exact: true })

async function signIn(secret: string): Promise<void> {
  await field().fill(secret)
  await button('Sign in').click()
}

/** Sends the example of a route; gives what is shown of the answer. */
async function execute(summary: string): Promise<string> {
  const route = page.locator('.opblock', { hasText: summary })
  await route.locator('.opblock-summary').click()
  await route.getByRole('button', { name: 'Try it out' }).click()
  await route.getByRole('button', { name: 'Execute' }).click()
  const answer = route.locator('.live-responses-table')
  await answer.waitFor()
  return (await answer.textContent()) ?? ''
}

describe('/docs of an open tracker', () => {
  it('describes every route and sends a request, without a key and without asking anybody else', async () => {
    const elsewhere: string[] = []
    page.on('request', (request) => {
      if (!request.url().startsWith(open.url) && !request.url().startsWith('data:'))
        elsewhere.push(request.url())
    })

    await page.goto(`${open.url}/docs`)
    await page.locator('.opblock').first().waitFor()
    expect(await page.locator('form.session:visible').count()).toBe(0)
    const document: { paths: Record<string, object> } = await (await fetch(`${open.url}/openapi.json`)).json()
    const routes = Object.values(document.paths).reduce(
      (sum, methods) => sum + Object.keys(methods).length,
      0,
    )
    expect(await page.locator('.opblock').count()).toBe(routes)

    const answer = await execute('Create an experiment, and a run with it')
    expect(answer).toContain('"name": "digits"')
    await page.locator('.models .json-schema-2020-12-accordion').first().click()
    await page.screenshot({ path: '.reports/docs.png', fullPage: true })

    expect(elsewhere).toEqual([])
    expect(complaints).toEqual([])
  })
})

describe('/docs of a tracker that asks for keys', () => {
  it('signs in with a key, sends requests with the session alone, and signs out', async () => {
    await page.goto(`${closed.url}/docs`)
    await field().waitFor()
    expect(await page.locator('.opblock').count()).toBe(0)
    await page.screenshot({ path: '.reports/docs-sign-in.png' })
    await signIn(key)
    await page.locator('.opblock').first().waitFor()
    expect(await page.locator('#who').textContent()).toBe(
      'Signed in with the key write key: write in the workspace default',
    )

    expect(await execute('Create an experiment, and a run with it')).toMatch(/201.*"name": "digits"/s)
    expect(await execute('Experiments, newest first')).toMatch(/200.*"name": "digits"/s)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.evaluate(() => scrollTo(0, 0))
      await page.screenshot({ path: `.reports/docs-signed-in-${colorScheme}.png` })
    }

    const [cookie, ...others] = await context.cookies()
    expect(others).toEqual([])
    expect(cookie).toMatchObject({
      name: '__Host-edgerun',
      domain: '127.0.0.1',
      path: '/',
      httpOnly: true,
      secure: true,
      sameSite: 'Lax',
    })
    expect(cookie?.value).not.toBe(key)
    expect(await page.evaluate(() => document.cookie)).toBe('')
    expect(await field().inputValue()).toBe('')

    await button('Sign out').click()
    await field().waitFor()
    expect(await context.cookies()).toEqual([])
    expect(await page.locator('.opblock').count()).toBe(0)
    const headers = { Cookie: `__Host-edgerun=${cookie?.value}` }
    expect((await fetch(`${closed.url}/experiments`, { headers })).status).toBe(401)
    expect(
      (await fetch(`${closed.url}/experiments`, { headers: { Authorization: `Bearer ${key}` } })).status,
    ).toBe(200)
    // Whether there is a session, before and after.
    expect(complaints).toEqual([REFUSED, REFUSED])
  })

  it('stays signed in when it is opened again', async () => {
    await page.goto(`${closed.url}/docs`)
    await signIn(key)
    await page.locator('.opblock').first().waitFor()
    complaints.length = 0
    await page.reload()
    await page.locator('.opblock').first().waitFor()
    expect(await button('Sign out').isVisible()).toBe(true)
    expect(await field().isVisible()).toBe(false)
    expect(complaints).toEqual([])
  })

  it('says what is wrong with a key, and takes a better one', async () => {
    await page.goto(`${closed.url}/docs`)
    const refusal = page.getByRole('alert')
    await signIn('er_nonsense')
    await refusal.getByText('This is no API key').waitFor()
    await page.screenshot({ path: '.reports/docs-refused.png' })
    expect(await context.cookies()).toEqual([])
    await signIn(` ${key} `)
    await page.locator('.opblock').first().waitFor()
    expect(await refusal.isVisible()).toBe(false)
  })

  it('lets a key do what its scope says, and shows why not', async () => {
    await page.goto(`${closed.url}/docs`)
    await signIn(await makeKey('read'))
    await page.locator('.opblock').first().waitFor()
    expect(await execute('Create an experiment, and a run with it')).toMatch(/403.*another scope/s)
  })

  it('runs no code but its files: none in the page, none by a string', async () => {
    await page.goto(`${closed.url}/docs`)
    await field().waitFor()
    const ran = await page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'window.ran = true'
      const handler = document.createElement('div')
      handler.setAttribute('onclick', 'window.ran = true')
      document.body.append(script, handler)
      handler.click()
      return 'ran' in window
    })
    expect(ran).toBe(false)
    expect(complaints.filter((text) => text.includes('Content Security Policy'))).toHaveLength(2)
  })
})
