import { chmod, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { listen } from '../../tools/local/ports.ts'
import { type LocalPostgres, startPostgres } from '../../tools/local/postgres.ts'
import { demandTls } from '../tools/support.ts'
import { cleanUp, Tracker, temporaryFolder } from './support.ts'

let postgres: LocalPostgres
let remove: () => Promise<void>
beforeAll(async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'edgerun-system-'))
  await chmod(dataDir, 0o755)
  postgres = await startPostgres({ dataDir, durable: false, log: () => {} })
  remove = () => rm(dataDir, { recursive: true, force: true })
})
afterAll(async () => {
  await postgres.stop()
  await remove()
})
afterEach(cleanUp)

/** What a start says that must fail: one line, with exit code 1. */
async function refusal(env: NodeJS.ProcessEnv): Promise<string> {
  const tracker = await Tracker.launch({ env })
  expect(await tracker.ended).toEqual({ code: 1, signal: null })
  expect(tracker.out).toBe('')
  const said = tracker.err.trimEnd()
  // One sentence: it says what is wrong, and after a colon what to do.
  expect(said).toMatch(/^[^\n]+: [^\n]+\.$/)
  return said
}

it.each(['0', '65536', 'http', '80.5', '-1'])('says that %s is no port', async (PORT) => {
  const tracker = await Tracker.launch({ env: { PORT } })
  expect((await tracker.ended).code).toBe(1)
  expect(tracker.err).toBe(`PORT is ${PORT}, which is no port: set it to a number from 1 to 65535.\n`)
})

it('says that a port is in use, before it does anything slow', async () => {
  const server = createServer()
  const port = await listen(server, 0)
  const data = path.join(await temporaryFolder(), 'data')
  expect(await refusal({ PORT: String(port), EDGERUN_DATA: data })).toBe(
    `Port ${port} is in use by another program: stop that one, or choose another port, as in PORT=${port + 1} npm start.`,
  )
  await expect(readFile(path.join(data, 'postgres/password'))).rejects.toThrow()
  server.close()
})

it('says that a folder is in use, and by which process', async () => {
  const first = await Tracker.start()
  expect(await refusal({ EDGERUN_DATA: first.data })).toBe(
    `${first.data} is in use by another Edgerun, process ${first.child.pid}: stop that one first, or choose another folder with EDGERUN_DATA.`,
  )
  expect((await first.send('GET', '/health')).status).toBe(200)
})

it('says that a file is where the data folder should be', async () => {
  const file = path.join(await temporaryFolder(), 'file')
  await writeFile(file, '')
  expect(await refusal({ EDGERUN_DATA: file })).toContain('a file is in its place')
})

it.each([
  ['nonsense', 'DATABASE_URL is no URL'],
  ['mysql://a:geheim@127.0.0.1/b', 'DATABASE_URL does not begin with postgres://'],
  ['postgres://127.0.0.1/b', 'DATABASE_URL names no user'],
  ['postgres://a:geheim@127.0.0.1', 'DATABASE_URL names no database'],
  ['postgres://a:geheim%@127.0.0.1/b', 'DATABASE_URL is no URL'],
  ['postgres://a:geheim@127.0.0.1:1/b', 'DATABASE_URL: nothing answers at 127.0.0.1:1'],
  ['postgres://a:geheim@nowhere.invalid/b', 'DATABASE_URL: the'],
  [
    'postgres://a:geheim@127.0.0.1/b?sslmode=verify-full&sslrootcert=/nowhere',
    'DATABASE_URL: 127.0.0.1:5432 cannot be used (ENOENT',
  ],
])('says what is wrong with the address %s', async (DATABASE_URL, sentence) => {
  const said = await refusal({ DATABASE_URL })
  expect(said).toContain(sentence)
  expect(said).not.toContain('geheim')
})

it('says that the password in DATABASE_URL is wrong, and does not repeat it', async () => {
  const url = new URL(postgres.url)
  url.password = 'geheim'
  const said = await refusal({ DATABASE_URL: url.href })
  expect(said).toBe('DATABASE_URL: the password for edgerun is wrong: correct it.')
})

