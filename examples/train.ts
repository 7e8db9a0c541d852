/**
 * A real training job that logs to Edgerun while it trains: a classifier of handwritten digits, data-parallel on
 * four worker threads. It needs Node and HTTP, and nothing else.
 *
 * This file creates the run, starts the ranks, ends the run and reads it back. What a rank does is in `rank.ts`; how
 * its points get to the tracker is in `metric-log.ts` and `tracker.ts`.
 */
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { hostname, userInfo } from 'node:os'
import { Worker } from 'node:worker_threads'
import { askToStop, shareAmong, stopNow } from './all-reduce.ts'
import { parameterCount } from './network.ts'
import { readOptions } from './options.ts'
import type { Job, Outcome } from './rank.ts'
import { type Summary, table } from './summary.ts'
import { Tracker, TrackerError } from './tracker.ts'

/** How long, in milliseconds, to wait for a tracker that is away: before there is anything to lose, and after. */
const PATIENCE = { start: 5_000, end: 20_000 }

const { seed, ...params } = readOptions()
const tracker = new Tracker()
const shared = shareAmong(params.ranks, parameterCount(params.hidden_units))
const interrupted = new AbortController()

process.once('SIGINT', () => interrupt(130))
process.once('SIGTERM', () => interrupt(143))

await main().catch((error: unknown) => {
  console.error(error instanceof TrackerError ? error.message : error)
  process.exitCode ??= 1
})

async function main() {
  const runId = await createRun()
  const address = `${tracker.url}/runs/${runId}`
  console.log(`Training on ${params.ranks} ranks; the run is ${address}`)
  try {
    const start = performance.now()
    const jobs = Array.from({ length: params.ranks }, (_, rank) => ({ runId, rank, seed, shared, params }))
    const ranks = jobs.map(startRank)
    await Promise.allSettled(ranks)
    const outcomes = await Promise.all(ranks)
    const seconds = (performance.now() - start) / 1_000

    const giveUp = AbortSignal.timeout(PATIENCE.end)
    const summaries = await tracker.request<Summary[]>('GET', `/runs/${runId}/metrics`, giveUp)
    const weights = check(outcomes, summaries)
    const status = interrupted.signal.aborted ? 'failed' : 'completed'
    await endRun(runId, { status, tags: { weights_sha256: weights } })
    console.log(`\n${status} after ${seconds.toFixed(1)} s: ${address}\n\n${table(summaries)}`)
  } catch (error) {
    await endRun(runId, { status: 'failed' }).catch(console.error)
    throw error
  }
}

/** Creates an experiment and its run in one request, and gives the run's id. */
async function createRun(): Promise<string> {
  const experiment = {
    // An id of our own makes the request safe to send again: it answers the same experiment.
    id: randomUUID(),
    name: 'handwritten digits',
    owner: owner(),
    description: 'Classifies 8 × 8 images of digits with one hidden layer, data-parallel.',
    run: { name: `${params.hidden_units} hidden units, seed ${seed}`, seed, params, tags: tags() },
  }
  const giveUp = AbortSignal.any([AbortSignal.timeout(PATIENCE.start), interrupted.signal])
  const { runs } = await tracker.request<{ runs: { id: string }[] }>(
    'POST',
    '/experiments',
    giveUp,
    experiment,
  )
  const [run] = runs
  if (!run) throw new TrackerError('The tracker created no run')
  return run.id
}

/** Resolves when the rank has trained and the tracker has its points. A rank that fails stops the others. */
function startRank(job: Job): Promise<Outcome> {
  return new Promise<Outcome>((resolve, reject) => {
    new Worker(new URL('rank.ts', import.meta.url), { workerData: job })
      .once('message', resolve)
      .once('error', reject)
      // Comes last, and changes nothing after one of the others.
      .once('exit', () => reject(new Error(`Rank ${job.rank} ended without a word`)))
  }).catch((error: unknown) => {
    stopNow(shared)
    throw error
  })
}

/** What must hold after training: all ranks have the same weights, and the tracker has every point. */
function check(outcomes: Outcome[], summaries: Summary[]): string {
  const [weights, ...others] = new Set(outcomes.map((outcome) => outcome.weights))
  if (weights === undefined || others.length > 0) throw new Error('The ranks do not have the same weights')
  const logged = outcomes.reduce((sum, { points }) => sum + points, 0)
  const stored = summaries.reduce((sum, { count }) => sum + count, 0)
  if (stored !== logged) throw new Error(`The tracker has ${stored} of ${logged} points`)
  console.log(`\nThe ranks have the same weights, and the tracker has all ${logged} points.`)
  return weights
}

async function endRun(runId: string, change: { status: string; tags?: Record<string, string> }) {
  await tracker.request('PATCH', `/runs/${runId}`, AbortSignal.timeout(PATIENCE.end), change)
}

function interrupt(exitCode: number) {
  // The handlers run once: a second Ctrl-C ends the process at once.
  console.log('Stopping; what was logged is still sent')
  process.exitCode = exitCode
  askToStop(shared)
  interrupted.abort()
}

function tags(): Record<string, string> {
  const tags = { framework: 'none', dataset: 'UCI digits', host: hostname(), node: process.version }
  try {
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
    })
    return { ...tags, git_commit: commit.trim() }
  } catch {
    // There is no git, or no commit.
    return tags
  }
}

/** The user who runs this, as far as the system knows them. */
function owner(): string {
  try {
    return userInfo().username.slice(0, 50)
  } catch {
    return 'unknown'
  }
}
