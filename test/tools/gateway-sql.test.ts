import { readFile } from 'node:fs/promises'
import { type FullQueryResults, type NeonQueryFunction, neon } from '@neondatabase/serverless'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../../tools/local/gateway.ts'
import { countingProxy, failure, pointDriverAt, type Stack, startStack } from './support.ts'

let stack: Stack
let sql: NeonQueryFunction<false, false>

beforeAll(async () => {
  stack = await startStack()
  sql = neon(stack.postgres.url)
})
afterAll(() => stack.stop())

/** One value on its way in as a parameter and out again as Postgres' text. */
async function text(value: unknown, type: string): Promise<unknown> {
  const [row] = await sql.query(`select $1::${type}::text as value`, [value])
  return row?.value
}

describe('a single statement', () => {
  it('gives rows by column name, parsed by the driver', async () => {
    expect(await sql`select ${1}::int as a, ${'x'} as b, null as c`).toEqual([{ a: 1, b: 'x', c: null }])
  })

  it('gives rows as arrays when the driver is asked for them', async () => {
    const arrays = neon(stack.postgres.url, { arrayMode: true })
    expect(await arrays`select 1 as same, 2 as same`).toEqual([[1, 2]])
  })

  it('gives command, row count and fields in full results', async () => {
    const full = neon(stack.postgres.url, { fullResults: true })
    await full`create table counted (id int, name varchar(7))`
    const inserted: FullQueryResults<false> = await full`insert into counted values (1, 'a'), (2, 'b')`
    expect(inserted).toMatchObject({ command: 'INSERT', rowCount: 2, rows: [], fields: [] })
    const selected: FullQueryResults<false> = await full`select id, name from counted where id > 1`
    expect(selected).toMatchObject({ command: 'SELECT', rowCount: 1, rows: [{ id: 2, name: 'b' }] })
    expect(selected.fields).toEqual([
      {
        name: 'id',
        dataTypeID: 23,
        tableID: expect.any(Number),
        columnID: 1,
        dataTypeSize: 4,
        dataTypeModifier: -1,
        format: 'text',
      },
      {
        name: 'name',
        dataTypeID: 1043,
        tableID: expect.any(Number),
        columnID: 2,
        dataTypeSize: -1,
        // The length in the type, with the four bytes of its header.
        dataTypeModifier: 11,
        format: 'text',
      },
    ])
    expect(await full`update counted set name = 'c'`).toMatchObject({ command: 'UPDATE', rowCount: 2 })
    expect(await full`delete from counted where id = 1`).toMatchObject({ command: 'DELETE', rowCount: 1 })
    expect(await full`drop table counted`).toMatchObject({ command: 'DROP', rowCount: null })
  })

  it('gives nothing for an empty statement', async () => {
    expect(await sql.query('-- nothing')).toEqual([])
  })

  it('refuses two statements in one text', async () => {
    expect((await failure(sql.query('select 1; select 2'))).code).toBe('42601')
  })

  it('is told from injected SQL: a parameter is a value and nothing else', async () => {
    expect(await text("'; DROP TABLE experiments; --", 'text')).toBe("'; DROP TABLE experiments; --")
  })
})

