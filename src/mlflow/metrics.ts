import { Hono } from 'hono'
import { z } from 'zod'
import { readChart } from '../charts/chart.ts'
import { UnitOfWork } from '../db/unit-of-work.ts'
import type { AppContext, AppEnv } from '../http/context.ts'
import { INT64_MAX, INT64_MIN } from '../http/schemas.ts'
import { hexId, uuidOf } from '../ids.ts'
import { toCall } from '../metrics/call.ts'
import { comparePoints, type PlacedPoint, toStep } from '../metrics/columns.ts'
import { doubleBits, doubleOf } from '../metrics/double.ts'
import { EXPORT_PAGE, exportPoints } from '../metrics/export.ts'
import { pageOf, reach } from '../metrics/history.ts'
import { mergeNodes, type Node } from '../metrics/node.ts'
import { seriesOf } from '../metrics/points.ts'
import { MetricRepository } from '../metrics/repository.ts'
import { sealDue } from '../metrics/sealing.ts'
import { textOf, valueText } from '../metrics/wire.ts'
import { LoggedModelRepository } from '../models/repository.ts'
import { allowed, type RunPatch } from '../runs/repository.ts'
import { readCursor, writeCursor } from '../search/cursor.ts'
import { invalidParameter } from './errors.ts'
import { modelMetrics } from './logged-model-wire.ts'
import { HINT, integer, maybe, message, requiredText, text } from './message.ts'
import { checkBatch, type Metric, readMetric, readMetrics, readPairs } from './points.ts'
import { checkState, ofRun, patch, runOf, tagPatch } from './runs.ts'
import { checkParam, checkTag } from './validation.ts'
import { jsonText } from './wire.ts'

/** How many points of a history come in one piece. In MLflow's order, by time; what needs more than one, by step. */
const IN_ONE_PIECE = 100_000

const MAX_BULK = 25_000
const MAX_RUNS = 100
const MAX_PER_RUN = 2_500

