/** One rank of the job: a worker thread that trains on its share of every batch and logs what it sees. */
import { createHash } from 'node:crypto'
import { setImmediate as eventLoopTurn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { allReduce, type Shared } from './all-reduce.ts'
import { loadDigits } from './digits.ts'
import { MetricLog } from './metric-log.ts'
import { Network } from './network.ts'
import { learningRate, Sgd } from './optimizer.ts'
import type { Params } from './options.ts'
import { randomFrom, shuffled } from './random.ts'
import { dot } from './vector.ts'

/** What a rank needs to know; `params` are also the run's params on the tracker. */
export interface Job {
  runId: string
  rank: number
  seed: number
  shared: Shared
  params: Params
}

/** What a rank has to tell in the end. */
export interface Outcome {
  /** How many points it logged. */
  points: number
  /** SHA-256 of its parameters. */
  weights: string
}

/** Held-out accuracy is measured and told every so many steps. */
const EVALUATE_EVERY = 50

const { runId, rank, seed, shared, params }: Job = workerData
const { train, heldOut } = loadDigits()
const stepsAnEpoch = Math.floor(train.length / params.batch_size)
const steps = params.epochs * stepsAnEpoch

// The same seed on every rank: they start with the same weights and shuffle in the same way.
const random = randomFrom(seed)
const network = new Network(params.hidden_units, random)
const { parameters, gradient } = network
const optimizer = new Sgd(parameters.length, params.momentum, params.weight_decay)
const log = new MetricLog(runId, rank)

try {
  await training()
} finally {
  await log.close()
}
const weights = createHash('sha256').update(parameters).digest('hex')
const outcome: Outcome = { points: log.points, weights }
parentPort?.postMessage(outcome)

async function training() {
  let order = train
  let stepEnd = performance.now()
  for (let step = 1; step <= steps; step++) {
    const batchOfEpoch = (step - 1) % stepsAnEpoch
    if (batchOfEpoch === 0) order = shuffled(train, random)
    const batch = order.slice(batchOfEpoch * params.batch_size, (batchOfEpoch + 1) * params.batch_size)
    const shard = batch.filter((_, i) => i % params.ranks === rank)

    gradient.fill(0)
    const loss = shard.reduce((sum, digit) => sum + network.learn(digit, 1 / batch.length), 0) / shard.length
    if (!allReduce(shared, rank, gradient)) return
    const rate = learningRate(step, steps, params.warmup, params.lr)
    optimizer.step(parameters, gradient, rate)

    const seconds = (performance.now() - stepEnd) / 1_000
    stepEnd = performance.now()
    log.log(step, { loss, samples_per_second: shard.length / seconds })
    if (rank === 0) {
      log.log(step, { gradient_norm: Math.sqrt(dot(gradient, gradient)), learning_rate: rate })
      if (step % EVALUATE_EVERY === 0 || step === steps) {
        const correct = heldOut.filter((digit) => network.predict(digit) === digit.label).length
        const accuracy = correct / heldOut.length
        log.log(step, { accuracy })
        console.log(
          `step ${step}/${steps}  loss ${loss.toFixed(4)}  accuracy ${(100 * accuracy).toFixed(1)} %`,
        )
      }
    }
    // Waiting for the other ranks blocks this thread: between the steps the posts get their turn.
    await eventLoopTurn()
  }
}
