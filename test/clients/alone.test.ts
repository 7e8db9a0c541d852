import { spawn } from 'node:child_process'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp, Tracker, temporaryFolder, until } from '../system/support.ts'
import { environment, install, PYTHON, python, type Result, runTheme, themes } from './support.ts'

const WRITERS = path.join(import.meta.dirname, 'alone/writers.py')

let tracker: Tracker
beforeAll(async () => {
  await install()
  tracker = await Tracker.start()
}, 600_000)
afterAll(cleanUp, 60_000)

describe.each(await themes('alone'))('$title', ({ module, sentences }) => {
  let results: Record<string, Result>
  beforeAll(async () => {
    results = await runTheme(module, tracker.url)
  }, 600_000)
  it.each(sentences)('%s', (sentence) => {
    const { broke } = results[sentence] ?? { broke: 'The scenario did not run' }
    if (broke) throw new Error(broke)
  })
})

it('loses and doubles nothing of what 16 clients log while Postgres is killed', async () => {
  const folder = await temporaryFolder()
  const env = environment({ MLFLOW_TRACKING_URI: tracker.url })
  const child = spawn(PYTHON, [WRITERS, 'write', 'writers'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let acknowledged = 0
  let said = ''
  child.stdout.on('data', (chunk) => (acknowledged += `${chunk}`.split('acknowledged').length - 1))
  child.stderr.on('data', (chunk) => (said += chunk))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  await until('they log', () => acknowledged > 150 || child.exitCode !== null)
  process.kill((await tracker.postgres()).pid, 'SIGKILL')
  const before = acknowledged
  await until('they log again', () => acknowledged > before + 50 || child.exitCode !== null)
  expect([await ended, said.slice(-2_000)]).toEqual([0, ''])
  const read = await python([WRITERS, 'read', 'writers'], { cwd: folder, env })
  expect(JSON.parse(read)).toEqual({ runs: 17, wrong: [] })
}, 300_000)
