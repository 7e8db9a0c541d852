import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { history, migrate, rollback } from '../../tools/db/migrate.ts'
import { type LocalPostgres, startPostgres } from '../../tools/local/postgres.ts'
import { temporaryFolder } from './support.ts'

const run = promisify(execFile)
const PROJECT = path.resolve(import.meta.dirname, '../..')

let postgres: LocalPostgres
let remove: () => Promise<void>
beforeAll(async () => {
  const temporary = await temporaryFolder()
  remove = temporary.remove
  postgres = await startPostgres({ dataDir: temporary.folder, durable: false, log: () => {} })
})
afterAll(async () => {
  await postgres.stop()
  await remove()
})

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

let databases = 0
async function emptyDatabase(): Promise<string> {
  const name = `migrate_${databases++}`
  await query(postgres.url, `create database ${name}`)
  const url = new URL(postgres.url)
  url.pathname = `/${name}`
  return url.href
}

/** Everything that a migration can make: columns, constraints and indexes, as Postgres describes them. */
const schemaOf = (url: string) =>
  query(
    url,
    `select 'column' as kind, table_name || '.' || column_name as name,
       concat_ws(' ', data_type, character_maximum_length, datetime_precision, is_nullable, column_default) as definition
     from information_schema.columns where table_schema = 'public'
     union all
     select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
     from pg_constraint where connamespace = 'public'::regnamespace
     union all
     select 'index', indexname, indexdef from pg_indexes where schemaname = 'public'
     union all
     select 'view', viewname, definition from pg_views where schemaname = 'public'
     union all
     select 'function', proname, pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
     union all
     select 'storage', attrelid::regclass || '.' || attname, attstorage::text
     from pg_attribute join pg_class on pg_class.oid = attrelid
     where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
     order by 1, 2`,
  )

