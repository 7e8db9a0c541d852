/**
 * The points that all contestants store, in the form in which each of them takes points. Prepared before the clock
 * runs.
 */

/** What one call brings: some metrics over a stretch of steps. */
export interface Batch {
  names: string[]
  steps: number[]
  /** Epoch milliseconds, one a step. */
  times: number[]
  /** By metric, then step. */
  values: number[][]
}

/** Numbers from 0 to 1, the same in every run (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const metricNames = (count: number) => Array.from({ length: count }, (_, i) => `train/metric_${i}`)

/**
 * The calls of a training job one after another: noisy falling curves, so values with all their digits, at a step
 * about every 250 ms.
 */
export function batches(count: number, names: string[], stepsPerCall: number, firstStep = 0): Batch[] {
  const next = random(count)
  return Array.from({ length: count }, (_, call) => {
    const steps = Array.from({ length: stepsPerCall }, (_, i) => firstStep + call * stepsPerCall + i)
    const times = steps.map((step) => 1_750_000_000_000 + step * 250 + Math.floor(next() * 20))
    const values = names.map(() => steps.map((step) => Math.exp(-step / 20_000) * (1 + 0.1 * next())))
    return { names, steps, times, values }
  })
}

/** The points of a batch as a training loop logs them: all metrics of a step, then those of the next. */
export function points({ names, steps, times, values }: Batch) {
  return steps.flatMap((step, s) =>
    names.map((name, n) => ({ name, step, value: values[n]?.[s] ?? 0, time: times[s] ?? 0 })),
  )
}

/** Edgerun's rows. */
export const rowsBody = (batch: Batch) =>
  Buffer.from(
    JSON.stringify({
      metrics: points(batch).map(({ name, step, value, time }) => ({ name, step, value, timestamp: time })),
    }),
  )

/** Edgerun's columns. */
export const columnsBody = ({ names, steps, times, values }: Batch) =>
  Buffer.from(
    JSON.stringify({
      series: names.map((name, n) => ({ name, steps, values: values[n], timestamps: times })),
    }),
  )

const mlflowPoints = (batch: Batch) =>
  points(batch).map(({ name, step, value, time }) => ({ key: name, value, timestamp: time, step }))

/** The body of MLflow's log-batch after the run's id. */
export const mlflowTail = (batch: Batch) => `"metrics":${JSON.stringify(mlflowPoints(batch))}}`

/** The body of MLflow's log-metric after the run's id, for a batch of one point. */
export const mlflowPointTail = (batch: Batch) => JSON.stringify(mlflowPoints(batch)[0]).slice(1)

/** Rows in the text format of COPY, in pieces as large as clients commonly send. */
export function copyPieces(runId: string, batch: Batch): Buffer[] {
  const lines = points(batch).map(
    ({ name, step, value, time }) => `${runId}\t${name}\t${step}\t${value}\t${time}\n`,
  )
  const text = Buffer.from(lines.join(''))
  const pieces: Buffer[] = []
  for (let at = 0; at < text.length; at += 65_536) pieces.push(text.subarray(at, at + 65_536))
  return pieces
}

/** Names, steps, values and times as arrays in Postgres' text form, for `unnest`. */
export function unnestParams(batch: Batch): string[] {
  const all = points(batch)
  return (['name', 'step', 'value', 'time'] as const).map(
    (column) => `{${all.map((point) => point[column]).join(',')}}`,
  )
}
