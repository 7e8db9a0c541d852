import { createRoute } from '@hono/zod-openapi'
import { router } from '../http/context.ts'
import { finds, json, reads } from '../http/responses.ts'
import { Buckets } from './buckets.ts'
import { type Chart as ChartOfPoints, type Curve, readChart } from './chart.ts'
import { ChartParameters, chartQuery, noSuchRuns } from './query.ts'
import type { ChartHead } from './repository.ts'
import { bucketColumns, Chart } from './wire.ts'

/** How far back the next `since` looks, in milliseconds: longer than a call may take from its stamp to its commit. */
const OVERLAP = 15_000

const FOR_EVER = 'private, max-age=31536000, immutable'
const ASK_AGAIN = 'private, no-cache'

const headers = {
  ETag: { description: 'Changes when a point comes or goes.', schema: { type: 'string' as const } },
  'Cache-Control': {
    description: `\`${FOR_EVER}\` once all runs have ended, \`${ASK_AGAIN}\` until then.`,
    schema: { type: 'string' as const },
  },
}

/** The version in an entity tag of ours. A client may send several tags; it has one of ours at most. */
const VERSION = /W\/"([0-9a-f]{32})\.1"/

export const chartRoutes = router().openapi(
  createRoute({
    method: 'get',
    path: '/charts',
    tags: ['metrics'],
    summary: 'Curves of many runs, in as few points as draw them',
    description:
      'M4: of each bucket the first, lowest, highest and last point, so that the line drawn is that of all points. A ' +
      'bucket is a power of two long and begins at a multiple of that, so panning does not move it.',
    request: { query: ChartParameters },
    responses: {
      200: {
        ...json(Chart, 'By run, name, rank and attempt; without series that have no point there.'),
        headers,
      },
      304: { description: 'The chart is still the one that `If-None-Match` names.', headers },
      ...reads,
      ...finds,
    },
  }),
  async (c) => {
    const asked = c.req.valid('query')
    const query = chartQuery(asked, VERSION.exec(c.req.header('If-None-Match') ?? '')?.[1])
    const chart = await readChart(c.var.db, query)
    const { head, scale } = chart
    if (head.missing !== null) throw noSuchRuns(head.missing.split(','))
    c.header('ETag', `W/"${head.version}.1"`)
    c.header('Cache-Control', head.ended ? FOR_EVER : ASK_AGAIN)
    if (head.version === query.version) return c.body(null, 304)
    const mean = asked.rank === 'mean'
    const curves = mean ? acrossRanks(chart, query.attempt === 'all') : chart.curves
    return c.json(
      {
        x: query.x,
        bits: head.bits ?? 0,
        complete: head.complete,
        next: nextOf(head),
        series: curves.flatMap(({ series: { run_id, name, rank, attempt }, buckets }) => {
          const entries = buckets.entries()
          if (!scale || entries.length === 0) return []
          return {
            run_id,
            name,
            rank: mean ? null : rank,
            attempt: query.attempt === 'newest' ? null : attempt,
            buckets: bucketColumns(entries, query.x, scale, mean),
          }
        }),
      },
      200,
    )
  },
)

/** What `since` takes: bits, a moment, and where attempts end if any does. */
const nextOf = ({ bits, now, cuts }: ChartHead) =>
  `${bits ?? 0}.${Number(now) - OVERLAP}${cuts === null ? '' : `.${cuts}`}`

/** One curve for all ranks of a metric of a run; for each attempt where they are `apart`. */
function acrossRanks({ scale, curves }: ChartOfPoints, apart: boolean): Curve[] {
  if (!scale) return []
  const byMetric = Map.groupBy(
    curves,
    ({ series: { run_id, name, attempt } }) => `${run_id} ${apart ? attempt : ''} ${name}`,
  )
  return [...byMetric.values()].flatMap((ranks) => {
    const [first] = ranks
    if (first === undefined) return []
    const buckets = new Buckets(scale, 0)
    for (const rank of ranks) buckets.addAll(rank.buckets)
    return { series: first.series, buckets }
  })
}
