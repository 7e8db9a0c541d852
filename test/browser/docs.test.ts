import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanUp, Tracker } from '../system/support.ts'

let tracker: Tracker
let browser: Browser
beforeAll(async () => {
  tracker = await Tracker.start()
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}, 120_000)
afterAll(async () => {
  await browser.close()
  await cleanUp()
})

it('/docs describes every route and sends a request, without asking anybody else', async () => {
  const page = await browser.newPage()
  const elsewhere: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(tracker.url) && !request.url().startsWith('data:'))
      elsewhere.push(request.url())
  })
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })

  await page.goto(`${tracker.url}/docs`)
  await page.locator('.opblock').first().waitFor()
  const document: { paths: Record<string, object> } = await (
    await fetch(`${tracker.url}/openapi.json`)
  ).json()
  const routes = Object.values(document.paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0)
  expect(await page.locator('.opblock').count()).toBe(routes)

  const create = page.locator('.opblock', { hasText: 'Create an experiment, and a run with it' })
  await create.locator('.opblock-summary').click()
  await create.getByRole('button', { name: 'Try it out' }).click()
  await create.getByRole('button', { name: 'Execute' }).click()
  const answer = create.locator('.live-responses-table')
  await answer.getByText('201').first().waitFor()
  expect(await answer.textContent()).toContain('"name": "digits"')
  await page.screenshot({ path: '.reports/docs.png', fullPage: true })

  expect(elsewhere).toEqual([])
  expect(complaints).toEqual([])
}, 60_000)
