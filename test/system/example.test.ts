import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp, PROJECT, Tracker, until } from './support.ts'

interface Run {
  status: string
  seed: number | null
  ended_at: string | null
  params: Record<string, unknown>
  tags: Record<string, unknown>
  metrics: { name: string; rank: number; count: number; last: { value: number } }[]
}

let tracker: Tracker
beforeAll(async () => {
  tracker = await Tracker.start()
})
afterAll(cleanUp)

/** Starts a job that logs into the tracker; `ended` has its exit code and what it printed. */
function startJob(file: string, ...args: string[]) {
  const child = spawn(file, args, {
    cwd: PROJECT,
    env: { ...process.env, EDGERUN_URL: tracker.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
  const ended = new Promise<{ code: number | null; output: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, output })),
  )
  return { child, ended, output: () => output }
}

/** The run whose address a job has printed. */
async function runOf(output: string): Promise<Run> {
  const address = /http:\S+\/runs\/[0-9a-f-]{36}/.exec(output)?.[0]
  expect(address).toBeDefined()
  return (await fetch(address ?? '')).json()
}

describe.each([
  ['examples/train.ts', process.execPath],
  ['examples/train.py', 'python3'],
])('%s', (script, interpreter) => {
  it('trains on four ranks to over 90 %, and the tracker has every point', async () => {
    const { code, output } = await startJob(interpreter, script).ended
    expect([code, output]).toEqual([0, expect.stringContaining('completed after')])
    const run = await runOf(output)
    expect(run.status).toBe('completed')
    expect(run.ended_at).not.toBeNull()
    expect(run.seed).toBeTypeOf('number')
    expect(run.params).toMatchObject({ ranks: 4 })
    expect(run.tags).toHaveProperty('weights_sha256')
    const of = (name: string) => run.metrics.filter((metric) => metric.name === name)
    const steps = of('learning_rate')[0]?.count
    expect(steps).toBeGreaterThan(100)
    for (const name of ['loss', 'samples_per_second']) {
      expect(of(name).map(({ rank, count }) => [rank, count])).toEqual(
        [0, 1, 2, 3].map((rank) => [rank, steps]),
      )
    }
    expect(of('gradient_norm')[0]?.count).toBe(steps)
    expect(of('accuracy')[0]?.last.value).toBeGreaterThan(0.9)
  })

  it('ends its run as failed on Ctrl-C', async () => {
    const job = startJob(interpreter, script, '--epochs', '500')
    await until('it trains', () => job.output().includes('step '))
    await sleep(500)
    job.child.kill('SIGINT')
    const { code, output } = await job.ended
    expect(code).toBe(130)
    const run = await runOf(output)
    expect(run.status).toBe('failed')
    expect(run.metrics.some(({ name, count }) => name === 'loss' && count > 0)).toBe(true)
  })
})

it('says in a sentence that there is no tracker', async () => {
  const job = spawn(process.execPath, ['examples/train.ts'], {
    cwd: PROJECT,
    env: { ...process.env, EDGERUN_URL: 'http://127.0.0.1:9' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let error = ''
  job.stderr.on('data', (data) => (error += data))
  const code = await new Promise((resolve) => job.once('close', resolve))
  expect(code).toBe(1)
  expect(error.trim().split('\n')).toHaveLength(1)
})

it('the typed client logs a sweep and reads its best runs back', async () => {
  const { code, output } = await startJob(process.execPath, 'examples/client.ts').ended
  const lines = output.trimEnd().split('\n')
  expect([code, lines]).toEqual([
    0,
    [
      expect.stringMatching(/^lr 0\.1: loss 0\.0100\d+ at lr 0\.1$/),
      expect.stringMatching(/^lr 0\.3: loss 0\.0300\d+ at lr 0\.3$/),
      ...Array(2).fill(expect.stringMatching(/^http:\S+\/r\/[0-9a-f-]{36} in 1\d buckets$/)),
    ],
  ])
  const page = /http:\S+\/r\/([0-9a-f-]{36})/.exec(output)
  expect(await (await fetch(`${tracker.url}/runs/${page?.[1]}`)).json()).toMatchObject({
    name: expect.stringMatching(/^lr 0\.[13]$/),
    status: 'completed',
    metrics: [{ name: 'loss', count: 100 }],
  })
})
