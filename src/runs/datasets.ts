/** What goes into a run and what comes out of it, beside params and metrics: datasets and logged models. */
import { type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'

export interface DatasetInput {
  name: string
  digest: string
  sourceType: string
  source: string
  schema: string | null
  profile: string | null
  tags: { key: string; value: string }[]
}

/** Lazy statements; of a run that does not exist, or is in the trash, they change nothing. */
export class DatasetRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /** Describes datasets in the run's experiment; one with the same name and digest stays as it was described first. */
  insert(runId: string, inputs: DatasetInput[]) {
    const of = columnsOf(inputs)
    return this.#db.execute(sql`
      insert into datasets (workspace_id, experiment_id, name, digest, source_type, source, schema, profile)
      select distinct on (input.name, input.digest) runs.workspace_id, runs.experiment_id, input.name, input.digest, input.source_type,
        input.source, input.schema, input.profile
      from runs cross join unnest(
        ${of(({ name }) => name)}::text[], ${of(({ digest }) => digest)}::text[],
        ${of(({ sourceType }) => sourceType)}::text[], ${of(({ source }) => source)}::text[],
        ${of(({ schema }) => schema)}::text[], ${of(({ profile }) => profile)}::text[]
      ) with ordinality as input (name, digest, source_type, source, schema, profile, place)
      where ${this.#isRun(runId)} and runs.deleted_at is null
      order by input.name, input.digest, input.place
      on conflict (workspace_id, experiment_id, name, digest) do nothing`)
  }

  /** Says that the datasets went into the run. Saying it again changes nothing, nor its tags. */
  use(runId: string, inputs: DatasetInput[]) {
    const of = columnsOf(inputs)
    return this.#db.execute(sql`
      insert into run_datasets (workspace_id, run_id, dataset_id, tags)
      select distinct on (datasets.id) runs.workspace_id, runs.id, datasets.id, input.tags
      from runs cross join unnest(
        ${of(({ name }) => name)}::text[], ${of(({ digest }) => digest)}::text[],
        ${of(({ tags }) => JSON.stringify(tags))}::jsonb[]
      ) with ordinality as input (name, digest, tags, place)
      join datasets on datasets.workspace_id = runs.workspace_id and datasets.experiment_id = runs.experiment_id
        and datasets.name = input.name and datasets.digest = input.digest
      where ${this.#isRun(runId)} and runs.deleted_at is null
      order by datasets.id, input.place
      on conflict (workspace_id, run_id, dataset_id) do nothing`)
  }

  /** Says that logged models went into the run or came out of it. */
  addModels(runId: string, role: 'input' | 'output', models: { modelId: string; step: string | null }[]) {
    return this.#db.execute(sql`
      insert into run_models (workspace_id, run_id, role, model_id, step)
      select runs.workspace_id, runs.id, ${role}, model.id, model.step
      from runs cross join unnest(
        ${sql.param(models.map(({ modelId }) => modelId))}::text[], ${sql.param(models.map(({ step }) => step))}::bigint[]
      ) with ordinality as model (id, step, place)
      where ${this.#isRun(runId)} and runs.deleted_at is null
      order by model.place
      on conflict (workspace_id, run_id, role, model_id) do nothing`)
  }

  /** Name, digest and context of the datasets that runs of some experiments used, each once; at most `limit`. */
  summaries(experimentIds: string[], limit: number) {
    return this.#db.execute<{
      experiment_id: string
      name: string
      digest: string
      context: string | null
    }>(sql`
      select distinct datasets.experiment_id, datasets.name, datasets.digest, context.value as context
      from datasets
      join run_datasets on run_datasets.dataset_id = datasets.id
      left join lateral (
        select tag ->> 'value' as value from jsonb_array_elements(run_datasets.tags) as tag
        where tag ->> 'key' = 'mlflow.data.context'
      ) as context on true
      where datasets.workspace_id = ${this.#scope.workspace} and datasets.experiment_id = any(${sql.param(experimentIds)}::uuid[])
      order by datasets.experiment_id, datasets.name, datasets.digest, context
      limit ${limit}::int`)
  }

  #isRun(id: string): SQL {
    return sql`runs.workspace_id = ${this.#scope.workspace} and runs.id = ${id}::uuid`
  }
}

/** One array parameter of a value of each input. */
const columnsOf =
  (inputs: DatasetInput[]) =>
  <T>(value: (input: DatasetInput) => T) =>
    sql.param(inputs.map(value))
