import { randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { cleanUp, Tracker, until } from './support.ts'

afterEach(cleanUp)

/** What Postgres itself says about the sessions of the gateway. */
const sessions = (tracker: Tracker) =>
  tracker.query(`select state from pg_stat_activity where usename = 'edgerun' and pid <> pg_backend_pid()`)

it('loses nothing that was acknowledged when Postgres is killed under load, and says 503 meanwhile', async () => {
  const tracker = await Tracker.start()
  const { pid } = await tracker.postgres()
  const acknowledged: string[] = []
  const statuses = new Map<number, number>()
  let stop = false

  /** Creates experiments one after the other; one that gets 503 is sent again, as its client would. */
  const writer = async () => {
    while (!stop) {
      const id = randomUUID()
      for (let status = 0; status !== 201 && !stop; ) {
        const answer = await tracker.send('POST', '/experiments', { id, name: 'load', owner: 'alice' })
        status = answer.status
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (status === 201) acknowledged.push(id)
        else {
          expect([status, answer.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)])
          await sleep(50)
        }
      }
    }
  }
  const writers = Array.from({ length: 8 }, writer)
  await until('they write', () => acknowledged.length > 50)
  process.kill(pid, 'SIGKILL')
  await until(
    'it is another Postgres',
    async () => (await tracker.postgres().catch(() => ({ pid }))).pid !== pid,
  )
  const before = acknowledged.length
  await until('they write again', () => acknowledged.length > before + 50)
  // Once more, while the gateway has warm sessions again.
  process.kill((await tracker.postgres()).pid, 'SIGKILL')
  await until('they were told', () => (statuses.get(503) ?? 0) > 0)
  const after = acknowledged.length
  await until('they write again', () => acknowledged.length > after + 50)
  stop = true
  await Promise.all(writers)

  expect([...statuses.keys()].sort()).toEqual([201, 503])
  const stored = new Set((await tracker.query('select id from experiments')).map(({ id }) => id))
  expect(acknowledged.filter((id) => !stored.has(id))).toEqual([])
  expect(tracker.err).toContain('Postgres ended unexpectedly (SIGKILL): starting it again.')
  expect(tracker.err).toContain('Postgres is back.')
  await until('the gateway has nothing under way', async () => {
    const { active, waiting } = await tracker.gatewayStatus()
    return active === 0 && waiting === 0
  })
})

it('answers 200 creates and reads at once without an error and leaks no connection', async () => {
  const tracker = await Tracker.start()
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        n % 2 === 0
          ? tracker.send('POST', '/experiments', { id: randomUUID(), name: `n${n}`, owner: 'alice' })
          : tracker.send('GET', '/experiments?limit=10'),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(answers.map((_, n) => (n % 2 === 0 ? 201 : 200)))
  }
  await until('the gateway has nothing under way', async () => {
    const { active, waiting, connecting, open, idle } = await tracker.gatewayStatus()
    return active === 0 && waiting === 0 && connecting === 0 && open === idle
  })
  const { open, webSockets } = await tracker.gatewayStatus()
  expect(webSockets).toBe(0)
  const states = (await sessions(tracker)).map(({ state }) => state)
  expect(states).toEqual(Array(open).fill('idle'))
  expect(open).toBeLessThanOrEqual(32)
})

it('gives up on a Postgres that cannot be brought back, with a sentence', async () => {
  const tracker = await Tracker.start()
  const { pid } = await tracker.postgres()
  await rm(`${tracker.data}/postgres/data/global`, { recursive: true })
  process.kill(pid, 'SIGKILL')
  expect((await tracker.ended).code).toBe(1)
  expect(tracker.err).toMatch(/Postgres cannot start on [^\n]+\.\n$/)
})

it('runs the Worker again when workerd dies', async () => {
  const tracker = await Tracker.start()
  const processes = await tracker.processes()
  let workerd = 0
  for (const pid of processes.keys()) {
    if ((await readFile(`/proc/${pid}/comm`, 'utf8')).trim() === 'workerd') workerd = pid
  }
  process.kill(workerd, 'SIGKILL')
  await until('it answers again', async () => {
    try {
      return (await tracker.send('GET', '/health')).status === 200
    } catch {
      return false
    }
  })
})
