/**
 * `npm run deploy:check`: builds what `npm run deploy` would upload, without an account, and says how large the Worker
 * and the scripts of the page are, and how long the Worker takes to start here. Fails over the sizes that this project
 * allows itself.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

/**
 * A page's questions about many runs (groups, correlations) brought it to 400. Cloudflare takes 3 MB on its free plan; what
 * counts is how long the Worker takes to start, which is below.
 */
const MAX_GZIP_KIB = 450
/** All of them, also those that few views load, such as Markdown; `/` loads 31 KB. */
const MAX_SCRIPTS_KB = 200

const SCRIPTS = path.resolve(import.meta.dirname, '../dist/assets/page')

const wrangler = (...args: string[]) =>
  execFileSync(path.resolve(import.meta.dirname, '../node_modules/.bin/wrangler'), args, {
    cwd: path.resolve(import.meta.dirname, '..'),
    encoding: 'utf8',
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' },
  })

/** The number that `pattern` finds in what wrangler printed; a wrangler that words it otherwise is an error. */
function figure(pattern: RegExp, output: string): number {
  const found = pattern.exec(output)?.[1]
  if (found === undefined) throw new Error(`wrangler printed no ${pattern.source}:\n${output}`)
  return Number(found)
}

const folder = mkdtempSync(path.join(tmpdir(), 'edgerun-deploy-'))
try {
  const bundle = path.join(folder, 'worker.bundle')
  const gzip = figure(/gzip: ([\d.]+) KiB/, wrangler('deploy', '--dry-run', '--outfile', bundle))
  const profile = wrangler(
    'check',
    'startup',
    '--worker',
    bundle,
    '--outfile',
    path.join(folder, 'cpuprofile'),
  )
  console.log(`size      ${gzip} KiB gzipped, of ${MAX_GZIP_KIB} allowed`)
  const scripts = readdirSync(SCRIPTS).filter((name) => name.endsWith('.js'))
  const sizes = scripts.map((name) => gzipSync(readFileSync(path.join(SCRIPTS, name))).length / 1_000)
  const page = sizes.reduce((sum, size) => sum + size, 0)
  console.log(`page      ${page.toFixed(1)} KB of scripts gzipped, of ${MAX_SCRIPTS_KB} allowed`)
  console.log(
    `start-up  ${figure(/Active: ([\d.]+) ms/, profile)} ms of CPU on this machine, of 1,000 that Cloudflare allows`,
  )
  if (gzip > MAX_GZIP_KIB || page > MAX_SCRIPTS_KB) {
    console.error('That is more than is allowed.')
    process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true })
}
