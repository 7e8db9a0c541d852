/** Finds runs by filter and order, and reads them with all that a run shows, in one statement. */
import { type SQL, sql } from 'drizzle-orm'
import type { Scope } from '../db/database.ts'
import type { RunRow, Scalar } from '../db/schema.ts'
import { readCursor } from '../search/cursor.ts'
import type { Filter, Order } from '../search/filter.ts'
import { type Placed, wholeRows } from '../search/page.ts'
import { after, condition, cursorOf, orderBy } from '../search/sql.ts'
import { type OrderedMetric, type RunOrder, type RunWords, runComparison, runOrder } from './fields.ts'

/** Whether runs in the trash are looked at: those only, all, or (else) none of them. */
export type Trash = 'without' | 'only' | 'with'

/** Which runs are meant. */
export interface RunChoice {
  experimentIds: string[]
  trash: Trash
  status?: RunRow['status'] | undefined
  filter?: Filter | undefined
  /** The filter as it was sent, for messages. */
  filterText: string
  words: RunWords
}

export interface RunQuery extends RunChoice {
  orders: Order[]
  orderTexts: string[]
  /** Which of runs that began at one moment comes first: that with the lowest id, or that with the highest. */
  idAscending: boolean
  /** Where the page begins: what `writeCursor` made of the `cursor` of the last row before it. */
  cursor?: string | undefined
  limit: number
}

/** A run as the native API lists it, and what else its row holds. */
export interface ListedRun {
  id: string
  experiment_id: string
  parent_run_id: string | null
  name: string | null
  status: RunRow['status']
  seed: string | null
  /** Epoch milliseconds. */
  started: string
  ended: string | null
  deleted: boolean
  user_id: string | null
  artifact_uri: string | null
  params: Record<string, Scalar>
  tags: Record<string, Scalar>
  heartbeat_timeout: number | null
  alive: string | null
  status_reason: string | null
}

/** A run as it is listed with some of its metrics. */
export interface ListedWithMetrics extends ListedRun {
  /**
   * Of those metrics that the run has: name, last value, its step, lowest and highest finite value, number of points. Numbers
   * are text, which says more of them than JSON can.
   */
  summaries?: [string, string, string, string | null, string | null, string][] | null
}

/** A run with all that it shows in MLflow's API. */
export interface FullRun extends ListedRun {
  /** The latest point of each metric, of rank 0 in its newest attempt, as MLflow's API has it: JSON objects with commas between them. */
  metrics: string | null
  datasets: RunDataset[] | null
  /** Logged models, in the order in which they were logged. */
  models: { role: 'input' | 'output'; model_id: string; step: string | null }[] | null
}

export interface RunDataset {
  name: string
  digest: string
  source_type: string
  source: string
  schema: string | null
  profile: string | null
  tags: { key: string; value: string }[]
}

/** The columns of a run as it is listed. */
export const LISTED = sql`
  runs.id, runs.experiment_id, runs.parent_run_id, runs.name, runs.status, runs.seed,
  (extract(epoch from runs.started_at) * 1000)::bigint as started,
  (extract(epoch from runs.ended_at) * 1000)::bigint as ended,
  runs.deleted_at is not null as deleted, runs.user_id, runs.artifact_uri, runs.params, runs.tags,
  runs.heartbeat_timeout, (extract(epoch from runs.alive_at) * 1000)::bigint as alive, runs.status_reason`
const LISTED_SIZE = sql`octet_length(params::text) + octet_length(tags::text) + 400`

/**
 * Summaries of metrics of a run, of rank 0 in its newest attempt: an index lookup each. Said with a limit, or Postgres may as well read all metrics
 * of a run that has thousands; and not as rank 0, for which there is the index of all runs by metric: where Postgres takes
 * a new experiment for a small one, it would go through that for each.
 */
const summariesOf = (names: string[]) => sql`(
  select json_agg(json_build_array(
    asked.name, held.last_value::text, held.last_step::text, held.min_value::text, held.max_value::text, held.count::text
  ))
  from unnest(${sql.param(names)}::text[]) as asked (name)
  cross join lateral (
    select * from series
    where series.workspace_id = runs.workspace_id and series.run_id = runs.id and series.name = asked.name
      and series.rank < 1 and series.newest
    limit 1
  ) as held
)`

/** How many metrics a run shows; the native API has them all, in pages. */
const METRICS_SHOWN = 10_000

