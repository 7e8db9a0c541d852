import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanUp } from '../system/support.ts'
import { Stage } from './stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await Stage.open()
})
afterAll(async () => {
  await stage.close()
  await cleanUp()
})

it('says how to begin where there is nothing, creates, finds, renames with a way back, and deletes', async () => {
  const page = await stage.visit('/')
  await page.getByText('Nothing has been logged yet').waitFor()
  await page.getByRole('button', { name: 'New experiment' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('digits')
  await page.getByRole('textbox', { name: 'Owner' }).fill('ann')
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('link', { name: 'digits' }).waitFor()
  await stage.ask('POST', '/experiments', { name: 'words', owner: 'bob', run: {} })

  await page.getByRole('searchbox').fill('WOR')
  await page.getByRole('link', { name: 'words' }).waitFor()
  await page.getByRole('link', { name: 'digits' }).waitFor({ state: 'detached' })
  expect(new URL(page.url()).search).toBe('?q=WOR')
  await page.getByRole('searchbox').fill('')
  await page.getByRole('combobox', { name: 'Owner' }).selectOption('ann')
  await page.getByRole('link', { name: 'digits' }).waitFor()
  await page.getByRole('link', { name: 'words' }).waitFor({ state: 'detached' })
  await page.goBack()
  await page.getByRole('link', { name: 'words' }).waitFor()

  await page.getByRole('button', { name: 'Rename words' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('letters')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: 'letters' }).waitFor()
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('link', { name: 'words' }).waitFor()

  await page.getByRole('button', { name: 'Delete words' }).click()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Delete words' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('link', { name: 'words' }).waitFor({ state: 'detached' })
  const left = await stage.ask<{ name: string }[]>('GET', '/experiments')
  expect(left.map(({ name }) => name)).toContain('digits')
  expect(left.map(({ name }) => name)).not.toContain('words')
})
