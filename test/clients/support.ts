/** MLflow's client and its own server, from one virtual environment, and the scenarios that run against a server. */
import { execFile, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from '../../tools/local/ports.ts'
import { PROJECT, temporaryFolder } from '../system/support.ts'

const run = promisify(execFile)

/** What the clients and MLflow's server are made of, as one set that was seen working. */
const PACKAGES = [
  'mlflow==3.17.0',
  'psycopg2-binary==2.9.13',
  // Without these an answer of its server waits 40 ms for Nagle's algorithm; see tools/bench/mlflow.ts.
  'uvloop==0.23.0',
  'httptools==0.9.0',
  'scikit-learn==1.9.1',
  'lightgbm==4.7.0',
  'optuna==5.0.0',
  'optuna-integration==5.0.0',
  'pandas==3.1.1',
  'matplotlib==3.11.2',
  'pillow==13.0.0',
]
const VENV = path.join(PROJECT, 'node_modules/.cache/clients')
const HARNESS = path.join(import.meta.dirname, 'harness.py')
export const PYTHON = path.join(VENV, 'bin/python')

/** Where the ids of MLflow's experiments begin: so large that one is told from any other number. */
const FIRST_EXPERIMENT = 700_000_001

export const install = () => installInto(VENV, PACKAGES)

/**
 * Installs packages where they are not there yet, into a folder that `npm ci` empties.
 *
 * @param bare further ones, without what they need
 */
export async function installInto(venv: string, packages: string[], bare: string[] = []): Promise<void> {
  const mark = path.join(venv, 'installed')
  const wanted = [...packages, ...bare].join(' ')
  if ((await readFile(mark, 'utf8').catch(() => '')) === wanted) return
  await rm(venv, { recursive: true, force: true })
  await run('python3', ['-m', 'venv', venv])
  await run(path.join(venv, 'bin/pip'), ['install', '--quiet', ...packages])
  if (bare.length > 0) await run(path.join(venv, 'bin/pip'), ['install', '--quiet', '--no-deps', ...bare])
  await writeFile(mark, wanted)
}

/** Our environment without what would tell MLflow to do something else. */
export function environment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter((name) => !/^(MLFLOW_|PYTHON|DATABASE_URL$)/.test(name))
  return {
    ...Object.fromEntries(names.map((name) => [name, process.env[name]])),
    MLFLOW_DISABLE_TELEMETRY: 'true',
    DO_NOT_TRACK: 'true',
    PYTHONDONTWRITEBYTECODE: '1',
    // Two threads of linear algebra on two cores, and two servers besides, hinder each other.
    OMP_NUM_THREADS: '1',
    ...more,
  }
}

/** A server that was started, and the way to end it. */
export interface Server {
  url: string
  stop(): Promise<void>
}

/**
 * MLflow's own server, with its artifacts in a folder and its store in a database of a Postgres that runs already.
 *
 * @param postgres the URL of a database whose server it shares
 */
export async function startMlflow(postgres: string): Promise<Server> {
  const folder = await temporaryFolder()
  const store = new URL(postgres)
  store.pathname = 'mlflow'
  await query(postgres, 'create database mlflow')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const log = path.join(folder, 'output.log')
  const output = openSync(log, 'a')
  const options = ['--host=127.0.0.1', `--port=${port}`, '--workers=2']
  const child = spawn(
    path.join(VENV, 'bin/mlflow'),
    ['server', ...options, '--serve-artifacts', `--artifacts-destination=${path.join(folder, 'artifacts')}`],
    {
      cwd: folder,
      detached: true,
      env: environment({
        // Not on the command line, which everybody on the machine can read: it holds a password.
        MLFLOW_BACKEND_STORE_URI: store.href.replace('postgres://', 'postgresql+psycopg2://'),
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
      }),
      stdio: ['ignore', output, output],
    },
  )
  closeSync(output)
  const ended = new Promise<void>((resolve) =>
    child.once('exit', () => resolve()).once('error', () => resolve()),
  )
  const stop = async () => {
    child.kill('SIGTERM')
    await Promise.race([ended, sleep(10_000)])
    try {
      // Its workers are of its process group.
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {
      // They have ended with it.
    }
    await ended
  }
  const answers = () =>
    fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    )
  for (const patience = Date.now() + 120_000; !(await answers()); await sleep(100)) {
    if (child.exitCode === null && Date.now() < patience) continue
    const said = await readFile(log, 'utf8')
    await stop()
    throw new Error(`MLflow's server did not start. It said:\n${said}`)
  }
  await query(store.href, `alter sequence experiments_experiment_id_seq restart with ${FIRST_EXPERIMENT}`)
  return { url, stop }
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

/** What a scenario recorded, and how it broke where it did. */
export interface Result {
  records: Record<string, unknown>
  broke: string | null
  seconds: number
}

/**
 * Runs scenarios of a theme in a process of their own, with the real client.
 *
 * @param only names of functions; all of the theme when it is left out
 * @param env what else its environment has
 * @returns what each recorded, by its sentence
 */
export async function runTheme(
  module: string,
  url: string,
  only: string[] = [],
  env: Record<string, string> = {},
): Promise<Record<string, Result>> {
  const folder = await temporaryFolder()
  const home = path.join(folder, 'home')
  await mkdir(home)
  const out = path.join(folder, 'results.json')
  await python([HARNESS, module, out, ...only], {
    cwd: home,
    env: {
      MLFLOW_TRACKING_URI: url,
      // A server that fails must be seen failing.
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0',
      MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: 'false',
      MPLBACKEND: 'Agg',
      ...env,
    },
  })
  return JSON.parse(await readFile(out, 'utf8'))
}

/** Runs Python of the virtual environment and gives what it printed. */
export async function python(
  args: string[],
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<string> {
  const { stdout } = await run(PYTHON, ['-W', 'ignore', ...args], {
    cwd,
    env: environment(env),
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}

/** A theme: a file of scenarios. */
export interface Theme {
  /** As Python imports it. */
  module: string
  title: string
  sentences: string[]
}

/** The themes of a folder, read from their files, so that each scenario is a test of its own. */
export async function themes(folder: string): Promise<Theme[]> {
  const found: Theme[] = []
  for (const file of (await readdir(path.join(import.meta.dirname, folder))).sort()) {
    if (!file.endsWith('.py')) continue
    const source = await readFile(path.join(import.meta.dirname, folder, file), 'utf8')
    if (!source.includes('@scenario')) continue
    const sentences = [...source.matchAll(/^@scenario\(\s*"((?:[^"\\]|\\.)*)",?\s*\)$/gm)].map(
      ([, sentence = '']) => JSON.parse(`"${sentence}"`),
    )
    if ((source.match(/^@scenario/gm) ?? []).length !== sentences.length) {
      throw new Error(`A sentence of ${file} is not one piece of text in double quotes`)
    }
    found.push({
      module: `${folder}.${file.replace('.py', '')}`,
      title: /^"""(.*)"""/.exec(source)?.[1] ?? file,
      sentences,
    })
  }
  return found
}
