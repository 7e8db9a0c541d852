import { Client, type NeonQueryFunction, neon, neonConfig, Pool } from '@neondatabase/serverless'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { failure, type Stack, startStack, until } from './support.ts'

let stack: Stack
let sql: NeonQueryFunction<false, false>

beforeAll(async () => {
  stack = await startStack({ maxConnections: 4 })
  sql = neon(stack.postgres.url)
  await sql`create table through (id int)`
})
afterAll(() => stack.stop())

/** Runs work on a pool of one and ends it. */
async function withPool<T>(work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = new Pool({ connectionString: stack.postgres.url, max: 1 })
  pool.on('error', () => {})
  try {
    return await work(pool)
  } finally {
    await pool.end()
  }
}

const backends = async () =>
  (
    await stack.direct(`select 1 from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
    and application_name <> 'pkg:npm/%40neondatabase/serverless@1.2.0'`)
  ).length

const none = () =>
  until('no session is left', async () => stack.gateway.stats().webSockets === 0 && (await backends()) === 0)

it('commits an interactive transaction', async () => {
  await withPool(async (pool) => {
    const client = await pool.connect()
    await client.query('begin')
    const { rows } = await client.query('insert into through values ($1) returning id', [1])
    expect(rows).toEqual([{ id: 1 }])
    expect(await stack.direct('select * from through where id = 1')).toEqual([])
    await client.query('commit')
    client.release()
  })
  expect(await sql`select * from through where id = 1`).toEqual([{ id: 1 }])
  await none()
})

it('rolls an interactive transaction back', async () => {
  await withPool(async (pool) => {
    const client = await pool.connect()
    await client.query('begin')
    await client.query('insert into through values (2)')
    await client.query('rollback')
    client.release()
  })
  expect(await sql`select * from through where id = 2`).toEqual([])
})

it('gives the fields of an error', async () => {
  const error = await withPool((pool) => failure(pool.query(`select 'x'::int`)))
  expect(error).toMatchObject({ code: '22P02', severity: 'ERROR', routine: 'pg_strtoint32_safe' })
})

it('lets nobody in with a wrong password', async () => {
  const url = new URL(stack.postgres.url)
  url.password = 'wrong'
  const client = new Client(url.href)
  client.on('error', () => {})
  expect(await failure(client.connect())).toMatchObject({ code: '28P01' })
  await none()
})