describe('migrations', () => {
  it('give the database a time after which a statement ends, unless it has one, and take it back', async () => {
    const url = await emptyDatabase()
    const timeout = async () => (await query(url, 'show statement_timeout'))[0]?.statement_timeout
    const names = await migrate(url)
    const back = names.length - names.indexOf('0003_workspaces')
    expect(await timeout()).toBe('1min')
    await rollback(url, back)
    expect(await timeout()).toBe('0')
    const own = new URL(url).pathname.slice(1)
    await query(url, `alter database ${own} set statement_timeout = '5s'`)
    await migrate(url)
    expect(await timeout()).toBe('5s')
    await rollback(url, back)
    expect(await timeout()).toBe('5s')
  })

  it('go up, down to nothing and up again to the same schema', async () => {
    const url = await emptyDatabase()
    const empty = await schemaOf(url)
    const names = await migrate(url)
    expect(names[0]).toBe('0000_start')
    const schema = await schemaOf(url)
    expect(schema.length).toBeGreaterThan(40)
    expect(await rollback(url, names.length)).toEqual(names.toReversed())
    expect(await schemaOf(url)).toEqual(empty)
    await migrate(url)
    expect(await schemaOf(url)).toEqual(schema)
  })

  it('keep every point when its form on disk changes, there and back', async () => {
    const url = await emptyDatabase()
    const names = await migrate(url)
    await rollback(url, names.length - 1)
    const id = '01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b10'
    await query(
      url,
      `insert into experiments (id, name, owner, creation_hash) values ('${id}', 'x', 'y', '');
       insert into runs (id, experiment_id, creation_hash) values ('${id}', '${id}', '');
       insert into series (run_id, name, rank, count, last_step) values ('${id}', 'loss', 3, 9, 12);
       insert into chunks (series_id, last_step, first_step, count, stride, steps, values, first_time, time_stride, times)
       select id, part.* from series, (values
         (12::bigint, 10::bigint, 3, 1::bigint, null::bigint[], array[0.1, 'NaN', '-0']::float8[], 1700000000000, 5::bigint, null::int[]),
         (9223372036854775807, -9223372036854775808, 4, null, array[-9223372036854775808, 7, 7, 9223372036854775807],
           array['Infinity', 4.9e-324, 1.7976931348623157e308, '-Infinity'], 1700000000000, null, array[0, -7, 2147483647, 3]),
         (5, 3, 2, 2, null, array[1, 2], 1700000000000, -9, null)
       ) as part`,
    )
    const points = () =>
      query(
        url,
        'select run_id, name, step, timestamp, rank, float8send(value) as bits from metrics order by step, timestamp, value',
      )
    const before = await points()
    expect(before).toHaveLength(9)
    await migrate(url)
    expect(await points()).toEqual(before)
    await rollback(url, names.length - 1)
    expect(await points()).toEqual(before)
  })

  it('make one series of the attempts of a run when they are taken back, and lose no point', async () => {
    const url = await emptyDatabase()
    const names = await migrate(url)
    const id = '01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b10'
    const log = (name: string, attempt: number, value: number, first: number, last: number) =>
      query(
        url,
        `select log_points(
           1, '${id}', null, null, null, 10, array['${name}'], array[2], array[1], array[2],
           array[${first}], array[${last}], array[${last - first}], array[${first}], array[${last}], array[${last - first}],
           array[${value}], array[${last}], array[${first}], array[${value}], array[${first}],
           array[${first}], array[${value}], array[${first}],
           array[null::smallint], array[0], array[0], array[0], array[0], array[1],
           encode(float8send(${value}) || float8send(${value}), 'base64'), array[${attempt}]
         )`,
      )
    await query(
      url,
      `insert into experiments (workspace_id, id, name, owner, creation_hash) values (1, '${id}', 'x', 'y', '');
       insert into runs (workspace_id, id, experiment_id, creation_hash) values (1, '${id}', '${id}', '')`,
    )
    await log('loss', 0, 5, 1, 9)
    await log('loss', 1, 7, 4, 6)
    await log('loss', 3, 3, 5, 7)
    await log('late', 2, 1, 1, 2)
    const attempts = 'select name, attempt, newest, cut_step from series order by name, attempt'
    expect(await query(url, attempts)).toEqual([
      { name: 'late', attempt: 2, newest: true, cut_step: '1' },
      { name: 'loss', attempt: 0, newest: false, cut_step: null },
      { name: 'loss', attempt: 1, newest: false, cut_step: '4' },
      { name: 'loss', attempt: 3, newest: true, cut_step: '5' },
    ])
    const points = () =>
      query(url, 'select name, step, value, timestamp, rank from metrics order by name, step, value')
    const before = await points()
    expect(before).toHaveLength(8)
    await rollback(url, names.length - names.indexOf('0004_attempts'))
    expect(await points()).toEqual(before)
    const summaries = `select name, count, calls, last_step, last_value, min_step, min_value, max_step, max_value from series order by name`
    const late = { name: 'late', count: '2', calls: '1', last_step: '2', last_value: 1 }
    expect(await query(url, summaries)).toEqual([
      { ...late, min_step: '1', min_value: 1, max_step: '1', max_value: 1 },
      {
        name: 'loss',
        count: '6',
        calls: '3',
        last_step: '9',
        last_value: 5,
        min_step: '5',
        min_value: 3,
        max_step: '4',
        max_value: 7,
      },
    ])
    await migrate(url)
    expect(await points()).toEqual(before)
    expect(await query(url, attempts)).toEqual(
      ['late', 'loss'].map((name) => ({ name, attempt: 0, newest: true, cut_step: null })),
    )
  })

  it('read every double bit by bit', async () => {
    const url = await emptyDatabase()
    await migrate(url)
    const bits = `
      select sign | exponent << 52 | mantissa as bits
      from unnest(array[0, -9223372036854775808]) as sign, generate_series(0::bigint, 2046) as exponent,
        unnest(array[0, 1, 2251799813685249, 4503599627370495]) as mantissa`
    const wrong = `select bits from (${bits}) as all_of_them
      where ('x' || encode(float8send(double_of(bits)), 'hex'))::bit(64)::bigint <> bits`
    expect(await query(url, wrong)).toEqual([])
    expect((await query(url, bits)).length).toBe(2 * 2047 * 4)
  })

  it("have the index on an experiment's owner", async () => {
    const url = await emptyDatabase()
    await migrate(url)
    const indexes = await query(
      url,
      "select indexdef from pg_indexes where indexname = 'experiments_owner_idx'",
    )
    expect(indexes).toEqual([{ indexdef: expect.stringContaining('(workspace_id, owner, created_at, id)') }])
  })

  it('are applied once when two migrators start at once', async () => {
    const url = await emptyDatabase()
    const applied = await Promise.all([migrate(url), migrate(url), migrate(url)])
    expect(applied.filter((names) => names.length > 0)).toHaveLength(1)
  })

  it('leave nothing behind when one fails', async () => {
    const url = await emptyDatabase()
    await query(url, 'create table series (id int)')
    await expect(migrate(url)).rejects.toThrow('relation "series" already exists')
    expect(
      await query(url, "select table_name from information_schema.tables where table_schema = 'public'"),
    ).toEqual([{ table_name: 'series' }])
    expect((await history(url)).every(({ applied }) => !applied)).toBe(true)
  })

  it('tell their history', async () => {
    const url = await emptyDatabase()
    await migrate(url)
    await rollback(url)
    const entries = await history(url)
    expect(entries.at(-1)?.applied).toBe(false)
    expect(entries.slice(0, -1).every(({ applied }) => applied)).toBe(true)
  })

  it('each have a down step beside the up step', async () => {
    const files = await readdir(path.join(PROJECT, 'drizzle'))
    const ups = files.filter((file) => file.endsWith('.sql') && !file.endsWith('.down.sql'))
    expect(ups.length).toBeGreaterThan(0)
    for (const up of ups) expect(files).toContain(up.replace('.sql', '.down.sql'))
  })

  it('say all that the schema says: generate finds nothing new', async () => {
    const copy = await mkdtemp(path.join(tmpdir(), 'edgerun-generate-'))
    try {
      await cp(path.join(PROJECT, 'drizzle'), copy, { recursive: true })
      const before = await readFile(path.join(copy, 'meta/_journal.json'), 'utf8')
      const out = path.relative(PROJECT, copy)
      const { stdout } = await run(
        path.join(PROJECT, 'node_modules/.bin/drizzle-kit'),
        ['generate', '--dialect=postgresql', '--schema=./src/db/schema.ts', `--out=${out}`],
        { cwd: PROJECT },
      )
      expect(stdout).toContain('No schema changes')
      expect(await readFile(path.join(copy, 'meta/_journal.json'), 'utf8')).toBe(before)
    } finally {
      await rm(copy, { recursive: true })
    }
  })
})