/** How many bytes of its datasets a run shows: of those beyond there are name and digest alone. */
const DATASET_BYTES_SHOWN = 1024 * 1024

/**
 * What is shown of a run is bounded, or one large one would take every page that it is on with it. Metrics as they go
 * out, for a page has a thousand of them: as text they are neither parsed nor put together again.
 */
const FULL = sql`${LISTED},
  (
    select string_agg(
      '{"key":' || to_json(name) || ',"value":' || case
        when last_value in ('NaN', 'Infinity', '-Infinity') then '"' || last_value || '"'
        -- A JSON reader may lose the sign of a whole number.
        when last_value = 0 then case when last_value::text = '-0' then '-0.0' else '0' end
        else last_value::text
      end || ',"timestamp":' || last_time || ',"step":' || last_step || '}',
      ',' order by name collate "C"
    )
    from (
      select name, last_value, last_time, last_step from series
      where series.workspace_id = runs.workspace_id and series.run_id = runs.id and series.rank = 0 and series.newest
      order by name collate "C" limit ${METRICS_SHOWN}::int
    ) as shown
  ) as metrics,
  (
    select json_agg(json_build_object(
      'name', name, 'digest', digest, 'source_type', case when fits then source_type else '' end,
      'source', case when fits then source else '' end, 'schema', case when fits then schema end,
      'profile', case when fits then profile end, 'tags', case when fits then tags else '[]' end
    ) order by id)
    from (
      select datasets.*, run_datasets.tags, sum(
        octet_length(source_type) + octet_length(source) + coalesce(octet_length(schema), 0)
          + coalesce(octet_length(profile), 0) + octet_length(run_datasets.tags::text)
      ) over (order by datasets.id) <= ${DATASET_BYTES_SHOWN}::int as fits
      from run_datasets join datasets on datasets.id = run_datasets.dataset_id
      where run_datasets.workspace_id = runs.workspace_id and run_datasets.run_id = runs.id
      order by datasets.id limit 10000
    ) as used
  ) as datasets,
  (
    select json_agg(json_build_object('role', role, 'model_id', model_id, 'step', step::text) order by id)
    from (
      select * from run_models
      where run_models.workspace_id = runs.workspace_id and run_models.run_id = runs.id order by id limit 10000
    ) as used
  ) as models`

const FULL_SIZE = sql`${LISTED_SIZE} + coalesce(octet_length(metrics), 0)
  + coalesce(octet_length(datasets::text), 0) + coalesce(octet_length(models::text), 0)`

/** A run as it is listed, whether it is in the trash or not. */
export const listedRun = ({ db, workspace }: Scope, id: string) =>
  db.execute<ListedRun & Record<string, unknown>>(
    sql`select ${LISTED} from runs where workspace_id = ${workspace} and id = ${id}::uuid`,
  )

/** A run, whether it is in the trash or not. */
export const fullRun = ({ db, workspace }: Scope, id: string) =>
  db.execute<FullRun & Record<string, unknown>>(
    sql`select ${FULL} from runs where workspace_id = ${workspace} and id = ${id}::uuid`,
  )

/**
 * A page of runs; its rows are those of `wholeRows`.
 *
 * Where the first key of the order is a metric and there is one experiment, runs come from the index in that order: a
 * page of 100 out of 100,000 runs reads some hundred entries of it. Runs whose value is NaN, or which have none, are
 * looked for only when a page reaches them.
 */
export function searchRuns({ db, workspace }: Scope, query: RunQuery) {
  return db.execute<FullRun & Placed & Record<string, unknown>>(searching(workspace, query, FULL, FULL_SIZE))
}

/** As `searchRuns`, of each run only what the native API lists, and summaries of the metrics of these names. */
export function listRuns({ db, workspace }: Scope, query: RunQuery, metrics: string[] = []) {
  const [columns, size] =
    metrics.length === 0
      ? [LISTED, LISTED_SIZE]
      : [
          sql`${LISTED}, ${summariesOf(metrics)} as summaries`,
          sql`${LISTED_SIZE} + coalesce(octet_length(summaries::text), 0)`,
        ]
  return db.execute<ListedWithMetrics & Placed & Record<string, unknown>>(
    searching(workspace, query, columns, size),
  )
}

