import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanUp, PROJECT } from '../system/support.ts'
import { Stage } from './stage.ts'

const run = promisify(execFile)

let open: Stage
/** One that asks for keys. */
let closed: Stage
beforeAll(async () => {
  open = await Stage.open()
  closed = await Stage.open({ env: { EDGERUN_KEYS: 'on' } })
})
afterAll(async () => {
  await open.close()
  await closed.close()
  await cleanUp()
})

async function makeKey(scope: string): Promise<string> {
  const args = ['tools/keys.ts', 'make', '--name', `${scope} key`, '--scope', scope]
  const env = { ...process.env, EDGERUN_DATA: closed.tracker.data }
  return (await run(process.execPath, args, { cwd: PROJECT, env })).stdout.trim()
}

const linesOf = async (page: Page, way: string) => {
  await page.getByRole('tab', { name: way }).click()
  return (await page.getByRole('tabpanel').locator('pre').textContent()) ?? ''
}

const signIn = async (page: Page, key: string) => {
  await page.getByLabel('This tracker asks for an API key').fill(key)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

it('shows lines that log a first point as they stand, by curl and by Python', async () => {
  const page = await open.visit('/start')
  await run('bash', ['-ec', await linesOf(page, 'curl')])
  await run('python3', ['-c', await linesOf(page, 'Python')])
  expect(await linesOf(page, 'MLflow')).toContain(`MLFLOW_TRACKING_URI=${open.tracker.url}`)
  const experiments = await open.ask<{ id: string; name: string }[]>('GET', '/experiments')
  expect(experiments.map(({ name }) => name)).toEqual(['hello', 'hello'])
  const counts = []
  for (const { id } of experiments) {
    const [first] = await open.ask<{ id: string }[]>('GET', `/experiments/${id}/runs`)
    const [series] = await open.ask<{ count: number }[]>('GET', `/runs/${first?.id}/metrics`)
    counts.push(series?.count)
  }
  expect(counts).toEqual([100, 2])
  await page.getByRole('link', { name: 'Experiments' }).click()
  await page.getByRole('link', { name: 'hello' }).first().waitFor()
})

it('asks for a key where one is needed, refuses what is none, and ends the session when told to', async () => {
  const page = await closed.visit('/start')
  await signIn(page, 'er_nonsense')
  await page.getByText('This is no API key').waitFor()
  await signIn(page, await makeKey('write'))
  await page.getByText('write key').waitFor()
  expect(await linesOf(page, 'curl')).toContain('Authorization: Bearer $EDGERUN_KEY')
  await page.reload()
  await page.getByText('write key').waitFor()
  expect(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length])).toEqual([
    '',
    0,
    0,
  ])
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByLabel('This tracker asks for an API key').waitFor()
  closed.forgive(/401/)
})

it('shows who may only read no button that changes something', async () => {
  const page = await closed.visit('/')
  await signIn(page, await makeKey('read'))
  await page.getByText('Nothing has been logged yet').waitFor()
  expect(await page.getByRole('button', { name: 'New experiment' }).count()).toBe(0)
  closed.forgive(/401/)
})
