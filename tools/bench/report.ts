/** Tables and goals, in Markdown, so that they can be pasted into a document. */
import { type Result, RIVALS, type Rival } from './bench.ts'

/** The file that a run of the bench leaves behind. */
export interface Report {
  date: string
  seconds: number
  quick: boolean
  machine: {
    cpu: string
    cores: number
    memory: number
    system: string
    node: string
    /** What share of the processors' time others used meanwhile: with much of it, figures say little. */
    others?: number
  }
  results: Result[]
  goals: ReturnType<typeof outcomes>
}

const rivals = Object.entries(RIVALS).map(([key, label]) => ({ key: key as Rival, label }))

/** How many times better Edgerun is than a rival. */
function ratio(result: Result | undefined, rival: Rival): number | undefined {
  const own = result?.figures.edgerun
  const other = result?.figures[rival]
  if (own === undefined || other === undefined) return undefined
  return result?.better === 'more' ? own / other : other / own
}

export function resultTable(results: Result[]): string {
  const rows = results.flatMap((result) => {
    const first = [result.name, `${number(result.figures.edgerun)} ${result.unit}`]
    const others = rivals.flatMap(({ key, label }) => {
      const times = ratio(result, key)
      return times === undefined ? [] : [[label, number(result.figures[key]), `${number(times)}×`]]
    })
    return others.length === 0
      ? [[...first, '', '', '']]
      : others.map((other, i) => [...(i === 0 ? first : ['', '']), ...other])
  })
  return table(['measured', 'Edgerun', 'against', '', 'better by'], rows)
}

/**
 * A line for each quantity, against the rival that its goal names or else the first one, without the latencies that
 * have no goal, and the circumstances: what the README shows.
 */
export function summary(report: Report): string {
  const rows = report.results.flatMap((result) => {
    const goal = GOALS.find(([, name]) => name === result.name)
    if (goal === undefined && /: p\d+$/.test(result.name)) return []
    const rival = goal?.[2] ?? rivals.find(({ key }) => ratio(result, key) !== undefined)?.key
    const own = `${number(result.figures.edgerun)} ${result.unit}`
    if (rival === undefined) return [[result.name, own, '', '', '']]
    const other = `${RIVALS[rival]}: ${number(result.figures[rival])}`
    const target = goal === undefined ? '' : `${goal[0]}×`
    return [[result.name, own, other, `${number(ratio(result, rival))}×`, target]]
  })
  return `${table(['', 'Edgerun', 'against', 'better by', 'goal'], rows)}\n\n${circumstances(report)}.`
}

/** When it was measured, and on what. */
export function circumstances({ date, seconds, quick, machine }: Report): string {
  const { cores, cpu, memory, system, node, others } = machine
  return [
    `${quick ? 'quickly measured' : 'measured'} on ${date.slice(0, 10)} in ${Math.round(seconds)} s`,
    `${cores} × ${cpu}`,
    `${Math.round(memory / 2 ** 30)} GiB`,
    system,
    `Node ${node.slice(1)}`,
    ...(others === undefined ? [] : [`others used ${Math.round(others * 100)}% of it meanwhile`]),
  ].join(', ')
}

export function cpuTable(results: Result[]): string {
  const rows = results.flatMap(({ name, cpu = {} }) =>
    Object.entries(cpu).map(([contestant, seconds], i) => [
      i === 0 ? name : '',
      contestant === 'edgerun' ? 'Edgerun' : RIVALS[contestant as Rival],
      ...['workerd', 'gateway', 'postgres', 'mlflow', 'load'].map((process) => number(seconds[process])),
    ]),
  )
  const processes = ['workerd', 'gateway', 'Postgres', 'MLflow', 'load generator']
  return table(['CPU seconds for a million points', '', ...processes], rows)
}

/** What the metrics engine and the MLflow door are to reach: at least so many times better than a rival. */
const GOALS: [target: number, result: string, rival: Rival][] = [
  [25, 'ingest, 1,000 rows a call, 1 writer', 'mlflow'],
  [30, 'ingest, 1,000 rows a call, 16 writers', 'mlflow'],
  [20, 'ingest, 1,000 rows a call, 16 writers: p99', 'mlflow'],
  [2, 'ingest, 10,000 points a call in columns, 4 writers', 'copy'],
  [10, '1 point a call, 16 writers', 'mlflow'],
  [50, 'chart of 10 runs of 100,000 points', 'mlflow'],
  // At most twice the time.
  [0.5, 'chart of a run of 10 million points', 'short'],
  [30, 'history of 100,000 points', 'mlflow'],
  [15, 'bytes for a point, after vacuum', 'mlflow'],
  [15, 'bytes for a point, tables rewritten', 'mlflow'],
  [0.9, 'ingest, 1,000 rows a call, 5 million points stored', 'empty'],
  [5, "MLflow's runs/create", 'mlflow'],
  [5, "MLflow's runs/get, 50 metrics and 20 params", 'mlflow'],
  [5, "history of 100,000 points in MLflow's Python client", 'mlflow'],
  [20, "history of 100,000 points in MLflow's Python client: CPU of the server", 'mlflow'],
  [10, "MLflow's runs/search, a page out of 2,000 runs", 'mlflow'],
  [1, 'artifact upload, 1 GiB', 'mlflow'],
  [1, 'artifact download, 1 GiB', 'mlflow'],
  [1, 'artifact upload, 1 GiB: peak memory of the server', 'mlflow'],
  [10, "MLflow's runs/search, a page out of 2,000 runs: p95", 'mlflow'],
  // At most twice the time.
  [0.5, "MLflow's runs/search, a page out of 100,000 runs", 'few'],
  [0.5, "MLflow's runs/search, a page out of 100,000 runs: p95", 'few'],
  [0.95, 'ingest with keys, 1,000 rows a call, 4 writers', 'open'],
  [0.95, 'ingest with keys, 1 point a call, 16 writers', 'open'],
  [100, '10,000 calls of log with 5 metrics, in Python', 'mlflow'],
  [1, '10,000 calls of log with 5 metrics, in Python', 'mlflowAsync'],
  [1, '10,000 calls of log with 5 metrics, in Python', 'trackio'],
  [1, '10,000 calls of log with 5 metrics, in Python', 'wandb'],
]

/** Each goal with the figure that was measured, if it was. */
export const outcomes = (results: Result[]) =>
  GOALS.map(([target, name, rival]) => {
    const measured = ratio(
      results.find((result) => result.name === name),
      rival,
    )
    return { goal: `${name}, against ${RIVALS[rival]}`, target, measured }
  })

export function goalTable(goals: ReturnType<typeof outcomes>): string {
  const rows = goals.map(({ goal, target, measured }) =>
    measured === undefined
      ? [goal, `${target}×`, 'not measured', '']
      : [goal, `${target}×`, `${number(measured)}×`, measured >= target ? 'met' : 'missed'],
  )
  return table(['goal', 'at least', 'measured', ''], rows)
}

function table(head: string[], rows: string[][]): string {
  const widths = head.map((text, i) => Math.max(3, text.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** Three digits that count. */
const number = (value: number | undefined) =>
  value?.toLocaleString('en', { maximumSignificantDigits: 3 }) ?? ''