export const metricRoutes = new Hono<AppEnv>()
  .post('/runs/log-metric', async (c) => {
    const { run_id: id, ...body } = await message(
      c,
      ofRun({
        key: requiredText,
        value: z.unknown().optional(),
        timestamp: z.unknown().optional(),
        step: z.unknown().optional(),
        model_id: text,
        dataset_name: text,
        dataset_digest: text,
      }),
    )
    await logMetrics(c, id, [readMetric(body, '')])
    return c.json({})
  })
  .post('/runs/log-batch', async (c) => {
    const body = await message(
      c,
      ofRun({
        metrics: maybe(z.array(z.unknown())),
        params: maybe(z.array(z.unknown())),
        tags: maybe(z.array(z.unknown())),
      }),
    )
    const { run_id: id } = body
    const metrics = readMetrics(body.metrics ?? [])
    const params = readPairs(body.params ?? [], 'params')
    const tags = readPairs(body.tags ?? [], 'tags')
    const kept = {
      params: params.map(({ key, value }, i) => [key, checkParam(key, value, `params[${i}].key`)] as const),
      tags: tags.map(({ key, value }, i) => [key, checkTag(key, value, `tags[${i}].key`)] as const),
    }
    checkBatch(metrics, params, tags, c.var.limits.MAX_POINTS_PER_CALL)
    const change = {
      ...(params.length > 0 && { params: Object.fromEntries(kept.params) }),
      ...(tags.length > 0 && tagPatch(Object.fromEntries(kept.tags))),
    }
    await logMetrics(c, id, metrics, change)
    return c.json({})
  })
  .get('/metrics/get-history', async (c) => {
    const body = await message(
      c,
      ofRun({ metric_key: requiredText, max_results: maybe(integer), page_token: text }),
    )
    const { run_id: id, metric_key: key, max_results: limit } = body
    if (limit !== undefined && limit <= 0) {
      throw invalidParameter(
        `Invalid value ${limit} for parameter 'max_results' supplied. It must be a positive integer.`,
      )
    }
    const run = uuidOf(id)
    const read = async (after: PlacedPoint | undefined, limit: number) => {
      if (run === undefined) return []
      const range = { from: INT64_MIN, to: INT64_MAX, after }
      const { rows } = await c.var.db.single(
        new MetricRepository(c.var.db.scope).history(run, key, 0, 'newest', { ...reach(range), limit }),
      )
      return pageOf(rows, range, limit)
    }
    const metricText = textOfMetric(key)
    const token = body.page_token || undefined
    const size = Math.min(limit ?? IN_ONE_PIECE, IN_ONE_PIECE)
    const points = await read(token === undefined ? undefined : readToken(token), size)
    if (points.length <= size) {
      return answer(c, token === undefined ? points.sort(byTime) : points, metricText)
    }
    if (limit !== undefined) {
      const kept = points.slice(0, size)
      const last = kept.at(-1)
      return answer(c, kept, metricText, last && `,"next_page_token":"${tokenOf(last)}"`)
    }
    // More than one trip: a whole history is longer than what one answer of the database can hold.
    const { body: stream, finished } = exportPoints(
      { head: '{"metrics":[', line: metricText, commas: true, tail: ']}' },
      points.slice(0, EXPORT_PAGE + 1),
      EXPORT_PAGE,
      (after) => read(after, EXPORT_PAGE),
    )
    c.set('finished', finished)
    return c.body(stream, 200, { 'Content-Type': 'application/json' })
  })
  .get('/metrics/get-history-bulk', async (c) => {
    const runs = c.req.queries('run_id') ?? []
    const key = c.req.query('metric_key')
    if (runs.length === 0) {
      throw invalidParameter('GetMetricHistoryBulk request must specify at least one run_id.')
    }
    if (runs.length > MAX_RUNS) {
      throw invalidParameter(
        `GetMetricHistoryBulk request cannot specify more than ${MAX_RUNS} run_ids. Received ${runs.length} run_ids.`,
      )
    }
    if (key === undefined) throw invalidParameter('GetMetricHistoryBulk request must specify a metric_key.')
    const asked = Math.trunc(Number(c.req.query('max_results') ?? MAX_BULK))
    const limit = Math.min(asked || MAX_BULK, MAX_BULK)
    const uuids = uuidsOf(runs).sort()
    const metrics = new MetricRepository(c.var.db.scope)
    // Two trips: which of the runs fill the answer decides how much may be read of each.
    const counts = new Map(
      (await c.var.db.single(metrics.counts(uuids, key))).rows.map(({ run_id, count }) => [run_id, count]),
    )
    const wanted: { run: string; limit: number }[] = []
    for (let left = limit, i = 0; left > 0 && i < uuids.length; i++) {
      const run = uuids[i] ?? ''
      const count = counts.get(run) ?? 0
      if (count > 0) wanted.push({ run, limit: left })
      left -= count
    }
    const histories = await historiesOf(c, key, wanted)
    const texts = histories.map(({ run, points }) => textOf(points.sort(byTime), textOfMetric(key, run)))
    return jsonText(c, `{"metrics":[${texts.join('').slice(1)}]}`)
  })
  .get('/metrics/get-history-bulk-interval', async (c) => {
    const body = await message(
      c,
      z.object({
        run_ids: z.array(z.string()).min(1),
        metric_key: requiredText,
        start_step: maybe(integer),
        end_step: maybe(integer),
        max_results: maybe(integer),
      }),
      ['run_ids'],
    )
    const { run_ids: runs, metric_key: key, start_step: from, end_step: to } = body
    if (runs.length > MAX_RUNS) {
      throw invalidParameter(
        `GetMetricHistoryBulkInterval request must specify at most ${MAX_RUNS} run_ids. Received ${runs.length} run_ids.${HINT}`,
      )
    }
    const limit = body.max_results ?? MAX_PER_RUN
    if (limit < 1 || limit > MAX_PER_RUN) {
      throw invalidParameter(`max_results must be between 1 and ${MAX_PER_RUN}.${HINT}`)
    }
    if ((from === undefined) !== (to === undefined)) {
      throw invalidParameter('If either start step or end step are specified, both must be specified.')
    }
    if (from !== undefined && to !== undefined && from > to) {
      throw invalidParameter(
        `end_step must be greater than start_step. Found start_step=${from} and end_step=${to}.`,
      )
    }
    const curves = await sampled(c, runs, key, from, to, limit)
    const texts = curves.map(({ run, points }) => textOf(points, textOfMetric(key, run)))
    const text = texts.join('').slice(1)
    return jsonText(c, text === '' ? '{}' : `{"metrics":[${text}]}`)
  })

interface History {
  run: string
  points: PlacedPoint[]
}

const uuidsOf = (runs: string[]) => [...new Set(runs.flatMap((id) => uuidOf(id) ?? []))]

/** The first points of some runs, in one trip. */
async function historiesOf(
  c: AppContext,
  key: string,
  wanted: { run: string; limit: number }[],
  range = { from: INT64_MIN, to: INT64_MAX },
): Promise<History[]> {
  if (wanted.length === 0) return []
  const metrics = new MetricRepository(c.var.db.scope)
  const answers = await c.var.db.batch(
    wanted.map(({ run, limit }) => metrics.history(run, key, 0, 'newest', { ...range, limit })),
  )
  return wanted.map(({ run, limit }, i) => ({
    run,
    points: pageOf(answers[i]?.rows ?? [], range, limit).slice(0, limit),
  }))
}

/**
 * Up to `limit` points of each run: all of them where they are no more, else those that draw the same line (M4), so
 * that no spike is lost. One trip, and one more where buckets hide points of a run that has few.
 */
