import { readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort, listen } from '../../tools/local/ports.ts'
import { type LocalPostgres, type PostgresOptions, startPostgres } from '../../tools/local/postgres.ts'
import { startedAt } from '../../tools/local/processes.ts'
import { failure, temporaryFolder, until } from './support.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function newFolder(): Promise<string> {
  const { folder, remove } = await temporaryFolder()
  cleanups.push(remove)
  return folder
}

async function start(options: Partial<PostgresOptions> = {}): Promise<LocalPostgres & { said: string[] }> {
  const said: string[] = []
  const log = (line: string) => said.push(line)
  const dataDir = options.dataDir ?? (await newFolder())
  const postgres = await startPostgres({ durable: false, log, ...options, dataDir })
  cleanups.push(() => postgres.stop())
  return { ...postgres, said }
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const setting = async (url: string, name: string) =>
  (await query(url, `select current_setting('${name}') as value`))[0]?.value

describe('a new database', () => {
  it('is ours, in UTF-8, sorted by code point on every machine, and at home in UTC', async () => {
    const { url } = await start()
    expect(
      await query(
        url,
        `select current_database() as database, current_user as role, pg_encoding_to_char(encoding) as encoding,
           datlocprovider::text as provider, datlocale as locale, upper('ä') = 'Ä' as unicode,
           'Z' < 'a' and 'z' < 'ä' as by_code_point
         from pg_database where datname = current_database()`,
      ),
    ).toEqual([
      {
        database: 'edgerun',
        role: 'edgerun',
        encoding: 'UTF8',
        provider: 'b',
        locale: 'C.UTF-8',
        unicode: true,
        by_code_point: true,
      },
    ])
    expect(await setting(url, 'TimeZone')).toBe('UTC')
  })

  it('belongs to a role that is no superuser and may make databases of its own', async () => {
    const { url } = await start()
    expect(
      await query(url, `select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = 'edgerun'`),
    ).toEqual([{ rolsuper: false, rolcreatedb: true, rolcreaterole: false }])
    await query(url, 'create database another')
    await query(url, 'create table mine (id int)')
  })

  it('lets nobody in without the password, which only its owner can read', async () => {
    const dataDir = await newFolder()
    const { url } = await start({ dataDir })
    const file = path.join(dataDir, 'password')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(new URL(url).password).toBe((await readFile(file, 'utf8')).trim())
    expect((await stat(path.join(dataDir, 'data'))).mode & 0o777).toBe(0o700)
    for (const user of ['edgerun', 'postgres']) {
      const wrong = new URL(url)
      wrong.username = user
      wrong.password = 'wrong'
      expect(await failure(query(wrong.href, 'select 1'))).toMatchObject({ code: '28P01' })
    }
  })

  it('listens on the loopback interface and nowhere else', async () => {
    const { url, port } = await start()
    expect(await setting(url, 'listen_addresses')).toBe('127.0.0.1')
    expect(await setting(url, 'unix_socket_directories')).toBe('')
    const outside = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ internal, family }) => !internal && family === 'IPv4')
    if (outside === undefined) return
    const other = new URL(url)
    other.hostname = outside.address
    expect(await failure(query(other.href, 'select 1'))).toMatchObject({ code: 'ECONNREFUSED', port })
  })

  it('waits for the disk unless it is told not to', async () => {
    const durable = await start({ durable: true })
    for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
      expect(await setting(durable.url, name)).toBe('on')
    }
    expect(await setting((await start()).url, 'fsync')).toBe('off')
  })
})

