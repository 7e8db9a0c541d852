import { type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'
import type { Step } from '../metrics/columns.ts'
import { doubleText } from '../metrics/double.ts'
import { type PageQuery, type Placed, pageStatement } from '../search/page.ts'
import { LOGGED_MODEL, type LoggedModel, type ModelStatus } from './rows.ts'

export interface NewLoggedModel {
  id: string
  experimentId: string
  name: string
  modelType: string
  sourceRunId: string
  params: Record<string, string>
  tags: Record<string, string>
}

/** A point that a run logs of a logged model. */
export interface ModelMetric {
  modelId: string
  name: string
  value: number
  step: Step
  /** Epoch milliseconds. */
  time: number
  datasetName: string | undefined
  datasetDigest: string | undefined
}

type Id = { id: string } & Record<string, unknown>
type Model = { model: LoggedModel } & Record<string, unknown>

/**
 * Lazy statements on logged models; a batch or a unit of work sends them. What changes a model finds it in the trash
 * too, as in MLflow: a model may be deleted while it is still being uploaded.
 */
export class LoggedModelRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /** Creates a model in an experiment that is not in the trash; again it does nothing. */
  insert({ id, experimentId, name, modelType, sourceRunId, params, tags }: NewLoggedModel) {
    return this.#db.execute(sql`
      insert into logged_models (workspace_id, id, experiment_id, name, model_type, source_run_id, artifact_location, params, tags)
      select experiment.workspace_id, ${id}::uuid, experiment.id, ${name}, ${modelType}, ${sourceRunId},
        -- Before the query of the URI, if it has one.
        regexp_replace(artifact_location, '/*([?].*)?$', ${`/models/m-${id.replaceAll('-', '')}/artifacts\\1`}::text),
        ${JSON.stringify(params)}::jsonb, ${JSON.stringify(tags)}::jsonb
      -- Whoever is about to put it into the trash waits for us, or we for him.
      from (
        select workspace_id, id, deleted_at, artifact_location from experiments
        where workspace_id = ${this.#scope.workspace} and id = ${experimentId}::uuid for share
      ) as experiment
      where experiment.deleted_at is null
      on conflict (id) do nothing`)
  }

  find(id: string) {
    return this.#read(sql`logged_models`, sql`${this.#isM(id)} and m.deleted_at is null`)
  }

  /** As `find`, in the trash too. */
  findAny(id: string) {
    return this.#read(sql`logged_models`, this.#isM(id))
  }

  /** Whether there is such a model, in the trash or not: one row, or none. */
  exists(id: string) {
    return this.#db.execute<Id>(sql`select id from logged_models where ${this.#is(id)}`)
  }

  /** Sets the status; gives the model as it is then. */
  setStatus(id: string, status: ModelStatus) {
    return this.#read(
      sql`changed`,
      sql`true`,
      sql`with changed as (
        update logged_models set status = ${status}, updated_at = now() where ${this.#is(id)} returning *
      )`,
    )
  }

  /** Puts a model into the trash; a row where there is such a model, wherever it was. */
  delete(id: string) {
    return this.#update(id, sql`deleted_at = coalesce(deleted_at, now()), updated_at = now()`)
  }

  setTags(id: string, tags: Record<string, string>) {
    return this.#update(id, sql`tags = tags || ${JSON.stringify(tags)}::jsonb`)
  }

  /** Removes a tag; a row where it was there. */
  deleteTag(id: string, key: string) {
    return this.#update(id, sql`tags = tags - ${key}::text`, sql`tags ? ${key}::text`)
  }

  /**
   * Locks a model until the transaction ends and tells which of the params it holds already with another value: no row
   * where there is no such model.
   */
  changedParams(id: string, params: Record<string, string>) {
    return this.#db.execute<{ changed: string[] } & Record<string, unknown>>(sql`
      select array_to_json(array(select key from (${changed(params)}) as changed)) as changed
      from logged_models where ${this.#is(id)} for no key update`)
  }

  /** Sets params that the model does not hold with another value. After `changedParams`. */
  setParams(id: string, params: Record<string, string>) {
    return this.#update(
      id,
      sql`params = params || ${JSON.stringify(params)}::jsonb`,
      sql`not exists (${changed(params)})`,
    )
  }

  /**
   * Logs points of models, of a run under a condition on its row. A point that is there already is left alone. A model
   * that does not exist makes the statement fail.
   */
  logMetrics(runId: string, metrics: ModelMetric[], condition: SQL) {
    const of = <T>(value: (metric: ModelMetric) => T) => sql.param(metrics.map(value))
    return this.#db.execute(sql`
      insert into logged_model_metrics (model_id, name, value, step, time, run_id, dataset_name, dataset_digest)
      -- Of a model that does not exist there is no id, which its column refuses.
      select own.id, metric.name, metric.value, metric.step, metric.time, runs.id, metric.dataset, metric.digest
      from runs cross join unnest(
        ${of(({ modelId }) => modelId)}::uuid[], ${of(({ name }) => name)}::text[],
        ${of(({ value }) => doubleText(value))}::float8[], ${of(({ step }) => String(step))}::bigint[],
        ${of(({ time }) => String(time))}::bigint[], ${of(({ datasetName }) => datasetName ?? null)}::text[],
        ${of(({ datasetDigest }) => datasetDigest ?? null)}::text[]
      ) with ordinality as metric (model, name, value, step, time, dataset, digest, place)
      left join logged_models as own on own.workspace_id = runs.workspace_id and own.id = metric.model
      where runs.workspace_id = ${this.#scope.workspace} and runs.id = ${runId}::uuid and ${condition}
      order by metric.place
      on conflict do nothing`)
  }

  /** A page of models. */
  search(query: Pick<PageQuery, 'conditions' | 'order' | 'after' | 'limit'> & { joins: SQL }) {
    return this.#db.execute<{ row: LoggedModel } & Placed & Record<string, unknown>>(
      pageStatement({
        ...query,
        conditions: [sql`m.workspace_id = ${this.#scope.workspace}`, ...query.conditions],
        key: sql`m.id`,
        from: sql`logged_models as m ${query.joins}`,
        row: LOGGED_MODEL,
        read: sql`logged_models as m on m.id = placed.key`,
      }),
    )
  }

  /** A row of `logged_models`, or of it as `m`. */
  #is(id: string): SQL {
    return sql`logged_models.workspace_id = ${this.#scope.workspace} and logged_models.id = ${id}::uuid`
  }

  #isM(id: string): SQL {
    return sql`m.workspace_id = ${this.#scope.workspace} and m.id = ${id}::uuid`
  }

  #read(from: SQL, condition: SQL, before = sql``) {
    return this.#db.execute<Model>(
      sql`${before} select ${LOGGED_MODEL} as model from ${from} as m where ${condition}`,
    )
  }

  #update(id: string, set: SQL, condition = sql`true`) {
    return this.#db.execute<Id>(
      sql`update logged_models set ${set} where ${this.#is(id)} and ${condition} returning id`,
    )
  }
}

/** Those of some params that the model of the statement holds with another value. */
const changed = (params: Record<string, string>) => sql`
  select held.key from jsonb_each_text(logged_models.params) as held
  join jsonb_each_text(${JSON.stringify(params)}::jsonb) as given using (key)
  where held.value <> given.value`
