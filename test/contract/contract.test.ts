import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanUp, Tracker } from '../system/support.ts'

const run = promisify(execFile)

const SCHEMATHESIS = '4.32.5'
const VENV = path.resolve(import.meta.dirname, '../../node_modules/.cache', `schemathesis-${SCHEMATHESIS}`)

let tracker: Tracker
/** A run that exists; no example of the description, or a case would delete it. */
const RUN = '0c5f3e8a-7a2f-7c0e-b1a7-01990d2c9b11'
beforeAll(async () => {
  await access(path.join(VENV, 'bin/schemathesis')).catch(async () => {
    await run('python3', ['-m', 'venv', '--clear', VENV])
    await run(path.join(VENV, 'bin/pip'), ['install', '--quiet', `schemathesis==${SCHEMATHESIS}`])
  })
  tracker = await Tracker.start()
  const id = '0c5f3e8a-7a2f-7c0e-b1a7-01990d2c9b10'
  await tracker.send('POST', '/experiments', { id, name: 'contract', owner: 'alice' })
  await tracker.send('POST', `/experiments/${id}/runs`, { id: RUN })
}, 300_000)
afterAll(cleanUp)

/** What every request carries, such as who asks: `['--header', 'Name: value']`. */
const headers = (): string[] => []

/** Runs the fuzzer with one of the configurations that lie here; gives what it says when it has found nothing. */
async function fuzz(configuration: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(
    path.join(VENV, 'bin/schemathesis'),
    ['--config-file', configuration, 'run', ...args, ...headers(), '--no-color'],
    // Its configurations and hooks lie here.
    {
      cwd: import.meta.dirname,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, EDGERUN_RUN: RUN },
    },
  ).catch((error: { stdout: string }) => {
    throw new Error(error.stdout)
  })
  expect(stdout).toMatch(/Selected: (\d+)\/\1\n\s+Tested: \1\n/)
  return stdout
}

/** How many of the links from one answer to the next request were followed. */
const linksFollowed = (stdout: string) => Number(/API Links:\s+(\d+) covered/.exec(stdout)?.[1])

it.each([1, 2, 3])(
  'the API does what /openapi.json says, whatever it is sent (seed %i)',
  async (seed) => {
    const stdout = await fuzz(
      'schemathesis.toml',
      `${tracker.url}/openapi.json`,
      ...['--checks', 'all', '--seed', String(seed)],
    )
    expect(stdout).toContain('No issues found')
    expect(linksFollowed(stdout)).toBeGreaterThan(0)
  },
  300_000,
)

it('the MLflow door does what mlflow.json says, whatever it is sent and in whatever order', async () => {
  const stdout = await fuzz('mlflow.toml', 'mlflow.json', '--url', tracker.url, '--seed', '1')
  expect(stdout).toMatch(/ in \d+\.\d+s =+\n*$/)
  expect(stdout).not.toMatch(/\d+ failures?/)
  expect(linksFollowed(stdout)).toBeGreaterThan(10)
}, 300_000)
