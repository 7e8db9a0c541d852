import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp } from '../system/support.ts'
import { faultsOf, overflowOf } from './axe.ts'
import { checkHostile, HOSTILE } from './hostile-text.ts'
import { Stage } from './stage.ts'

const sh = promisify(execFile)

interface Run {
  id: string
  experiment_id: string
  name: string | null
  status: string
  tags: Record<string, string | number | boolean>
}

const COMMIT = '0123456789abcdef0123456789abcdef01234567'

let stage: Stage
let run: Run
let children: Run[]
/** Where everything of the run is shown. */
let there: string
beforeAll(async () => {
  stage = await Stage.open()
  ;({ run, children } = await makeRun())
  there = `/r/${run.id}`
})
afterAll(async () => {
  await stage.close()
  await cleanUp()
})

const hex = (id: string) => id.replaceAll('-', '')

async function newRun(experiment: string, body: object): Promise<Run> {
  return stage.ask('POST', `/experiments/${experiment}/runs`, body)
}

async function makeRun() {
  const { id: experiment } = await stage.ask<{ id: string }>('POST', '/experiments', {
    name: 'digits',
    owner: 'ann',
  })
  const made = await newRun(experiment, {
    name: 'baseline',
    seed: 42,
    started_at: '2026-01-02T03:00:00Z',
    params: { lr: 0.001, depth: 18, augment: true, model: 'ResNet' },
    tags: {
      'mlflow.user': 'bea',
      host: 'gpu-7',
      'mlflow.source.git.commit': COMMIT,
      'mlflow.source.git.repoURL': 'git@github.com:acme/digits.git',
      priority: 3,
      team: 'vision',
      'mlflow.note.content': '# Findings\n\nAs in [the paper](https://example.org/paper), it *learns*.',
    },
  })
  await stage.ask('POST', `/runs/${made.id}/metrics`, {
    series: [
      { name: 'train/loss', steps: [0, 5, 10], values: [2, 0.123456, 0.5] },
      { name: 'grad/norm', steps: [1, 2], values: [3, 'NaN'] },
      { name: 'system/gpu/0/load', steps: [1], values: [97] },
    ],
  })
  const nested = []
  for (const fold of [0, 1]) {
    nested.push(await newRun(experiment, { name: `fold ${fold}`, parent_run_id: made.id, params: { fold } }))
  }
  await stage.ask('PATCH', `/runs/${made.id}`, { status: 'completed', ended_at: '2026-01-02T06:12:30Z' })
  await logModel(made)
  return { run: made, children: nested }
}

async function logModel({ id, experiment_id }: Run): Promise<void> {
  const post = <T>(path: string, body: object) => stage.ask<T>('POST', `/api/2.0/mlflow${path}`, body)
  const { model } = await post<{ model: { info: { model_id: string } } }>('/logged-models', {
    experiment_id: hex(experiment_id),
    source_run_id: hex(id),
    name: 'classifier',
    model_type: 'forest',
    params: [{ key: 'trees', value: '100' }],
  })
  const { model_id } = model.info
  await post('/runs/log-metric', { run_id: hex(id), model_id, key: 'f1', value: 0.93, timestamp: 1, step: 3 })
  await post('/registered-models/create', { name: 'digits-classifier' })
  const source = `mlflow-artifacts:/${hex(experiment_id)}/${hex(id)}/artifacts/model`
  await post('/model-versions/create', { name: 'digits-classifier', source, run_id: hex(id) })
}

const read = (id = run.id) => stage.ask<Run>('GET', `/runs/${id}`)
const fact = (page: Page, name: string) =>
  page
    .locator('.facts > div')
    .filter({ has: page.getByText(name, { exact: true }) })
    .locator('dd')
const line = (page: Page, name: string) =>
  page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) })
const cells = (page: Page, name: string) => line(page, name).getByRole('cell').allTextContents()
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const tab = (page: Page, name: string | RegExp) => page.getByRole('tab', { name })
const isInSight = (element: Locator) =>
  element.evaluate((it) => {
    const { left, right } = it.getBoundingClientRect()
    return left >= 0 && right <= window.innerWidth
  })
const hasFocus = (element: Locator) => element.evaluate((it) => it === document.activeElement)
const searchOf = (page: Page) => new URL(page.url()).search
const leave = (page: Page) => page.context().close()

