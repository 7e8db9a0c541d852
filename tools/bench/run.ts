/**
 * `npm run bench`: Edgerun against MLflow and against raw rows on the same Postgres, all in one run.
 *
 *     npm run bench -- [--quick] [--only ingest,columnar] [--out bench.json]
 */
import { writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Sentence } from '../local/sentence.ts'
import { Bench, type Row } from './bench.ts'
import { cpuTable, goalTable, outcomes, resultTable } from './report.ts'
import { columnar } from './rows/columnar.ts'
import { disk } from './rows/disk.ts'
import { growth } from './rows/growth.ts'
import { ingest, single } from './rows/ingest.ts'
import { history, runs } from './rows/reads.ts'

const ROWS: Row[] = [ingest, single, columnar, history, runs, disk, growth]

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: ROWS.map(({ name }) => name).join(',') },
    out: { type: 'string', default: 'bench.json' },
  },
})
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
  await Promise.race([main(), interrupted])
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
  const machine = {
    cpu: cpus()[0]?.model ?? '',
    cores: cpus().length,
    memory: totalmem(),
    system: `${process.platform} ${release()}`,
    node: process.version,
    // Whether somebody else was at work when we began.
    load: loadavg(),
  }
  for (const row of chosen) await row.run(bench)

  const { results } = bench
  const goals = outcomes(results)
  for (const text of [resultTable(results), cpuTable(results), goalTable(goals)]) console.log(`\n${text}`)
  const seconds = Math.round((Date.now() - started) / 1_000)
  const date = new Date(started).toISOString()
  const file = path.resolve(options.out)
  const report = { date, seconds, quick: options.quick, machine, results, goals }
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`)
  console.log(`\n${machine.cores} × ${machine.cpu}, took ${seconds} s, details in ${file}`)
}
