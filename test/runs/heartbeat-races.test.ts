import { type SQL, sql } from 'drizzle-orm'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/database.ts'
import {
  COMPLETED,
  cron,
  LOST,
  newLost,
  newWatched,
  outcome,
  RUNNING,
  silence,
} from '../support/heartbeat.ts'
import { MlflowClient } from '../support/mlflow.ts'
import { openDatabase } from '../support/scope.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
let db: Database
const mlflow = new MlflowClient(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
  db = openDatabase(tracker.env)
})

const hex = (id: string) => id.replaceAll('-', '')

/** Each gives what it was answered. */
const beat = async (run: string) => (await tracker.post(`/runs/${run}/heartbeat`, undefined)).status
const log = async (run: string, name = 'loss') =>
  (await tracker.post(`/runs/${run}/metrics`, { metrics: [{ name, step: 1, value: 1 }] })).status
const logBatch = async (run: string) =>
  (
    await mlflow.post('/runs/log-batch', {
      run_id: hex(run),
      metrics: [{ key: 'loss', value: 2, timestamp: 1 }],
      tags: [{ key: 'k', value: 'v' }],
    })
  ).status
const finish = async (run: string) => (await tracker.patch(`/runs/${run}`, { status: 'completed' })).status
const finishByMlflow = async (run: string) =>
  (await mlflow.post('/runs/update', { run_id: hex(run), status: 'FINISHED' })).status
const goOn = async (run: string) => (await tracker.patch(`/runs/${run}`, { status: 'running' })).status
const annotate = async (run: string) => (await tracker.patch(`/runs/${run}`, { tags: { seen: 1 } })).status

describe('whatever comes first of cron, late points and an end', () => {
  /** Of small numbers that look like chance, the same for the same seed. */
  function random(seed: number) {
    let state = seed
    return (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
  }

  const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

  const SIGNS = [beat, log, logBatch, goOn]
  const ENDS = [finish, finishByMlflow]
  const ROUNDS = 60
  const RUNS_OF_ROUND = 6

  it.each([1, 2, 3])(
    'an end stays, a sign of life counts, and only silence is failed (seed %i)',
    async (seed) => {
      const next = random(seed)
      const runs = await Promise.all(Array.from({ length: RUNS_OF_ROUND }, () => newWatched(tracker)))
      const outcomes = new Map<string, number>()
      for (let round = 0; round < ROUNDS; round++) {
        // Silent for so long that cron has to act, whatever the round before has left.
        await tracker.sql`
          update runs set status = 'running', ended_at = null, status_reason = null, alive_at = now() - interval '1 hour'
          where id = any(${runs})`
        const cast = runs.map((run) => {
          const signs = SIGNS.filter(() => next(3) === 0)
          // Going on after the end is something else than a sign of life: it is the last who says so that counts.
          const ends = signs.includes(goOn) ? [] : ENDS.filter(() => next(4) === 0)
          return { run, signs, ends, others: next(2) === 0 ? [annotate] : [] }
        })
        const acts = cast.flatMap(({ run, signs, ends, others }) =>
          [...signs, ...ends, ...others].map((act) => () => act(run)),
        )
        const crons = Array.from({ length: 1 + next(2) }, () => () => cron(tracker.env))
        const answers = await Promise.all(
          [...acts, ...crons].map(async (act) => {
            await pause(next(12))
            return act()
          }),
        )
        expect(answers.filter((status) => status !== undefined && status !== 200)).toEqual([])
        // What was locked when cron came is left to the next.
        await cron(tracker.env)
        for (const { run, signs, ends } of cast) {
          const expected = ends.length > 0 ? COMPLETED : signs.length > 0 ? RUNNING : LOST
          const what = [...signs, ...ends].map(({ name }) => name).join(' ')
          expect([round, what, await outcome(tracker, run)]).toEqual([round, what, expected])
          const kind = `${signs.length > 0 ? 'sign' : ''} ${ends.length > 0 ? 'end' : ''}`
          outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1)
        }
      }
      // All four kinds were there, and often.
      expect([...outcomes.values()].filter((count) => count > 10)).toHaveLength(4)
    },
    60_000,
  )

  it('of many ranks that log at once none waits for long, and none is refused', async () => {
    const run = await newLost(tracker)
    const ranks = Array.from({ length: 32 }, (_, rank) => rank)
    for (let round = 0; round < 3; round++) {
      await silence(tracker, run, 1_000)
      const answers = await Promise.all([
        ...ranks.map((rank) => log(run, `loss/${rank}`)),
        ...ranks.map(() => logBatch(run)),
        cron(tracker.env),
      ])
      expect(new Set(answers)).toEqual(new Set([200, undefined]))
      expect(await outcome(tracker, run)).toEqual(RUNNING)
    }
  }, 30_000)
})

