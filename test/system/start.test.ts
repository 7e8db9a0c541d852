import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { alive, cleanUp, Tracker, temporaryFolder, until } from './support.ts'

afterEach(cleanUp)

const experiment = { id: '01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b77', name: 'kept', owner: 'alice' }

describe('npm start', () => {
  it('answers, shows its docs, and prints lines that work when pasted, also a second time', async () => {
    const tracker = await Tracker.start({ command: 'start' })
    expect(await tracker.send('GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok' } })
    const docs = await fetch(`${tracker.url}/docs`)
    expect(docs.headers.get('content-type')).toContain('text/html')
    expect(tracker.out).toContain(`Edgerun is at    ${tracker.url}\n`)
    expect(tracker.out).toContain(`Its docs are at  ${tracker.url}/docs\n`)

    const [created, stored, points] = await tracker.paste()
    expect(created).toMatchObject({ name: 'hello', runs: [{ status: 'running' }] })
    expect(stored).toEqual({ stored: 1, duplicates: 0 })
    expect(points).toMatchObject([{ step: 1, value: 0.5 }])
    expect(await tracker.paste()).toEqual([created, { stored: 0, duplicates: 1 }, points])
  })

  it('writes one line of JSON for each request to stdout, as the Worker wrote it', async () => {
    const tracker = await Tracker.start()
    await tracker.send('GET', '/experiments?limit=1')
    await until('the line is there', () => tracker.out.includes('"route":"/experiments"'))
    const line = tracker.out.split('\n').find((line) => line.includes('"route":"/experiments"'))
    expect(JSON.parse(line ?? '')).toMatchObject({ method: 'GET', status: 200 })
  })

  it('finds its data when it is started again', async () => {
    const first = await Tracker.start()
    await first.send('POST', '/experiments', experiment)
    first.child.kill('SIGTERM')
    expect(await first.ended).toEqual({ code: 0, signal: null })
    const second = await Tracker.start({ env: { EDGERUN_DATA: first.data } })
    expect((await second.send('GET', `/experiments/${experiment.id}`)).body).toMatchObject(experiment)
  })

  it('runs beside another one that is started at the same time', async () => {
    const [a, b] = await Promise.all([Tracker.start(), Tracker.start()])
    await a.send('POST', '/experiments', experiment)
    expect((await a.send('GET', `/experiments/${experiment.id}`)).status).toBe(200)
    expect((await b.send('GET', `/experiments/${experiment.id}`)).status).toBe(404)
    a.child.kill('SIGTERM')
    await a.ended
    expect((await b.send('GET', '/health')).status).toBe(200)
    expect((await fetch(`${b.url}/docs/`)).status).toBe(200)
  })

  it('goes on serving its static files while another one builds', async () => {
    const first = await Tracker.start()
    const second = await Tracker.launch()
    while (!second.out.includes('Ctrl-C stops it')) {
      const { status } = await fetch(`${first.url}/docs/swagger-ui.css`)
      expect(status).toBe(200)
    }
  })
})

describe('being stopped', () => {
  it.each([
    ['npm gets SIGTERM', (tracker: Tracker) => tracker.child.kill('SIGTERM')],
    ['the terminal sends SIGINT to all', ({ child }: Tracker) => process.kill(-(child.pid ?? 0), 'SIGINT')],
    ['the terminal is closed', ({ child }: Tracker) => process.kill(-(child.pid ?? 0), 'SIGHUP')],
  ])('leaves no process when %s', async (_, stop) => {
    const tracker = await Tracker.start({ command: 'start' })
    const before = await tracker.processes()
    const { pid } = await tracker.postgres()
    // npm, its shell, our own, workerd, and Postgres with its helpers.
    expect(before.size).toBeGreaterThan(5)
    expect(before.has(pid)).toBe(true)
    stop(tracker)
    await tracker.ended
    await until('no process is left', () => alive(before).length === 0)
    await expect(fetch(tracker.url)).rejects.toThrow()
    expect(tracker.err).not.toMatch(/ {4}at /)
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'ends with 0 after %s, and says nothing',
    async (signal) => {
      const tracker = await Tracker.start()
      const before = tracker.err
      tracker.child.kill(signal)
      expect(await tracker.ended).toEqual({ code: 0, signal: null })
      expect(tracker.err).toBe(before)
    },
  )

  it('works while it is still starting', async () => {
    for (const patience of [50, 400, 1_200]) {
      const tracker = await Tracker.launch()
      await sleep(patience)
      const processes = await tracker.processes()
      tracker.child.kill('SIGTERM')
      const { code, signal } = await tracker.ended
      // Before Node has read our first line, a signal ends it as any other process.
      expect(signal === 'SIGTERM' || code === 0).toBe(true)
      await until('no process is left', () => alive(processes).length === 0)
      expect(tracker.err).not.toMatch(/ {4}at /)
      await rm(tracker.data, { recursive: true, force: true })
    }
  })

  it('does not wait for a client that has an answer outstanding', async () => {
    const tracker = await Tracker.start()
    await tracker.query('create table held (id int)')
    const before = await tracker.processes()
    const slow = tracker.query('select pg_sleep(600)').catch(() => 'cut')
    await until('it runs', async () => {
      const rows = await tracker.query(`select 1 from pg_stat_activity where query = 'select pg_sleep(600)'`)
      return rows.length === 1
    })
    tracker.child.kill('SIGTERM')
    expect((await tracker.ended).code).toBe(0)
    expect(await slow).toBe('cut')
    expect(alive(before)).toEqual([])
  })
})

describe('a second signal', () => {
  it('ends it at once, however long the database would take', async () => {
    const tracker = await Tracker.start()
    const before = await tracker.processes()
    const { pid } = await tracker.postgres()
    process.kill(pid, 'SIGSTOP')
    try {
      tracker.child.kill('SIGTERM')
      // The Worker is stopped first; what is left then is the database.
      await until(
        'only the database is left',
        async () => (await fetch(tracker.url).catch(() => 'gone')) === 'gone',
      )
      // Sooner it would be taken for the first one, which npm sends twice.
      await sleep(600)
      expect(alive(before)).toContain(tracker.child.pid)
      tracker.child.kill('SIGTERM')
      expect((await tracker.ended).code).toBe(1)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await until('no process is left', () => alive(before).length === 0)
  })
})

describe('being killed with SIGKILL', () => {
  it('leaves a tracker that starts again on the same port and has everything', async () => {
    const first = await Tracker.start()
    await first.send('POST', '/experiments', experiment)
    const before = await first.processes()
    first.child.kill('SIGKILL')
    await first.ended
    // workerd and Postgres do not notice: that is what the next start has to cope with.
    expect(alive(before).length).toBeGreaterThan(1)
    const second = await Tracker.start({ env: { EDGERUN_DATA: first.data, PORT: String(first.port) } })
    expect((await second.send('GET', `/experiments/${experiment.id}`)).body).toMatchObject(experiment)
    expect(alive(before)).toEqual([])
  })

  it('leaves a folder that another tracker does not mind, on another port', async () => {
    const first = await Tracker.start()
    first.child.kill('SIGKILL')
    await first.ended
    const other = await Tracker.start({ env: { EDGERUN_DATA: `${await temporaryFolder()}/data` } })
    expect((await other.send('GET', '/health')).status).toBe(200)
    const again = await Tracker.start({ env: { EDGERUN_DATA: first.data } })
    expect((await again.send('GET', '/health')).status).toBe(200)
  })
})