describe('the head of a run', () => {
  it('tells how it did, how long it took, and whose, where and of which commit it is', async () => {
    const page = await stage.visit(there)
    await page.getByRole('heading', { level: 1, name: 'baseline' }).waitFor()
    expect(await page.title()).toBe('baseline · Edgerun')
    expect(await page.locator('.run-header .status').textContent()).toBe('completed')
    expect(await fact(page, 'Took').textContent()).toBe('3h 12m')
    expect(await fact(page, 'Started').locator('time').getAttribute('datetime')).toBe(
      '2026-01-02T03:00:00.000Z',
    )
    expect(await fact(page, 'Owner').textContent()).toBe('bea')
    expect(await fact(page, 'Seed').textContent()).toBe('42')
    expect(await fact(page, 'Host').textContent()).toBe('gpu-7')
    expect(await fact(page, 'Id').textContent()).toContain(run.id)
    const commit = fact(page, 'Commit').getByRole('link')
    expect(await commit.textContent()).toBe(COMMIT.slice(0, 10))
    expect(await commit.getAttribute('href')).toBe(`https://github.com/acme/digits/commit/${COMMIT}`)
    expect(await commit.getAttribute('rel')).toBe('noopener noreferrer')
    expect(await page.getByRole('link', { name: 'digits' }).getAttribute('href')).toBe(
      `/e/${run.experiment_id}`,
    )
    await leave(page)
  })

  it('renames and ends a run, with a way back, and deletes it after asking', async () => {
    const { id } = await newRun(run.experiment_id, { name: 'draft' })
    const page = await stage.visit(`/r/${id}`)
    await button(page, 'Rename draft').click()
    await page.getByRole('textbox', { name: 'Name of the run' }).fill('better')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'better' }).waitFor()
    await button(page, 'Undo').click()
    await page.getByText('Undone').waitFor()
    expect((await read(id)).name).toBe('draft')
    await button(page, 'Mark as failed').click()
    await page.getByText('Marked as failed').waitFor()
    expect((await read(id)).status).toBe('failed')
    await button(page, 'Undo').click()
    await button(page, 'Mark as killed').waitFor()
    expect((await read(id)).status).toBe('running')

    await button(page, 'Delete run').click()
    await button(page, 'Cancel').click()
    expect((await read(id)).name).toBe('draft')
    await button(page, 'Delete run').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('Deleted draft').waitFor()
    expect(new URL(page.url()).pathname).toBe(`/e/${run.experiment_id}`)
    await expect(read(id)).rejects.toThrow('404')
    await leave(page)
  })

  it('follows a run while it runs', async () => {
    const { id } = await newRun(run.experiment_id, { name: 'live' })
    const page = await stage.visit(`/r/${id}?tab=metrics`)
    await page.getByText('They appear by themselves.').waitFor()
    await stage.ask('POST', `/runs/${id}/metrics`, { metrics: [{ name: 'loss', step: 1, value: 0.5 }] })
    await stage.ask('PATCH', `/runs/${id}`, { status: 'completed' })
    await line(page, 'loss').waitFor()
    await page.locator('.run-header .status-completed').waitFor()
    await leave(page)
  })

  it('says of a run that is not there that it is not', async () => {
    const page = await stage.visit('/')
    for (const id of ['01890000-0000-7000-8000-000000000000', 'nonsense', "it's"]) {
      await page.goto(`${stage.tracker.url}/r/${encodeURIComponent(id)}`)
      await page.getByRole('heading', { name: 'There is no such run' }).waitFor()
      await page.getByText(id).waitFor()
      stage.forgive(/404/)
    }
    await page.getByRole('link', { name: 'See all experiments' }).click()
    await page.getByRole('link', { name: 'digits' }).waitFor()
    await leave(page)
  })
})

