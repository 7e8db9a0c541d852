/** Pages of runs that have a metric and a param, in the order of a metric; both sides are asked in MLflow's words. */
import { expect, type Row } from '../bench.ts'
import { Door, type Search } from '../door.ts'
import { CHOICES, fillEdgerun, fillMlflow, METRICS } from '../fill.ts'
import { type Comparison, compare, drive } from '../load.ts'

const RUNS = 2_000
const PAGE = 100

/** How many pages are read of what a query finds. */
const PAGES = 3

/** How long one side may take for its share of a round, in seconds. */
const PATIENCE = 5

export const search: Row = {
  name: 'search',
  async run(bench) {
    const edgerun = await bench.edgerun()
    const mlflow = await bench.mlflow()
    const own = new Door(edgerun.http)
    const theirs = new Door(mlflow.http)
    const few = await own.createExperiment('few runs')
    const rival = await theirs.createExperiment('few runs')
    await fillEdgerun(edgerun.database, few, RUNS)
    await fillMlflow(mlflow.database, rival, RUNS)
    for (const query of [...COMMON.slice(0, 4), ...RARE]) {
      const wanted = await found(theirs, rival, query)
      expect('runs found', await found(own, few, query), wanted)
    }

    // Each query once, and on the faster side twice.
    const read = (door: Door, experiment: string, queries: Query[], cycles: number) => {
      const next = pages(door, experiment, queries)
      const calls = cycles * queries.length * PAGES
      return () => drive(bench, [(i) => (i < calls ? next() : undefined)], PATIENCE)
    }
    const measure = async (label: string, contestants: (queries: Query[]) => Contestants) => {
      for (const { queries, kind, rounds } of [
        { queries: COMMON, kind: '', rounds: bench.pick(1, 4) },
        { queries: RARE, kind: ', 1 in 200 fits', rounds: bench.pick(1, 2) },
      ]) {
        const name = `MLflow's runs/search, a page out of ${label}${kind}`
        await compare(bench, { name, figures: ['p50', 'p95'], rounds, contestants: contestants(queries) })
      }
    }
    await measure('2,000 runs', (queries) => ({
      edgerun: read(own, few, queries, 2),
      mlflow: read(theirs, rival, queries, 1),
    }))
    const count = bench.pick(10_000, 100_000)
    const many = await own.createExperiment('many runs')
    await fillEdgerun(edgerun.database, many, count)
    await measure(`${count.toLocaleString('en')} runs`, (queries) => ({
      edgerun: read(own, many, queries, 2),
      few: read(own, few, queries, 2),
    }))
  },
}

type Contestants = Comparison['contestants']
type Query = Pick<Search, 'filter' | 'order_by'>

/**
 * Queries which one run in so many fits. The order is that of the metric of the filter, or of another one, and either
 * of the two is read upwards or downwards: with each of these, other runs stand in the way of those that fit.
 */
const queriesFor = (share: number): Query[] =>
  Array.from({ length: 8 }, (_, i) => {
    const metric = i % METRICS
    const order = i % 4 < 2 ? metric : (metric + 1) % METRICS
    // A bit of its own for each, so that no two are the same.
    const below = CHOICES / share + i / 1_000
    return {
      filter: `metrics.metric_${metric} < ${below} and params.param_${i % 5} = 'choice ${i % CHOICES}'`,
      order_by: [`metrics.metric_${order} ${i % 2 === 0 ? 'ASC' : 'DESC'}`],
    }
  })

/** Three pages out of 2,000 runs: half of them by the metric, and a quarter of these by the param. */
const COMMON = queriesFor(8)
const RARE = queriesFor(200)

/** Gives with each call the next page, query by query, again and again. */
function pages(door: Door, experiment: string, queries: Query[]): () => Promise<void> {
  let query = 0
  let page = 0
  let token: string | undefined
  return async () => {
    const { filter = '', order_by = [] } = queries[query] ?? {}
    const wanted = { experiment_ids: [experiment], filter, order_by, max_results: PAGE, page_token: token }
    const { names, metrics, next } = await door.search(wanted)
    expect('metrics of the runs', metrics, names.length * METRICS)
    page += 1
    token = page < PAGES ? next : undefined
    if (token !== undefined) return
    page = 0
    query = (query + 1) % queries.length
  }
}

/** The names of all runs that a query finds, in order. */
async function found(door: Door, experiment: string, query: Query): Promise<string> {
  const all: string[] = []
  for (let token: string | undefined; ; ) {
    const wanted = { experiment_ids: [experiment], ...query, max_results: PAGE, page_token: token }
    const { names, next } = await door.search(wanted)
    all.push(...names)
    if (next === undefined) break
    token = next
  }
  if (all.length === 0) throw new Error(`No run fits ${query.filter}`)
  return all.join()
}
