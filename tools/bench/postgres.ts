/** Rows put straight into Postgres: what a tracker without any work of its own would reach. */
import pg, { type Connection, type Submittable } from 'pg'
import { type Bench, expect } from './bench.ts'
import { drive, type Shot, type Writer } from './load.ts'

/** A pool that survives the server's end, which comes first when the bench is interrupted. */
export function openPool(bench: Bench, url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', () => {})
  bench.stack.defer(() => pool.end())
  return pool
}

/** Makes another database on the same server. */
export async function createDatabase(bench: Bench, beside: string, name: string) {
  await openPool(bench, beside).query(`create database ${name}`)
  const url = new URL(beside)
  url.pathname = name
  return { url: url.href, pool: openPool(bench, url.href) }
}

/** What all tables of a database take on disk with their indexes, in bytes. */
export async function sizeOf(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ bytes: number }>(
    `select sum(pg_total_relation_size(oid))::float8 as bytes from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  )
  return rows[0]?.bytes ?? Number.NaN
}

/** Writers that each fill a table of the course's columns, over a connection of their own. */
export async function fillTable(
  bench: Bench,
  pool: pg.Pool,
  load: { key: string; seconds: number; rowsPerCall: number; writers: ((client: pg.PoolClient) => Writer)[] },
): Promise<Shot> {
  await pool.query('drop table if exists points')
  const columns = 'run_id uuid, name text, step bigint, value float8, "timestamp" bigint'
  await pool.query(`create table points (${columns}${load.key})`)
  const clients = await Promise.all(load.writers.map(() => pool.connect()))
  const writers = load.writers.flatMap((writer, w) => clients.slice(w, w + 1).map(writer))
  const shot = await drive(bench, writers, load.seconds)
  for (const client of clients) client.release()
  const { rows } = await pool.query<{ count: number }>('select count(*)::int as count from points')
  expect('rows in the table', rows[0]?.count, shot.calls * load.rowsPerCall)
  return shot
}

/** One COPY FROM STDIN over a connection of `pg`, which calls the `handle…` methods. */
export class CopyIn implements Submittable {
  readonly done: Promise<void>
  readonly #pieces: Buffer[]
  #resolve: () => void = () => {}
  #reject: (error: Error) => void = () => {}

  /** @param pieces rows in COPY's text format, cut anywhere */
  constructor(pieces: Buffer[]) {
    this.#pieces = pieces
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  submit(connection: Connection): void {
    connection.query('copy points from stdin')
  }

  handleCopyInResponse(
    connection: Connection & { sendCopyFromChunk(piece: Buffer): void; endCopyFrom(): void },
  ): void {
    for (const piece of this.#pieces) connection.sendCopyFromChunk(piece)
    connection.endCopyFrom()
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#resolve()
  }

  handleError(error: Error): void {
    this.#reject(error)
  }
}