describe('a batch', () => {
  it('gives the result of each statement in order', async () => {
    expect(
      await sql.transaction([sql`select 1 as a`, sql`select 2 as b where false`, sql`select 3 as c`]),
    ).toEqual([[{ a: 1 }], [], [{ c: 3 }]])
  })

  it('is one transaction, committed before the answer', async () => {
    await sql`create table batched (id int, transaction xid8 default pg_current_xact_id())`
    await sql.transaction([sql`insert into batched values (1)`, sql`insert into batched values (2)`])
    expect(
      await stack.direct(
        'select count(*)::int, count(distinct transaction)::int as transactions from batched',
      ),
    ).toEqual([{ count: 2, transactions: 1 }])
  })

  it('leaves nothing behind when one of its statements fails, and says which error it was', async () => {
    await sql`create table rolled_back (id int primary key)`
    const error = await failure(
      sql.transaction([
        sql`insert into rolled_back values (1)`,
        sql`insert into rolled_back values (1)`,
        sql`insert into rolled_back values (2)`,
      ]),
    )
    expect(error).toMatchObject({ name: 'NeonDbError', code: '23505', constraint: 'rolled_back_pkey' })
    expect(await stack.direct('select * from rolled_back')).toEqual([])
  })

  it('leaves nothing behind when its commit fails', async () => {
    await sql`create table deferred (id int unique deferrable initially deferred)`
    const insert = () => sql`insert into deferred values (1)`
    expect((await failure(sql.transaction([insert(), insert()]))).code).toBe('23505')
    expect(await stack.direct('select * from deferred')).toEqual([])
  })

  it('may be empty', async () => {
    expect(await sql.transaction([])).toEqual([])
  })

  it('sees a setting that an earlier statement of it has made', async () => {
    const [, slept] = await Promise.allSettled([
      null,
      sql.transaction([sql`select set_config('statement_timeout', '50', true)`, sql`select pg_sleep(30)`]),
    ])
    expect(slept).toMatchObject({ status: 'rejected', reason: { code: '57014' } })
  })

  it.each([
    ['ReadUncommitted', 'read uncommitted'],
    ['ReadCommitted', 'read committed'],
    ['RepeatableRead', 'repeatable read'],
    ['Serializable', 'serializable'],
  ] as const)('runs at the isolation level %s', async (isolationLevel, level) => {
    const [rows] = await sql.transaction([sql`select current_setting('transaction_isolation') as level`], {
      isolationLevel,
    })
    expect(rows).toEqual([{ level }])
  })

  it('runs at the default isolation level, read-write, when nothing is said', async () => {
    const [rows] = await sql.transaction([
      sql`select current_setting('transaction_isolation') as level,
                 current_setting('transaction_read_only') as read_only,
                 current_setting('transaction_deferrable') as deferrable`,
    ])
    expect(rows).toEqual([{ level: 'read committed', read_only: 'off', deferrable: 'off' }])
  })

  it('refuses to write when it is read-only', async () => {
    await sql`create table unwritten (id int)`
    const error = await failure(sql.transaction([sql`insert into unwritten values (1)`], { readOnly: true }))
    expect(error.code).toBe('25006')
  })

  it('is deferrable when it is asked to be', async () => {
    const [rows] = await sql.transaction(
      [
        sql`select current_setting('transaction_deferrable') as deferrable,
                   current_setting('transaction_read_only') as read_only`,
      ],
      { isolationLevel: 'Serializable', readOnly: true, deferrable: true },
    )
    expect(rows).toEqual([{ deferrable: 'on', read_only: 'on' }])
  })

  it('meets a serialization failure with its code', async () => {
    await sql`create table counter (n int)`
    await sql`insert into counter values (0)`
    const increment = () =>
      sql.transaction([sql`select n, pg_sleep(0.1) from counter`, sql`update counter set n = n + 1`], {
        isolationLevel: 'Serializable',
      })
    const outcomes = await Promise.allSettled([increment(), increment(), increment(), increment()])
    const failed = outcomes.filter(({ status }) => status === 'rejected')
    expect(failed.length).toBeGreaterThan(0)
    for (const outcome of failed) expect(outcome).toMatchObject({ reason: { code: '40001' } })
    const [row] = await sql`select n from counter`
    expect(row?.n).toBe(outcomes.length - failed.length)
  })
})

describe('an error of Postgres', () => {
  beforeAll(async () => {
    await sql`create schema strict`
    await sql`create table strict.parents (id int primary key, kind text not null check (kind in ('a', 'b')))`
    await sql`create domain strict.positive as int constraint above_zero check (value > 0)`
    await sql.query(`create function strict.complain() returns void language plpgsql as $$
      begin
        raise exception 'it hurts' using errcode = 'P0042', detail = 'here', hint = 'rest', schema = 's', table = 't',
          column = 'c', datatype = 'd', constraint = 'k';
      end $$`)
    await sql.query(`create function strict.misspelt() returns int language plpgsql as $$
      begin return (select nothing from nowhere); end $$`)
  })

  it('names constraint, table and schema, with the detail', async () => {
    await sql`insert into strict.parents values (1, 'a')`
    expect(await failure(sql`insert into strict.parents values (1, 'a')`)).toMatchObject({
      name: 'NeonDbError',
      message: 'duplicate key value violates unique constraint "parents_pkey"',
      code: '23505',
      severity: 'ERROR',
      detail: 'Key (id)=(1) already exists.',
      schema: 'strict',
      table: 'parents',
      constraint: 'parents_pkey',
      file: 'nbtinsert.c',
      line: expect.stringMatching(/^\d+$/),
      routine: '_bt_check_unique',
    })
  })

  it('names the column of a missing value', async () => {
    expect(await failure(sql`insert into strict.parents values (2, null)`)).toMatchObject({
      code: '23502',
      schema: 'strict',
      table: 'parents',
      column: 'kind',
    })
  })

  it('names the domain whose check failed', async () => {
    expect(await failure(sql`select (-1)::strict.positive`)).toMatchObject({
      code: '23514',
      schema: 'strict',
      dataType: 'positive',
      constraint: 'above_zero',
    })
  })

  it('points into the statement, with a hint', async () => {
    expect(await failure(sql`select kinf from strict.parents`)).toMatchObject({
      code: '42703',
      position: '8',
      hint: expect.stringContaining('parents.kind'),
    })
  })

  it('points into the statement of a function, and says where it was called', async () => {
    expect(await failure(sql`select strict.misspelt()`)).toMatchObject({
      code: '42P01',
      internalPosition: '22',
      internalQuery: '(select nothing from nowhere)',
      where: 'PL/pgSQL function strict.misspelt() line 2 at RETURN',
    })
  })

  it('carries every field that a function can set', async () => {
    expect(await failure(sql`select strict.complain()`)).toMatchObject({
      message: 'it hurts',
      code: 'P0042',
      severity: 'ERROR',
      detail: 'here',
      hint: 'rest',
      schema: 's',
      table: 't',
      column: 'c',
      dataType: 'd',
      constraint: 'k',
      where: expect.stringContaining('strict.complain()'),
      file: 'pl_exec.c',
      routine: 'exec_stmt_raise',
    })
  })

  it('leaves fields that it has not out', async () => {
    const error = await failure(sql`select 1 / 0`)
    expect(error).toMatchObject({ code: '22012', message: 'division by zero' })
    expect([error.detail, error.hint, error.table, error.constraint]).toEqual(Array(4).fill(undefined))
  })
})