async function sampled(
  c: AppContext,
  runs: string[],
  key: string,
  from: number | undefined,
  to: number | undefined,
  limit: number,
): Promise<History[]> {
  const uuids = uuidsOf(runs)
  const range = { from: BigInt(from ?? INT64_MIN), to: BigInt(to ?? INT64_MAX) }
  const { curves } = await readChart(c.var.db, {
    runs: uuids,
    names: [key],
    rank: 0,
    attempt: 'newest',
    x: 'step',
    buckets: limit,
    from: from === undefined ? undefined : range.from,
    to: to === undefined ? undefined : range.to,
    since: undefined,
    version: undefined,
    withTrash: true,
    maxSeries: MAX_RUNS,
  })
  const few: { run: string; limit: number }[] = []
  const found = new Map<string, PlacedPoint[]>()
  for (const { series, buckets } of curves) {
    const nodes = buckets.entries().map(([, node]) => node)
    const count = nodes.reduce((sum, node) => sum + node.count, 0)
    const points = drawn(nodes, limit, range)
    found.set(series.run_id, points)
    if (points.length < count && count <= limit) few.push({ run: series.run_id, limit })
  }
  for (const { run, points } of await historiesOf(c, key, few, range)) found.set(run, points)
  return uuids.map((run) => ({ run, points: found.get(run) ?? [] }))
}

/** The points that draw some buckets, which become wider until the points are no more than `limit`. */
function drawn(buckets: Node[], limit: number, { from, to }: { from: bigint; to: bigint }): PlacedPoint[] {
  for (let nodes = buckets; ; nodes = halved(nodes)) {
    const points = nodes
      .flatMap(({ first, min, max, last }) =>
        distinct([first, min, max, last].filter((point) => point !== null)),
      )
      .filter(({ step }) => step >= from && step <= to)
    if (points.length <= limit) return points
    // A single bucket: its last point in any case, then the first, then a spike.
    if (nodes.length <= 1) return [...points.slice(0, limit - 1), ...points.slice(-1)]
  }
}

/** Half as many buckets. */
const halved = (nodes: Node[]): Node[] =>
  nodes.flatMap((node, i) => {
    if (i % 2 === 1) return []
    const next = nodes[i + 1]
    return next === undefined ? node : mergeNodes(node, next, comparePoints)
  })

/** The points of a bucket in order, each once. */
function distinct(points: PlacedPoint[]): PlacedPoint[] {
  const key = ({ step, time, value }: PlacedPoint) => `${step} ${time} ${doubleBits(value)}`
  return [...new Map(points.map((point) => [key(point), point])).values()].sort((a, b) =>
    a.step === b.step ? a.time - b.time : a.step < b.step ? -1 : 1,
  )
}

/** MLflow's order of a history. */
const byTime = (a: PlacedPoint, b: PlacedPoint) =>
  a.time - b.time || (a.step === b.step ? compareValues(a.value, b.value) : a.step < b.step ? -1 : 1)

/** To MLflow, which stores it so, NaN is 0 in any order. */
const compareValues = (a: number, b: number) => (a === b ? 0 : (a || 0) < (b || 0) ? -1 : 1)

/** A point as JSON text with a comma before it. */
function textOfMetric(key: string, run?: string): (point: PlacedPoint) => string {
  const head = `,{"key":${JSON.stringify(key)},"value":`
  const tail = run === undefined ? '}' : `,"run_id":"${hexId(run)}"}`
  return ({ step, value, time }) => `${head}${valueText(value)},"timestamp":${time},"step":${step}${tail}`
}

function answer(c: AppContext, points: PlacedPoint[], line: (point: PlacedPoint) => string, rest = '') {
  return jsonText(c, points.length === 0 ? '{}' : `{"metrics":[${textOf(points, line).slice(1)}]${rest}}`)
}

const tokenOf = ({ step, time, value }: PlacedPoint) =>
  writeCursor([String(step), String(time), doubleBits(value)])

function readToken(token: string): PlacedPoint {
  const [step, time, bits] = readCursor(token, [{ type: 'bigint' }, { type: 'bigint' }, { type: 'text' }])
  if (step !== undefined && step !== null && /^[0-9a-f]{16}$/.test(bits ?? '')) {
    return { step: toStep(step), time: Number(time), value: doubleOf(bits ?? '') }
  }
  throw invalidParameter('Invalid page token')
}

/** Logs metrics, and what else comes with them, all or nothing. */
async function logMetrics(c: AppContext, id: string, logged: Metric[], change: RunPatch = {}) {
  const run = runOf(id)
  c.var.access.logTo({ run })
  const call = toCall(seriesOf(logged))
  const metrics = new MetricRepository(c.var.db.scope)
  const ofModels = modelMetrics(logged)
  // Models are of the whole workspace.
  if (ofModels.length > 0) c.var.access.demand('write')
  if (Object.keys(change).length === 0 && ofModels.length === 0) {
    const { rows } = await c.var.db.single(metrics.log(run, call))
    checkState(id, rows[0])
    sealDue(c, rows[0]?.logged?.[1])
    return
  }
  const work = new UnitOfWork(c.var.db)
  const patched = patch(c, id, change, work, true)
  const stored = work.add(metrics.log(run, call, allowed(change)))
  if (ofModels.length > 0) {
    work.add(new LoggedModelRepository(c.var.db.scope).logMetrics(run, ofModels, allowed(change)))
  }
  await work.commit()
  patched.check()
  checkState(id, stored.result.rows[0])
  sealDue(c, stored.result.rows[0]?.logged?.[1])
}
