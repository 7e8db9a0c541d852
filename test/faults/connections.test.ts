import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { cleanUp, Tracker, temporaryFolder, until } from '../system/support.ts'
import { expectQuiet, expectTruth, RECOVERY, recovery } from './aftermath.ts'
import { takeKey } from './client.ts'
import { betweenClientAndWorker, betweenWorkerAndDatabase } from './fault.ts'
import { Journal } from './journal.ts'
import { Middleman } from './middleman.ts'
import { newScene } from './scene.ts'
import { draw, seeded } from './seed.ts'
import { Writer } from './writer.ts'

afterEach(cleanUp)

const WRITERS = 6
const SECONDS = 35

/** A tracker whose Worker reaches its gateway through a proxy. */
async function startThrough(middleman: Middleman): Promise<Tracker> {
  // What a tracker is started with lies at this place of its project.
  const project = await temporaryFolder()
  const program = path.join(project, 'tools/local/start.ts')
  await mkdir(path.dirname(program), { recursive: true })
  await writeFile(path.join(project, 'package.json'), '{ "type": "module" }')
  const url = pathToFileURL(path.join(import.meta.dirname, 'proxied-start.ts'))
  await writeFile(program, `await import(${JSON.stringify(url.href)})\n`)
  const tracker = await Tracker.start({
    project,
    env: {
      FAULTS_PROXY: middleman.url,
      EDGERUN_CRON_SECONDS: '1',
      EDGERUN_KEYS: 'on',
      REQUESTS_PER_MINUTE: '1000000',
    },
  })
  const note: { gateway: string } = JSON.parse(
    await readFile(path.join(tracker.data, 'running.json'), 'utf8'),
  )
  middleman.target = note.gateway
  return tracker
}

describe(seeded, () => {
  it('stores what it acknowledges, once and whole, though requests and answers are cut, late and doubled on both sides of the Worker', async () => {
    const inner = await Middleman.start(draw(betweenWorkerAndDatabase, 20_000, 100))
    const outer = await Middleman.start(draw(betweenClientAndWorker, 20_000, 101))
    try {
      const tracker = await startThrough(inner)
      outer.target = tracker.url
      await takeKey(tracker)
      const journal = new Journal()
      const scene = await newScene(outer.url, journal, 3, WRITERS)

      const writers = Array.from({ length: WRITERS }, (_, i) => new Writer(outer.url, journal, scene, i))
      const writing = writers.map((writer) => writer.write())
      inner.calm = outer.calm = false
      await sleep(SECONDS * 1_000)
      inner.calm = outer.calm = true
      const took = await recovery(outer.url, journal, Date.now())
      for (const writer of writers) writer.stop = true
      await Promise.all(writing)
      // Late requests come still, when nobody waits for them any more.
      await until('nothing is on its way', () => inner.underWay === 0 && outer.underWay === 0)

      console.log({ took, inner: inner.met, outer: outer.met, sent: journal.sentCount })
      await expectTruth(tracker, journal)
      await expectQuiet(tracker)
      expect(took).toBeLessThan(RECOVERY)
      for (const proxy of [inner, outer]) {
        expect(Object.keys(proxy.met)).toEqual(expect.arrayContaining(['none', 'cut', 'late', 'twice']))
      }
      expect(inner.met.stranger).toBeGreaterThan(0)
      expect(Math.min(...writers.map(({ lost }) => lost))).toBeGreaterThan(0)
      expect(journal.acknowledgedCount).toBeGreaterThan(100)
      expect(journal.acknowledgedCount).toBeLessThan(journal.sentCount)
    } finally {
      await Promise.all([inner.stop(), outer.stop()])
    }
  })
})
