/** One run of the bench: what its rows work with, and what they report. */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Cpu, cpuOf, memoryOf, type Root } from './cpu.ts'
import { Edgerun } from './edgerun.ts'
import { Mlflow } from './mlflow.ts'

/** A row of the table, or a few that are measured together. To add one: a file in `rows/` and a line in `run.ts`. */
export interface Row {
  name: string
  run(bench: Bench): Promise<void>
}

/** Whom Edgerun is compared with, and what they are called. */
export const RIVALS = {
  mlflow: 'MLflow',
  mlflowAsync: 'MLflow, asynchronous',
  trackio: 'Trackio',
  wandb: 'W&B, offline',
  copy: 'COPY',
  keyedCopy: 'COPY, with primary key',
  insert: 'INSERT … unnest',
  empty: 'an almost empty database',
  short: 'a run of 100,000 points',
  tiny: 'a run of 10 points',
  few: '2,000 runs',
  open: 'without keys',
  uplot: "uPlot's own lines",
}

export type Rival = keyof typeof RIVALS
export type Contestant = 'edgerun' | Rival

/** One measured quantity. */
export interface Result {
  name: string
  unit: string
  better: 'more' | 'less'
  figures: Partial<Record<Contestant, number>>
  /** What the figures are the medians of. */
  samples?: Partial<Record<Contestant, number[]>>
  /** CPU seconds of each kind of process for a million points. */
  cpu?: Partial<Record<Contestant, Cpu>>
}

export class Bench {
  readonly results: Result[] = []
  /** Stops what was started, the last one first. */
  readonly stack = new AsyncDisposableStack()
  /** The processes that take part. */
  readonly roots: Root[] = [{ name: 'load', pid: process.pid }]
  readonly #quick: boolean
  #folder: Promise<string> | undefined
  #edgerun: Promise<Edgerun> | undefined
  #mlflow: Promise<Mlflow> | undefined
  readonly #report: (result: Result) => void

  constructor(quick: boolean, report: (result: Result) => void) {
    this.#quick = quick
    this.#report = report
  }

  /** One value for `--quick`, another for a full run. */
  pick<T>(quick: T, full: T): T {
    return this.#quick ? quick : full
  }

  report(result: Result): void {
    this.results.push(result)
    this.#report(result)
  }

  /** CPU seconds so far. */
  cpu(): Cpu {
    return cpuOf(this.roots)
  }

  /** What each kind of process holds in memory now, in bytes. */
  memory(): Record<string, number> {
    return memoryOf(this.roots)
  }

  /** The tracker that most rows share; like MLflow it is started when a row first asks for it, and warmed up. */
  edgerun(): Promise<Edgerun> {
    this.#edgerun ??= Edgerun.start(this)
    return this.#edgerun
  }

  mlflow(): Promise<Mlflow> {
    this.#mlflow ??= this.edgerun().then(({ databaseUrl }) => Mlflow.start(this, databaseUrl))
    return this.#mlflow
  }

  /** A new folder in the one of this run. */
  async folder(name: string): Promise<string> {
    this.#folder ??= mkdtemp(path.join(tmpdir(), 'edgerun-bench-'))
    const parent = await this.#folder
    const folder = await mkdtemp(path.join(parent, `${name}-`))
    // As root, Postgres runs as a user of its own, which has to get in here.
    for (const each of [parent, folder]) await chmod(each, 0o755)
    return folder
  }

  /** Stops everything and removes what it has stored. */
  async stop(): Promise<void> {
    await this.stack.disposeAsync()
    if (this.#folder) await rm(await this.#folder, { recursive: true, force: true })
  }
}

/** Fails the bench when what was stored or read is not what it must be. */
export function expect(what: string, actual: unknown, wanted: unknown): void {
  if (actual !== wanted) throw new Error(`${what}: expected ${wanted}, found ${actual}`)
}