describe('a port', () => {
  it('may be chosen', async () => {
    const port = await freePort()
    const { url } = await start({ port })
    expect(new URL(url).port).toBe(String(port))
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  it('that is taken gets a sentence', async () => {
    const server = createServer()
    const port = await listen(server, 0)
    expect((await failure(start({ port }))).message).toBe(
      `Port ${port}, which Postgres was to use, is in use by another program.`,
    )
    server.close()
  })
})

describe('a folder', () => {
  it('keeps its data and its password over a restart', async () => {
    const dataDir = await newFolder()
    const first = await start({ dataDir })
    await query(first.url, 'create table kept as select 42 as answer')
    await first.stop()
    expect(startedAt(first.pid())).toBeUndefined()
    const second = await start({ dataDir, port: first.port })
    expect(second.url).toBe(first.url)
    expect(await query(second.url, 'select * from kept')).toEqual([{ answer: 42 }])
  })

  it('serves one at a time', async () => {
    const dataDir = await newFolder()
    const first = await start({ dataDir })
    expect((await failure(start({ dataDir }))).message).toContain(
      `is in use by another Edgerun, process ${process.pid}:`,
    )
    await first.stop()
    await start({ dataDir })
  })

  it('goes to one of two that start at the same moment', async () => {
    const dataDir = await newFolder()
    const outcomes = await Promise.allSettled([start({ dataDir }), start({ dataDir }), start({ dataDir })])
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('is free again when the process that had it is gone, though another one has its number now', async () => {
    const dataDir = await newFolder()
    await writeFile(
      path.join(dataDir, 'tracker.json'),
      JSON.stringify({ pid: process.pid, started: 'long ago' }),
    )
    await start({ dataDir })
  })

  it('is free again when its lock is empty, as after a full disk', async () => {
    const dataDir = await newFolder()
    await writeFile(path.join(dataDir, 'tracker.json'), '')
    await start({ dataDir })
  })

  it('holds nothing half-made when making the database fails', async () => {
    const dataDir = await newFolder()
    await writeFile(path.join(dataDir, 'data.unfinished'), 'left by a start that was interrupted')
    const { url } = await start({ dataDir })
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
    await expect(stat(path.join(dataDir, 'data.unfinished'))).rejects.toThrow()
  })

  it('is usable though the number of its last postmaster belongs to another process now', async () => {
    const dataDir = await newFolder()
    const first = await start({ dataDir })
    const file = path.join(dataDir, 'data/postmaster.pid')
    const lines = (await readFile(file, 'utf8')).split('\n')
    await first.stop()
    // Postgres on its own would take a process of its own user for its predecessor, and refuse to start.
    await writeFile(file, [process.pid, ...lines.slice(1)].join('\n'), { mode: 0o600 })
    const second = await start({ dataDir })
    expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

describe('a postmaster that is killed', () => {
  it('is started again on the same port, with everything that was committed', async () => {
    const postgres = await start()
    const before = postgres.pid()
    await query(postgres.url, 'create table kept as select 42 as answer')
    process.kill(before, 'SIGKILL')
    await until('another one runs', () => postgres.pid() !== before)
    await until('it answers', () =>
      query(postgres.url, 'select 1').then(
        () => true,
        () => false,
      ),
    )
    expect(await query(postgres.url, 'select * from kept')).toEqual([{ answer: 42 }])
    expect(postgres.said).toEqual([
      'Postgres ended unexpectedly (SIGKILL): starting it again.',
      'Postgres is back.',
    ])
  })

  it('is started again though one of its backends works on and notices nothing', async () => {
    const postgres = await start()
    const client = new pg.Client(postgres.url)
    client.on('error', () => {})
    await client.connect()
    const { rows } = await client.query('select pg_backend_pid() as pid')
    const busy = client
      .query('select count(*) from generate_series(1, 100000000000) as a')
      .catch(() => 'lost')
    await until('it works', async () => {
      const active = await query(
        postgres.url,
        `select 1 from pg_stat_activity where state = 'active' and query like '%100000000000%'
        and pid <> pg_backend_pid()`,
      )
      return active.length === 1
    })
    const before = postgres.pid()
    process.kill(before, 'SIGKILL')
    expect(await busy).toBe('lost')
    await until('it answers', () =>
      query(postgres.url, 'select 1').then(
        () => true,
        () => false,
      ),
    )
    expect(postgres.pid()).not.toBe(before)
    expect(startedAt(rows[0].pid)).toBeUndefined()
  })

  it('can be stopped while it is being started again', async () => {
    const postgres = await start()
    process.kill(postgres.pid(), 'SIGKILL')
    await until('it is noticed', () => postgres.said.length > 0)
    await postgres.stop()
    await expect(query(postgres.url, 'select 1')).rejects.toThrow()
    expect(startedAt(postgres.pid())).toBeUndefined()
  })
})

describe('a client that dies', () => {
  it('leaves no statement behind', async () => {
    const { url } = await start()
    const client = new pg.Client(url)
    client.on('error', () => {})
    await client.connect()
    const slow = client.query('select pg_sleep(600) as dying').catch(() => 'lost')
    const running = async () =>
      (
        await query(
          url,
          `select 1 from pg_stat_activity where query like '%as dying' and pid <> pg_backend_pid()`,
        )
      ).length
    await until('it runs', async () => (await running()) === 1)
    const { connection } = client
    connection.stream.destroy()
    expect(await slow).toBe('lost')
    await until('it is gone', async () => (await running()) === 0)
  })
})