describe('the tabs of a run', () => {
  it('are in the address, on the way back and forward, and under the arrow keys', async () => {
    const page = await stage.visit(there)
    await tab(page, 'Params & tags').click()
    await page.getByRole('heading', { name: 'Params' }).waitFor()
    expect(searchOf(page)).toBe('?tab=params')
    await page.keyboard.press('ArrowRight')
    await page.getByText('This run has no artifacts').waitFor()
    expect(searchOf(page)).toBe('?tab=artifacts')
    expect(await hasFocus(tab(page, 'Artifacts'))).toBe(true)
    await page.goBack()
    await page.getByRole('heading', { name: 'Params' }).waitFor()
    await page.goBack()
    expect(await tab(page, 'Charts').getAttribute('aria-selected')).toBe('true')
    await page.goForward()
    await page.goForward()
    await page.getByText('This run has no artifacts').waitFor()
    await page.keyboard.press('End')
    expect(searchOf(page)).toBe('?tab=raw')
    await page.reload()
    await page.getByRole('heading', { name: 'In a shell' }).waitFor()
    await leave(page)
  })

  it('are all in order for axe, in both themes, and no wider than a phone or narrower than a wall', async () => {
    const tabs: [label: string, within: string][] = [
      ['Charts', 'Findings'],
      ['Metrics', 'grad/norm'],
      ['Params & tags', 'ResNet'],
      ['Artifacts', 'no artifacts'],
      ['System', 'system/gpu/0/load'],
      ['Nested runs', 'fold 1'],
      ['Models', 'forest'],
      ['Raw', 'In a shell'],
    ]
    for (const [colorScheme, width] of [
      ['light', 400],
      ['dark', 1400],
      ['light', 3840],
    ] as const) {
      const page = await stage.visit(there, { colorScheme, viewport: { width, height: 800 } })
      for (const [label, within] of tabs) {
        await tab(page, label).click()
        await page.getByRole('tabpanel').getByText(within).first().waitFor()
        const found = width === 3840 ? [] : await faultsOf(page)
        expect([label, width, await overflowOf(page), found]).toEqual([label, width, 0, []])
      }
      // What an address asks for is in sight, also where there is no room for all of them.
      await page.reload()
      await page.getByText('In a shell').waitFor()
      await tab(page, 'Nested runs').waitFor()
      await expect.poll(() => isInSight(tab(page, 'Raw'))).toBe(true)
      await leave(page)
    }
  })
})

describe('params and tags', () => {
  it('are all there, and found by name and value', async () => {
    const page = await stage.visit(`${there}?tab=params`)
    await page.getByRole('heading', { name: 'Params 4' }).waitFor()
    for (const [name, value] of [
      ['lr', '0.001'],
      ['depth', '18'],
      ['augment', 'true'],
      ['model', 'ResNet'],
      ['host', 'gpu-7'],
      ['priority', '3'],
    ] as const) {
      expect([name, (await cells(page, name))[0]]).toEqual([name, value])
    }
    await page.locator('body').click()
    await page.keyboard.press('/')
    await page.keyboard.type('RESN')
    await page.getByRole('heading', { name: 'Params 1' }).waitFor()
    await page.getByText('No tag has that in its name or value.').waitFor()
    expect(searchOf(page)).toBe('?tab=params&q=RESN')
    await page.reload()
    await page.getByRole('heading', { name: 'Params 1' }).waitFor()
    await leave(page)
  })

  it('are changed in place by keyboard alone, with a way back, and numbers stay numbers', async () => {
    const { id } = await newRun(run.experiment_id, { name: 'tagged', tags: { priority: 3, team: 'vision' } })
    const page = await stage.visit(`/r/${id}?tab=params`)
    await button(page, 'Edit priority').focus()
    await page.keyboard.press('Enter')
    await page.keyboard.type('5')
    await page.keyboard.press('Enter')
    await page.getByText('Changed priority').waitFor()
    expect(await hasFocus(button(page, 'Edit priority'))).toBe(true)
    expect((await read(id)).tags.priority).toBe(5)
    await button(page, 'Undo').click()
    await page.getByText('Undone').waitFor()
    expect((await read(id)).tags.priority).toBe(3)

    await button(page, 'Edit team').focus()
    await page.keyboard.press('Enter')
    await page.keyboard.type('never mind')
    await page.keyboard.press('Escape')
    expect(await cells(page, 'team')).toContain('vision')
    expect(await hasFocus(button(page, 'Edit team'))).toBe(true)

    await button(page, 'Add a tag').click()
    await page.getByRole('textbox', { name: 'Name of the tag' }).fill('<b>odd</b> / name')
    await page.getByRole('textbox', { name: 'Value of the tag' }).fill('<i>1</i>')
    await page.keyboard.press('Enter')
    await line(page, '<b>odd</b> / name').waitFor()
    await button(page, 'Delete team').click()
    await line(page, 'team').waitFor({ state: 'detached' })
    await page.getByText('Deleted the tag team').waitFor()
    expect((await read(id)).tags).toEqual({ priority: 3, '<b>odd</b> / name': '<i>1</i>' })
    await leave(page)
  })

  it('stay what they are where the tracker does not answer, and what was typed stays too', async () => {
    const { id } = await newRun(run.experiment_id, { name: 'failing', tags: { team: 'vision' } })
    const page = await stage.visit(`/r/${id}?tab=params`)
    await button(page, 'Edit team').click()
    await page.getByRole('textbox', { name: 'Value of team' }).fill('speech')
    await page.context().setOffline(true)
    await page.keyboard.press('Enter')
    await page.getByText('Not saved: The tracker does not answer').waitFor()
    await page.context().setOffline(false)
    stage.forgive(/ERR_INTERNET_DISCONNECTED/)

    // And where it is asked, but refuses.
    await page.route(`**/runs/${id}`, async (route) => {
      if (route.request().method() !== 'PATCH') return route.continue()
      await route.fulfill({ status: 403, json: { detail: 'This key may not write' } })
    })
    await button(page, 'Save').click()
    await page.getByText('Not changed: This key may not write').waitFor()
    await button(page, 'Cancel').click()
    expect(await cells(page, 'team')).toContain('vision')
    stage.forgive(/403/)

    await page.unroute(`**/runs/${id}`)
    await button(page, 'Edit team').click()
    await page.getByRole('textbox', { name: 'Value of team' }).fill('speech')
    await page.keyboard.press('Enter')
    await page.getByText('Changed team').waitFor()
    expect((await read(id)).tags).toEqual({ team: 'speech' })
    await leave(page)
  })

  it('that somebody else changed meanwhile are not overwritten unasked', async () => {
    const { id } = await newRun(run.experiment_id, { name: 'shared', tags: { team: 'vision', host: 'a' } })
    const page = await stage.visit(`/r/${id}?tab=params`)
    const change = async (to: string) => {
      await button(page, 'Edit team').click()
      await page.getByRole('textbox', { name: 'Value of team' }).fill(to)
      await stage.ask('PATCH', `/runs/${id}`, { tags: { team: `not ${to}` } })
      await page.keyboard.press('Enter')
      await page.getByText(`Somebody has set it to not ${to} meanwhile.`).waitFor()
    }
    await change('speech')
    await button(page, 'Keep theirs').click()
    expect((await read(id)).tags.team).toBe('not speech')
    await line(page, 'team').getByText('not speech').waitFor()
    await change('text')
    await button(page, 'Overwrite').click()
    await page.getByText('Changed team').waitFor()
    expect((await read(id)).tags.team).toBe('text')
    await leave(page)
  })
})

