import { sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext } from '../http/context.ts'
import { experimentUuid } from '../ids.ts'
import { LoggedModelRepository } from '../models/repository.ts'
import { hasMetricOf, modelComparison, modelOrder } from '../models/search.ts'
import { comparisonsOf } from '../search/comparisons.ts'
import { readCursor } from '../search/cursor.ts'
import { parseFilter } from '../search/filter.ts'
import { pageOf } from '../search/page.ts'
import { condition } from '../search/sql.ts'
import { invalidParameter } from './errors.ts'
import { experimentOf } from './experiments.ts'
import { readToken, writeToken } from './logged-model-token.ts'
import { loggedModel } from './logged-model-wire.ts'
import { boolean, integer, list, maybe, message, text } from './message.ts'

const DEFAULT_PAGE = 100
/** More may be asked for; no answer holds as many. */
const MAX_PAGE = 100_000

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
  const limit = Math.min(body.max_results || DEFAULT_PAGE, MAX_PAGE)
  const filter = parseFilter(filterText, c.var.limits)
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
    new LoggedModelRepository(c.var.db.scope).search({ conditions, order: keys, joins, after, limit }),
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
