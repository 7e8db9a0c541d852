import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { cleanUp, Tracker, until } from '../system/support.ts'
import { expectQuiet, expectTruth, RECOVERY, recovery } from './aftermath.ts'
import { takeKey } from './client.ts'
import { Journal } from './journal.ts'
import { pidsOf } from './processes.ts'
import { newScene } from './scene.ts'
import { draw, seeded } from './seed.ts'
import { Writer } from './writer.ts'

afterEach(cleanUp)

const WRITERS = 6

interface Kill {
  /** How long after the tracker has recovered from the kill before, in milliseconds. */
  pause: number
  /** Whether what comes back is killed as soon as it is there. */
  again: boolean
}

const kills = (longest: number) =>
  fc.record({ pause: fc.integer({ min: 100, max: longest }), again: fc.boolean() }, { noNullPrototype: true })

/** Lets six writers write, of whom some leave at random, while something is killed again and again; `kill` says when. */
async function survive(
  seconds: number,
  plan: Kill[],
  kill: (tracker: Tracker, again: boolean) => Promise<number>,
): Promise<void> {
  const tracker = await Tracker.start({
    env: { EDGERUN_CRON_SECONDS: '1', EDGERUN_KEYS: 'on', REQUESTS_PER_MINUTE: '1000000' },
  })
  await takeKey(tracker)
  const journal = new Journal()
  const scene = await newScene(tracker.url, journal, 3, WRITERS)
  const writers = Array.from({ length: WRITERS }, (_, i) => new Writer(tracker.url, journal, scene, i))
  const end = Date.now() + seconds * 1_000
  const writing = writers.map((writer) => writer.write())

  const took: number[] = []
  for (const { pause, again } of plan) {
    await sleep(Math.max(0, Math.min(pause, end - Date.now())))
    if (Date.now() >= end) break
    const lastFault = await kill(tracker, again)
    took.push(await recovery(tracker.url, journal, lastFault))
  }
  await sleep(Math.max(0, end - Date.now()))
  for (const writer of writers) writer.stop = true
  await Promise.all(writing)

  const { sentCount: sent, acknowledgedCount: acknowledged } = journal
  console.log({ plan: plan.slice(0, took.length), took, sent, acknowledged })
  await expectTruth(tracker, journal)
  await expectQuiet(tracker)
  expect(took.length).toBeGreaterThan(1)
  expect(Math.max(...took)).toBeLessThan(RECOVERY)
  expect(writers.reduce((sum, { lost }) => sum + lost, 0)).toBeGreaterThan(0)
  expect(acknowledged).toBeGreaterThan(100)
}

describe(seeded, () => {
  it('loses, doubles and halves nothing when Postgres is killed at random moments for a minute, also while it starts', async () => {
    await survive(60, draw(kills(20_000), 10, 200), async (tracker, again) => {
      const at = await killPostgres(tracker)
      return again ? killPostgres(tracker) : at
    })
  })

  it('loses, doubles and halves nothing when the Worker is killed at random moments, also while it starts', async () => {
    await survive(20, draw(kills(4_000), 100, 201), async (tracker, again) => {
      const at = await killWorkers(tracker)
      // While it starts: Miniflare gives up then.
      return again ? killWorkers(tracker) : at
    })
  })
})

/** Kills Postgres, and waits until another one is there, which need not be ready. */
async function killPostgres(tracker: Tracker): Promise<number> {
  const { pid } = await tracker.postgres()
  const at = Date.now()
  process.kill(pid, 'SIGKILL')
  await until(
    'it is another Postgres',
    async () => (await tracker.postgres().catch(() => ({ pid }))).pid !== pid,
  )
  return at
}

/** Kills what runs the Worker, once there is one. */
async function killWorkers(tracker: Tracker): Promise<number> {
  let pids: number[] = []
  await until('there is a workerd', async () => {
    pids = await pidsOf(tracker, 'workerd')
    return pids.length > 0
  })
  const at = Date.now()
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  return at
}
