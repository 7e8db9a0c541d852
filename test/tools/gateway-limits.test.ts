import { Agent, request } from 'node:http'
import { type NeonQueryFunction, neon } from '@neondatabase/serverless'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { failure, type Stack, startStack, until } from './support.ts'

const LIMIT = 10 * 1024 * 1024

let stack: Stack
let sql: NeonQueryFunction<false, false>

beforeAll(async () => {
  stack = await startStack()
  sql = neon(stack.postgres.url)
})
afterAll(() => stack.stop())

/** A parameter that makes the body of `length_of` so long to the byte. */
const length_of = 'select length($1) as length'
const filling = (body: number) => 'x'.repeat(body - JSON.stringify({ query: length_of, params: [''] }).length)

it('takes a request of 10 MiB', async () => {
  const param = filling(LIMIT)
  expect(await sql.query(length_of, [param])).toEqual([{ length: param.length }])
})

it('refuses a request of one byte more with 413', async () => {
  expect(await failure(sql.query(length_of, [filling(LIMIT + 1)]))).toMatchObject({
    message: expect.stringContaining('(HTTP status 413)'),
    code: undefined,
  })
})

it('counts the bytes of a request and not its characters', async () => {
  const half = 'ä'.repeat(LIMIT / 2)
  expect((await failure(sql.query(length_of, [half]))).message).toContain('(HTTP status 413)')
})

it('reads a request that is far too large to its end, and serves the next one on the same connection', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const post = (body: Buffer) =>
    new Promise((resolve, reject) => {
      request(`${stack.gateway.url}/sql`, {
        agent,
        method: 'POST',
        headers: { 'Neon-Connection-String': stack.postgres.url, 'Neon-Raw-Text-Output': 'true' },
      })
        .once('response', (response) => response.resume().once('end', () => resolve(response.statusCode)))
        .once('error', reject)
        .end(body)
    })
  try {
    expect(await post(Buffer.alloc(30 * 1024 * 1024, 'x'))).toBe(413)
    expect(await post(Buffer.from(JSON.stringify({ query: 'select 1', params: [] })))).toBe(200)
  } finally {
    agent.destroy()
  }
})

// A value costs its own bytes and four for their number; that is also how Neon counts.
it('gives an answer of 10 MiB', async () => {
  const [row] = await sql`select repeat('x', ${LIMIT - 4}) as value`
  expect(row?.value).toHaveLength(LIMIT - 4)
})

it('refuses an answer of one byte more with 507', async () => {
  expect(await failure(sql`select repeat('x', ${LIMIT - 3}) as value`)).toMatchObject({
    message: expect.stringContaining('(HTTP status 507)'),
    code: undefined,
  })
})

it('counts an answer over all rows and all statements of a batch', async () => {
  const half = () => sql`select repeat('x', 1024) as value from generate_series(1, 5100)`
  await sql.transaction([half()])
  await sql.transaction([half(), half()])
  expect(
    (await failure(sql.transaction([half(), half(), sql`select repeat('x', 4096)`, half()]))).message,
  ).toContain('(HTTP status 507)')
})

it('stops a statement whose answer is too large instead of reading it to its end', async () => {
  const error = await failure(sql`select repeat('x', 100000), generate_series(1, 100000000)`)
  expect(error.message).toContain('(HTTP status 507)')
  await until('nobody works on it any more', async () => {
    const running =
      await stack.direct(`select 1 from pg_stat_activity where query like '%100000000%' and state = 'active'
      and pid <> pg_backend_pid()`)
    return running.length === 0
  })
})

it('has done nothing of a batch whose answer was too large', async () => {
  await sql`create table unanswered (id int)`
  const batch = sql.transaction([
    sql`insert into unanswered values (1)`,
    sql`select repeat('x', ${LIMIT}) as value`,
    sql`insert into unanswered values (2)`,
  ])
  expect((await failure(batch)).message).toContain('(HTTP status 507)')
  // Before its session has ended, what it did would not be seen in any case.
  await until('its session is gone', () => stack.gateway.stats().open === stack.gateway.stats().idle)
  expect(await stack.direct('select * from unanswered')).toEqual([])
})
