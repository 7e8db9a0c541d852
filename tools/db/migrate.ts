/**
 * Migrations over a plain Postgres connection (Neon's port 5432 is one). The up steps are what `drizzle-kit generate`
 * writes, each with a down step written by hand beside it (`NAME.down.sql`). What is applied is kept in the table that
 * Drizzle's own migrator uses, so its tools read it too.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'

const FOLDER = path.resolve(import.meta.dirname, '../../drizzle')

/** Any number will do, as long as every migrator of Edgerun takes the same: two at once wait for each other. */
const LOCK = 3_141_592_653

/** A migration of the folder. */
interface Migration {
  name: string
  /** When it was generated, in epoch milliseconds: its key in the table of applied ones, and its place in order. */
  when: number
  up: string
  hash: string
}

/** A migration, and whether the database has it. */
export interface HistoryEntry {
  name: string
  applied: boolean
}

/**
 * Applies what the database does not have yet, all of it in one transaction.
 *
 * @returns the names applied, oldest first
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  return locked(databaseUrl, async (client) => {
    const done = await applied(client)
    const missing = (await migrations()).filter(({ when }) => !done.has(when))
    for (const { up, hash, when } of missing) {
      for (const statement of statements(up)) await client.query(statement)
      await client.query('insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)', [
        hash,
        when,
      ])
    }
    return missing.map(({ name }) => name)
  })
}

/**
 * Takes back the newest `count` migrations, in one transaction.
 *
 * @returns the names taken back, newest first
 */
export async function rollback(databaseUrl: string, count = 1): Promise<string[]> {
  return locked(databaseUrl, async (client) => {
    const done = await applied(client)
    const newest = (await migrations())
      .filter(({ when }) => done.has(when))
      .slice(-count)
      .reverse()
    for (const { name, when } of newest) {
      for (const statement of statements(await read(`${name}.down.sql`))) await client.query(statement)
      await client.query('delete from drizzle.__drizzle_migrations where created_at = $1', [when])
    }
    return newest.map(({ name }) => name)
  })
}

/** All migrations, oldest first, and which of them the database has. */
export async function history(databaseUrl: string): Promise<HistoryEntry[]> {
  return locked(databaseUrl, async (client) => {
    const done = await applied(client)
    return (await migrations()).map(({ name, when }) => ({ name, applied: done.has(when) }))
  })
}

async function migrations(): Promise<Migration[]> {
  const journal: { entries: { tag: string; when: number }[] } = JSON.parse(await read('meta/_journal.json'))
  return Promise.all(
    journal.entries.map(async ({ tag, when }) => {
      const up = await read(`${tag}.sql`)
      return { name: tag, when, up, hash: createHash('sha256').update(up).digest('hex') }
    }),
  )
}

const read = (file: string) => readFile(path.join(FOLDER, file), 'utf8')

const statements = (file: string) => file.split('--> statement-breakpoint')

async function applied(client: pg.Client): Promise<Set<number>> {
  const { rows } = await client.query<{ created_at: string }>(
    'select created_at from drizzle.__drizzle_migrations',
  )
  return new Set(rows.map(({ created_at }) => Number(created_at)))
}

/** Runs `work` in a transaction that no other migrator is in. */
async function locked<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1)', [LOCK])
    await client.query('set local client_min_messages = warning')
    // The database may have a limit, which is for those who ask and not for us.
    await client.query('set local statement_timeout = 0')
    await client.query('create schema if not exists drizzle')
    await client.query(
      'create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)',
    )
    const result = await work(client)
    await client.query('commit')
    return result
  } finally {
    // Ends an open transaction as well.
    await client.end()
  }
}
