/** The Python client's own tests, which need no tracker: one process runs them, and each is a test here. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, it } from 'vitest'
import { PROJECT } from '../system/support.ts'
import { environment } from './support.ts'

const run = promisify(execFile)
const REPORT = path.join(PROJECT, 'clients/python/tests/report.py')

async function report<T>(...options: string[]): Promise<T> {
  const { stdout } = await run('python3', [REPORT, ...options], {
    env: environment({}),
    maxBuffer: 16 * 1024 * 1024,
  })
  return JSON.parse(stdout)
}

describe('the Python client', async () => {
  const names = await report<string[]>('--list')
  let outcomes: Record<string, string | null>
  beforeAll(async () => {
    outcomes = await report()
  }, 300_000)
  it.each(names)('%s', (name) => {
    const outcome = outcomes[name]
    if (outcome !== null) throw new Error(outcome ?? 'It did not run')
  })
})