/** The conditions on a row of `runs` that is meant. */
export function chosen(workspace: SQL, choice: RunChoice): SQL[] {
  const { experimentIds, trash, status, filter, filterText, words } = choice
  const ofExperiments =
    experimentIds.length === 1
      ? sql`runs.experiment_id = ${experimentIds[0]}::uuid`
      : sql`runs.experiment_id = any(${sql.param(experimentIds)}::uuid[])`
  return [
    sql`runs.workspace_id = ${workspace}`,
    ofExperiments,
    ...(trash === 'with' ? [] : [sql`runs.deleted_at is ${trash === 'only' ? sql`not null` : sql`null`}`]),
    ...(status === undefined ? [] : [sql`runs.status = ${status}`]),
    ...(filter === undefined ? [] : [condition(filter, runComparison(filterText, words))]),
  ]
}

function searching(workspace: SQL, query: RunQuery, columns: SQL, size: SQL): SQL {
  const { words, limit } = query
  const order = runOrder(query.orders, query.orderTexts, words, query.idAscending)
  const from = query.cursor === undefined ? undefined : readCursor(query.cursor, order.keys)
  const [experiment] = query.experimentIds
  const own = sql`runs.workspace_id = ${workspace}`
  const conditions = [...chosen(workspace, query), ...(from === undefined ? [] : [after(order.keys, from)])]
  const found =
    order.first === undefined || query.experimentIds.length !== 1
      ? page(order, order.metrics, conditions, sql`${limit + 1}::int`)
      : byMetric(order, order.first, workspace, experiment ?? '', conditions, limit, from)
  return wholeRows({ found, columns, read: sql`runs on ${own} and runs.id = placed.key`, size, limit })
}

/** Ids and cursors of runs in order. */
function page({ keys }: RunOrder, joined: OrderedMetric[], conditions: SQL[], limit: SQL): SQL {
  return sql`(
    select runs.id as key, ${cursorOf(keys)} as cursor
    from runs ${joinsOf(joined)}
    where ${sql.join(conditions, sql` and `)}
    order by ${orderBy(keys)}
    limit ${limit}
  )`
}

/** Joins the series of metrics to their runs, where there are such. */
const joinsOf = (metrics: OrderedMetric[]): SQL =>
  sql.join(
    metrics.map(
      ({ alias, name }) => sql`
      left join series as ${sql.raw(alias)}
        on ${sql.raw(alias)}.workspace_id = runs.workspace_id and ${sql.raw(alias)}.run_id = runs.id
          and ${sql.raw(alias)}.name = ${name} and ${sql.raw(alias)}.rank = 0 and ${sql.raw(alias)}.newest`,
    ),
  )

/** As `page`, from the index of the first key: first the numbers, then, where they do not fill the page, the rest. */
function byMetric(
  order: RunOrder,
  { metric, value, ascending }: NonNullable<RunOrder['first']>,
  workspace: SQL,
  experiment: string,
  conditions: SQL[],
  limit: number,
  cursor: (string | null)[] | undefined,
): SQL {
  const alias = sql.raw(metric.alias)
  const [kind = '0', from] = cursor ?? []
  // The first two keys of the order tell number, NaN or nothing, and the number.
  const [, , ...rest] = order.keys
  const begin =
    from !== undefined && from !== null
      ? sql`and ${value} ${ascending ? sql`>=` : sql`<=`} ${from}::double precision`
      : sql``
  const numbers = sql`(
    select runs.id as key, ${cursorOf(order.keys)} as cursor
    from series as ${alias}
    join runs on runs.workspace_id = ${alias}.workspace_id and runs.id = ${alias}.run_id ${joinsOf(order.metrics.slice(1))}
    where ${alias}.workspace_id = ${workspace} and ${alias}.experiment_id = ${experiment}::uuid
      and ${alias}.name = ${metric.name} and ${alias}.rank = 0 and ${alias}.newest
      and ${value} < 'NaN' ${begin} and ${sql.join(conditions, sql` and `)}
    order by ${value} ${ascending ? sql`asc` : sql`desc`}, ${orderBy(rest)}
    limit ${kind === '0' ? limit + 1 : 0}::int
  )`
  return sql`
    with numbers as materialized ${numbers}
    select * from numbers
    union all
    select * from ${page(
      order,
      order.metrics,
      [...conditions, sql`coalesce(${value} = 'NaN', true)`],
      // None at all where the page is full: then nothing of it is looked for.
      sql`${limit + 1}::int - (select count(*) from numbers)`,
    )} as others`
}