it('leads to no other address', async () => {
  const { port } = new URL(stack.gateway.url)
  for (const address of ['127.0.0.1:5432', 'localhost:1', '']) {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}/v2?address=${address}`)
    const refused = new Promise((resolve) =>
      webSocket.once('unexpected-response', (_, { statusCode }) => resolve(statusCode)),
    )
    webSocket.on('error', () => {})
    expect(await refused).toBe(403)
  }
})

it('is at /v2 and nowhere else', async () => {
  const { port } = new URL(stack.gateway.url)
  for (const path of ['/', '/v1', '/sql', '/v2/', '//']) {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
    webSocket.on('error', () => {})
    const refused = new Promise((resolve) =>
      webSocket.once('unexpected-response', (_, { statusCode }) => resolve(statusCode)),
    )
    expect(await refused).toBe(404)
  }
})

it('carries many megabytes both ways unharmed', async () => {
  const value = Array.from({ length: 400_000 }, (_, i) => `${i} ä 漢 🧪`).join()
  await withPool(async (pool) => {
    const { rows } = await pool.query('select $1::text || $1::text as twice, length($1) as length', [value])
    // In UTF-16, as JavaScript counts, 🧪 is two.
    expect(rows[0].length).toBe(value.length - 400_000)
    expect(rows[0].twice === value + value).toBe(true)
  })
})

/** A client that is logged in, and the WebSocket under it. Its session does not look by itself whether we are there. */
async function connected(): Promise<{ client: Client; webSocket: WebSocket }> {
  const sockets: WebSocket[] = []
  neonConfig.webSocketConstructor = class extends WebSocket {
    constructor(url: string) {
      super(url)
      sockets.push(this)
    }
  }
  const url = new URL(stack.postgres.url)
  url.searchParams.set('options', '-c client_connection_check_interval=0')
  const client = new Client(url.href)
  client.on('error', () => {})
  await client.connect()
  neonConfig.webSocketConstructor = undefined
  const [webSocket] = sockets
  if (webSocket === undefined) throw new Error('The driver has opened no WebSocket')
  return { client, webSocket }
}

/** Waits until a value has stayed the same over 25 looks at it, and gives it. */
async function settled<T>(look: () => Promise<T> | T): Promise<T> {
  let last = await look()
  let same = 0
  await until('it stays the same', async () => {
    const value = await look()
    same = value === last ? same + 1 : 0
    last = value
    return same >= 25
  })
  return last
}

it('does not read from Postgres what its client does not take', async () => {
  const { client, webSocket } = await connected()
  webSocket.pause()
  const before = process.memoryUsage().arrayBuffers
  const query = failure(client.query(`select repeat('x', 1000000) as slow from generate_series(1, 500)`))
  const state = await settled(async () => {
    const [row] = await stack.direct(
      `select state, wait_event from pg_stat_activity where query like '%as slow%' and pid <> pg_backend_pid()`,
    )
    return `${row?.state} ${row?.wait_event}`
  })
  // Postgres waits for its client, and nobody piles the five hundred megabytes up.
  expect(state).toBe('active ClientWrite')
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
  webSocket.terminate()
  await query
  await none()
})

it('does not take from its client what Postgres does not read', async () => {
  const { client, webSocket } = await connected()
  const sleeping = failure(client.query('select pg_sleep(600)'))
  await until('it sleeps', async () => {
    const rows = await stack.direct(`select 1 from pg_stat_activity where wait_event = 'PgSleep'`)
    return rows.length === 1
  })
  // The start of a statement that is longer than all that is sent of it.
  const length = 64 * 1024 * 1024
  const header = Buffer.alloc(5, 'Q')
  header.writeInt32BE(length * 2, 1)
  webSocket.send(header)
  for (let i = 0; i < 64; i++) webSocket.send(Buffer.alloc(length / 64, 'x'))
  expect(await settled(() => webSocket.bufferedAmount)).toBeGreaterThan(length / 2)
  webSocket.terminate()
  await sleeping
  await none()
})

it.each(['idle', 'at work'])(
  'leaves neither session nor lock when it vanishes while its transaction is %s',
  async (how) => {
    const { client, webSocket } = await connected()
    await client.query('begin')
    await client.query('lock table through in access exclusive mode')
    const running = how === 'idle' ? undefined : failure(client.query('select pg_sleep(600)'))
    if (running) {
      await until('it runs', async () => {
        const rows = await stack.direct(`select 1 from pg_stat_activity where wait_event = 'PgSleep'`)
        return rows.length === 1
      })
    }
    // Without a closing handshake, as when a machine loses its network.
    webSocket.terminate()
    await running
    await none()
    expect(await sql`select count(*)::int from through where id = 99`).toEqual([{ count: 0 }])
  },
)

it('is closed with a handshake when Postgres ends the session', async () => {
  const client = new Client(stack.postgres.url)
  const errors: unknown[] = []
  client.on('error', (error) => errors.push(error))
  await client.connect()
  const { rows } = await client.query('select pg_backend_pid() as pid')
  const ended = new Promise((resolve) => client.once('end', () => resolve('ended')))
  await stack.direct('select pg_terminate_backend($1)', [rows[0].pid])
  expect(await ended).toBe('ended')
  expect(String(errors[0])).toContain('terminating connection')
  await none()
})

it('answers a closing handshake', async () => {
  const { port } = new URL(stack.gateway.url)
  const webSocket = new WebSocket(`ws://127.0.0.1:${port}/v2`)
  await new Promise((resolve) => webSocket.once('open', resolve))
  const code = new Promise((resolve) => webSocket.once('close', resolve))
  webSocket.close(1000)
  // 1006 would mean that there was none.
  expect(await code).toBe(1000)
  await none()
})

it('refuses more sessions than it may hold, and takes new ones when some are gone', async () => {
  const clients = Array.from({ length: 4 }, () => new Client(stack.postgres.url))
  for (const client of clients) await client.connect()
  const { port } = new URL(stack.gateway.url)
  const extra = new WebSocket(`ws://127.0.0.1:${port}/v2`)
  extra.on('error', () => {})
  expect(
    await new Promise((resolve) =>
      extra.once('unexpected-response', (_, { statusCode }) => resolve(statusCode)),
    ),
  ).toBe(503)
  for (const client of clients) await client.end()
  await none()
  expect((await withPool((pool) => pool.query('select 1 as one'))).rows).toEqual([{ one: 1 }])
})

it('does not take sessions away from statements over HTTP', async () => {
  const clients = Array.from({ length: 4 }, () => new Client(stack.postgres.url))
  for (const client of clients) await client.connect()
  expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
  for (const client of clients) await client.end()
})
