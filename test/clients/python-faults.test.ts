/** The Python client against a tracker that is killed, with trainers that are killed: what was logged is stored, once. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { pidsOf } from '../faults/processes.ts'
import { alive, cleanUp, Tracker, temporaryFolder, until } from '../system/support.ts'
import { type Job, runPython, SCRIPTS, startPython } from './python-support.ts'

afterEach(cleanUp, 60_000)

const TRAINERS = 64
const STEPS = 1_000

/** How long a trainer logs, in seconds. */
const SECONDS = 10

const oneOf = <T>(things: T[]): T => things[Math.floor(Math.random() * things.length)] as T

it('stores each point of 64 ranks once, though Worker, Postgres, tracker and trainers are killed', async () => {
  let tracker = await Tracker.start()
  const { port, data } = tracker
  const folder = await temporaryFolder()
  const env = {
    EDGERUN_URI: tracker.url,
    EDGERUN_SPOOL: path.join(folder, 'spool'),
    EDGERUN_JOB: 'journal',
    EDGERUN_FINISH_TIMEOUT: '90',
    WORLD_SIZE: `${TRAINERS}`,
  }
  const journal = (rank: number) => path.join(folder, `${rank}.journal`)
  const start = (rank: number) =>
    startPython([path.join(SCRIPTS, 'trainer.py'), journal(rank), `${STEPS}`, `${SECONDS}`], {
      ...env,
      RANK: `${rank}`,
    })
  const jobs = Array.from({ length: TRAINERS }, (_, rank) => start(rank))

  const lives = ({ child }: Job) => child.exitCode === null && child.signalCode === null
  const isLogging = async (rank: number) => (await lines(journal(rank))).length < STEPS
  let killed = 0
  const killTrainer = async () => {
    const rank = Math.floor(Math.random() * TRAINERS)
    const job = jobs[rank] as Job
    if (!lives(job) || !(await isLogging(rank))) return
    job.child.kill('SIGKILL')
    await job.ended
    killed += 1
    jobs[rank] = start(rank)
  }
  const kill = (pid: number) => {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
  const killWorker = async () => {
    for (const pid of await pidsOf(tracker, 'workerd')) kill(pid)
  }
  const killPostgres = async () => {
    const postgres = await tracker.postgres().catch(() => undefined)
    // One that was killed leaves its number behind, which may be another process's by now.
    if (postgres && (await tracker.processes()).has(postgres.pid)) kill(postgres.pid)
  }
  const killTracker = async () => {
    const children = await tracker.processes()
    tracker.child.kill('SIGKILL')
    await tracker.ended
    for (const pid of alive(children)) kill(pid)
    await sleep(1_000)
    tracker = await Tracker.start({ env: { PORT: `${port}`, EDGERUN_DATA: data } })
  }

  await until('they log', async () => (await lines(journal(TRAINERS - 1))).length > 0)
  await killTrainer()
  await killPostgres()
  await sleep(1_500)
  for (let i = 0; i < 5; i++) {
    await killTrainer()
    await oneOf([killWorker, killPostgres, killTrainer])()
    await sleep(200 + Math.random() * 1_000)
  }
  await killTracker()
  await killTrainer()
  for (const [rank, job] of jobs.entries()) {
    expect([rank, await job.ended, job.said.out], job.said.err).toEqual([rank, { code: 0, signal: null }, ''])
  }
  expect(killed).toBeGreaterThan(2)
  await runPython(['-m', 'edgerun.cli', 'sync', path.join(folder, 'spool')], env)

  const rows = await tracker.query(
    `select name, rank, step::int, value from metrics where name in ('loss', 'accuracy')`,
  )
  const stored = new Map<string, number>()
  for (const { name, rank, step, value } of rows) {
    const point = `${name} ${rank} ${step} ${value}`
    stored.set(point, (stored.get(point) ?? 0) + 1)
  }
  const findings: string[] = []
  for (let rank = 0; rank < TRAINERS; rank++) {
    const values = await lines(journal(rank))
    if (values.length !== STEPS) findings.push(`rank ${rank} has logged ${values.length} steps`)
    for (const [step, value] of values.entries()) {
      for (const point of [`loss ${rank} ${step} ${value}`, `accuracy ${rank} ${step} ${-Number(value)}`]) {
        const times = stored.get(point) ?? 0
        if (times !== 1) findings.push(`${point} is stored ${times} times`)
        stored.delete(point)
      }
    }
  }
  expect(findings.slice(0, 20)).toEqual([])
  // A trainer may have been killed between logging a step and writing it down.
  expect(stored.size).toBeLessThanOrEqual(2 * killed)
  const [run] = await tracker.query('select status from runs')
  expect(run).toEqual({ status: 'completed' })
}, 300_000)

const lines = async (file: string) => (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(0, -1)
