/**
 * `npm run bench`: Edgerun against MLflow and against raw rows on the same Postgres, all in one run.
 *
 *     npm run bench -- [--quick] [--only ingest,columnar] [--out bench.json]
 *     npm run bench -- --markdown [--out bench.json]     the table for the README from an earlier run
 */
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Sentence } from '../local/sentence.ts'
import { Bench, type Row } from './bench.ts'
import { cpuOfOthers } from './cpu.ts'
import { circumstances, cpuTable, goalTable, outcomes, type Report, resultTable, summary } from './report.ts'
import { artifacts } from './rows/artifacts.ts'
import { chart } from './rows/chart.ts'
import { columnar } from './rows/columnar.ts'
import { depth } from './rows/depth.ts'
import { disk } from './rows/disk.ts'
import { door } from './rows/door.ts'
import { growth } from './rows/growth.ts'
import { ingest, single } from './rows/ingest.ts'
import { keys } from './rows/keys.ts'
import { page } from './rows/page.ts'
import { history, runs } from './rows/reads.ts'
import { search } from './rows/search.ts'
import { training } from './rows/training.ts'

const ROWS: Row[] = [
  ingest,
  single,
  columnar,
  chart,
  history,
  runs,
  door,
  artifacts,
  disk,
  growth,
  depth,
  search,
  keys,
  page,
  training,
]

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: ROWS.map(({ name }) => name).join(',') },
    out: { type: 'string', default: 'bench.json' },
    markdown: { type: 'boolean', default: false },
  },
})
const file = path.resolve(options.out)
const bench = new Bench(options.quick, (result) => {
  console.error(resultTable([result]).split('\n').slice(2).join('\n'))
})
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // A second one: exit hooks signal the servers.
      if (bench.stack.disposed) process.exit(1)
      reject(new Sentence('Stopped.'))
    })
  }
})
try {
  await Promise.race([options.markdown ? showLast() : main(), interrupted])
} catch (error) {
  console.error(error instanceof Sentence ? error.message : error)
  process.exitCode = 1
}
await bench.stop()
// What an interruption has left waiting would keep us here.
process.exit()

async function main(): Promise<void> {
  const started = Date.now()
  const chosen = options.only.split(',').map((name) => {
    const row = ROWS.find((one) => one.name === name)
    if (row) return row
    throw new Sentence(`There is no row ${name}: choose from ${ROWS.map((one) => one.name).join(', ')}.`)
  })
  const before = cpuOfOthers(bench.roots)
  for (const row of chosen) await row.run(bench)

  const { results } = bench
  const goals = outcomes(results)
  for (const text of [resultTable(results), cpuTable(results), goalTable(goals)]) console.log(`\n${text}`)
  const after = cpuOfOthers(bench.roots)
  const seconds = (Date.now() - started) / 1_000
  const machine = {
    cpu: cpus()[0]?.model ?? '',
    cores: cpus().length,
    memory: totalmem(),
    system: `${process.platform} ${release()}`,
    node: process.version,
    ...(before !== undefined &&
      after !== undefined && { others: (after - before) / seconds / cpus().length }),
  }
  const date = new Date(started).toISOString()
  const report: Report = { date, seconds, quick: options.quick, machine, results, goals }
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`)
  console.log(`\n${circumstances(report)}, details in ${file}`)
}

async function showLast(): Promise<void> {
  let report: Report
  try {
    report = JSON.parse(await readFile(file, 'utf8'))
  } catch {
    throw new Sentence(`${file} is no report: run npm run bench first.`)
  }
  console.log(summary(report))
}
