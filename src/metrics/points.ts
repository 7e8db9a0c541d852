/**
 * Reads the three shapes in which points arrive (rows, columns, lines) into one: a list of series. Done by hand and
 * in one pass, because a schema library costs more for each of 20,000 points than storing them does.
 */
import { type Finding, invalid, MAX_FINDINGS, TrackerError } from '../errors.ts'
import { parseJson } from '../http/body.ts'
import {
  EARLIEST,
  epochMilliseconds,
  isInt64,
  LATEST,
  NAME_LENGTH,
  TIMESTAMP_FAULT,
  textFault,
} from '../http/schemas.ts'

export const MAX_RANK = 2 ** 31 - 1
export const MAX_ATTEMPT = 2 ** 31 - 1

/** How many names of ignored fields are told. */
const MAX_IGNORED = 100

/** Who logs: which process of a distributed job, and which time the job was begun. */
export interface Source {
  rank: number
  attempt: number
}

/** Points of one series, each once, in the order in which they came. The three columns have one length. */
export interface SeriesPoints extends Source {
  name: string
  /** int64: a bigint where a number would not be exact. */
  steps: (number | bigint)[]
  values: number[]
  /** Epoch milliseconds. */
  times: number[]
  /** Whether the client sent the times; one for each point where it sent some. */
  timed: boolean | boolean[]
  /** Whether each step is greater than the one before. */
  increasing: boolean
}

export interface Points {
  series: SeriesPoints[]
  /** How many points there are in `series`. */
  count: number
  /** Points that stand in the call a second time; they are not in `series`. */
  repeated: number
  /** Fields of log rows that are no numbers, and so no points. */
  ignored: string[]
}

/** Control characters and separators of lines and paragraphs are not printable. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/** What is wrong with a metric's name, or undefined. `.` and `..` are no names because no URL can hold them. */
export function nameFault(name: string): string | undefined {
  const fault = textFault(name, 1, NAME_LENGTH)
  if (fault !== undefined) return fault
  if (UNPRINTABLE.test(name)) return 'must not hold control characters'
  return name === '.' || name === '..' ? 'must not be . or ..' : undefined
}

/** How many characters of something unusable are told back. */
export const TOLD = 80

/** What is wrong with names of metrics in a query: how many they are, and each that can be no metric's. */
export function nameFindings(path: string, names: string[], max: number): Finding[] {
  const findings =
    names.length > max ? [{ path, message: `has ${names.length} ${path}; at most ${max}` }] : []
  for (const name of new Set(names)) {
    const fault = nameFault(name)
    if (fault !== undefined)
      findings.push({ path, message: `${JSON.stringify(name.slice(0, TOLD))} ${fault}` })
  }
  return findings
}

/**
 * Reads `{"metrics": […], "rank", "attempt"}` (rows) or `{"series": […], "rank", "attempt"}` (columns).
 *
 * @param now epoch milliseconds, the time that points without one are going to have
 * @param maxPoints how many points a call may have
 * @throws TrackerError 400 for what is no JSON, 422 with the index of each bad point
 */
export function readJson(text: string, now: number, maxPoints: number): Points {
  const reader = new Reader(now, maxPoints)
  const body = parseJson(text)
  if (!isObject(body)) throw invalid([{ path: '', message: 'must be an object' }])
  for (const key of Object.keys(body)) {
    if (key !== 'metrics' && key !== 'series' && !isOfSource(key)) reader.fault(key, 'unknown field')
  }
  const source = reader.source(body, '')
  if ((body.metrics === undefined) === (body.series === undefined)) {
    reader.fault('', 'must have either metrics (rows) or series (columns)')
  }
  if (body.metrics !== undefined) {
    const rows = reader.list(body.metrics, 'metrics')
    for (let i = 0; i < rows.length; i++) reader.row(rows[i], source, false, 'metrics', i)
  }
  if (body.series !== undefined) {
    for (const [i, columns] of reader.list(body.series, 'series').entries()) {
      reader.columns(columns, source, `series[${i}]`)
    }
  }
  return reader.done()
}

/**
 * Reads one object a line: a point (it has a `value`), or a log row whose numeric fields beside `step`, `timestamp`,
 * `rank` and `attempt` are points under their own names.
 *
 * @param now as for `readJson`, and so `maxPoints`
 * @throws TrackerError 400 for a line that is no JSON, 422 with the line (counted from 0) of each bad point
 */
