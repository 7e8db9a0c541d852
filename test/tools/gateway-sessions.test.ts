import { type NeonQueryFunction, neon } from '@neondatabase/serverless'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../../tools/local/gateway.ts'
import { failure, type Stack, startStack, until } from './support.ts'

let stack: Stack
let sql: NeonQueryFunction<false, false>

beforeAll(async () => {
  // One session, so that whatever a request leaves behind meets the next one.
  stack = await startStack({ maxConnections: 1, waitTimeout: 2_000 })
  sql = neon(stack.postgres.url)
})
afterAll(() => stack.stop())

const backend = async () => (await sql`select pg_backend_pid() as pid`)[0]?.pid

describe('a session is like new for the next request', () => {
  it('though it is the same one', async () => {
    expect(await backend()).toBe(await backend())
  })

  it('when a setting was changed', async () => {
    await sql`set statement_timeout = 1234`
    await sql`select set_config('edgerun.secret', 'x', false)`
    await sql`set time zone 'Asia/Tokyo'`
    expect(
      await sql`select current_setting('statement_timeout') as timeout, current_setting('timezone') as zone,
                       current_setting('edgerun.secret', true) as secret`,
    ).toMatchObject([{ timeout: '0', zone: 'UTC', secret: '' }])
  })

  it('when a batch changed a setting beyond its end', async () => {
    await sql.transaction([sql`set lock_timeout = 1234`, sql`select 1`])
    expect(await sql`select current_setting('lock_timeout') as timeout`).toEqual([{ timeout: '0' }])
  })

  it('when another role was taken on', async () => {
    await sql`set role pg_monitor`
    expect(await sql`select current_user as name`).toEqual([{ name: 'edgerun' }])
  })

  it('when a temporary table was made', async () => {
    await sql`create temp table passing (id int)`
    expect((await failure(sql`select * from passing`)).code).toBe('42P01')
  })

  it('when an advisory lock was taken', async () => {
    await sql`select pg_advisory_lock(42)`
    await sql`select 1`
    expect(await stack.direct('select pg_try_advisory_lock(42) as free')).toEqual([{ free: true }])
  })

  it('when a statement was prepared, a cursor held and a channel listened to', async () => {
    await sql`prepare ready as select 1`
    await sql`declare held cursor with hold for select 1`
    await sql`listen channel`
    expect(
      await sql`select (select count(*)::int from pg_prepared_statements where name <> '') as prepared,
                       (select count(*)::int from pg_cursors where name <> '') as cursors,
                       (select count(*)::int from pg_listening_channels()) as channels`,
    ).toEqual([{ prepared: 0, cursors: 0, channels: 0 }])
  })

  it('when a lock was taken by a statement that failed', async () => {
    await failure(sql`select pg_advisory_lock(43), 1 / (random() * 0)::int`)
    await sql`select 1`
    expect(await stack.direct('select pg_try_advisory_lock(43) as free')).toEqual([{ free: true }])
  })

  it('when a sequence was used', async () => {
    await sql`create sequence used`
    expect(await sql`select nextval('used') as value`).toEqual([{ value: '1' }])
    expect((await failure(sql`select lastval()`)).code).toBe('55000')
    expect((await failure(sql`select currval('used')`)).code).toBe('55000')
  })

  it('when transactions were to be read-only and serializable', async () => {
    const before = await backend()
    await sql`set session characteristics as transaction isolation level serializable, read only`
    expect(
      await sql`select current_setting('transaction_read_only') as read_only,
                       current_setting('transaction_isolation') as isolation`,
    ).toEqual([{ read_only: 'off', isolation: 'read committed' }])
    expect(await backend()).toBe(before)
  })

  it('when a transaction was left open', async () => {
    await sql`create table left_open (id int)`
    const before = await backend()
    await sql`begin`
    // Outside of a transaction there are no savepoints.
    expect((await failure(sql`savepoint here`)).code).toBe('25P01')
    await sql`insert into left_open values (1)`
    expect(await stack.direct('select * from left_open')).toEqual([{ id: 1 }])
    expect(await backend()).toBe(before)
  })

  it('when a transaction was left open and had failed', async () => {
    const before = await backend()
    await failure(sql.transaction([sql`select 1 / 0`]))
    expect(await backend()).toBe(before)
  })

  it('when a batch ended its transaction by itself', async () => {
    await sql.transaction([sql`commit`, sql`begin`, sql`select 1`, sql`commit`, sql`begin`])
    // Outside of a transaction there are no savepoints.
    expect((await failure(sql`savepoint here`)).code).toBe('25P01')
  })
})

it('a session keeps its plans, which hold nothing of a request and are dear', async () => {
  // An immutable function is called by the planner: when it was called is when the plan was made.
  await sql`create function time_of_planning() returns text immutable language plpgsql
    as 'begin return clock_timestamp(); end'`
  await sql`create function planned() returns text language plpgsql as 'begin return time_of_planning(); end'`
  const planned = async () => (await sql`select pg_backend_pid() as pid, planned()`)[0]
  expect(await planned()).toEqual(await planned())
})