describe('where one has the run locked', () => {
  const is = (run: string) => sql`where workspace_id = 1 and id = ${run}::uuid`
  /** What cron does to a run. */
  const fail = (run: string) => sql`
    update runs set status = 'failed', ended_at = alive_at, status_reason = 'no sign of life for 60 s' ${is(run)}`
  const complete = (run: string) => sql`
    update runs set status = 'completed', ended_at = now(), status_reason = null ${is(run)}`
  const sign = (run: string) => sql`select sign_of_life(1, ${run}::uuid)`
  const lock = (run: string) => sql`select from runs ${is(run)} for no key update`

  /** Does what is to be done while a transaction that has done `statement` is open, and ends that when they wait for it. */
  async function during<T>(
    statement: SQL,
    waiting: number,
    work: () => Promise<T>,
    rollBack = false,
  ): Promise<T> {
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const open = db
      .transaction(async (scope) => {
        await scope.db.execute(statement)
        begun.resolve()
        await end.promise
        if (rollBack) throw new Error('rolled back')
      })
      .catch((error: unknown) => {
        if (!rollBack) throw error
      })
    await begun.promise
    const done = work()
    for (let waiters = -1; waiters < waiting; ) {
      const [row] = await tracker.sql`
        select count(*)::int as count from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`
      waiters = row?.count
    }
    // Nobody waits who need not.
    if (waiting === 0) await done
    end.resolve()
    await open
    return done
  }

  const silent = async () => {
    const run = await newWatched(tracker)
    await silence(tracker, run, 1_000)
    return run
  }

  it.each([
    ['a heartbeat', beat, RUNNING],
    ['a point', log, RUNNING],
    ['a batch', logBatch, RUNNING],
    ['a client that goes on', goOn, RUNNING],
    ['an end', finish, COMPLETED],
    ['an end by MLflow', finishByMlflow, COMPLETED],
    ['a tag', annotate, LOST],
  ])('because cron is failing it, %s waits and has its way', async (_, act, expected) => {
    const run = await silent()
    expect(await during(fail(run), 1, () => act(run))).toBe(200)
    expect(await outcome(tracker, run)).toEqual(expected)
  })

  it.each([
    ['a heartbeat', beat],
    ['a point', log],
    ['a batch', logBatch],
  ])('because it is ended, %s waits and does not open it again', async (_, act) => {
    for (const run of [await silent(), await newLost(tracker)]) {
      expect(await during(complete(run), 1, () => act(run))).toBe(200)
      expect(await outcome(tracker, run)).toEqual(COMPLETED)
    }
  })

  it('because it is ended, cron passes it by', async () => {
    const run = await silent()
    await during(complete(run), 0, () => cron(tracker.env))
    expect(await outcome(tracker, run)).toEqual(COMPLETED)
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(COMPLETED)
  })

  it('because it shows that it lives, cron passes it by, and an end waits', async () => {
    const run = await silent()
    await during(sign(run), 0, () => cron(tracker.env))
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
    await silence(tracker, run, 1_000)
    await during(sign(run), 1, () => finish(run))
    expect(await outcome(tracker, run)).toEqual(COMPLETED)
  })

  it('because it is changed, cron comes to it the next time, and does the others now', async () => {
    const [run, other] = [await silent(), await silent()]
    await during(lock(run), 0, () => cron(tracker.env))
    expect([await outcome(tracker, run), await outcome(tracker, other)]).toEqual([RUNNING, LOST])
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(LOST)
  })

  it('because it is changed, a sign of life is not lost', async () => {
    for (const act of [beat, log]) {
      const run = await silent()
      expect(await during(lock(run), 1, () => act(run))).toBe(200)
      await cron(tracker.env)
      expect(await outcome(tracker, run)).toEqual(RUNNING)
    }
  })

  it('a sign of life counts that waited for one whose transaction came to nothing', async () => {
    const run = await silent()
    expect(await during(sign(run), 1, () => beat(run), true)).toBe(200)
    await cron(tracker.env)
    expect(await outcome(tracker, run)).toEqual(RUNNING)
  })

  it('signs of life for which there is nothing to write do not wait', async () => {
    const run = await newWatched(tracker)
    await log(run)
    expect(await during(lock(run), 0, () => Promise.all([beat(run), log(run)]))).toEqual([200, 200])
  })

  it('because it is deleted, a heartbeat finds none', async () => {
    const run = await silent()
    expect(await during(sql`delete from runs ${is(run)}`, 1, () => beat(run))).toBe(404)
  })
})
