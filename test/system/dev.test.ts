import { execFile } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { alive, checkout, cleanUp, Tracker, temporaryFolder, until } from './support.ts'

afterEach(cleanUp)

describe('npm run dev', () => {
  it('prints lines that work when pasted, and builds again when a file changes', async () => {
    const project = await checkout(await temporaryFolder())
    const tracker = await Tracker.start({ command: 'dev', project })
    expect((await tracker.paste())[1]).toEqual({ stored: 1, duplicates: 0 })
    expect((await fetch(`${tracker.url}/docs/`)).status).toBe(200)

    const file = path.join(project, 'src/index.ts')
    await writeFile(file, `${await readFile(file, 'utf8')}console.log('edited')\n`)
    await until('it runs the changed file', () => tracker.out.includes('edited'))
    await until('it answers again', async () => (await tracker.send('GET', '/experiments')).status === 200)
  })

  it('hides the password: it is in no command line and nowhere in the checkout', async () => {
    const project = await checkout(await temporaryFolder())
    const tracker = await Tracker.start({ command: 'dev', project })
    const password = new URL((await tracker.postgres()).url).password
    for (const pid of (await tracker.processes()).keys()) {
      expect(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).not.toContain(password)
    }
    // It does not follow the link to the installed packages.
    const found = await promisify(execFile)('grep', ['-rl', '--', password, project]).catch(() => ({
      stdout: '',
    }))
    expect(found.stdout).toBe('')
  })

  it.each([
    ['npm gets SIGTERM', (tracker: Tracker) => tracker.child.kill('SIGTERM')],
    ['the terminal sends SIGINT to all', ({ child }: Tracker) => process.kill(-(child.pid ?? 0), 'SIGINT')],
  ])('leaves no process when %s', async (_, stop) => {
    const tracker = await Tracker.start({ command: 'dev' })
    const before = await tracker.processes()
    const secrets = await readFile(path.join(tracker.data, 'secrets.path'), 'utf8')
    expect(before.size).toBeGreaterThan(5)
    stop(tracker)
    await tracker.ended
    await until('no process is left', () => alive(before).length === 0)
    await expect(stat(secrets)).rejects.toThrow('ENOENT')
    await expect(fetch(tracker.url)).rejects.toThrow()
  })

  it('leaves what the next start can end when it is killed with SIGKILL', async () => {
    const first = await Tracker.start({ command: 'dev' })
    const before = await first.processes()
    const secrets = await readFile(path.join(first.data, 'secrets.path'), 'utf8')
    expect((await stat(path.join(secrets, 'vars'))).mode & 0o777).toBe(0o600)
    process.kill(await first.node(), 'SIGKILL')
    await first.ended
    const second = await Tracker.start({ env: { EDGERUN_DATA: first.data, PORT: String(first.port) } })
    expect((await second.send('GET', '/health')).status).toBe(200)
    expect(alive(before)).toEqual([])
    await expect(stat(secrets)).rejects.toThrow('ENOENT')
  })
})