describe('a session is of use again after a COPY that waits for data', () => {
  beforeAll(async () => {
    await sql`create table copied (id int)`
  })

  it.each([
    ['alone', () => sql`copy copied from stdin`],
    ['at the end of a batch', () => sql.transaction([sql`select 1`, sql`copy copied from stdin`])],
  ])('%s', async (_, copy) => {
    const before = await backend()
    expect((await failure(copy())).code).toBe('57014')
    for (let n = 0; n < 3; n++) expect(await sql`select ${n}::int as n`).toEqual([{ n }])
    expect(await backend()).toBe(before)
  })

  it('or another one is, when it stood before other statements, which Postgres took for the data', async () => {
    const batch = sql.transaction([sql`copy copied from stdin`, sql`select 1`])
    expect((await failure(batch)).code).toBe('08P01')
    for (let n = 0; n < 3; n++) expect(await sql`select ${n}::int as n`).toEqual([{ n }])
  })

  it('and so it is when a statement merely speaks of a copy', async () => {
    expect(await sql`select 'a copy' as text`).toEqual([{ text: 'a copy' }])
    await sql`set lock_timeout = 1234 -- copy`
    expect(await sql`select current_setting('lock_timeout') as timeout`).toEqual([{ timeout: '0' }])
  })
})

describe('requests that wait for a session', () => {
  it('are served in the order in which they came', async () => {
    await sql`create table served (n int, at timestamptz default clock_timestamp())`
    const first = sql`select pg_sleep(0.3)`.then(() => {})
    await until('the session is taken', () => stack.gateway.stats().active === 1)
    const rest: Promise<unknown>[] = []
    for (let n = 0; n < 5; n++) {
      rest.push(sql`insert into served values (${n})`.then(() => {}))
      await until('it waits', () => stack.gateway.stats().waiting === n + 1)
    }
    await Promise.all([first, ...rest])
    expect((await sql`select n from served order by at`).map(({ n }) => n)).toEqual([0, 1, 2, 3, 4])
  })

  it('share what there is: 100 at once are all answered over one', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => sql`select ${n}::int as n`))
    expect(answers.map(([row]) => row?.n)).toEqual(Array.from({ length: 100 }, (_, n) => n))
    expect(stack.gateway.stats()).toMatchObject({ open: 1, waiting: 0 })
  })

  it('may be for another login, which then takes the place of an idle session', async () => {
    await sql`select 1`
    const url = new URL(stack.postgres.url)
    url.searchParams.set('application_name', 'another')
    expect(await neon(url.href)`select current_setting('application_name') as name`).toEqual([
      { name: 'another' },
    ])
    await until('there is one session again', async () => {
      const rows = await stack.direct(`select 1 from pg_stat_activity where backend_type = 'client backend'
        and pid <> pg_backend_pid()`)
      return rows.length === 1 && stack.gateway.stats().open === 1
    })
  })

  it('are told so with 53300 when none becomes free in time', async () => {
    const first = sql`select pg_sleep(3)`.then(() => {})
    await until('the session is taken', () => stack.gateway.stats().active === 1)
    expect(await failure(sql`select 1`)).toMatchObject({ code: '53300', severity: 'FATAL' })
    await first
  })

  it('leave the queue when their client goes away', async () => {
    const first = sql`select pg_sleep(0.5)`.then(() => {})
    await until('the session is taken', () => stack.gateway.stats().active === 1)
    const controller = new AbortController()
    const second =
      failure(neon(stack.postgres.url, { fetchOptions: { signal: controller.signal } })`select 1`)
    await until('it waits', () => stack.gateway.stats().waiting === 1)
    controller.abort()
    await second
    await until('nobody waits', () => stack.gateway.stats().waiting === 0)
    await first
  })
})

describe('a client that hangs up', () => {
  /** A session that would not notice by itself that the connection is cut, which ours looks after now and then. */
  const patient = () => {
    const url = new URL(stack.postgres.url)
    url.searchParams.set('options', '-c client_connection_check_interval=0')
    return url.href
  }

  it.each([
    ['a statement', (sql: NeonQueryFunction<false, false>) => sql`select pg_sleep(600)`],
    [
      'a batch',
      (sql: NeonQueryFunction<false, false>) => sql.transaction([sql`select 1`, sql`select pg_sleep(600)`]),
    ],
  ])('has %s stopped', async (_, start) => {
    const controller = new AbortController()
    const sleeping = async () =>
      (
        await stack.direct(
          `select 1 from pg_stat_activity where query like '%sleep(600)%' and pid <> pg_backend_pid()`,
        )
      ).length
    const gone = failure(start(neon(patient(), { fetchOptions: { signal: controller.signal } })))
    await until('it runs', async () => (await sleeping()) === 1)
    controller.abort()
    await gone
    await until('it is gone', async () => (await sleeping()) === 0)
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
  })

  it('has its transaction rolled back', async () => {
    await sql`create table hung_up (id int)`
    const controller = new AbortController()
    const options = { fetchOptions: { signal: controller.signal } }
    const patientSql = neon(patient())
    const gone = failure(
      patientSql.transaction([sql`insert into hung_up values (1)`, sql`select pg_sleep(600)`], options),
    )
    await until('it runs', async () => {
      const rows = await stack.direct(`select 1 from pg_stat_activity where query like '%sleep(600)%' and
        pid <> pg_backend_pid()`)
      return rows.length === 1
    })
    controller.abort()
    await gone
    expect(await sql`select * from hung_up`).toEqual([])
  })
})

