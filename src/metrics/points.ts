/**
 * Reads the three shapes in which points arrive (rows, columns, lines) into one: a list of series. Done by hand and
 * in one pass, because a schema library costs more for each of 20,000 points than storing them does.
 */
import { type Finding, invalid, TrackerError } from '../errors.ts'
import { parseJson } from '../http/body.ts'
import { epochMilliseconds, isInt64, NAME_LENGTH, TIMESTAMP_FAULT, textFault } from '../http/schemas.ts'

export const MAX_POINTS = 20_000
export const MAX_RANK = 2 ** 31 - 1

/** How many findings are told; the rest are only counted. */
const MAX_FINDINGS = 100

/** Points of one series in the order they came, each once. A time that the client left out is null. */
export interface SeriesPoints {
  name: string
  rank: number
  /** int64 in decimal, as Postgres reads it. */
  steps: string[]
  values: number[]
  /** Epoch milliseconds. */
  times: (number | null)[]
}

export interface Points {
  series: SeriesPoints[]
  /** Points that stand in the call a second time; they are not in `series`. */
  repeated: number
  /** Fields of log rows that are no numbers, and so no points. */
  ignored: string[]
}

/** Control characters and separators of lines and paragraphs are not printable. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/** What is wrong with a metric's name, or undefined. `.` and `..` are no names because no URL can hold them. */
export function nameFault(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'must be a string'
  const fault = textFault(name, 1, NAME_LENGTH)
  if (fault !== undefined) return fault
  if (UNPRINTABLE.test(name)) return 'must not hold control characters'
  return name === '.' || name === '..' ? 'must not be . or ..' : undefined
}

/**
 * Reads `{"metrics": […], "rank"}` (rows) or `{"series": […], "rank"}` (columns).
 *
 * @throws TrackerError 400 for what is no JSON, 422 with the index of each bad point
 */
export function readJson(text: string): Points {
  const reader = new Reader()
  const body = parseJson(text)
  if (!isObject(body)) throw invalid([{ path: '', message: 'must be an object' }])
  reader.onlyKnown(body, ['metrics', 'series', 'rank'], '')
  const rank = body.rank === undefined ? 0 : reader.rank(body.rank, 'rank')
  if ((body.metrics === undefined) === (body.series === undefined)) {
    reader.fault('', 'must have either metrics (rows) or series (columns)')
  }
  if (body.metrics !== undefined) {
    for (const [i, row] of reader.list(body.metrics, 'metrics').entries()) {
      reader.row(row, rank, ['name', 'step', 'value', 'timestamp'], `metrics[${i}]`)
    }
  }
  if (body.series !== undefined) {
    for (const [i, columns] of reader.list(body.series, 'series').entries()) {
      reader.columns(columns, rank, `series[${i}]`)
    }
  }
  return reader.done()
}

/**
 * Reads one object a line: a point (it has a `value`), or a log row whose numeric fields beside `step`, `timestamp`
 * and `rank` are points under their own names.
 *
 * @throws TrackerError 400 for a line that is no JSON, 422 with the line (counted from 0) of each bad point
 */
