import { sql } from 'drizzle-orm'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/database.ts'
import { UnitOfWork } from '../../src/db/unit-of-work.ts'
import { TrackerError } from '../../src/errors.ts'
import { ExperimentRepository } from '../../src/experiments/repository.ts'
import { creationHash, newId } from '../../src/ids.ts'
import { RunRepository } from '../../src/runs/repository.ts'
import { newRunRow } from '../../src/runs/wire.ts'
import { openDatabase } from '../support/scope.ts'
import { newTracker, roundTrips, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
let db: Database
beforeAll(async () => {
  tracker = await newTracker()
  db = openDatabase(tracker.env)
})

async function newExperiment() {
  const id = newId()
  return { id, name: 'x', owner: 'alice', creationHash: await creationHash({ id }) }
}

const count = async (id: string) => {
  const rows = await tracker.sql.query('select count(*)::int as count from experiments where id = $1', [id])
  return (rows as { count: number }[])[0]?.count
}

describe('a unit of work', () => {
  it('commits experiment and run in one transaction and one round trip', async () => {
    const experiments = new ExperimentRepository(db.scope)
    const runs = new RunRepository(db.scope)
    const experiment = await newExperiment()
    const before = roundTrips()
    const work = new UnitOfWork(db)
    work.add(experiments.insert(experiment))
    work.add(runs.insert({ ...newRunRow(newId(), experiment.id, { seed: 7 }), creationHash: 'x' }))
    const listed = work.add(runs.summaries(experiment.id, { limit: 10 }))
    expect(await count(experiment.id)).toBe(0)
    await work.commit()
    expect(listed.result).toMatchObject([{ status: 'running' }])
    // One of the two trips is the count.
    expect(roundTrips() - before).toBe(2)
  })

  it('sends nothing when an exception comes before the commit', async () => {
    const experiments = new ExperimentRepository(db.scope)
    const experiment = await newExperiment()
    const before = roundTrips()
    const attempt = async () => {
      const work = new UnitOfWork(db)
      work.add(experiments.insert(experiment))
      throw new Error('changed my mind')
    }
    await expect(attempt()).rejects.toThrow('changed my mind')
    expect(roundTrips()).toBe(before)
    expect(await count(experiment.id)).toBe(0)
  })

  it('rolls everything back when one statement fails', async () => {
    const experiments = new ExperimentRepository(db.scope)
    const runs = new RunRepository(db.scope)
    const experiment = await newExperiment()
    const work = new UnitOfWork(db)
    work.add(experiments.insert(experiment))
    const run = work.add(runs.insert({ ...newRunRow(newId(), newId(), {}), creationHash: 'x' }))
    await expect(work.commit()).rejects.toThrow(new TrackerError('not_found', 'Experiment not found'))
    expect(await count(experiment.id)).toBe(0)
    expect(() => run.result).toThrow('The unit of work is not committed')
  })

  it('takes nothing after its commit', async () => {
    const work = new UnitOfWork(db)
    work.add(new ExperimentRepository(db.scope).find(newId()))
    await work.commit()
    expect(() => work.add(new ExperimentRepository(db.scope).find(newId()))).toThrow(
      'The unit of work is committed',
    )
  })
})

describe('an interactive transaction', () => {
  it('reads, decides and writes, and commits when it returns', async () => {
    const experiment = await newExperiment()
    const decided = await db.transaction(async (scope) => {
      const experiments = new ExperimentRepository(scope)
      await experiments.insert(experiment)
      const [found] = await experiments.find(experiment.id)
      await experiments.update(experiment.id, { name: `${found?.name}, seen` })
      return found?.name
    })
    expect(decided).toBe('x')
    const rows = await tracker.sql.query('select name from experiments where id = $1', [experiment.id])
    expect(rows).toEqual([{ name: 'x, seen' }])
  })

  it('rolls back when it throws', async () => {
    const experiment = await newExperiment()
    const attempt = db.transaction(async (scope) => {
      await new ExperimentRepository(scope).insert(experiment)
      throw new Error('changed my mind')
    })
    await expect(attempt).rejects.toThrow('changed my mind')
    expect(await count(experiment.id)).toBe(0)
  })

  it('rolls back on a failing statement, and tells it without SQL or parameters', async () => {
    const experiment = await newExperiment()
    const attempt = db.transaction(async (scope) => {
      await new ExperimentRepository(scope).insert(experiment)
      await new RunRepository(scope).insert({ ...newRunRow(newId(), newId(), {}), creationHash: 'x' })
    })
    await expect(attempt).rejects.toThrow(new TrackerError('not_found', 'Experiment not found'))
    expect(await count(experiment.id)).toBe(0)
  })

  it('lets through what the work throws', async () => {
    const refused = new TrackerError('conflict', 'changed my mind')
    const attempt = db.transaction(() => Promise.reject(refused))
    await expect(attempt).rejects.toBe(refused)
  })

  it('says that the database is away when it cannot be reached', async () => {
    const away = openDatabase({ ...tracker.env, DATABASE_GATEWAY: 'http://127.0.0.1:9' })
    const attempt = away.transaction(({ db }) => db.execute(sql`select 1`))
    await expect(attempt).rejects.toThrow(new TrackerError('unavailable', 'The database is away; try again'))
    // The driver keeps its configuration for the whole isolate.
    openDatabase(tracker.env)
  })

  it('closes its connection', async () => {
    const pid = await db.transaction(async (scope) => {
      const { rows } = await scope.db.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
      return rows[0]?.pid
    })
    expect(pid).toBeTypeOf('number')
    await expect
      .poll(() => tracker.sql.query('select from pg_stat_activity where pid = $1', [pid]), { timeout: 5_000 })
      .toEqual([])
  })
})