describe('the restart of the database', () => {
  it('is survived: what was lost fails without an end of the gateway, and then all goes on', async () => {
    await sql`create table lasting (id int)`
    await sql`insert into lasting values (1)`
    const before = stack.postgres.pid()
    const running = failure(sql`select pg_sleep(600)`)
    await until('it runs', () => stack.gateway.stats().active === 1)
    process.kill(before, 'SIGKILL')
    // The backend may still say why it ends, or just be gone.
    const error = await running
    expect(error.code === undefined || /^57P0[12]$/.test(String(error.code))).toBe(true)
    await until('it answers again', async () => {
      try {
        return (await sql`select * from lasting`).length === 1
      } catch (error) {
        // While it is away: no SQLSTATE, or one that says so.
        const code = error instanceof Error && 'code' in error ? error.code : undefined
        if (code !== undefined && !/^57P0\d$/.test(String(code))) throw error
        return false
      }
    })
    expect(stack.postgres.pid()).not.toBe(before)
    expect(stack.gateway.stats()).toMatchObject({ open: 1, waiting: 0 })
  })

  it('drops idle sessions without a word', async () => {
    await sql`select 1`
    await stack.direct(`select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend'
      and pid <> pg_backend_pid()`)
    await until('it is dropped', () => stack.gateway.stats().open === 0)
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
  })

  it('tells a session that was ended under a statement with its SQLSTATE', async () => {
    const running = failure(sql`select pg_sleep(600)`)
    await until('it runs and is ended', async () => {
      const rows = await stack.direct(`select pg_terminate_backend(pid) from pg_stat_activity
        where query like '%sleep(600)%' and pid <> pg_backend_pid()`)
      return rows.length === 1
    })
    expect(await running).toMatchObject({ code: '57P01', severity: 'FATAL' })
  })
})

describe('a Postgres that takes fewer sessions than the gateway would open', () => {
  it('serves everybody with those it takes', async () => {
    await sql`create database narrow connection limit 2`
    const url = new URL(stack.postgres.url)
    url.pathname = '/narrow'
    const gateway = await startGateway({ upstream: stack.postgres.url, maxConnections: 8 })
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        fetch(`${gateway.url}/sql`, {
          method: 'POST',
          headers: { 'Neon-Connection-String': url.href, 'Neon-Raw-Text-Output': 'true' },
          body: JSON.stringify({ query: 'select $1::int as n, pg_sleep(0.01)', params: [String(n)] }),
        }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(gateway.stats().open).toBeLessThanOrEqual(2)
    await gateway.close()
  })
})

describe('without a database', () => {
  it('answers with an error that has no SQLSTATE', async () => {
    // Nothing listens on port 1.
    const upstream = 'postgres://a:b@127.0.0.1:1/c'
    const gateway = await startGateway({ upstream })
    const response = await fetch(`${gateway.url}/sql`, {
      method: 'POST',
      headers: { 'Neon-Connection-String': upstream, 'Neon-Raw-Text-Output': 'true' },
      body: '{"query":"select 1"}',
    })
    expect(response.status).toBe(502)
    expect(await response.text()).toBe('The connection to Postgres failed')
    await gateway.close()
  })
})

describe('closing', () => {
  it('ends what runs and leaves no session', async () => {
    const gateway = await startGateway({ upstream: stack.postgres.url })
    const request = (query: string) =>
      fetch(`${gateway.url}/sql`, {
        method: 'POST',
        headers: { 'Neon-Connection-String': stack.postgres.url, 'Neon-Raw-Text-Output': 'true' },
        body: JSON.stringify({ query: `${query} /* closing */` }),
      })
    await (await request('select 1')).json()
    const running = request('select pg_sleep(600)').catch(() => 'cut')
    await until('it runs', () => gateway.stats().active === 1)
    await gateway.close()
    await running
    const left = async () =>
      (
        await stack.direct(
          `select 1 from pg_stat_activity where query like '%/* closing */' and pid <> pg_backend_pid()`,
        )
      ).length
    await until('no session is left', async () => (await left()) === 0)
    await expect(fetch(gateway.url)).rejects.toThrow()
  })
})