export function readLines(text: string): Points {
  const reader = new Reader()
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const path = `lines[${i}]`
    const row = parseLine(line, i)
    if (!isObject(row)) reader.fault(path, 'must be an object')
    else {
      const rank = row.rank === undefined ? 0 : reader.rank(row.rank, `${path}.rank`)
      if (typeof row.name === 'string' && 'value' in row) {
        reader.row(row, rank, ['name', 'step', 'value', 'timestamp', 'rank'], path)
      } else reader.logRow(row, rank, path)
    }
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

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Gathers points by series and faults by path while it goes through a body once. */
class Reader {
  readonly #series = new Map<string, SeriesPoints & { seen: Set<string> }>()
  readonly #faults: Finding[] = []
  readonly #ignored = new Set<string>()
  #faultCount = 0
  #pointCount = 0
  #repeated = 0

  fault(path: string, message: string): undefined {
    this.#faultCount += 1
    if (this.#faults.length < MAX_FINDINGS) this.#faults.push({ path, message })
  }

  onlyKnown(object: Record<string, unknown>, known: string[], path: string) {
    for (const key of Object.keys(object)) {
      if (!known.includes(key)) this.fault(path === '' ? key : `${path}.${key}`, 'unknown field')
    }
  }

  list(value: unknown, path: string): unknown[] {
    if (Array.isArray(value)) return value
    this.fault(path, 'must be an array')
    return []
  }

  rank(value: unknown, path: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_RANK) return value
    this.fault(path, `must be a whole number from 0 to ${MAX_RANK}`)
    return 0
  }

  /** A point as an object. */
  row(row: unknown, rank: number, known: string[], path: string) {
    if (!isObject(row)) return this.fault(path, 'must be an object')
    this.onlyKnown(row, known, path)
    const series = this.seriesOf(row.name, rank, `${path}.name`)
    const step = this.step(row.step, `${path}.step`)
    const value = this.value(row.value, `${path}.value`)
    const time = this.time(row.timestamp, `${path}.timestamp`)
    this.add(series, step, value, time)
  }

  /** Points of one name as columns of equal length. */
  columns(columns: unknown, rank: number, path: string) {
    if (!isObject(columns)) return this.fault(path, 'must be an object')
    this.onlyKnown(columns, ['name', 'steps', 'values', 'timestamps'], path)
    const series = this.seriesOf(columns.name, rank, `${path}.name`)
    const steps = this.list(columns.steps, `${path}.steps`)
    const values = this.list(columns.values, `${path}.values`)
    const times =
      columns.timestamps === undefined ? undefined : this.list(columns.timestamps, `${path}.timestamps`)
    if (values.length !== steps.length) {
      return this.fault(`${path}.values`, `must be as long as steps, which has ${steps.length}`)
    }
    if (times !== undefined && times.length !== steps.length) {
      return this.fault(`${path}.timestamps`, `must be as long as steps, which has ${steps.length}`)
    }
    for (let i = 0; i < steps.length; i++) {
      const step = this.step(steps[i], path, 'steps', i)
      const value = this.value(values[i], path, 'values', i)
      const time = times === undefined ? null : this.time(times[i], path, 'timestamps', i)
      this.add(series, step, value, time)
    }
  }

  /** A line of a training log. */
  logRow(row: Record<string, unknown>, rank: number, path: string) {
    const step = this.step(row.step, `${path}.step`)
    const time = this.time(row.timestamp, `${path}.timestamp`)
    for (const [name, field] of Object.entries(row)) {
      if (name === 'step' || name === 'timestamp' || name === 'rank') continue
      const at = `${path}[${JSON.stringify(name)}]`
      const fault = nameFault(name)
      if (fault !== undefined) this.fault(at, fault)
      else if (typeof field !== 'number' && !isSpecial(field)) this.#ignored.add(name)
      else this.add(this.seriesOf(name, rank, at), step, this.value(field, at), time)
    }
  }

  seriesOf(name: unknown, rank: number, path: string) {
    const fault = nameFault(name)
    if (fault !== undefined || typeof name !== 'string') return this.fault(path, fault ?? 'must be a string')
    const key = `${rank} ${name}`
    const known = this.#series.get(key)
    if (known) return known
    const series = { name, rank, steps: [], values: [], times: [], seen: new Set<string>() }
    this.#series.set(key, series)
    return series
  }

  step(value: unknown, path: string, column?: string, i?: number): string | undefined {
    if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
    if (typeof value === 'string' && /^-?\d{1,19}$/.test(value)) {
      const step = BigInt(value)
      if (isInt64(step)) return String(step)
    }
    return this.fault(at(path, column, i), 'must be an int64: a whole number, as a string beyond 2^53')
  }

  value(value: unknown, path: string, column?: string, i?: number): number | undefined {
    if (typeof value === 'number') {
      // JSON.parse reads 1e999 as Infinity, which is not what was written.
      if (Number.isFinite(value)) return value
      return this.fault(at(path, column, i), 'does not fit a double')
    }
    if (isSpecial(value)) return Number(value)
    return this.fault(at(path, column, i), 'must be a number, "NaN", "Infinity" or "-Infinity"')
  }

  time(value: unknown, path: string, column?: string, i?: number): number | null | undefined {
    if (value === undefined || value === null) return null
    return epochMilliseconds(value) ?? this.fault(at(path, column, i), TIMESTAMP_FAULT)
  }

  add(
    series: (SeriesPoints & { seen: Set<string> }) | undefined,
    step: string | undefined,
    value: number | undefined,
    time: number | null | undefined,
  ) {
    this.#pointCount += 1
    if (series === undefined || step === undefined || value === undefined || time === undefined) return
    // A point without a time is the same as one with any; with a time, as one with this time.
    const untimed = `${step} ${Object.is(value, -0) ? '-0' : value}`
    const timed = `${untimed} ${time}`
    if (series.seen.has(time === null ? untimed : timed)) {
      this.#repeated += 1
      return
    }
    series.seen.add(untimed).add(timed)
    series.steps.push(step)
    series.values.push(value)
    series.times.push(time)
  }

  /** @throws TrackerError when there was any fault: one bad point refuses the whole call */
  done(): Points {
    if (this.#pointCount > MAX_POINTS) {
      this.fault('', `has ${this.#pointCount} points; at most ${MAX_POINTS} a call`)
    }
    const untold = this.#faultCount - this.#faults.length
    if (untold > 0) this.#faults.push({ path: '', message: `and ${untold} more` })
    if (this.#faults.length > 0) throw invalid(this.#faults)
    const series = [...this.#series.values()].filter(({ steps }) => steps.length > 0)
    return { series, repeated: this.#repeated, ignored: [...this.#ignored] }
  }
}

const at = (path: string, column?: string, i?: number) =>
  column === undefined ? path : `${path}.${column}[${i}]`

const isSpecial = (value: unknown) => value === 'NaN' || value === 'Infinity' || value === '-Infinity'
