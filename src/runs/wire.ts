/** How a run looks on the wire, for its own routes and for the experiment that creates it. */
import { z } from '@hono/zod-openapi'
import { RUN_STATUSES, type RunRow, type SeriesRow } from '../db/schema.ts'
import { TrackerError } from '../errors.ts'
import {
  clientId,
  isoTimestamp,
  MAX_NAMED_BYTES,
  named,
  PARAM_LENGTH,
  scalar,
  TAG_LENGTH,
  text,
  timestamp,
} from '../http/schemas.ts'
import { toStep } from '../metrics/columns.ts'
import {
  orNull,
  SeriesSummary,
  seriesSummary,
  WireStep,
  WireValue,
  wireStep,
  wireValue,
} from '../metrics/wire.ts'
import { LONGEST_TIMEOUT, SHORTEST_TIMEOUT } from './heartbeat.ts'
import type { NewRun as NewRunRow } from './repository.ts'
import type { ListedRun, ListedWithMetrics } from './search.ts'

export const runStatus = z.enum(RUN_STATUSES)

/** In seconds. */
export const heartbeatTimeout = z.int().min(SHORTEST_TIMEOUT).max(LONGEST_TIMEOUT)
const HEARTBEAT_TIMEOUT = {
  description:
    'After how many seconds without points or heartbeats a running run counts as failed; null, the default, for never.',
  example: 300,
}

export const NewRun = z
  .strictObject({
    id: clientId.optional(),
    name: text(1, 250).nullish(),
    seed: z.int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).nullish(),
    started_at: timestamp.optional(),
    params: named(scalar(PARAM_LENGTH)).optional(),
    tags: named(scalar(TAG_LENGTH)).optional(),
    parent_run_id: clientId.nullish(),
    heartbeat_timeout: heartbeatTimeout.nullish().openapi(HEARTBEAT_TIMEOUT),
  })
  .openapi('NewRun', {
    example: { name: 'baseline', seed: 7, params: { lr: 0.1, layers: 3 }, tags: { host: 'gpu-01' } },
  })

export const RunChange = z
  .strictObject({
    name: text(1, 250).nullable().optional(),
    status: runStatus.optional(),
    ended_at: timestamp.optional(),
    params: named(scalar(PARAM_LENGTH)).optional(),
    tags: named(scalar(TAG_LENGTH).nullable()).optional(),
    heartbeat_timeout: heartbeatTimeout.nullable().optional().openapi(HEARTBEAT_TIMEOUT),
  })
  .openapi('RunChange', { example: { status: 'completed', tags: { note: 'best so far' } } })

export const RunSummary = z
  .object({ id: z.guid(), started_at: isoTimestamp, status: runStatus })
  .openapi('RunSummary')

const stored = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))

/** What a run shows of itself, wherever it is shown. */
const runFields = z.object({
  id: z.guid(),
  experiment_id: z.guid(),
  parent_run_id: z.guid().nullable(),
  name: z.string().nullable(),
  status: runStatus,
  seed: z.int().nullable(),
  started_at: isoTimestamp,
  ended_at: isoTimestamp.nullable(),
  params: stored,
  tags: stored,
  heartbeat_timeout: z.int().nullable().openapi(HEARTBEAT_TIMEOUT),
  last_heartbeat_at: isoTimestamp.nullable().openapi({
    description:
      'The last sign of life that was written down: the last one may be an eighth of the timeout younger.',
  }),
  status_reason: z.string().nullable().openapi({
    description: 'Why it has failed, where it is the tracker that says so.',
    example: 'no sign of life for 300 s',
  }),
})

const MetricListed = z
  .object({
    last: WireValue,
    step: WireStep.openapi({ description: 'That of `last`: the highest.' }),
    min: orNull(WireValue).openapi({ description: 'The lowest finite value; null where there is none.' }),
    max: orNull(WireValue).openapi({ description: 'The highest finite value; null where there is none.' }),
    count: z.int().positive().openapi({ description: 'Of points.' }),
  })
  .openapi('MetricListed')

