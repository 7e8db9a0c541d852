import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startClock } from '../../tools/local/cron.ts'
import { alive, cleanUp, Tracker, until } from './support.ts'

afterEach(cleanUp)

const often = { EDGERUN_CRON_SECONDS: '1' }

/** What the Worker has logged of its cron runs. */
const runs = ({ out }: Tracker): Record<string, unknown>[] =>
  out
    .split('\n')
    .filter((line) => line.includes('"event":"sealing"'))
    .map((line) => JSON.parse(line))

describe('the cron trigger', () => {
  it.each(['start', 'dev'] as const)('fires again and again under npm run %s', async (command) => {
    const tracker = await Tracker.start({ command, env: often })
    await until('it has run three times', () => runs(tracker).length >= 3)
    expect(runs(tracker)[0]).toMatchObject({ level: 'info', event: 'sealing' })
    expect(tracker.err).not.toContain('The cron run failed')
  })

  it('does not keep the tracker from ending, and says nothing then', async () => {
    const tracker = await Tracker.start({ env: often })
    await until('it has run', () => runs(tracker).length > 0)
    const before = await tracker.processes()
    const said = tracker.err
    tracker.child.kill('SIGTERM')
    expect(await tracker.ended).toEqual({ code: 0, signal: null })
    expect(alive(before)).toEqual([])
    expect(tracker.err).toBe(said)
  })

  it('goes on after the database was away', async () => {
    const tracker = await Tracker.start({ env: often })
    await until('it has run', () => runs(tracker).length > 0)
    process.kill((await tracker.postgres()).pid, 'SIGKILL')
    await until('the database is back', () => tracker.err.includes('Postgres is back.'))
    const before = runs(tracker).length
    await until('it runs again', () => runs(tracker).length > before)
    expect((await tracker.send('GET', '/health')).status).toBe(200)
  })

  it('goes on after workerd has died', async () => {
    const tracker = await Tracker.start({ env: often })
    await until('it has run', () => runs(tracker).length > 0)
    for (const pid of (await tracker.processes()).keys()) {
      if ((await readFile(`/proc/${pid}/comm`, 'utf8')).trim() === 'workerd') process.kill(pid, 'SIGKILL')
    }
    const before = runs(tracker).length
    await until('it runs again', () => runs(tracker).length > before + 1)
  })

  it.each(['0', '-1', '1.5', 'often'])('is not fired every %s seconds', async (EDGERUN_CRON_SECONDS) => {
    const tracker = await Tracker.launch({ env: { EDGERUN_CRON_SECONDS } })
    expect((await tracker.ended).code).toBe(1)
    expect(tracker.err).toBe(
      `EDGERUN_CRON_SECONDS is ${EDGERUN_CRON_SECONDS}, which is no number of seconds: set it to one from 1 to 86400.\n`,
    )
  })
})

describe('the clock', () => {
  let stop: () => unknown
  let said: string[]
  const lifecycle = { onStop: (undo: () => unknown) => (stop = undo), say: (line: string) => said.push(line) }

  beforeEach(() => {
    vi.useFakeTimers({ now: new Date('2026-08-01T10:00:42Z') })
    stop = () => {}
    said = []
    return () => vi.useRealTimers()
  })

  it('strikes at full minutes, and no more when it is stopped', async () => {
    const struck: string[] = []
    startClock(['* * * * *'], 60, async (due) => void struck.push(due.toISOString()), lifecycle)
    await vi.advanceTimersByTimeAsync(120_000)
    stop()
    await vi.advanceTimersByTimeAsync(120_000)
    expect(struck).toEqual(['2026-08-01T10:01:00.000Z', '2026-08-01T10:02:00.000Z'])
  })

  it('does not strike while a run is under way, nor makes up for it', async () => {
    const struck: string[] = []
    const run = async (due: Date) => {
      struck.push(due.toISOString().slice(11, 19))
      await new Promise((resolve) => setTimeout(resolve, struck.length === 1 ? 150_000 : 0))
    }
    startClock(['* * * * *'], 60, run, lifecycle)
    await vi.advanceTimersByTimeAsync(300_000)
    stop()
    expect(struck).toEqual(['10:01:00', '10:04:00', '10:05:00'])
  })

  it('tells of a run that fails, and goes on', async () => {
    const run = vi.fn(() => Promise.reject(new Error('it rained')))
    startClock(['* * * * *'], 60, run, lifecycle)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(said).toEqual(['The cron run failed: it rained', 'The cron run failed: it rained'])
    stop()
  })

  it('says nothing of a run that is cut by the end', async () => {
    let fail: (error: Error) => void = () => {}
    startClock(['* * * * *'], 60, () => new Promise((_, reject) => (fail = reject)), lifecycle)
    await vi.advanceTimersByTimeAsync(60_000)
    stop()
    fail(new Error('cut'))
    await vi.advanceTimersByTimeAsync(120_000)
    expect(said).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does nothing without a schedule', () => {
    startClock([], 60, () => Promise.resolve(), lifecycle)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('refuses a schedule that it does not keep', () => {
    expect(() => startClock(['* * * * *', '0 3 * * *'], 60, () => Promise.resolve(), lifecycle)).toThrow(
      'tools/local/cron.ts does not do the schedule 0 3 * * * yet',
    )
  })
})
