/** What the client in a training loop costs it: the same loop with each of them, and without. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { PROJECT } from '../../local/options.ts'
import { type Bench, type Contestant, expect, type Row } from '../bench.ts'
import { install, venv } from '../venv.ts'

const PACKAGES = ['mlflow==3.17.*', 'trackio==0.43.0', 'wandb==0.31.0']
const METRICS = 5

/** What `training.py` says. */
interface Trained {
  /** Seconds. */
  added: number
  finish: number
  run: string
}

export const training: Row = {
  name: 'training',
  async run(bench) {
    await install('trackers', PACKAGES)
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    const calls = bench.pick(1_000, 10_000)
    const clients: [Contestant, rounds: number, address: string][] = [
      ['edgerun', bench.pick(3, 5), edgerun.http.url],
      ['trackio', bench.pick(1, 5), ''],
      ['wandb', bench.pick(1, 3), ''],
      // These take minutes.
      ['mlflowAsync', 1, mlflow.http.url],
      ['mlflow', 1, mlflow.http.url],
    ]
    const samples: Partial<Record<Contestant, Trained[]>> = {}
    for (const [client, rounds, address] of clients) {
      samples[client] = []
      for (let round = 0; round < rounds; round++)
        samples[client].push(await train(bench, client, address, calls))
    }
    for (const { run } of samples.edgerun ?? []) {
      const { rows } = await edgerun.database.query(
        'select coalesce(sum(count), 0)::int as count from series where run_id = $1',
        [run],
      )
      expect('points of the Python client', rows[0]?.count, METRICS * calls)
    }
    const [{ run = '' } = {}] = samples.mlflow ?? []
    expect("points of MLflow's client", await mlflow.readHistory(run, 'loss'), calls)

    const name = `${calls.toLocaleString('en')} calls of log with ${METRICS} metrics, in Python`
    for (const [suffix, key] of [
      ['', 'added'],
      [': finishing the run', 'finish'],
    ] as const) {
      const seconds = (client: Contestant) => (samples[client] ?? []).map((each) => each[key] * 1_000)
      const of = (figure: (values: number[]) => number | number[]) =>
        Object.fromEntries(clients.map(([client]) => [client, figure(seconds(client))]))
      bench.report({
        name: name + suffix,
        unit: 'ms',
        better: 'less',
        figures: of(median),
        samples: of((all) => all),
      })
    }
  },
}

async function train(bench: Bench, client: Contestant, address: string, calls: number): Promise<Trained> {
  const folder = await bench.folder(client)
  const names = Object.keys(process.env).filter(
    (name) => !/^(MLFLOW_|PYTHON|EDGERUN_|WANDB_|TRACKIO_)/.test(name),
  )
  const { stdout } = await promisify(execFile)(
    path.join(venv('trackers'), 'bin/python'),
    ['-W', 'ignore', path.join(import.meta.dirname, '../training.py'), client, address, `${calls}`],
    {
      cwd: folder,
      env: {
        ...Object.fromEntries(names.map((name) => [name, process.env[name]])),
        PYTHONPATH: path.join(PROJECT, 'clients/python/src'),
        EDGERUN_SPOOL: folder,
        HOME: folder,
        TRACKIO_DIR: folder,
        WANDB_MODE: 'offline',
        MLFLOW_DISABLE_TELEMETRY: 'true',
        DO_NOT_TRACK: 'true',
      },
      maxBuffer: 16 * 1024 * 1024,
    },
  )
  return JSON.parse(stdout)
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
