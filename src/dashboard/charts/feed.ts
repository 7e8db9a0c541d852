/**
 * The curves of all charts that are on screen. Charts say what they want; what they want together is asked for
 * together, what is there already is not asked for again, and while a run is live only news are.
 */
import { signal } from '@preact/signals'
import { Problem } from '../api.ts'
import { type Batch, batches, bucketsFor, type Wanted, widthFor } from './batch.ts'
import { type Axis, type Buckets, merge, type Range } from './buckets.ts'
import { decode, Origins } from './decode.ts'
import { askChart, missingRuns } from './request.ts'
import type { Attempts, Ranks } from './view.ts'

export interface Curve {
  run: string
  /** Null for the mean of all. */
  rank: number | null
  /** Null where attempts are put together. */
  attempt: number | null
  whole?: Buckets
  /** Finer buckets of a part of the axis. */
  detail?: { buckets: Buckets; range: Range }
  /** Grows with each change. */
  version: number
}

/** What is there for one metric. */
interface Entry {
  name: string
  curves: Map<string, Curve>
  /** Runs that have been asked for, with how many buckets. */
  asked: Map<string, number>
  askedDetail: Set<string>
  /** Runs whose answer is there. */
  answered: Set<string>
  error: unknown
  watch: { runs: readonly string[]; buckets: number; changed: () => void } | undefined
}

/** A request whose answer can go out of date. */
interface Lot extends Batch {
  /** Undefined for the whole axis. */
  range: Range | undefined
  generation: number
  buckets: number
  next: string
  etag: string | null
}

/** How long to wait for other charts that appear at the same time, in milliseconds. */
const GATHER = 15
/** How long a zoom has to stand still before finer buckets are asked for. */
const SETTLE = 120
/** Between an answer and the next question for news. */
const PERIOD = 1_000
const LONGEST_PERIOD = 15_000
/** Metrics whose curves are kept though no chart shows them. */
const KEPT = 30

export type Liveness = 'off' | 'live' | 'paused' | 'lost'

export class Feed {
  readonly x: Axis
  readonly ranks: Ranks
  readonly attempts: Attempts
  readonly origins = new Origins()
  readonly liveness = signal<Liveness>('off')
  readonly #entries = new Map<string, Entry>()
  #lots: Lot[] = []
  #live: ReadonlySet<string> = new Set()
  #isPaused = false
  #range: Range | undefined
  /** What finer buckets were last asked for. */
  #asking: Range | undefined
  #generation = 0
  #whole = new AbortController()
  #fine = new AbortController()
  #planning: ReturnType<typeof setTimeout> | undefined
  #settling: ReturnType<typeof setTimeout> | undefined
  #beating: ReturnType<typeof setTimeout> | undefined
  #isBeating = false
  #period = PERIOD
  readonly #onVisibility = () => this.#pulse()

