import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bootstrapSecret } from '../../tools/local/access.ts'
import { cleanUp, Tracker } from '../system/support.ts'

const run = promisify(execFile)

const SCHEMATHESIS = '4.32.5'
const VENV = path.resolve(import.meta.dirname, '../../node_modules/.cache', `schemathesis-${SCHEMATHESIS}`)

let tracker: Tracker
let bootstrap: string
/** Of scope admin: with it all is asked, but for what is the operator's. */
let key: string
/** An experiment and a run that exist, with points of `loss`; no examples of the description, or a case would delete them. */
const EXPERIMENT = '0c5f3e8a-7a2f-7c0e-b1a7-01990d2c9b10'
const RUN = '0c5f3e8a-7a2f-7c0e-b1a7-01990d2c9b11'
beforeAll(async () => {
  await access(path.join(VENV, 'bin/schemathesis')).catch(async () => {
    await run('python3', ['-m', 'venv', '--clear', VENV])
    await run(path.join(VENV, 'bin/pip'), ['install', '--quiet', `schemathesis==${SCHEMATHESIS}`])
  })
  tracker = await Tracker.start({
    env: { EDGERUN_KEYS: 'on', REQUESTS_PER_MINUTE: '1000000', UNKNOWN_KEYS_PER_MINUTE: '10000' },
  })
  bootstrap = await bootstrapSecret(tracker.data)
  key = (await post<{ key: string }>('/keys', { name: 'contract', scope: 'admin' }, bootstrap)).key
  await post('/experiments', { id: EXPERIMENT, name: 'contract', owner: 'alice' })
  await post(`/experiments/${EXPERIMENT}/runs`, { id: RUN })
  await post(`/runs/${RUN}/metrics`, { metrics: [{ name: 'loss', step: 1, value: 0.5 }] })
}, 300_000)
afterAll(cleanUp)

async function post<T>(target: string, body: unknown, as = key): Promise<T> {
  const response = await fetch(tracker.url + target, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${as}` },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(await response.text())
  return response.json() as Promise<T>
}

/** Runs the fuzzer with one of the configurations that lie here; gives what it says when it has found nothing. */
async function fuzz(configuration: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(
    path.join(VENV, 'bin/schemathesis'),
    ['--config-file', configuration, 'run', ...args, '--no-color'],
    // Its configurations and hooks lie here.
    {
      cwd: import.meta.dirname,
      maxBuffer: 64 * 1024 * 1024,
      env: {
        ...process.env,
        EDGERUN_EXPERIMENT: EXPERIMENT,
        EDGERUN_RUN: RUN,
        EDGERUN_KEY: key,
        EDGERUN_BOOTSTRAP: bootstrap,
      },
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
