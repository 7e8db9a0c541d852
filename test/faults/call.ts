/** The calls that writers make. */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { type Request, withJson } from './client.ts'
import { type Entry, item } from './journal.ts'

export interface Call extends Entry {
  request: Request
  /** How many points the answer must count; undefined where it counts none. */
  points: number | undefined
}

export type Form = 'rows' | 'columns' | 'lines' | 'log rows' | 'log-batch' | 'patch' | 'run' | 'experiment'

/** What is drawn of a call; where its points go follows from who makes it. */
export interface Shape {
  form: Form
  /** Points of each series. */
  length: number
  names: string[]
  /** Whether the points go where those of all others go. */
  shared: boolean
  reversed: boolean
  /** Whether the points say their time. */
  timed: boolean
  run: number
}

export const NAMES = ['loss', 'train/accuracy', 'lr']

/** MLflow's API takes 1,000 metrics, params and tags at a time: three series and one of each stay below. */
const MOST_OF_BATCH = 300

export const shapes = (length: fc.Arbitrary<number>): fc.Arbitrary<Shape> =>
  fc.record({
    form: fc.oneof(
      { weight: 60, arbitrary: fc.constantFrom<Form[]>('rows', 'columns', 'lines', 'log rows') },
      { weight: 20, arbitrary: fc.constant<Form>('log-batch') },
      { weight: 8, arbitrary: fc.constant<Form>('patch') },
      { weight: 12, arbitrary: fc.constantFrom<Form[]>('run', 'experiment') },
    ),
    length,
    // In another order each time, as threads would.
    names: fc.shuffledSubarray(NAMES, { minLength: 1 }),
    shared: fc.boolean(),
    reversed: fc.boolean(),
    timed: fc.boolean(),
    run: fc.nat(),
  })

/** Where writers write. */
export interface Scene {
  experiment: string
  runs: string[]
  /** How many writers there are at most. */
  writers: number
}

const EPOCH = Date.parse('2026-01-01T00:00:00Z')

/** Makes the calls of one writer: those of two writers have no point in common, though they may lie between each other. */
export class Caller {
  readonly #scene: Scene
  readonly #writer: number
  #calls = 0
  #step = 0

  constructor(scene: Scene, writer: number) {
    this.#scene = scene
    this.#writer = writer
  }

  make(shape: Shape): Call {
    // Of all calls of all writers only one has this number.
    const number = this.#calls++ * this.#scene.writers + this.#writer
    const name = `call${number}`
    const said = `the ${shape.form} of ${name}`
    const { experiment, runs } = this.#scene
    const run = runs[shape.run % runs.length] ?? ''
    switch (shape.form) {
      case 'experiment': {
        const id = randomUUID()
        const body = { id, name, owner: 'writer', run: { name } }
        return {
          name: said,
          request: withJson('POST', '/experiments', body),
          items: [item.experiment(id), item.run(id, name)],
          points: undefined,
        }
      }
      case 'run':
        return {
          name: said,
          request: withJson('POST', `/experiments/${experiment}/runs`, { id: randomUUID(), name }),
          items: [item.run(experiment, name)],
          points: undefined,
        }
      case 'patch':
        return {
          name: said,
          request: withJson('PATCH', `/runs/${run}`, {
            params: { [name]: number },
            tags: { [name]: number },
          }),
          items: [item.param(run, name), item.tag(run, name)],
          points: undefined,
        }
      default:
        return { name: said, ...this.#log(shape, run, number) }
    }
  }

  #log(shape: Shape, run: string, number: number): Omit<Call, 'name'> {
    const { writers } = this.#scene
    const isBatch = shape.form === 'log-batch'
    const rank = shape.shared || isBatch ? 0 : this.#writer + 1
    const length = isBatch ? Math.min(shape.length, MOST_OF_BATCH) : shape.length
    const steps = Array.from({ length }, () => this.#step++ * writers + this.#writer)
    if (shape.reversed) steps.reverse()
    const points = shape.names.flatMap((name) => steps.map((step) => ({ name, step })))
    const name = `call${number}`
    const time = (step: number) => EPOCH + step
    const timestamp = (step: number) => (shape.timed ? { timestamp: time(step) } : {})
    return {
      request: isBatch
        ? withJson('POST', '/api/2.0/mlflow/runs/log-batch', {
            run_id: run,
            metrics: points.map(({ name, step }) => ({
              key: name,
              value: number,
              step,
              timestamp: time(step),
            })),
            params: [{ key: name, value: String(number) }],
            tags: [{ key: name, value: String(number) }],
          })
        : { method: 'POST', path: `/runs/${run}/metrics`, ...body() },
      items: [
        ...points.map(({ name, step }) => item.point(run, name, rank, step, number)),
        ...(isBatch ? [item.param(run, name), item.tag(run, name)] : []),
      ],
      points: isBatch ? undefined : points.length,
    }

    function body(): Pick<Request, 'type' | 'body'> {
      if (shape.form === 'columns') {
        const series = shape.names.map((name) => ({
          name,
          steps,
          values: steps.map(() => number),
          ...(shape.timed && { timestamps: steps.map(time) }),
        }))
        return { type: 'application/json', body: JSON.stringify({ rank, series }) }
      }
      if (shape.form === 'rows') {
        const metrics = points.map(({ name, step }) => ({ name, step, value: number, ...timestamp(step) }))
        return { type: 'application/json', body: JSON.stringify({ rank, metrics }) }
      }
      const values = Object.fromEntries(shape.names.map((name) => [name, number]))
      const lines =
        shape.form === 'lines'
          ? points.map(({ name, step }) => ({ name, step, value: number, rank, ...timestamp(step) }))
          : steps.map((step) => ({ step, rank, ...values, ...timestamp(step) }))
      return { type: 'application/x-ndjson', body: lines.map((line) => JSON.stringify(line)).join('\n') }
    }
  }
}