describe('a value', () => {
  it.each([
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['-0', -0],
    ['5e-324', 5e-324],
    ['1.7976931348623157e+308', Number.MAX_VALUE],
    ['0.30000000000000004', 0.1 + 0.2],
  ])('%s keeps every bit as a float8', async (written, value) => {
    const [row] = await sql.query('select $1::float8 as value, $1::float8::text as text', [written])
    expect(row?.value).toBe(value)
    expect(row?.text).toBe(written)
  })

  it('that is null is not the text null', async () => {
    expect(await sql`select ${null}::text is null as nothing, ${'null'}::text is null as something`).toEqual([
      { nothing: true, something: false },
    ])
  })

  it('beyond 2^53 keeps every digit as an int8', async () => {
    const [row] =
      await sql`select ${'9223372036854775807'}::int8 as most, ${'-9223372036854775808'}::int8 as least`
    expect(row).toEqual({ most: '9223372036854775807', least: '-9223372036854775808' })
  })

  it('may be an array with nulls, quotes, commas, braces, backslashes and any script', async () => {
    const values = [
      'a',
      null,
      'NULL',
      '',
      ' ',
      '"',
      "'",
      ',',
      '{}',
      '\\',
      'ä',
      '漢字',
      '🧪',
      '\u{1F468}\u200D\u{1F469}',
    ]
    const [row] = await sql`select ${values}::text[] as value`
    expect(row?.value).toEqual(values)
  })

  it('may be an array of floats that are no numbers', async () => {
    const [row] = await sql.query('select $1::float8[] as value', ['{NaN,Infinity,-Infinity,-0,NULL}'])
    expect(row?.value).toEqual([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, null])
  })

  it('may be bytes, zero among them', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const [row] = await sql`select ${bytes}::bytea as value, length(${bytes}::bytea) as length`
    expect(row?.length).toBe(256)
    expect(Buffer.compare(row?.value, bytes)).toBe(0)
  })

  it('may be JSON with what JSON can hold', async () => {
    const value = { a: [1, null, 'x', { b: true }], ключ: '\u2028"\\', n: 1e300 }
    const [row] = await sql`select ${value}::jsonb as value, ${JSON.stringify(value)}::json as text`
    expect(row).toEqual({ value, text: value })
  })

  it('may be text of any Unicode but NUL, which Postgres refuses', async () => {
    const all = '\u0001\t\n\r\u007f\u0080\u2028\ufeff\uffff\u{10ffff}é'
    expect(await text(all, 'text')).toBe(all)
    expect((await failure(text('a\0b', 'text'))).code).toBe('22021')
  })

  it('has its type inferred by Postgres, as it is sent as text', async () => {
    const [row] =
      await sql`select pg_typeof(n)::text as type from (select ${1}::int8 union select ${'2'}) as t(n)`
    expect(row?.type).toBe('bigint')
  })
})

