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
import { SeriesSummary, seriesSummary } from '../metrics/wire.ts'
import type { NewRun as NewRunRow } from './repository.ts'
import type { ListedRun } from './search.ts'

export const runStatus = z.enum(RUN_STATUSES)

export const NewRun = z
  .strictObject({
    id: clientId.optional(),
    name: text(1, 250).nullish(),
    seed: z.int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).nullish(),
    started_at: timestamp.optional(),
    params: named(scalar(PARAM_LENGTH)).optional(),
    tags: named(scalar(TAG_LENGTH)).optional(),
    parent_run_id: clientId.nullish(),
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
  })
  .openapi('RunChange', { example: { status: 'completed', tags: { note: 'best so far' } } })

export const RunSummary = z
  .object({ id: z.guid(), started_at: isoTimestamp, status: runStatus })
  .openapi('RunSummary')

const stored = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))

export const RunListed = z
  .object({
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
  })
  .openapi('RunListed')

/** How many series a run shows of itself; all of them are at `/runs/{id}/metrics`, in pages. */
export const SERIES_SHOWN = 1_000

export const Run = RunListed.extend({
  metrics: z.array(SeriesSummary).openapi({
    description: `The first ${SERIES_SHOWN.toLocaleString('en')} by name and rank; /runs/{id}/metrics has them all.`,
  }),
}).openapi('Run')

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
    params,
    tags,
  }
}