export function readLines(text: string, now: number, maxPoints: number): Points {
  const reader = new Reader(now, maxPoints)
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const row = parseLine(line, i)
    if (!isObject(row)) {
      reader.fault(`lines[${i}]`, 'must be an object')
      continue
    }
    const source = reader.source(row, `lines[${i}].`)
    if (typeof row.name === 'string' && 'value' in row) reader.row(row, source, true, 'lines', i)
    else reader.logRow(row, source, `lines[${i}]`)
  }
  return reader.done()
}

function parseLine(line: string, i: number): unknown {
  try {
    return JSON.parse(line)
  } catch {
    const hint = /\b(NaN|Infinity)\b/.test(line) ? '; write NaN and Infinity as strings, "NaN"' : ''
    throw new TrackerError('bad_request', `Line ${i + 1} is not JSON${hint}`)
  }
}

/** Whether a JSON value is an object. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSpecial = (value: unknown) => value === 'NaN' || value === 'Infinity' || value === '-Infinity'

/** An int64, or undefined for what is none. */
export function readStep(value: unknown): number | bigint | undefined {
  // -0 is 0: a step has no sign of its own.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : undefined
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) return undefined
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number + 0
  const step = BigInt(value)
  return isInt64(step) ? step : undefined
}

/** A double, or undefined for what is none; JSON.parse reads 1e999 as Infinity, which is not what was written. */
function readValue(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  return isSpecial(value) ? Number(value) : undefined
}

/** Epoch milliseconds, null for none, or undefined for what is no moment. */
function readTime(value: unknown): number | null | undefined {
  return value === undefined || value === null ? null : epochMilliseconds(value)
}

const isOfSource = (field: string) => field === 'rank' || field === 'attempt'

const STEP_FAULT = 'must be an int64: a whole number, as a string beyond 2^53'

const valueFault = (value: unknown) =>
  typeof value === 'number' ? 'does not fit a double' : 'must be a number, "NaN", "Infinity" or "-Infinity"'

/**
 * Gathers points by series and faults by path while it goes through a body once. A path is put together only where
 * there is a fault: for all 20,000 points it would cost more than the rest.
 */
class Reader {
  /** By rank, and by name then; rank and attempt where it is not attempt 0. */
  readonly #bySource = new Map<number | string, Map<string, SeriesPoints>>()
  readonly #faults: Finding[] = []
  readonly #ignored = new Set<string>()
  readonly #now: number
  readonly #maxPoints: number
  #faultCount = 0
  #pointCount = 0

  constructor(now: number, maxPoints: number) {
    this.#now = now
    this.#maxPoints = maxPoints
  }

  fault(path: string, message: string): undefined {
    this.#faultCount += 1
    if (this.#faults.length < MAX_FINDINGS) this.#faults.push({ path, message })
  }

  list(value: unknown, path: string): unknown[] {
    if (Array.isArray(value)) return value
    this.fault(path, 'must be an array')
    return []
  }

  /** Who logs what is in a body or a line, at whose fields `path` is. */
  source({ rank, attempt }: Record<string, unknown>, path: string): Source {
    return {
      rank: rank === undefined ? 0 : this.#count(rank, MAX_RANK, `${path}rank`),
      attempt: attempt === undefined ? 0 : this.#count(attempt, MAX_ATTEMPT, `${path}attempt`),
    }
  }

  #count(value: unknown, max: number, path: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value
    this.fault(path, `must be a whole number from 0 to ${max}`)
    return 0
  }

