/** Ingest of many points a call as columns, against the same points as rows without any tracker. */
import { randomUUID } from 'node:crypto'
import type { Row } from '../bench.ts'
import { compare } from '../load.ts'
import { batches, columnsBody, copyPieces, metricNames, unnestParams } from '../points.ts'
import { CopyIn, createDatabase, fillTable } from '../postgres.ts'

const INSERT =
  'insert into points select $1::uuid, * from unnest($2::text[], $3::bigint[], $4::float8[], $5::bigint[])'

export const columnar: Row = {
  name: 'columnar',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const { pool } = await createDatabase(bench, edgerun.databaseUrl, 'plain')
    for (const rowsPerCall of [10_000, 5_000]) {
      const calls = bench.pick(600_000, 1_200_000) / rowsPerCall
      const many = batches(calls, metricNames(10), rowsPerCall / 10)
      const bodies = many.map(columnsBody)
      // Their form is longer, so fewer are kept in memory: where no key forbids it, they are sent again and again.
      const few = many.slice(0, calls / 3)
      const runs = Array.from({ length: 4 }, () => randomUUID())
      const copies = runs.map((run) => few.map((batch) => copyPieces(run, batch)))
      const arrays = few.map(unnestParams)
      const load = { seconds: bench.pick(1, 3), rowsPerCall }
      const copy = (key: string) => () =>
        fillTable(bench, pool, {
          ...load,
          key,
          writers: copies.map((calls) => (client) => (i) => {
            const pieces = calls[key === '' ? i % calls.length : i]
            return pieces && client.query(new CopyIn(pieces)).done
          }),
        })
      const insert = () =>
        fillTable(bench, pool, {
          ...load,
          key: '',
          writers: runs.map((run) => (client) => (i) => {
            return client.query(INSERT, [run, ...(arrays[i % arrays.length] ?? [])])
          }),
        })
      // The goal is about the longer calls, so it is these that are shown from every side.
      const all = rowsPerCall === 10_000
      await compare(bench, {
        name: `ingest, ${rowsPerCall.toLocaleString('en')} points a call in columns, 4 writers`,
        figures: ['points/s', 'p50', 'p99'],
        pointsPerCall: rowsPerCall,
        rounds: all ? bench.pick(2, 5) : bench.pick(1, 3),
        contestants: {
          edgerun: async () => {
            const own = { runs: await edgerun.createRuns(4), bodies, pointsPerCall: rowsPerCall }
            return edgerun.ingest(bench, { ...own, seconds: load.seconds })
          },
          copy: copy(''),
          ...(all ? { keyedCopy: copy(', primary key (run_id, name, step)'), insert } : {}),
        },
      })
    }
  },
}
