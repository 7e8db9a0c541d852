import { createExecutionContext } from 'cloudflare:test'
import { neonConfig } from '@neondatabase/serverless'
import { sql } from 'drizzle-orm'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Database } from '../../src/db/database.ts'
import { TrackerError } from '../../src/errors.ts'
import { interfere, lostAnswer, lostRequest, stopInterfering } from '../support/faults.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'

let tracker: Tracker
let db: Database
beforeAll(async () => {
  tracker = await newTracker()
  await tracker.sql.query('create table marks (mark int)')
})
beforeEach(() => {
  const ctx = createExecutionContext()
  db = new Database(tracker.env, (promise) => ctx.waitUntil(promise))
})

stopInterfering()

const sqlError = (code: string) => async () => Response.json({ message: 'no', code }, { status: 400 })
const away = new TrackerError('unavailable', 'The database is away; try again')

const mark = (n: number) => db.http.execute(sql`insert into marks values (${n})`)
const marks = async (n: number) =>
  ((await tracker.sql.query('select from marks where mark = $1', [n])) as unknown[]).length

describe('a trip', () => {
  it.each(['40001', '40P01', '57P01', '57P03', '53300', '08006'])(
    'is made again after SQLSTATE %s',
    async (code) => {
      const sent = interfere(sqlError(code))
      const [{ rows }] = await db.batch([db.http.execute(sql`select 1 as one`)])
      expect([rows, sent(), db.trips]).toEqual([[{ one: 1 }], 2, 2])
    },
  )

  it('is made again after a fetch that failed or an answer that is none', async () => {
    const sent = interfere(lostRequest, async () => new Response('bad gateway', { status: 502 }))
    await db.batch([db.http.execute(sql`select 1`)])
    expect(sent()).toBe(3)
  })

  it('is made three times at most, and then says that the database is away', async () => {
    const sent = interfere(...Array(10).fill(sqlError('57P03')))
    await expect(db.batch([db.http.execute(sql`select 1`)])).rejects.toThrow(away)
    expect(sent()).toBe(3)
  })

  it.each(['23505', '42601', '22P02'])('is not made again after SQLSTATE %s', async (code) => {
    const sent = interfere(sqlError(code))
    await expect(db.batch([db.http.execute(sql`select 1`)])).rejects.toMatchObject({ code })
    expect(sent()).toBe(1)
  })

  it('that waited too long for a lock is told as such, and not made again', async () => {
    const sent = interfere(sqlError('55P03'))
    const detail = 'The database took too long to answer'
    await expect(db.batch([mark(55)])).rejects.toMatchObject({ code: 'unavailable', message: detail })
    expect(sent()).toBe(1)
  })

  it('that cannot be repeated is not made again after a lost answer, but is after a rollback', async () => {
    interfere(lostAnswer)
    await expect(db.batch([mark(1)], { repeatable: false })).rejects.toThrow(away)
    expect(await marks(1)).toBe(1)
    interfere(sqlError('57P01'))
    await expect(db.batch([mark(4)], { repeatable: false })).rejects.toThrow(away)
    interfere(sqlError('40P01'))
    await db.batch([mark(2)], { repeatable: false })
    expect(await marks(2)).toBe(1)
  })

  it('gives up a statement that takes too long, in the database', async () => {
    const slow = db.batch([db.http.execute(sql`select pg_sleep(60)`)], { timeout: 50 })
    await expect(slow).rejects.toThrow(
      new TrackerError('unavailable', 'The database took too long to answer'),
    )
  })

  it('gives up waiting for an answer that does not come', async () => {
    let sent = 0
    neonConfig.fetchFunction = (_url: string, { signal }: RequestInit) => {
      sent += 1
      return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    }
    // Two seconds more than the statement may take: past the time in which another attempt may begin.
    await expect(db.batch([mark(3)], { timeout: 3_500 })).rejects.toThrow(away)
    expect(sent).toBe(1)
  }, 10_000)

  it.each<[string, () => Response]>([
    ['is cut short', () => new Response('{"results": [')],
    ['breaks off', () => new Response(new ReadableStream({ start: (c) => c.error(new TypeError('lost')) }))],
    ['is a page', () => new Response('<html>secret</html>')],
    ['is a page that calls itself an error', () => new Response('<html>secret</html>', { status: 400 })],
  ])('is made again when its answer %s', async (_, answer) => {
    const sent = interfere(async () => answer())
    const [{ rows }] = await db.batch([db.http.execute(sql`select 1 as one`)])
    expect([rows, sent()]).toEqual([[{ one: 1 }], 2])
    interfere(...Array(3).fill(async () => answer()))
    await expect(db.batch([mark(5)])).rejects.toThrow(away)
  })

  it('that is larger than the database takes is told as such', async () => {
    const large = db.batch([db.http.execute(sql`select ${'x'.repeat(11 * 1024 * 1024)}`)])
    await expect(large).rejects.toMatchObject({ code: 'too_large' })
    const answer = db.batch([db.http.execute(sql`select repeat('x', 11 * 1024 * 1024)`)])
    await expect(answer).rejects.toMatchObject({ code: 'too_large' })
  })
})