describe('the note of a run', () => {
  it('is Markdown in which nothing runs', async () => {
    const { id } = await newRun(run.experiment_id, { name: 'noted' })
    const page = await stage.visit(`/r/${id}?tab=params`)
    await button(page, 'Write a note').click()
    await page.getByRole('textbox', { name: 'Note, in Markdown' }).fill(HOSTILE)
    await button(page, 'Save').click()
    const shown = page.locator('.markdown')
    await shown.getByRole('heading', { name: 'Findings' }).waitFor()
    expect((await read(id)).tags['mlflow.note.content']).toBe(HOSTILE)
    await checkHostile(page)
    await page.reload()
    await shown.getByRole('heading', { name: 'Findings' }).waitFor()
    await checkHostile(page)
    await tab(page, 'Charts').click()
    await page
      .getByRole('complementary', { name: 'Note' })
      .getByRole('heading', { name: 'Findings' })
      .waitFor()
    await checkHostile(page)

    // A long text is not lost to a key or to another tab.
    await tab(page, 'Params & tags').click()
    await button(page, 'Edit the note').click()
    const note = page.getByRole('textbox', { name: 'Note, in Markdown' })
    await note.fill('A long story')
    await note.press('Escape')
    await tab(page, 'Raw').click()
    await tab(page, 'Params & tags').click()
    await note.waitFor()
    expect(await note.inputValue()).toBe('A long story')
    await note.fill('')
    await button(page, 'Save').click()
    await button(page, 'Write a note').waitFor()
    expect((await read(id)).tags).toEqual({})
    await leave(page)
  })
})

it('has curves of the model in one tab, and of the machine in another', async () => {
  const page = await stage.visit(there)
  const charts = page.getByRole('tabpanel')
  await charts.getByText('grad/norm', { exact: true }).waitFor()
  expect(await charts.getByText('system/gpu/0/load').count()).toBe(0)
  await tab(page, 'System').click()
  await charts.getByText('system/gpu/0/load', { exact: true }).waitFor()
  expect(await charts.getByText('grad/norm').count()).toBe(0)
  await leave(page)
})

