/** Python packages that the bench works with, in virtual environments of their own. */
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { PROJECT } from '../local/options.ts'
import { Sentence } from '../local/sentence.ts'

/** Where an environment is: in a folder that `npm ci` empties. */
export const venv = (name: string) => path.join(PROJECT, 'node_modules/.cache/edgerun-bench', name)

/** Installs packages where they are not there yet. */
export async function install(name: string, packages: string[]): Promise<void> {
  const folder = venv(name)
  const mark = path.join(folder, 'installed')
  const wanted = packages.join(' ')
  if ((await readFile(mark, 'utf8').catch(() => '')) === wanted) return
  console.error(`Installing ${wanted}, once: this takes a minute or two.`)
  const run = promisify(execFile)
  await rm(folder, { recursive: true, force: true })
  try {
    await run('python3', ['-m', 'venv', folder])
    await run(path.join(folder, 'bin/pip'), ['install', '--quiet', ...packages])
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new Sentence(`It cannot be installed; it needs Python 3.10 with venv and pip. They said:\n${said}`)
  }
  await writeFile(mark, wanted)
}
