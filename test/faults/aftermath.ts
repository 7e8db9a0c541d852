/** What must hold when the faults are over. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Tracker, until } from '../system/support.ts'
import { send, withJson } from './client.ts'
import { item, type Journal } from './journal.ts'
import { storedInPostgres, storedOverHttp } from './stored.ts'

/** How soon the tracker works again after the last fault, in milliseconds: a promise of ours. */
export const RECOVERY = 10_000

/**
 * Writes something new, and tries until it is acknowledged.
 *
 * @returns how long that took from the last fault on, in milliseconds
 */
export async function recovery(url: string, journal: Journal, lastFault: number): Promise<number> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20)) {
    const id = randomUUID()
    const request = withJson('POST', '/experiments', {
      id,
      name: 'after',
      owner: 'writer',
      run: { name: 'after' },
    })
    const entry = { name: 'a fresh write', items: [item.experiment(id), item.run(id, 'after')] }
    journal.sent(entry)
    const answer = await send(url, request, { signal: AbortSignal.timeout(RECOVERY) }).catch(() => undefined)
    if (answer?.status !== 201) continue
    journal.acknowledge(entry)
    return Date.now() - lastFault
  }
  return Number.POSITIVE_INFINITY
}

/** Nothing is under way any more: no call in the gateway, no transaction and no lock in Postgres. */
export async function expectQuiet(tracker: Tracker): Promise<void> {
  await until('the gateway has nothing under way', async () => {
    const { active, waiting, connecting, open, idle, webSockets } = await tracker.gatewayStatus()
    return active === 0 && waiting === 0 && connecting === 0 && open === idle && webSockets === 0
  })
  await until('Postgres holds no lock and no transaction', async () => {
    const left = await tracker.query(`
      select pid from pg_locks where pid <> pg_backend_pid() and locktype <> 'virtualxid'
      union all
      select pid from pg_stat_activity
      where usename = 'edgerun' and pid <> pg_backend_pid() and (state <> 'idle' or xact_start is not null)`)
    return left.length === 0
  })
}

/** What was acknowledged is stored, what is stored was sent, each thing once, each call whole or not at all. */
export async function expectTruth(tracker: Tracker, journal: Journal): Promise<void> {
  expect(journal.faults).toEqual([])
  expect(journal.findings(await storedInPostgres(tracker))).toEqual([])
  expect(journal.findings(await storedOverHttp(tracker.url))).toEqual([])
}