describe('summaries', () => {
  it('have last, lowest and highest of each metric, and where they were', async () => {
    const page = await stage.visit(`${there}?tab=metrics&q=train`)
    await line(page, 'train/loss').waitFor()
    expect((await cells(page, 'train/loss')).slice(0, 8)).toEqual([
      '0',
      '0.5',
      '10',
      '0.1235',
      '5',
      '2',
      '0',
      '3',
    ])
    expect(await line(page, 'train/loss').locator('data[value="0.123456"]').getAttribute('title')).toBe(
      '0.123456',
    )
    await page.getByRole('searchbox').fill('norm')
    await line(page, 'grad/norm').waitFor()
    expect((await cells(page, 'grad/norm')).slice(0, 8)).toEqual(['0', 'NaN', '2', '3', '1', '3', '1', '2'])
    await page.getByRole('searchbox').fill('none of that')
    await page.getByText('No metric is called like that').waitFor()
    await button(page, 'Show all').click()
    await page.getByText('4 series').waitFor()
    await leave(page)
  })

  it('come in pages that are in the address', async () => {
    const { id } = await newRun(run.experiment_id, { name: 'deep' })
    const series = Array.from({ length: 120 }, (_, i) => ({
      name: `layer/${100 + i}`,
      steps: [0],
      values: [i],
    }))
    await stage.ask('POST', `/runs/${id}/metrics`, { series })
    const page = await stage.visit(`/r/${id}?tab=metrics`)
    await page.getByText('1 of 2').waitFor()
    await button(page, 'Next').click()
    await line(page, 'layer/219').waitFor()
    expect(searchOf(page)).toBe('?tab=metrics&page=2')
    await page.goBack()
    await page.getByText('1 of 2').waitFor()
    await leave(page)
  })
})

it('leads to the runs that a run started, and from them back', async () => {
  const page = await stage.visit(`${there}?tab=nested`)
  await page.getByRole('link', { name: 'fold 1' }).waitFor()
  expect(await page.getByRole('cell', { name: 'fold=1' }).count()).toBe(1)
  const compare = await page.getByRole('link', { name: 'Compare them' }).getAttribute('href')
  expect(compare?.split('runs=')[1]?.split(',').sort()).toEqual(children.map(({ id }) => id).sort())
  await page.getByRole('link', { name: 'fold 1' }).click()
  await page.getByRole('heading', { level: 1, name: 'fold 1' }).waitFor()
  expect(await tab(page, /Nested/).count()).toBe(0)
  await page.getByRole('link', { name: 'Parent run baseline' }).click()
  await page.getByRole('heading', { level: 1, name: 'baseline' }).waitFor()
  await leave(page)
})

it('shows the models that a run logged, and what was registered of it', async () => {
  const page = await stage.visit(`${there}?tab=models`)
  const model = page.getByRole('region', { name: 'Model classifier' })
  await model.getByText('forest').waitFor()
  expect(await cells(page, 'trees')).toEqual(['100', 'param'])
  expect(await cells(page, 'f1')).toEqual(['0.93', 'metric, step 3'])
  expect(await cells(page, 'digits-classifier')).toEqual(['1', ''])
  await page.goto(`${stage.tracker.url}/r/${children[0]?.id}?tab=models`)
  await page.getByText('This run has logged no model').waitFor()
  await leave(page)
})

it('gives a run as JSON, and a line for a shell that fetches the same', async () => {
  const permissions = ['clipboard-read', 'clipboard-write']
  const page = await stage.visit(`${there}?tab=raw`, { permissions })
  const copied = async (nth: number) => {
    await page.getByRole('tabpanel').getByRole('button', { name: 'Copy' }).nth(nth).click()
    await page.getByText('Copied').waitFor()
    return page.evaluate(() => navigator.clipboard.readText())
  }
  const command = await copied(0)
  await page.getByText('Copied').waitFor({ state: 'detached' })
  const answer = await copied(1)
  const { stdout } = await sh('bash', ['-ec', command])
  expect(JSON.parse(stdout)).toEqual(await read())
  expect(JSON.parse(answer)).toEqual(JSON.parse(stdout))
  await leave(page)
})
