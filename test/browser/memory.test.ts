import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanUp } from '../system/support.ts'
import { plotOf } from './drawn.ts'
import { Stage } from './stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await Stage.open()
})
afterAll(async () => {
  await stage.close()
  await cleanUp()
})

/** An hour of points that come one a second. */
const HOUR = 3_600

it('takes no more memory after an hour of live points', async () => {
  const experiment = await stage.ask<{ id: string }>('POST', '/experiments', { name: 'hour', owner: 'ann' })
  const { id } = await stage.ask<{ id: string }>('POST', `/experiments/${experiment.id}/runs`, {})
  const names = ['loss', 'accuracy']
  const log = (step: number) =>
    stage.ask('POST', `/runs/${id}/metrics`, {
      metrics: names.map((name) => ({ name, step, value: Math.sin(step / 50) })),
    })
  for (let step = 0; step < 10; step++) await log(step)
  const page = await stage.visit('/')
  // An hour goes by in less.
  await page.addInitScript((times) => {
    const wait = window.setTimeout
    Object.assign(window, {
      setTimeout: (action: () => void, delay = 0, ...rest: unknown[]) => wait(action, delay / times, ...rest),
    })
  }, 60)
  await page.goto(`${stage.tracker.url}/r/${id}`)
  await plotOf(page, 'loss').waitFor()
  const inspector = await page.context().newCDPSession(page)
  /** Bytes, once what is no longer of use has been cleared away, and nothing is on its way. */
  const memory = async () => {
    const sizes: number[] = []
    for (let i = 0; i < 4; i++) {
      await sleep(500)
      await inspector.send('HeapProfiler.collectGarbage')
      sizes.push((await inspector.send('Runtime.getHeapUsage')).usedSize)
    }
    return Math.min(...sizes)
  }
  let answers = 0
  page.on('response', (response) => {
    if (response.status() === 200 && response.url().includes('since=')) answers++
  })
  let half = 0
  for (let second = 1; second <= HOUR; second++) {
    await log(9 + second)
    if (second === HOUR / 2) half = await memory()
  }
  const late = await memory()
  expect(answers).toBeGreaterThan(HOUR / 10)
  // Of twice as many points there are as many buckets. Answers of the second half, were they kept, would be as much again.
  expect(late).toBeLessThan(half * 1.2)
  await page.context().close()
})
