import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp, Tracker } from '../system/support.ts'
import { count, mismatches, report, unexplained } from './compare.ts'
import { DIFFERENCES } from './differences.ts'
import { install, type Result, runTheme, type Server, startMlflow, themes } from './support.ts'

let edgerun: Tracker
let mlflow: Server
beforeAll(async () => {
  await install()
  edgerun = await Tracker.start()
  mlflow = await startMlflow((await edgerun.postgres()).url)
}, 600_000)
afterAll(async () => {
  await mlflow?.stop()
  await cleanUp()
}, 60_000)

/** The differences that occurred, and the themes that were compared whole. */
const seen = new Set<string>()
let compared = 0
let scenarios = 0
const all = await themes('scenarios')

describe.each(all)('$title', ({ module, sentences }) => {
  let theirs: Record<string, Result>
  let ours: Record<string, Result>
  beforeAll(async () => {
    const both = await Promise.all([runTheme(module, mlflow.url), runTheme(module, edgerun.url)])
    theirs = both[0]
    ours = both[1]
  }, 600_000)

  it.each(sentences)('%s', (sentence) => {
    const mlflow = theirs[sentence]
    const edgerun = ours[sentence]
    if (!mlflow || !edgerun) throw new Error('The scenario did not run')
    if (mlflow.broke) throw new Error(`The scenario breaks with MLflow's own server:\n${mlflow.broke}`)
    scenarios += 1
    compared += count(mlflow.records)
    const left = unexplained(sentence, mismatches(mlflow.records, edgerun.records), seen)
    if (edgerun.broke) throw new Error(`With Edgerun it breaks:\n${edgerun.broke}\n${report(left)}`)
    if (left.length > 0) throw new Error(report(left))
  })
})

it('allows no difference that does not occur', () => {
  // Says nothing when only some of the tests are run.
  if (scenarios < all.flatMap(({ sentences }) => sentences).length) return
  expect(compared).toBeGreaterThan(1_000)
  expect(DIFFERENCES.map(({ name }) => name).filter((name) => !seen.has(name))).toEqual([])
})
