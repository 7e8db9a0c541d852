import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { Agent, request as open } from 'node:http'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, it } from 'vitest'
import { cleanUp, PROJECT, Tracker } from './support.ts'

afterEach(cleanUp)

const run = promisify(execFile)

/** `npm run keys` as a person at the terminal of a tracker calls it; what it prints, or what it says when it fails. */
async function keys(tracker: Tracker, args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const options = { cwd: PROJECT, env: { ...process.env, EDGERUN_DATA: tracker.data, ...env } }
  return run('npm', ['run', '--silent', 'keys', '--', ...args], options).then(
    ({ stdout }) => stdout,
    ({ stderr }: { stderr: string }) => `refused: ${stderr}`,
  )
}

const status = async (tracker: Tracker, key?: string) =>
  (await fetch(`${tracker.url}/experiments`, key ? { headers: { Authorization: `Bearer ${key}` } } : {}))
    .status

it('is open on this machine unless it is told to ask for keys, and says which', async () => {
  const open = await Tracker.start({ command: 'start' })
  expect(open.out).toContain('It is open: whoever is on this machine can read and write it')
  expect(await status(open)).toBe(200)
})

it.each(['start', 'dev'] as const)(
  'asks for keys under npm run %s, and tells how to make one',
  async (command) => {
    const tracker = await Tracker.start({ command, env: { EDGERUN_KEYS: 'on' } })
    expect(await status(tracker)).toBe(401)
    expect((await fetch(`${tracker.url}/health`)).status).toBe(200)
    const lines = tracker.out.split('\n').filter((line) => /^ {2}(export|curl) /.test(line))
    expect(lines).toHaveLength(4)
    // As one terminal would do it.
    const { stdout } = await run('sh', ['-c', `set -e\n${lines.join('\necho\n')}`], {
      cwd: PROJECT,
      env: { ...process.env, EDGERUN_DATA: tracker.data },
    })
    expect(stdout).toContain('{"stored":1,"duplicates":0}')
    expect(stdout).toMatch(/\[\{"step":1,"value":0\.5,/)
  },
)

it('answers whoever it does not let in on a connection that stays, however much he sends', async () => {
  const tracker = await Tracker.start({ env: { EDGERUN_KEYS: 'on' } })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const send = (method: string, path: string, body?: Buffer) =>
    new Promise((resolve, reject) => {
      const request = open(tracker.url + path, { method, agent }, (response) => {
        response.resume().on('end', () => resolve([response.statusCode, request.reusedSocket]))
      })
      request.on('error', reject).end(body)
    })
  expect(await send('GET', '/health')).toEqual([200, false])
  for (const size of [70_000, 9 * 1024 ** 2]) {
    expect(await send('POST', '/experiments', Buffer.alloc(size))).toEqual([401, true])
    expect(await send('GET', '/health')).toEqual([200, true])
  }
  agent.destroy()
})

it('makes, lists and revokes keys by npm run keys, and workspaces', async () => {
  const tracker = await Tracker.start({ env: { EDGERUN_KEYS: 'on' } })
  const admin = (await keys(tracker, ['make', '--name', 'boss', '--scope', 'admin'])).trim()
  expect(admin).toMatch(/^er_[0-9A-Za-z]{12}_[0-9A-Za-z]{28}$/)
  expect(await status(tracker, admin)).toBe(200)
  const as = { EDGERUN_URL: tracker.url, EDGERUN_KEY: admin }
  const writer = (
    await keys(
      tracker,
      ['make', '--name', 'job', '--scope', 'write', '--expires', '2099-01-01T00:00:00Z'],
      as,
    )
  ).trim()
  const id = writer.split('_')[1] ?? ''
  const list = await keys(tracker, ['list'], as)
  expect(list).toContain(id)
  expect(list).not.toContain(writer)
  expect(await keys(tracker, ['revoke', id], as)).toBe('')
  expect(await status(tracker, writer)).toBe(401)

  expect(await keys(tracker, ['make-workspace', 'other'])).toBe('')
  expect(await keys(tracker, ['workspaces'])).toContain('other')
  const other = (
    await keys(tracker, ['make', '--name', 'x', '--scope', 'read', '--workspace', 'other'])
  ).trim()
  expect(await keys(tracker, ['list'], as)).not.toContain(other.split('_')[1])

  expect(await keys(tracker, ['make', '--scope', 'everything'], as)).toMatch(/^refused: .*name .*scope /s)
  expect(await keys(tracker, ['revoke', 'nothing'], as)).toBe('refused: Key not found\n')
  expect(await keys(tracker, ['list'], { ...as, EDGERUN_KEY: writer })).toMatch(
    /^refused: There is no such API key/,
  )
  expect(await keys(tracker, ['list'], { ...as, EDGERUN_URL: 'http://127.0.0.1:9' })).toBe(
    'refused: Nothing answers at http://127.0.0.1:9.\n',
  )
  expect(await keys(tracker, [])).toMatch(/^refused: npm run keys -- COMMAND/)
})

it('keeps the bootstrap secret from others, and from one start to the next', async () => {
  const first = await Tracker.start({ env: { EDGERUN_KEYS: 'on' } })
  const file = path.join(first.data, 'bootstrap-secret')
  const secret = await readFile(file, 'utf8')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const key = (await keys(first, ['make', '--name', 'x', '--scope', 'read'])).trim()
  first.child.kill('SIGTERM')
  await first.ended
  const second = await Tracker.start({ env: { EDGERUN_KEYS: 'on', EDGERUN_DATA: first.data } })
  expect(await readFile(file, 'utf8')).toBe(secret)
  expect(await status(second, key)).toBe(200)
  expect(second.out + second.err).not.toContain(secret)
})
