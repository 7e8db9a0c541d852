import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext } from '../http/context.ts'
import { LoggedModelRepository } from '../models/repository.ts'
import { hasMetricOf, modelComparison, modelOrder } from '../models/search.ts'
import { comparisonsOf } from '../search/comparisons.ts'
import { readCursor } from '../search/cursor.ts'
import { parseFilter } from '../search/filter.ts'
import { pageOf } from '../search/page.ts'
import { condition } from '../search/sql.ts'
import { invalidParameter } from './errors.ts'
import { experimentOf } from './experiments.ts'
import { loggedModel } from './logged-model-wire.ts'
import { boolean, integer, list, maybe, message, text } from './message.ts'
import { experimentUuid, pythonRepr } from './wire.ts'

const DEFAULT_PAGE = 100

const Query = z.object({
  experiment_ids: z.array(z.string()),
  filter: text,
  datasets: list(z.object({ dataset_name: text, dataset_digest: text })),
  max_results: maybe(integer),
  order_by: list(
    z.object({ field_name: text, ascending: maybe(boolean), dataset_name: text, dataset_digest: text }),
  ),
  page_token: text,
})

/** What a page belongs to: the next one has to be asked for in the same words. */
const Asked = z.object({
  experiment_ids: z.array(z.string()),
  filter: z.string().nullable(),
  order_by: z.array(z.record(z.string(), z.union([z.string(), z.boolean(), z.null()]))).nullable(),
  after: z.string(),
})
type Asked = z.output<typeof Asked>

export async function searchLoggedModels(c: AppContext) {
  const body = await message(c, Query)
  const { experiment_ids: ids, filter: filterText = '' } = body
  const datasets = body.datasets.map(({ dataset_name: name, dataset_digest: digest }) => {
    if (!name) throw invalidParameter('`dataset_name` in the `datasets` clause must be specified.')
    return { name, digest: digest || undefined }
  })
  const asked = {
    experiment_ids: ids,
    filter: filterText || null,
    order_by:
      body.order_by.length === 0
        ? null
        : body.order_by.map((order) => ({
            field_name: order.field_name ?? '',
            ascending: order.ascending ?? true,
            dataset_name: order.dataset_name || null,
            dataset_digest: order.dataset_digest || null,
          })),
  }
  const token = body.page_token ? readToken(body.page_token, asked) : undefined
  const limit = body.max_results || DEFAULT_PAGE
  const filter = parseFilter(filterText)
  const comparison = modelComparison(filterText, datasets)
  const ofMetrics = comparisonsOf(filter).some(({ field }) => field.entity === 'metrics')
  const { keys, joins } = modelOrder(
    (asked.order_by ?? []).map((order) => ({
      field: order.field_name,
      ascending: order.ascending,
      dataset: { name: order.dataset_name ?? undefined, digest: order.dataset_digest ?? undefined },
    })),
    invalidParameter,
  )
  const after = token === undefined ? undefined : readCursor(token, keys)
  const conditions = [
    sql`m.deleted_at is null`,
    inExperiments(ids),
    ...(filter === undefined ? [] : [condition(filter, comparison)]),
    ...(datasets.length > 0 && !ofMetrics ? [hasMetricOf(datasets)] : []),
  ]
  // MLflow takes that, and finds nothing.
  if (limit < 0) return c.json({})
  const { rows } = await c.var.db.single(
    new LoggedModelRepository(c.var.db.http).search({ conditions, order: keys, joins, after, limit }),
  )
  const { kept, next } = pageOf(rows, limit)
  return c.json({
    ...(kept.length > 0 && { models: kept.map(({ row }) => loggedModel(row)) }),
    ...(next !== undefined && { next_page_token: writeToken({ ...asked, after: next }) }),
  })
}

/** Of experiments that do not exist there are no models; what can be no id at all is refused. */
function inExperiments(ids: string[]) {
  const uuids = ids.flatMap((id) => experimentUuid(id) ?? (/^\d+$/.test(id) ? [] : experimentOf(id)))
  const [only] = uuids
  // Of one experiment, models come from the index in their order.
  return uuids.length === 1
    ? sql`m.experiment_id = ${only}::uuid`
    : sql`m.experiment_id = any(${sql.param(uuids)}::uuid[])`
}

const writeToken = (asked: Asked): string =>
  new TextEncoder().encode(JSON.stringify(asked)).toBase64({ alphabet: 'base64url', omitPadding: true })

/**
 * The cursor that a token holds.
 *
 * @throws MlflowError when it is none, or one of another search
 */
function readToken(token: string, asked: Omit<Asked, 'after'>): string {
  const held = Asked.safeParse(decoded(token))
  if (!held.success) throw invalidParameter(`Invalid page token: ${token}.`)
  const compare = (what: string, expected: unknown, found: unknown) => {
    const [wanted, given] = [expected, found].map(told)
    if (wanted !== given) throw invalidParameter(`${what}. Expected: ${wanted}. Found: ${given}`)
  }
  const { experiment_ids, filter, order_by, after } = held.data
  compare(
    'Experiment IDs in the page token do not match the requested experiment IDs',
    asked.experiment_ids,
    experiment_ids,
  )
  compare('Filter string in the page token does not match the requested filter string', asked.filter, filter)
  compare('Order by in the page token does not match the requested order by', asked.order_by, order_by)
  return after
}

const told = (value: unknown) => (typeof value === 'string' ? value : pythonRepr(value))

function decoded(token: string): unknown {
  try {
    return JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(
        Uint8Array.fromBase64(token, { alphabet: 'base64url' }),
      ),
    )
  } catch {
    return undefined
  }
}
