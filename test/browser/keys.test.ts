/** What the page is to people with keys of different scopes. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanUp, PROJECT } from '../system/support.ts'
import { Stage } from './stage.ts'

const run = promisify(execFile)

let stage: Stage
let writing: string
let reading: string
/** A run, and the experiment that it is of. */
let id: string
let experiment: string
beforeAll(async () => {
  stage = await Stage.open({ env: { EDGERUN_KEYS: 'on' } })
  writing = await makeKey('write')
  reading = await makeKey('read')
  ;({ id: experiment } = await ask<{ id: string }>('POST', '/experiments', { name: 'digits', owner: 'ann' }))
  const body = { name: 'guarded', params: { lr: 0.1 }, tags: { team: 'vision' } }
  ;({ id } = await ask<{ id: string }>('POST', `/experiments/${experiment}/runs`, body))
  await ask('POST', `/runs/${id}/metrics`, { metrics: [{ name: 'loss', step: 1, value: 0.5 }] })
})
afterAll(async () => {
  await stage.close()
  await cleanUp()
})

/** As a person at a terminal does. */
async function makeKey(scope: string, ...of: string[]): Promise<string> {
  const args = ['tools/keys.ts', 'make', '--name', `${scope} key`, '--scope', scope, ...of]
  const env = { ...process.env, EDGERUN_DATA: stage.tracker.data }
  return (await run(process.execPath, args, { cwd: PROJECT, env })).stdout.trim()
}

async function ask<T>(method: string, path: string, body?: unknown, key = writing): Promise<T> {
  const response = await fetch(stage.tracker.url + path, {
    method,
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
  return JSON.parse((await response.text()) || 'null')
}

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('This tracker asks for an API key').fill(key)
  await page.keyboard.press('Enter')
}

/** The names of all buttons of a view. */
const buttons = (page: Page) =>
  page
    .getByRole('main')
    .getByRole('button')
    .evaluateAll((found) => found.map((it) => it.getAttribute('aria-label') ?? it.textContent))

it('shows a run to who may only read, without anything that would change it', async () => {
  const page = await stage.visit(`/r/${id}?tab=params`)
  await signIn(page, reading)
  await page.getByRole('row').filter({ hasText: 'team' }).waitFor()
  expect(await buttons(page)).toEqual(['Copy', 'Copy'])
  await page.getByRole('tab', { name: 'Raw' }).click()
  await page.getByRole('heading', { name: 'In a shell' }).waitFor()
  const command = (await page.getByRole('tabpanel').locator('pre').first().textContent()) ?? ''
  const { stdout } = await run('bash', ['-ec', command], {
    env: { ...process.env, EDGERUN_KEY: reading },
  })
  expect(JSON.parse(stdout)).toMatchObject({ id, name: 'guarded' })
  await page.goto(`${stage.tracker.url}/e/${experiment}/compare?runs=${id}`)
  await page.getByTitle('loss', { exact: true }).waitFor()
  stage.forgive(/401/)
  await page.context().close()
})

it('asks for a key again where one was revoked, and goes on from the same place', async () => {
  const page = await stage.visit(`/r/${id}?tab=params`)
  const passing = await makeKey('admin')
  await signIn(page, passing)
  await page.getByRole('button', { name: 'Edit team' }).click()
  await page.getByRole('textbox', { name: 'Value of team' }).fill('speech')
  const [own] = await ask<{ id: string }[]>('GET', '/keys', undefined, passing)
  await ask('DELETE', `/keys/${own?.id}`, undefined, passing)
  await page.keyboard.press('Enter')
  await page.getByLabel('This tracker asks for an API key').waitFor()
  await signIn(page, writing)
  // What was typed is still there.
  const value = page.getByRole('textbox', { name: 'Value of team' })
  await value.waitFor()
  expect(await value.inputValue()).toBe('speech')
  await value.press('Enter')
  await page.getByText('Changed team').waitFor()
  expect(await ask('GET', `/runs/${id}`)).toMatchObject({ tags: { team: 'speech' } })
  stage.forgive(/401/)
  await page.context().close()
})

it('tells who has a key that may log and nothing else that it does not open the page', async () => {
  const page = await stage.visit('/')
  await signIn(page, await makeKey('ingest', '--experiment', experiment))
  await page.getByText('This API key may not do that: it has another scope').waitFor()
  stage.forgive(/401/)
  stage.forgive(/403/)
  await page.context().close()
})
