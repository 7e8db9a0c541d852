/** The Python client as a package: it is typed, builds a wheel, and works where that is installed and nothing else. */
import { execFile } from 'node:child_process'
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp, PROJECT, temporaryFolder } from '../system/support.ts'
import { jobEnvironment } from './python-support.ts'

const run = promisify(execFile)
const CLIENT = path.join(PROJECT, 'clients/python')
const VENV = path.join(PROJECT, 'node_modules/.cache/python-client')
const PACKAGES = ['mypy==2.4.1', 'setuptools==84.2.1']

beforeAll(async () => {
  const mark = path.join(VENV, 'installed')
  const wanted = PACKAGES.join(' ')
  if ((await readFile(mark, 'utf8').catch(() => '')) === wanted) return
  await rm(VENV, { recursive: true, force: true })
  await run('python3', ['-m', 'venv', VENV])
  await run(path.join(VENV, 'bin/pip'), ['install', '--quiet', ...PACKAGES])
  await writeFile(mark, wanted)
}, 600_000)
afterAll(cleanUp)

const env = () => jobEnvironment({ PYTHONPATH: '' })

describe('the package of the Python client', () => {
  it('passes mypy --strict, with its tests, examples and bench', async () => {
    const args = ['--strict', '--no-error-summary', 'src', 'tests', 'examples', 'bench']
    const { stdout } = await run(path.join(VENV, 'bin/mypy'), args, { cwd: CLIENT, env: env() }).catch(
      (error) => error,
    )
    expect(stdout).toBe('')
  })

  it('builds a wheel, from which it and its command work', async () => {
    const folder = await temporaryFolder()
    // It is built in a copy: setuptools leaves things behind.
    const copy = path.join(folder, 'python')
    await cp(CLIENT, copy, { recursive: true })
    const pip = path.join(VENV, 'bin/pip')
    const options = ['--quiet', '--no-deps', '--no-build-isolation', '--wheel-dir', folder]
    await run(pip, ['wheel', ...options, copy], { env: env() })
    const [wheel] = (await readdir(folder)).filter((name) => name.endsWith('.whl'))
    expect(wheel).toMatch(/^edgerun-[\d.]+-py3-none-any\.whl$/)

    const fresh = path.join(folder, 'venv')
    await run('python3', ['-m', 'venv', fresh])
    await run(path.join(fresh, 'bin/pip'), [
      'install',
      '--quiet',
      '--no-index',
      path.join(folder, `${wheel}`),
    ])
    const spool = path.join(folder, 'spool')
    const python = (...args: string[]) =>
      run(path.join(fresh, 'bin/python'), args, { cwd: folder, env: { ...env(), EDGERUN_SPOOL: spool } })
    const script = `import edgerun
with edgerun.init("wheel", mode="offline") as run: run.log({"loss": 1.0})`
    expect((await python('-W', 'error', '-c', script)).stderr).toBe('')
    expect(await readdir(spool)).toHaveLength(1)
    const { stdout } = await run(path.join(fresh, 'bin/edgerun'), ['sync', '--help'], { env: env() })
    expect(stdout).toContain('EDGERUN_SPOOL')
  })
})