describe('the door', () => {
  const post = (headers: Record<string, string>, body = '{"query":"select 1"}') =>
    fetch(`${stack.gateway.url}/sql`, {
      method: 'POST',
      headers: {
        'Neon-Connection-String': stack.postgres.url,
        'Neon-Raw-Text-Output': 'true',
        'Neon-Array-Mode': 'true',
        ...headers,
      },
      body,
    })

  it('lets nobody in with a wrong password', async () => {
    const url = new URL(stack.postgres.url)
    url.password = 'wrong'
    expect(await failure(neon(url.href)`select 1`)).toMatchObject({ code: '28P01' })
  })

  it('says that a database does not exist', async () => {
    const url = new URL(stack.postgres.url)
    url.pathname = '/nowhere'
    expect(await failure(neon(url.href)`select 1`)).toMatchObject({ code: '3D000' })
  })

  it.each([
    ['host', (url: URL) => (url.hostname = 'localhost')],
    ['port', (url: URL) => (url.port = '5432')],
  ])('leads to no other %s', async (_, change) => {
    const url = new URL(stack.postgres.url)
    change(url)
    expect(await failure(neon(url.href)`select 1`)).toMatchObject({
      code: '28000',
      message: 'the connection string leads to another server than this gateway does',
    })
  })

  it('passes on the name of the application and the options of the connection string', async () => {
    const url = new URL(stack.postgres.url)
    url.searchParams.set('application_name', 'it is I')
    url.searchParams.set('options', '-c statement_timeout=4321')
    expect(
      await neon(
        url.href,
      )`select current_setting('application_name') as name, current_setting('statement_timeout') as timeout`,
    ).toEqual([{ name: 'it is I', timeout: '4321ms' }])
  })

  it('gives rows as objects without array mode', async () => {
    const response = await post({ 'Neon-Array-Mode': 'false' }, '{"query":"select 1 as a, null as b"}')
    expect(await response.json()).toMatchObject({ rows: [{ a: '1', b: null }], rowAsArray: false })
  })

  it.each([
    ['no connection string', { 'Neon-Connection-String': '' }, '{"query":"select 1"}'],
    ['another scheme', { 'Neon-Connection-String': 'mysql://a:b@127.0.0.1/c' }, '{"query":"select 1"}'],
    ['no raw text', { 'Neon-Raw-Text-Output': 'false' }, '{"query":"select 1"}'],
    ['an unknown isolation level', { 'Neon-Batch-Isolation-Level': 'Chaos' }, '{"queries":[]}'],
    ['a body that is no JSON', {}, 'select 1'],
    ['a body without a query', {}, '{}'],
    ['parameters that are no list', {}, '{"query":"select 1","params":{}}'],
    ['a parameter that is an object', {}, '{"query":"select $1","params":[{}]}'],
    ['queries that are no list', {}, '{"queries":{}}'],
    ['a NUL in a statement', {}, JSON.stringify({ query: 'select 1 \0 from nowhere' })],
    [
      'a NUL in a name',
      { 'Neon-Connection-String': 'postgres://a%00b:c@127.0.0.1/d' },
      '{"query":"select 1"}',
    ],
    ['half a surrogate pair', {}, '{"query":"select $1","params":["\\ud800"]}'],
    [
      'more parameters than can be counted',
      {},
      JSON.stringify({ query: 'select 1', params: Array(65_536).fill('') }),
    ],
  ])('refuses %s', async (_, headers: Record<string, string>, body) => {
    const response = await post(headers, body)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      message: expect.any(String),
      code: expect.stringMatching(/^\w{5}$/),
    })
  })

  it('has nothing elsewhere', async () => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/sql'],
      ['POST', '/status'],
      ['POST', '//'],
      ['GET', '/v2'],
    ] as const) {
      expect((await fetch(stack.gateway.url + path, { method })).status).toBe(404)
    }
  })

  it('tells how many connections it holds', async () => {
    const response = await fetch(`${stack.gateway.url}/status`)
    expect(await response.json()).toMatchObject({
      waiting: 0,
      active: 0,
      webSockets: 0,
      open: expect.any(Number),
    })
  })

  it('writes nothing of what passes through into the log of Postgres', async () => {
    await failure(sql`select ${'a secret'}::int`)
    const [row] = await stack.direct(`select current_setting('data_directory') as folder`)
    const log = await readFile(`${row?.folder}/../postgres.log`, 'utf8')
    expect(log).toContain('ready to accept connections')
    expect(log).not.toContain('a secret')
  })
})

describe('the way to Postgres', () => {
  it('is gone once for a statement and twice for a batch, with the reset of the session', async () => {
    const proxy = await countingProxy(stack.postgres)
    const gateway = await startGateway({ upstream: proxy.url, maxConnections: 1 })
    pointDriverAt(gateway)
    try {
      const sql = neon(proxy.url)
      // The session is opened by the first request.
      expect(await proxy.during(() => sql`select 1`)).toBeGreaterThan(1)
      expect(await proxy.during(() => sql`select ${1}::int, ${'x'.repeat(1_000)}`)).toBe(1)
      expect(await proxy.during(() => failure(sql`select 1 / 0`))).toBe(1)
      expect(await proxy.during(() => sql.transaction([sql`select 1`, sql`select ${2}::int`]))).toBe(2)
      expect(gateway.stats()).toMatchObject({ open: 1, idle: 1 })
    } finally {
      pointDriverAt(stack.gateway)
      await gateway.close()
      await proxy.close()
    }
  })
})