describe('npm run db:…', () => {
  const cli = (args: string[], env: Record<string, string>) =>
    run(process.execPath, [path.join(PROJECT, 'tools/db/cli.ts'), ...args], {
      env: { ...process.env, ...env },
    })

  it('migrates, tells the history and rolls back', async () => {
    const DATABASE_URL = await emptyDatabase()
    expect((await cli(['migrate'], { DATABASE_URL })).stdout).toContain('applied  0000_start\n')
    expect((await cli(['migrate'], { DATABASE_URL })).stdout).toBe('Nothing to do: nothing was applied.\n')
    expect((await cli(['history'], { DATABASE_URL })).stdout).toContain('applied  0000_start\n')
    expect((await cli(['rollback', '99'], { DATABASE_URL })).stdout).toContain('taken back  0000_start\n')
    expect((await cli(['history'], { DATABASE_URL })).stdout).toContain('pending  0000_start\n')
  })

  it('says in one sentence what is wrong', async () => {
    const DATABASE_URL = postgres.url.replace(/:[^:@]*@/, ':secret-guess@')
    await expect(cli(['migrate'], { DATABASE_URL })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^The database says: password authentication failed[^\n]*\n$/),
    })
    await expect(cli(['migrate'], { DATABASE_URL: '' })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Set DATABASE_URL/),
    })
    await expect(cli(['rollback', 'x'], { DATABASE_URL })).rejects.toMatchObject({ code: 1 })
  })
})