  /** A point as an object, the `i`th of its `list`. */
  row(row: unknown, source: Source, mayNameSource: boolean, list: string, i: number) {
    this.#pointCount += 1
    if (this.#pointCount > this.#maxPoints) return
    if (!isObject(row)) return this.fault(`${list}[${i}]`, 'must be an object')
    for (const key in row) {
      if (key === 'name' || key === 'step' || key === 'value' || key === 'timestamp') continue
      if (!mayNameSource || !isOfSource(key)) this.fault(`${list}[${i}].${key}`, 'unknown field')
    }
    const series =
      typeof row.name === 'string'
        ? this.#series(row.name, source, () => `${list}[${i}].name`)
        : this.fault(`${list}[${i}].name`, 'must be a string')
    const step = readStep(row.step) ?? this.fault(`${list}[${i}].step`, STEP_FAULT)
    const value = readValue(row.value) ?? this.fault(`${list}[${i}].value`, valueFault(row.value))
    const time = readTime(row.timestamp)
    if (time === undefined) return this.fault(`${list}[${i}].timestamp`, TIMESTAMP_FAULT)
    if (series !== undefined && step !== undefined && value !== undefined)
      this.#push(series, step, value, time)
  }

  /** Points of one name as columns of equal length. */
  columns(columns: unknown, source: Source, path: string) {
    if (!isObject(columns)) return this.fault(path, 'must be an object')
    for (const key of Object.keys(columns)) {
      if (!['name', 'steps', 'values', 'timestamps'].includes(key))
        this.fault(`${path}.${key}`, 'unknown field')
    }
    const series =
      typeof columns.name === 'string'
        ? this.#series(columns.name, source, () => `${path}.name`)
        : this.fault(`${path}.name`, 'must be a string')
    const steps = this.list(columns.steps, `${path}.steps`)
    const values = this.list(columns.values, `${path}.values`)
    const times =
      columns.timestamps === undefined ? undefined : this.list(columns.timestamps, `${path}.timestamps`)
    this.#pointCount += steps.length
    if (this.#pointCount > this.#maxPoints) return
    if (values.length !== steps.length) {
      return this.fault(`${path}.values`, `must be as long as steps, which has ${steps.length}`)
    }
    if (times !== undefined && times.length !== steps.length) {
      return this.fault(`${path}.timestamps`, `must be as long as steps, which has ${steps.length}`)
    }
    // Nearly always: then the columns are taken as they are, and no point is touched a second time.
    if (
      series?.steps.length === 0 &&
      isSteps(steps) &&
      isValues(values) &&
      (times === undefined || isTimes(times))
    ) {
      series.increasing = isIncreasing(steps)
      series.steps = steps
      series.values = values
      series.times = times ?? new Array<number>(steps.length).fill(this.#now)
      series.timed = times !== undefined
      return
    }
    for (let i = 0; i < steps.length; i++) {
      const step = readStep(steps[i]) ?? this.fault(`${path}.steps[${i}]`, STEP_FAULT)
      const value = readValue(values[i]) ?? this.fault(`${path}.values[${i}]`, valueFault(values[i]))
      const time = times === undefined ? null : readTime(times[i])
      if (time === undefined) this.fault(`${path}.timestamps[${i}]`, TIMESTAMP_FAULT)
      else if (series !== undefined && step !== undefined && value !== undefined)
        this.#push(series, step, value, time)
    }
  }

  /** A line of a training log. */
  logRow(row: Record<string, unknown>, source: Source, path: string) {
    const step = readStep(row.step) ?? this.fault(`${path}.step`, STEP_FAULT)
    const time = readTime(row.timestamp)
    if (time === undefined) this.fault(`${path}.timestamp`, TIMESTAMP_FAULT)
    for (const [name, field] of Object.entries(row)) {
      if (name === 'step' || name === 'timestamp' || isOfSource(name)) continue
      const at = () => `${path}[${JSON.stringify(name)}]`
      if (typeof field !== 'number' && !isSpecial(field)) {
        const fault = nameFault(name)
        if (fault !== undefined) this.fault(at(), fault)
        if (this.#ignored.size < MAX_IGNORED) this.#ignored.add(name)
        continue
      }
      // Counted before a series is made for it: a row may have 500,000 fields.
      this.#pointCount += 1
      if (this.#pointCount > this.#maxPoints) continue
      const series = this.#series(name, source, at)
      const value = readValue(field) ?? this.fault(at(), valueFault(field))
      if (series !== undefined && step !== undefined && value !== undefined && time !== undefined) {
        this.#push(series, step, value, time)
      }
    }
  }

  #push(series: SeriesPoints, step: number | bigint, value: number, time: number | null) {
    push(series, step, value, time ?? this.#now, time !== null)
  }

  #series(name: string, { rank, attempt }: Source, path: () => string): SeriesPoints | undefined {
    const key = attempt === 0 ? rank : `${rank} ${attempt}`
    let byName = this.#bySource.get(key)
    if (byName === undefined) {
      byName = new Map()
      this.#bySource.set(key, byName)
    }
    const known = byName.get(name)
    if (known !== undefined) return known
    const fault = nameFault(name)
    if (fault !== undefined) return this.fault(path(), fault)
    const series = { name, rank, attempt, steps: [], values: [], times: [], timed: true, increasing: true }
    byName.set(name, series)
    return series
  }

  /** @throws TrackerError when there was any fault: one bad point refuses the whole call */
  done(): Points {
    if (this.#pointCount > this.#maxPoints) {
      this.fault('', `has ${this.#pointCount} points; at most ${this.#maxPoints} a call`)
    }
    if (this.#faultCount > 0) throw invalid(this.#faults, this.#faultCount)
    const series = [...this.#bySource.values()]
      .flatMap((byName) => [...byName.values()])
      .filter(({ steps }) => steps.length > 0)
      .map(withoutRepeats)
    const count = series.reduce((sum, { steps }) => sum + steps.length, 0)
    return { series, count, repeated: this.#pointCount - count, ignored: [...this.#ignored] }
  }
}

function push(series: SeriesPoints, step: number | bigint, value: number, time: number, isTimed: boolean) {
  const { steps } = series
  const last = steps.at(-1)
  if (last === undefined) series.timed = isTimed
  else {
    if (step <= last) series.increasing = false
    if (typeof series.timed === 'boolean' && series.timed !== isTimed) {
      series.timed = new Array<boolean>(steps.length).fill(series.timed)
    }
    if (typeof series.timed !== 'boolean') series.timed.push(isTimed)
  }
  steps.push(step)
  series.values.push(value)
  series.times.push(time)
}

/** A point whose time the client said. */
export interface NamedPoint {
  name: string
  step: number | bigint
  value: number
  /** Epoch milliseconds. */
  time: number
}

/** Points of rank 0 in attempt 0 as series, each point once. */
export function seriesOf(points: NamedPoint[]): SeriesPoints[] {
  const byName = new Map<string, SeriesPoints>()
  for (const { name, step, value, time } of points) {
    let series = byName.get(name)
    if (series === undefined) {
      series = { name, rank: 0, attempt: 0, steps: [], values: [], times: [], timed: true, increasing: true }
      byName.set(name, series)
    }
    push(series, step, value, time, true)
  }
  return [...byName.values()].map(withoutRepeats)
}

/** Whether all are int64 as numbers; by index, because a JSON array has no holes and a callback a point costs. */
function isSteps(column: unknown[]): column is number[] {
  for (let i = 0; i < column.length; i++) if (!Number.isSafeInteger(column[i])) return false
  return true
}

function isValues(column: unknown[]): column is number[] {
  for (let i = 0; i < column.length; i++) if (!Number.isFinite(column[i])) return false
  return true
}

function isTimes(column: unknown[]): column is number[] {
  for (let i = 0; i < column.length; i++) {
    const time = column[i]
    if (typeof time !== 'number' || !Number.isSafeInteger(time) || time < EARLIEST || time > LATEST)
      return false
  }
  return true
}

function isIncreasing(steps: number[]): boolean {
  for (let i = 1; i < steps.length; i++) if ((steps[i] ?? 0) <= (steps[i - 1] ?? 0)) return false
  return true
}

/**
 * Leaves out each point that came before. A point without a time is the same as one with any; with a time, as one
 * with this time.
 */
function withoutRepeats(series: SeriesPoints): SeriesPoints {
  if (series.increasing) return series
  const { steps, values, times, timed } = series
  const once: SeriesPoints = { ...series, steps: [], values: [], times: [], timed: true, increasing: true }
  const seen = new Set<string>()
  for (const [i, step] of steps.entries()) {
    const value = values[i] ?? 0
    const time = times[i] ?? 0
    const isTimed = typeof timed === 'boolean' ? timed : timed[i] === true
    const untimed = `${step} ${Object.is(value, -0) ? '-0' : value}`
    if (seen.has(isTimed ? `${untimed} ${time}` : untimed)) continue
    seen.add(untimed).add(`${untimed} ${time}`)
    push(once, step, value, time, isTimed)
  }
  return once
}
