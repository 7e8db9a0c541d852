/** Load, and comparisons under load. */
import type { Bench, Contestant, Result } from './bench.ts'
import { type Cpu, settle, spent } from './cpu.ts'

/** Sends its call number `i`; undefined when there is no such call. */
export type Writer = (i: number) => Promise<unknown> | undefined

/** One measurement. */
export interface Shot {
  calls: number
  seconds: number
  /** Of each call, in milliseconds. */
  latencies: number[]
  cpu: Cpu
}

/**
 * Lets writers send one call after another until the time is over or there are no more.
 *
 * @param background does the work that they leave behind: when the time is over, but its CPU time is counted with theirs
 */
export async function drive(
  bench: Bench,
  writers: Writer[],
  seconds: number,
  background?: () => Promise<void>,
): Promise<Shot> {
  const latencies: number[] = []
  const before = bench.cpu()
  const start = performance.now()
  await Promise.all(
    writers.map(async (write) => {
      for (let i = 0; performance.now() - start < seconds * 1_000; i++) {
        const begin = performance.now()
        const sent = write(i)
        if (sent === undefined) return
        await sent
        latencies.push(performance.now() - begin)
      }
    }),
  )
  const took = (performance.now() - start) / 1_000
  await background?.()
  await settle(() => bench.cpu())
  return { calls: latencies.length, seconds: took, latencies, cpu: spent(before, bench.cpu()) }
}

/** One caller that makes so many calls. */
export const inTurn = (bench: Bench, calls: number, call: () => Promise<unknown>) =>
  drive(bench, [(i) => (i < calls ? call() : undefined)], 60)

type Figure = 'points/s' | 'calls/s' | 'p50' | 'p95' | 'p99'

export interface Comparison {
  name: string
  /** What is reported; the first one under the bare name. */
  figures: Figure[]
  pointsPerCall?: number
  rounds: number
  contestants: Partial<Record<Contestant, () => Promise<Shot>>>
}

/**
 * Measures all in turn, several times, so that what else the machine does hits all alike.
 *
 * @returns the measurements that the figures are made of
 */
export async function compare(bench: Bench, comparison: Comparison): Promise<PerContestant<Shot[]>> {
  const { name, figures, pointsPerCall, rounds, contestants } = comparison
  const shots = mapValues(contestants, (): Shot[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [who, shoot] of entries(contestants)) shots[who]?.push(await shoot())
  }
  for (const [i, figure] of figures.entries()) {
    const suffix = i === 0 ? '' : `: ${figure}`
    bench.report({ name: name + suffix, ...measured(figure, shots, pointsPerCall ?? 1) })
  }
  const last = bench.results.at(-figures.length)
  if (last && pointsPerCall !== undefined)
    last.cpu = mapValues(shots, (some) => perMillion(some, pointsPerCall))
  return shots
}

type Measured = Pick<Result, 'unit' | 'better' | 'figures' | 'samples'>

function measured(
  figure: Figure,
  shots: Partial<Record<Contestant, Shot[]>>,
  pointsPerCall: number,
): Measured {
  if (figure.startsWith('p') && figure !== 'points/s') {
    // Over the calls of all rounds: one round has too few for a p99.
    const share = Number(figure.slice(1)) / 100
    const all = mapValues(shots, (some) => some.flatMap(({ latencies }) => latencies))
    return { unit: 'ms', better: 'less', figures: mapValues(all, (times) => quantile(times, share)) }
  }
  const perCall = figure === 'points/s' ? pointsPerCall : 1
  const samples = mapValues(shots, (some) => some.map(({ calls, seconds }) => (calls * perCall) / seconds))
  const medians = mapValues(samples, (rates) => quantile(rates, 0.5))
  return { unit: figure, better: 'more', figures: medians, samples }
}

/** The value that at least this share of the values does not exceed. */
function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

function perMillion(shots: Shot[], pointsPerCall: number): Cpu {
  const millions = shots.reduce((sum, { calls }) => sum + calls * pointsPerCall, 0) / 1_000_000
  const total: Cpu = {}
  for (const { cpu } of shots) {
    for (const [name, seconds] of Object.entries(cpu)) total[name] = (total[name] ?? 0) + seconds / millions
  }
  return total
}

type PerContestant<T> = Partial<Record<Contestant, T>>

function entries<T>(values: PerContestant<T>): [Contestant, T][] {
  const names: Contestant[] = [
    'edgerun',
    'mlflow',
    'copy',
    'keyedCopy',
    'insert',
    'empty',
    'short',
    'tiny',
    'few',
    'open',
  ]
  return names.flatMap((name): [Contestant, T][] => {
    const value = values[name]
    return value === undefined ? [] : [[name, value]]
  })
}

function mapValues<T, U>(values: PerContestant<T>, change: (value: T) => U): PerContestant<U> {
  const changed: PerContestant<U> = {}
  for (const [name, value] of entries(values)) changed[name] = change(value)
  return changed
}