export const RunListed = runFields
  .extend({
    metrics: z.record(z.string(), MetricListed).optional().openapi({
      description:
        'Those of rank 0 that were asked for and that the run has, of the newest attempt; only where `metrics` asks for some.',
    }),
  })
  .openapi('RunListed')

export const Heartbeat = z
  .object({ status: runStatus })
  .openapi('Heartbeat', { example: { status: 'running' } })

/** How many series a run shows of itself; all of them are at `/runs/{id}/metrics`, in pages. */
export const SERIES_SHOWN = 1_000

export const Run = runFields
  .extend({
    metrics: z.array(SeriesSummary).openapi({
      description: `The first ${SERIES_SHOWN.toLocaleString('en')} by name and rank, each of its newest attempt; /runs/{id}/metrics has them all.`,
    }),
  })
  .openapi('Run')

export const runSummary = (row: Pick<RunRow, 'id' | 'startedAt' | 'status'>) => ({
  id: row.id,
  started_at: row.startedAt.toISOString(),
  status: row.status,
})

const runListed = (row: RunRow) => ({
  id: row.id,
  experiment_id: row.experimentId,
  parent_run_id: row.parentRunId,
  name: row.name,
  status: row.status,
  seed: row.seed,
  started_at: row.startedAt.toISOString(),
  ended_at: row.endedAt?.toISOString() ?? null,
  params: row.params,
  tags: row.tags,
  heartbeat_timeout: row.heartbeatTimeout,
  last_heartbeat_at: row.aliveAt?.toISOString() ?? null,
  status_reason: row.statusReason,
})

/** As `runListed`, of a run that a search found. */
export const runFound = (row: ListedRun) => ({
  id: row.id,
  experiment_id: row.experiment_id,
  parent_run_id: row.parent_run_id,
  name: row.name,
  status: row.status,
  seed: row.seed === null ? null : Number(row.seed),
  started_at: new Date(Number(row.started)).toISOString(),
  ended_at: row.ended === null ? null : new Date(Number(row.ended)).toISOString(),
  params: row.params,
  tags: row.tags,
  heartbeat_timeout: row.heartbeat_timeout,
  last_heartbeat_at: row.alive === null ? null : new Date(Number(row.alive)).toISOString(),
  status_reason: row.status_reason,
})

/** As `runFound`, with the metrics that were asked for. */
export const runFoundWith = (row: ListedWithMetrics) => ({
  ...runFound(row),
  metrics: Object.fromEntries(
    (row.summaries ?? []).map(([name, last, step, min, max, count]) => [
      name,
      {
        last: wireValue(Number(last)),
        step: wireStep(toStep(step)),
        min: min === null ? null : wireValue(Number(min)),
        max: max === null ? null : wireValue(Number(max)),
        count: Number(count),
      },
    ]),
  ),
})

export const run = (row: RunRow, metrics: SeriesRow[]) => ({
  ...runListed(row),
  metrics: metrics.map(seriesSummary),
})

export const tooManyNamed = () =>
  new TrackerError(
    'too_large',
    `A run holds at most ${MAX_NAMED_BYTES} bytes of params, and as many of tags, as JSON`,
  )

/** @throws TrackerError when these are more params, or tags, than a run may hold */
export function checkNamed(values: Record<string, unknown>): void {
  if (new TextEncoder().encode(JSON.stringify(values)).length > MAX_NAMED_BYTES) throw tooManyNamed()
}

/**
 * The row that a create request stands for, but for its hash.
 *
 * @throws TrackerError when params or tags are larger than a run may hold
 */
export function newRunRow(
  id: string,
  experimentId: string,
  body: Omit<z.output<typeof NewRun>, 'id'>,
): Omit<NewRunRow, 'creationHash'> {
  const { params = {}, tags = {} } = body
  checkNamed(params)
  checkNamed(tags)
  return {
    id,
    experimentId,
    name: body.name ?? null,
    seed: body.seed ?? null,
    parentRunId: body.parent_run_id ?? null,
    ...(body.started_at && { startedAt: body.started_at }),
    // Left out where it is not given: what older clients said stays the same, and so does its hash.
    ...(body.heartbeat_timeout && { heartbeatTimeout: body.heartbeat_timeout }),
    params,
    tags,
  }
}