  constructor(x: Axis, ranks: Ranks, attempts: Attempts) {
    this.x = x
    this.ranks = ranks
    this.attempts = attempts
    document.addEventListener('visibilitychange', this.#onVisibility)
  }

  close(): void {
    document.removeEventListener('visibilitychange', this.#onVisibility)
    for (const timer of [this.#planning, this.#settling, this.#beating]) clearTimeout(timer)
    this.#whole.abort()
    this.#fine.abort()
  }

  /** Which runs may get more points. */
  setLive(runs: ReadonlySet<string>): void {
    const resumed = [...runs].filter((run) => !this.#live.has(run))
    this.#live = runs
    // What was read of them was that of a run that had ended.
    for (const { asked } of this.#entries.values()) for (const run of resumed) asked.delete(run)
    if (resumed.length > 0) this.#planSoon()
    this.#pulse()
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#pulse()
  }

  /** The part of the axis that is on screen; finer buckets of it are asked for once it stands still. */
  show(range: Range | undefined): void {
    if (this.#range?.[0] === range?.[0] && this.#range?.[1] === range?.[1]) return
    this.#range = range
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => this.#plan(), SETTLE)
  }

  /** Wants the curves of a metric, until the function that it gives is called. */
  watch(name: string, runs: readonly string[], buckets: number, changed: () => void): () => void {
    const entry = this.#entries.get(name) ?? {
      name,
      curves: new Map(),
      asked: new Map<string, number>(),
      askedDetail: new Set<string>(),
      answered: new Set<string>(),
      error: undefined,
      watch: undefined,
    }
    // The last one that was looked at stands last.
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    const watch = { runs, buckets: bucketsFor(runs.length, buckets), changed }
    entry.watch = watch
    this.#planSoon()
    return () => {
      if (entry.watch === watch) entry.watch = undefined
    }
  }

  curves(name: string): readonly Curve[] {
    return [...(this.#entries.get(name)?.curves.values() ?? [])]
  }

  /** What went wrong, or whether all that is wanted is there. */
  state(name: string): { error: unknown; isComplete: boolean } {
    const entry = this.#entries.get(name)
    return {
      error: entry?.error,
      isComplete: entry?.watch?.runs.every((run) => entry.answered.has(run)) ?? false,
    }
  }

  retry(name: string): void {
    const entry = this.#entries.get(name)
    if (!entry) return
    entry.error = undefined
    for (const run of entry.asked.keys()) if (!entry.answered.has(run)) entry.asked.delete(run)
    entry.watch?.changed()
    this.#planSoon()
  }

  #planSoon(): void {
    this.#planning ??= setTimeout(() => {
      this.#planning = undefined
      this.#plan()
    }, GATHER)
  }

  #plan(): void {
    this.#forget()
    const watched = [...this.#entries.values()].filter(({ watch, error }) => watch && !error)
    this.#ask(
      watched.map((entry) => [
        entry,
        entry.watch?.runs.filter((run) =>
          this.#isTooCoarse(entry.asked.get(run), entry.watch?.buckets ?? 0),
        ) ?? [],
      ]),
      undefined,
    )
    const range = this.#range
    if (!range) return
    const coarse = watched.map((entry): [Entry, string[]] => [
      entry,
      entry.watch?.runs.filter((run) => this.#isCoarse(entry, run, range)) ?? [],
    ])
    if (coarse.every(([, runs]) => runs.length === 0)) return
    const [from, to] = range
    const margin = Math.ceil((to - from) / 2)
    const wide: Range = [Math.floor(from) - margin, Math.ceil(to) + margin]
    if (!this.#isAskedFor(range)) {
      this.#generation++
      this.#fine.abort()
      this.#fine = new AbortController()
      this.#lots = this.#lots.filter((lot) => lot.range === undefined)
      this.#asking = wide
      for (const entry of this.#entries.values()) entry.askedDetail.clear()
    }
    const asking = this.#asking ?? wide
    this.#ask(
      coarse.map(([entry, runs]) => [entry, runs.filter((run) => !entry.askedDetail.has(run))]),
      asking,
    )
  }

  /** A chart that has grown wants more. */
  #isTooCoarse = (asked: number | undefined, wanted: number) => asked === undefined || wanted > 1.5 * asked

  /** Whether what was last asked for does for a range too. */
  #isAskedFor([from, to]: Range): boolean {
    if (!this.#asking) return false
    const [low, high] = this.#asking
    return low <= from && high >= to && high - low <= 2.5 * (to - from) + 2
  }

  /** Whether the buckets of a run that are there are longer than those that a range could have. */
  #isCoarse({ curves, answered, watch }: Entry, run: string, [from, to]: Range): boolean {
    if (!answered.has(run)) return true
    const fine = widthFor(from, to, watch?.buckets ?? 0)
    return [...curves.values()].some(({ run: one, whole, detail }) => {
      if (one !== run || !whole) return false
      if (whole.width <= fine) return false
      return !(detail && detail.range[0] <= from && detail.range[1] >= to && detail.buckets.width <= fine)
    })
  }

  /** Drops the curves that were looked at longest ago. */
  #forget(): void {
    const idle = [...this.#entries.values()].filter(({ watch }) => !watch)
    for (const { name } of idle.slice(0, Math.max(0, idle.length - KEPT))) {
      this.#entries.delete(name)
      for (const lot of this.#lots) lot.names = lot.names.filter((one) => one !== name)
    }
    this.#lots = this.#lots.filter(({ names }) => names.length > 0)
  }

  #ask(wanted: readonly [Entry, string[]][], range: Range | undefined): void {
    const groups: Map<number, Wanted[]>[] = [new Map(), new Map()]
    for (const [entry, runs] of wanted) {
      if (!range && runs.some((run) => entry.asked.has(run))) this.#dropLots(entry.name)
      const buckets = Math.min(4_096, (entry.watch?.buckets ?? 0) * (range ? 2 : 1))
      for (const run of runs) {
        if (range) entry.askedDetail.add(run)
        else entry.asked.set(run, buckets)
      }
      // Apart, because what has ended is kept by the browser and never asked for again.
      for (const [i, part] of [
        runs.filter((run) => !this.#live.has(run)),
        runs.filter((run) => this.#live.has(run)),
      ].entries()) {
        if (part.length === 0) continue
        const group = groups[i]
        const list = group?.get(buckets) ?? []
        group?.set(buckets, [...list, { name: entry.name, runs: part }])
      }
    }
    for (const group of groups) {
      for (const [buckets, list] of group) {
        for (const batch of batches(list, buckets)) {
          const lot = { ...batch, range, generation: this.#generation, buckets, next: '', etag: null }
          void this.#load(lot)
        }
      }
    }
  }

  /** Of what is asked for anew, news of before are of no use. */
  #dropLots(name: string): void {
    for (const lot of this.#lots) {
      if (!lot.range) lot.names = lot.names.filter((one) => one !== name)
    }
    this.#lots = this.#lots.filter(({ names }) => names.length > 0)
  }

  async #load(lot: Lot): Promise<void> {
    const { signal } = lot.range ? this.#fine : this.#whole
    try {
      await this.#fetch(lot, signal)
      if (lot.runs.some((run) => this.#live.has(run))) {
        this.#lots.push(lot)
        this.#pulse()
      }
    } catch (error) {
      if (signal.aborted) return
      const gone = missingRuns(error)
      if (gone.length > 0) {
        this.#answered(lot, gone)
        const runs = lot.runs.filter((run) => !gone.includes(run))
        if (runs.length > 0 && runs.length < lot.runs.length) await this.#load({ ...lot, runs })
        return
      }
      for (const entry of this.#of(lot)) {
        // A zoom that fails leaves the coarse curve.
        if (!lot.range) entry.error = error
        entry.watch?.changed()
      }
    }
  }

  #of = (lot: Lot): Entry[] => lot.names.flatMap((name) => this.#entries.get(name) ?? [])

  #answered(lot: Lot, runs: readonly string[]): void {
    for (const entry of this.#of(lot)) {
      if (!lot.range) for (const run of runs) entry.answered.add(run)
      entry.watch?.changed()
    }
  }

  /** Asks for all of a lot, or for what is new of it, and puts it where it belongs. */
  async #fetch(lot: Lot, signal: AbortSignal): Promise<void> {
    const answer = await askChart(this.x, this, lot, signal)
    if (signal.aborted || (lot.range && lot.generation !== this.#generation)) return
    if (!answer) return
    const { chart, etag } = answer
    lot.next = chart.next
    lot.etag = etag
    const changed = new Set<Entry>()
    const answered = new Set<Curve>()
    for (const series of chart.series) {
      const { name, run_id: run, rank, attempt } = series
      const entry = this.#entries.get(name)
      if (!entry) continue
      const key = `${run} ${rank} ${attempt}`
      const curve = entry.curves.get(key) ?? { run, rank, attempt, version: 0 }
      entry.curves.set(key, curve)
      this.#put(curve, decode(series, chart, this.origins), lot.range, chart.complete)
      changed.add(entry)
      answered.add(curve)
    }
    if (chart.complete && lot.range) {
      // What was there is gone: another attempt has begun before it.
      for (const entry of this.#of(lot)) {
        for (const curve of entry.curves.values()) {
          if (!curve.detail || answered.has(curve) || !lot.runs.includes(curve.run)) continue
          delete curve.detail
          curve.version++
          changed.add(entry)
        }
      }
    }
    this.#answered(lot, lot.runs)
    for (const entry of changed) entry.watch?.changed()
  }

  #put(curve: Curve, buckets: Buckets, range: Range | undefined, isComplete: boolean): void {
    const there = range ? curve.detail?.buckets : curve.whole
    if (!isComplete && there) {
      // What is there may have become finer since they were asked for.
      if (there.width !== buckets.width) return
      merge(there, buckets)
    } else if (range) curve.detail = { buckets, range }
    else curve.whole = buckets
    curve.version++
  }

  /** Starts or stops asking for news, as it should be. */
  #pulse(): void {
    const isLive = this.#live.size > 0 || this.#lots.length > 0
    const isHidden = document.visibilityState === 'hidden'
    const runs = isLive && !isHidden && !this.#isPaused
    if (!isLive) this.liveness.value = 'off'
    else if (!runs) this.liveness.value = 'paused'
    else if (this.liveness.value !== 'lost') this.liveness.value = 'live'
    clearTimeout(this.#beating)
    if (runs && !this.#isBeating) this.#beating = setTimeout(() => this.#beat(), this.#period)
  }

  async #beat(): Promise<void> {
    this.#isBeating = true
    const results = await Promise.allSettled(this.#lots.map((lot) => this.#refresh(lot)))
    this.#isBeating = false
    const failure = results.find((result) => result.status === 'rejected')
    this.#period = failure ? Math.min(LONGEST_PERIOD, waitOf(failure.reason) ?? 2 * this.#period) : PERIOD
    this.liveness.value = failure ? 'lost' : 'live'
    this.#pulse()
  }

  async #refresh(lot: Lot): Promise<void> {
    const names = lot.names.filter((name) => this.#entries.get(name)?.watch)
    if (names.length === 0) return
    const { signal } = lot.range ? this.#fine : this.#whole
    const isLast = !lot.runs.some((run) => this.#live.has(run))
    try {
      await this.#fetch(lot, signal)
    } catch (error) {
      if (signal.aborted) return
      const gone = missingRuns(error)
      if (gone.length === 0) throw error
      lot.runs = lot.runs.filter((run) => !gone.includes(run))
      if (lot.runs.length > 0) return
    }
    // All have ended, and what they logged last is there.
    if (isLast || lot.runs.length === 0) this.#lots = this.#lots.filter((one) => one !== lot)
  }
}

/** How long the tracker asks to be left alone, in milliseconds. */
const waitOf = (error: unknown): number | undefined =>
  error instanceof Problem && error.retryAfter !== undefined ? error.retryAfter * 1_000 : undefined