it('says that the database in DATABASE_URL does not exist', async () => {
  const url = new URL(postgres.url)
  url.pathname = '/nowhere'
  expect(await refusal({ DATABASE_URL: url.href })).toBe(
    'DATABASE_URL: there is no database nowhere: create it, or correct its name.',
  )
})

it('uses the Postgres that DATABASE_URL names, and no other', async () => {
  const tracker = await Tracker.start({ env: { DATABASE_URL: postgres.url } })
  expect((await tracker.paste())[1]).toEqual({ stored: 1, duplicates: 0 })
  await expect(readFile(path.join(tracker.data, 'postgres/password'))).rejects.toThrow()
})

it('uses one that is reached by TLS alone, with a certificate of its own', async () => {
  const dataDir = await temporaryFolder()
  const secured = await startPostgres({ dataDir, durable: false, log: () => {} })
  const certificate = await demandTls(secured, dataDir)
  for (const mode of ['sslmode=require', `sslmode=verify-full&sslrootcert=${certificate}`]) {
    const tracker = await Tracker.start({ env: { DATABASE_URL: `${secured.url}?${mode}` } })
    expect(await tracker.paste()).toHaveLength(3)
    tracker.child.kill('SIGTERM')
    await tracker.ended
  }
  expect(await refusal({ DATABASE_URL: secured.url })).toContain('no encryption')
  expect(await refusal({ DATABASE_URL: `${secured.url}?sslmode=verify-full` })).toContain(
    'self-signed certificate',
  )
  await secured.stop()
})

/** A data folder that was in use before, and the folder of Postgres in it. */
async function usedFolder(): Promise<{ data: string; cluster: string }> {
  const data = path.join(await temporaryFolder(), 'data')
  const home = path.join(data, 'postgres')
  await mkdir(home, { recursive: true })
  await (await startPostgres({ dataDir: home, durable: false, log: () => {} })).stop()
  return { data, cluster: path.join(home, 'data') }
}

it('says that a data folder has lost its version', async () => {
  const { data, cluster } = await usedFolder()
  await rm(path.join(cluster, 'PG_VERSION'))
  const said = await refusal({ EDGERUN_DATA: data })
  expect(said).toContain(`${cluster} holds no usable Postgres database (PG_VERSION`)
  expect(said).toContain('put a backup there, or move the folder away')
})

it('says that a data folder is of another version', async () => {
  const { data, cluster } = await usedFolder()
  await writeFile(path.join(cluster, 'PG_VERSION'), '17\n')
  expect(await refusal({ EDGERUN_DATA: data })).toContain(
    'was made by PostgreSQL 17, and this Edgerun brings 18',
  )
})

it('says that a data folder is something else', async () => {
  const data = path.join(await temporaryFolder(), 'data')
  await mkdir(path.join(data, 'postgres/data'), { recursive: true })
  await writeFile(path.join(data, 'postgres/data/holiday.jpg'), 'x')
  expect(await refusal({ EDGERUN_DATA: data })).toContain('holds no usable Postgres database')
  expect(await readFile(path.join(data, 'postgres/data/holiday.jpg'), 'utf8')).toBe('x')
})

it('says what Postgres found when it could not recover', async () => {
  const { data, cluster } = await usedFolder()
  await truncate(path.join(cluster, 'global/pg_control'), 100)
  const said = await refusal({ EDGERUN_DATA: data })
  expect(said).toContain(`Postgres cannot start on ${cluster} (`)
  expect(said).toContain('pg_control')
  expect(said).toContain('put a backup there, or move the folder away')
})

it('says that the password beside the data is missing', async () => {
  const { data } = await usedFolder()
  await rm(path.join(data, 'postgres/password'))
  expect(await refusal({ EDGERUN_DATA: data })).toContain(
    'the password of the database beside it, is missing',
  )
})
