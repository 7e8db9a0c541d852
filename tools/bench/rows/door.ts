/** What MLflow's clients ask most, both sides asked by the same requests: a run made, a run read, a metric's history. */
import { type Bench, expect, type Row } from '../bench.ts'
import { Client } from '../client.ts'
import { Door } from '../door.ts'
import { fillHistory } from '../fill.ts'
import { compare, inTurn, type Shot } from '../load.ts'
import { batches, metricNames, mlflowTail } from '../points.ts'

const METRICS = 50
const PARAMS = 20
const POINTS = 100_000

/** Points a call, and what MLflow's server takes at most. */
const PER_CALL = 1_000

export const door: Row = {
  name: 'door',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    const doors = { edgerun: new Door(edgerun.http), mlflow: new Door(mlflow.http) }
    const own = await prepare(doors.edgerun)
    const theirs = await prepare(doors.mlflow)
    const figures = ['p50' as const]
    const rounds = bench.pick(1, 3)
    const calls = bench.pick(60, 100)
    await compare(bench, {
      name: "MLflow's runs/create",
      figures,
      rounds,
      contestants: {
        edgerun: () => inTurn(bench, calls, () => doors.edgerun.createRun(own.experiment)),
        mlflow: () => inTurn(bench, calls, () => doors.mlflow.createRun(theirs.experiment)),
      },
    })
    const get = (door: Door, run: string) => async () => {
      const { logged, tags } = await door.getRun(run)
      expect('metrics and params', logged, METRICS + PARAMS)
      expect('tags', tags, 4)
    }
    await compare(bench, {
      name: "MLflow's runs/get, 50 metrics and 20 params",
      figures,
      rounds,
      contestants: {
        edgerun: () => inTurn(bench, calls, get(doors.edgerun, own.run)),
        mlflow: () => inTurn(bench, calls, get(doors.mlflow, theirs.run)),
      },
    })

    const points = batches(POINTS / PER_CALL, ['loss'], PER_CALL)
    for (const batch of points) await doors.edgerun.logBatch(own.run, mlflowTail(batch))
    await edgerun.sealed([own.run])
    await fillHistory(mlflow.database, theirs.run, points)
    await history(bench, {
      edgerun: { uri: edgerun.http.url, run: own.run },
      mlflow: { uri: mlflow.http.url, run: theirs.run },
    })
  },
}

/** An experiment with a run in it. */
async function prepare(door: Door) {
  const experiment = await door.createExperiment('door')
  const run = await door.createRun(experiment)
  const params = Array.from({ length: PARAMS }, (_, i) => ({ key: `param_${i}`, value: `value ${i}` }))
  const [batch] = batches(1, metricNames(METRICS), 1)
  if (batch) await door.logBatch(run, `"params":${JSON.stringify(params)},${mlflowTail(batch)}`)
  return { experiment, run }
}

/**
 * A whole history read by MLflow's Python client. What the client itself works (it makes an object of each point, one
 * after another) is in the time of both sides, and not in the CPU time of the servers: that is, of Edgerun, workerd,
 * the gateway in the place of Neon's, and Postgres; of MLflow, its workers and Postgres. Postgres is shared, and its
 * time is that of whoever is measured: what its background processes do meanwhile, and Edgerun's cron trigger each
 * second, is counted too.
 */
async function history(
  bench: Bench,
  sides: Record<'edgerun' | 'mlflow', { uri: string; run: string }>,
): Promise<void> {
  const client = Client.start(bench)
  const own: Record<'edgerun' | 'mlflow', number[]> = { edgerun: [], mlflow: [] }
  const read = async (side: 'edgerun' | 'mlflow') => {
    const found = await client.history(sides[side].uri, sides[side].run, 'loss')
    expect('points read', found.points, POINTS)
    return found
  }
  // Which imports the client and warms up both.
  expect('sum of the values', (await read('edgerun')).sum, (await read('mlflow')).sum)
  const shoot = (side: 'edgerun' | 'mlflow', calls: number) =>
    inTurn(bench, calls, async () => own[side].push((await read(side)).own * 1_000))
  const name = `history of 100,000 points in MLflow's Python client`
  const shots = await compare(bench, {
    name,
    figures: ['p50'],
    pointsPerCall: POINTS,
    rounds: bench.pick(1, 3),
    contestants: {
      edgerun: () => shoot('edgerun', 3),
      mlflow: () => shoot('mlflow', 1),
    },
  })
  const report = (suffix: string, figures: Partial<Record<'edgerun' | 'mlflow', number>>) =>
    bench.report({ name: `${name}${suffix}`, unit: 'ms', better: 'less', figures })
  report(': the client alone', { edgerun: median(own.edgerun), mlflow: median(own.mlflow) })
  report(': CPU of the server', {
    edgerun: perCall(shots.edgerun ?? [], ['workerd', 'gateway', 'postgres']),
    mlflow: perCall(shots.mlflow ?? [], ['mlflow', 'postgres']),
  })
}

/** CPU milliseconds of some processes for a call. */
function perCall(shots: Shot[], processes: string[]): number {
  const calls = shots.reduce((sum, { calls }) => sum + calls, 0)
  const seconds = shots.flatMap(({ cpu }) => processes.map((process) => cpu[process] ?? 0))
  return (seconds.reduce((sum, one) => sum + one, 0) / calls) * 1_000
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
