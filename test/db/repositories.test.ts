import { beforeAll, expect, it } from 'vitest'
import type { Database, Scope } from '../../src/db/database.ts'
import { ExperimentRepository } from '../../src/experiments/repository.ts'
import { newId } from '../../src/ids.ts'
import { RunRepository } from '../../src/runs/repository.ts'
import { newRunRow } from '../../src/runs/wire.ts'
import { openDatabase } from '../support/scope.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'

/** As in the course: every test here runs in a transaction of its own, which is rolled back. */
let tracker: Tracker
let db: Database
beforeAll(async () => {
  tracker = await newTracker()
  db = openDatabase(tracker.env)
})

class RolledBack extends Error {}

function inRolledBackTransaction(
  name: string,
  test: (experiments: ExperimentRepository, runs: RunRepository) => Promise<void>,
) {
  it(name, async () => {
    const work = async (scope: Scope) => {
      await test(new ExperimentRepository(scope), new RunRepository(scope))
      throw new RolledBack()
    }
    await expect(db.transaction(work)).rejects.toBeInstanceOf(RolledBack)
    expect(await tracker.sql.query('select count(*)::int as count from experiments')).toEqual([{ count: 0 }])
  })
}

const experiment = (fields: { name: string; owner: string }) => ({
  id: newId(),
  creationHash: 'x',
  ...fields,
})

inRolledBackTransaction('creates an experiment and finds it', async (experiments) => {
  const created = experiment({ name: 'Test', owner: 'alice' })
  await experiments.insert(created)
  expect(await experiments.find(created.id)).toMatchObject([
    { ...created, status: 'created', description: null },
  ])
})

inRolledBackTransaction('finds the experiments of an owner', async (experiments) => {
  for (const [name, owner] of [
    ['Exp1', 'alice'],
    ['Exp2', 'alice'],
    ['Exp3', 'bob'],
  ] as const) {
    await experiments.insert(experiment({ name, owner }))
  }
  const ofAlice = await experiments.list({ owner: 'alice', limit: 10 })
  expect(ofAlice.map(({ name }) => name).sort()).toEqual(['Exp1', 'Exp2'])
  expect(await experiments.owners({ limit: 10 })).toEqual([
    { owner: 'alice', count: 2 },
    { owner: 'bob', count: 1 },
  ])
})

inRolledBackTransaction('updates and deletes', async (experiments, runs) => {
  const created = experiment({ name: 'Test', owner: 'alice' })
  await experiments.insert(created)
  const run = { ...newRunRow(newId(), created.id, {}), creationHash: 'x' }
  await runs.insert(run)
  await experiments.update(created.id, { status: 'running' })
  expect(await experiments.find(created.id)).toMatchObject([{ status: 'running' }])
  expect(await experiments.delete(created.id)).toEqual([{ id: created.id }])
  expect(await experiments.delete(created.id)).toEqual([])
  expect(await runs.find(run.id)).toEqual([])
})
