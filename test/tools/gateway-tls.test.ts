import { Client, neon } from '@neondatabase/serverless'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Gateway, startGateway } from '../../tools/local/gateway.ts'
import { type LocalPostgres, startPostgres } from '../../tools/local/postgres.ts'
import { demandTls, failure, pointDriverAt, temporaryFolder, until } from './support.ts'

let postgres: LocalPostgres
let certificate: string
let remove: () => Promise<void>
const gateways: Gateway[] = []

beforeAll(async () => {
  const temporary = await temporaryFolder()
  remove = temporary.remove
  postgres = await startPostgres({ dataDir: temporary.folder, durable: false, log: () => {} })
  certificate = await demandTls(postgres, temporary.folder)
  await until(
    'it speaks TLS',
    async () => (await failure(connect(false)).catch(() => undefined)) !== undefined,
  )
})
afterAll(async () => {
  for (const gateway of gateways) await gateway.close()
  await postgres.stop()
  await remove()
})

async function connect(ssl: false | { rejectUnauthorized: boolean }): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: postgres.url, ssl })
  await client.connect()
  return client
}

async function gatewayWith(parameters: string): Promise<Gateway> {
  const gateway = await startGateway({ upstream: `${postgres.url}${parameters}` })
  gateways.push(gateway)
  pointDriverAt(gateway)
  return gateway
}

const encrypted = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'

it.each(['require', 'verify-ca', 'verify-full'])(
  'encrypts what sslmode=%s asks for, and checks who answers',
  async (mode) => {
    await gatewayWith(`?sslmode=${mode}&sslrootcert=${certificate}`)
    const sql = neon(postgres.url)
    expect(await sql.query(encrypted)).toEqual([{ ssl: true }])

    const client = new Client(postgres.url)
    await client.connect()
    expect((await client.query(encrypted)).rows).toEqual([{ ssl: true }])
    await client.end()
  },
)

it('stops a statement through TLS as well when its client goes away', async () => {
  await gatewayWith('?sslmode=require')
  const url = new URL(postgres.url)
  url.searchParams.set('options', '-c client_connection_check_interval=0')
  const controller = new AbortController()
  const gone = failure(neon(url.href, { fetchOptions: { signal: controller.signal } })`select pg_sleep(600)`)
  const client = await connect({ rejectUnauthorized: false })
  const sleeping = async () =>
    (await client.query(`select 1 from pg_stat_activity where wait_event = 'PgSleep'`)).rows.length
  await until('it runs', async () => (await sleeping()) === 1)
  controller.abort()
  await gone
  await until('it is gone', async () => (await sleeping()) === 0)
  await client.end()
})

it('trusts no certificate that nobody has vouched for, when it is to check', async () => {
  await gatewayWith('?sslmode=verify-full')
  expect((await failure(neon(postgres.url)`select 1`)).message).toContain('(HTTP status 502)')
})

it('tells what Postgres says to somebody who comes without', async () => {
  await gatewayWith('')
  expect(await failure(neon(postgres.url)`select 1`)).toMatchObject({ code: '28000' })
})

it('knows no other mode', async () => {
  expect((await failure(startGateway({ upstream: `${postgres.url}?sslmode=maybe` }))).message).toContain(
    'sslmode=maybe',
  )
})
