/** What the client in a training loop costs it: the same loop with each of them, and without. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { PROJECT } from '../../local/options.ts'
import { type Bench, type Contestant, expect, type Row } from '../bench.ts'
import { install, venv } from '../venv.ts'

const PACKAGES = ['mlflow==3.17.*', 'trackio==0.43.0', 'wandb==0.31.0']
const METRICS = 5

/** What `training.py` says, in seconds. */
interface Trained {
  alone: number
  logged: number
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
      ['edgerun', bench.pick(3, 9), edgerun.http.url],
      ['trackio', bench.pick(3, 9), ''],
      ['wandb', bench.pick(1, 3), ''],
      // These take minutes.
      ['mlflowAsync', 1, mlflow.http.url],
      ['mlflow', 1, mlflow.http.url],
    ]
    const samples: Partial<Record<Contestant, Trained[]>> = {}
    // In turn: what else the machine does meanwhile is then in the way of all of them.
    for (let round = 0; round < Math.max(...clients.map(([, rounds]) => rounds)); round++) {
      for (const [client, rounds, address] of clients) {
        if (round >= rounds) continue
        samples[client] = [...(samples[client] ?? []), await train(bench, client, address, calls)]
      }
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
    // It is the same loop for all. Whatever disturbs it makes it longer, so the shortest is taken of each.
    const alone = Math.min(...Object.values(samples).flatMap((all) => all.map((each) => each.alone)))
    const report = (suffix: string, seconds: (each: Trained) => number) => {
      const all = Object.entries(samples).map(([client, rounds]): [string, number[]] => [
        client,
        rounds.map((each) => seconds(each) * 1_000),
      ])
      const figures = Object.fromEntries(all.map(([client, ms]) => [client, Math.min(...ms)]))
      bench.report({
        name: name + suffix,
        unit: 'ms',
        better: 'less',
        figures,
        samples: Object.fromEntries(all),
      })
    }
    report('', ({ logged }) => logged - alone)
    report(': finishing the run', ({ finish }) => finish)
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
