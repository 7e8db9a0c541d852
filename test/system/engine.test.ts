import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { cleanUp, Tracker, until } from './support.ts'

afterEach(cleanUp)

const NAMES = ['loss', 'train/accuracy', 'lr']

/** A run of an experiment of its own. */
async function newRun(tracker: Tracker): Promise<string> {
  const { body } = await tracker.send('POST', '/experiments', { name: 'x', owner: 'alice', run: {} })
  return JSON.stringify(body).match(/"runs":\[\{"id":"([^"]+)/)?.[1] ?? ''
}

/** One job: logs a few steps a call, one call after another, each until it is acknowledged. */
class Job {
  readonly run: string
  readonly #tracker: Tracker
  readonly #perCall: number
  /** Steps that were acknowledged: all below this one. */
  acknowledged = 0
  refusals = 0
  stop = false

  constructor(tracker: Tracker, run: string, perCall: number) {
    this.#tracker = tracker
    this.run = run
    this.#perCall = perCall
  }

  async work(): Promise<void> {
    while (!this.stop) {
      const steps = Array.from({ length: this.#perCall }, (_, i) => this.acknowledged + i)
      // In another order each time, as threads would.
      const names = NAMES.toSorted(() => Math.random() - 0.5)
      const series = names.map((name) => ({ name, steps, values: steps.map((step) => step / 8) }))
      for (let status = 0; status !== 200; ) {
        const answer = await this.#tracker
          .send('POST', `/runs/${this.run}/metrics`, { series })
          .catch((error: unknown) => ({ status: 0, body: String(error) }))
        status = answer.status
        if (status === 200) continue
        expect([0, 503], JSON.stringify(answer.body)).toContain(status)
        this.refusals += 1
        await sleep(30)
      }
      this.acknowledged += this.#perCall
    }
  }
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)

it('loses and doubles nothing when Postgres is killed amid load and sealing, and goes on', async () => {
  const tracker = await Tracker.start({ env: { EDGERUN_CRON_SECONDS: '1' } })
  const runs = [await newRun(tracker), await newRun(tracker)]
  // Jobs of two writers on one run log the same points: each is stored once, whoever comes first.
  const jobs = [
    ...runs.map((run) => new Job(tracker, run, 2)),
    ...runs.map((run) => new Job(tracker, run, 7)),
    new Job(tracker, await newRun(tracker), 600),
  ]
  const working = jobs.map((job) => job.work())
  const acknowledged = () => sum(jobs.map((job) => job.acknowledged))
  /** Chunks that came into being by merging others. */
  const merged = async () =>
    Number(
      (await tracker.query('select count(*) from chunks where nodes is not null and not sealed or sealed'))[0]
        ?.count,
    )

  await until(
    'they write, and small chunks are merged',
    async () => acknowledged() > 3_000 && (await merged()) > 5,
  )
  for (let kill = 0; kill < 4; kill++) {
    const { pid } = await tracker.postgres()
    process.kill(pid, 'SIGKILL')
    await until(
      'it is another Postgres',
      async () => (await tracker.postgres().catch(() => ({ pid }))).pid !== pid,
    )
    const before = acknowledged()
    await until('they write again', () => acknowledged() > before + 2_000)
  }
  expect(sum(jobs.map(({ refusals }) => refusals))).toBeGreaterThan(0)
  for (const job of jobs) job.stop = true
  await Promise.all(working)

  const expected = new Map<string, number>()
  for (const { run, acknowledged } of jobs) expected.set(run, Math.max(expected.get(run) ?? 0, acknowledged))
  for (const [run, steps] of expected) {
    for (const name of NAMES) {
      const stored = await fetch(`${tracker.url}/runs/${run}/metrics/${encodeURIComponent(name)}`, {
        headers: { Accept: 'text/csv' },
      })
      const lines = (await stored.text()).trim().split('\n').slice(1)
      const points = lines.map((line) => line.split(',').slice(0, 2).map(Number))
      expect(points.length).toBe(steps)
      expect(points.every(([step, value], i) => step === i && value === i / 8)).toBe(true)
    }
  }
  const counts = await tracker.query(`
    select run_id, name, series.count::int as live, (select sum(count)::int from chunks where series_id = series.id) as stored,
      (select count(*)::int from metrics where (metrics.run_id, metrics.name) = (series.run_id, series.name)) as seen
    from series`)
  expect(counts.length).toBe(3 * NAMES.length)
  for (const { run_id, live, stored, seen } of counts) {
    const steps = expected.get(String(run_id))
    expect([live, stored, seen]).toEqual([steps, steps, steps])
  }
})

it('seals what jobs leave behind, and says in its log what waits', async () => {
  const tracker = await Tracker.start({ env: { EDGERUN_CRON_SECONDS: '1' } })
  const jobs = [new Job(tracker, await newRun(tracker), 100), new Job(tracker, await newRun(tracker), 1)]
  const working = jobs.map((job) => job.work())
  await until('they have written much', () => jobs.every(({ acknowledged }) => acknowledged > 500))
  for (const job of jobs) job.stop = true
  await Promise.all(working)
  // As if they had stopped five minutes ago.
  await tracker.query('update chunks set arrived = arrived - 301000')
  const waiting = async () =>
    Number((await tracker.query('select count(*) from chunks where not sealed'))[0]?.count)
  await until(
    'at most the last chunk of each series waits',
    async () => (await waiting()) <= 2 * NAMES.length,
  )
  const state = () => {
    const line = tracker.out.split('\n').findLast((line) => line.includes('"event":"sealing"')) ?? '{}'
    const parsed: Record<string, unknown> = JSON.parse(line)
    return parsed
  }
  await until('the log says so', () => Number(state().waiting_chunks) <= 2 * NAMES.length)
  expect(state()).toMatchObject({
    level: 'info',
    event: 'sealing',
    series: expect.any(Number),
    chunks: expect.any(Number),
    made: expect.any(Number),
    waiting_chunks: expect.any(Number),
    waiting_series: expect.any(Number),
  })
})
