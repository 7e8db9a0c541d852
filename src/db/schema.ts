/**
 * The tables. Row types are inferred from here; what leaves the API is written by hand in each `routes.ts`.
 * After a change: `npm run db:generate`, then write the down step beside the new migration.
 */
import { sql } from 'drizzle-orm'
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  customType,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  pgView,
  primaryKey,
  smallint,
  text,
  unique,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core'

/** The statuses that the course gives an experiment. */
export const EXPERIMENT_STATUSES = ['created', 'running', 'completed', 'failed'] as const

/** The statuses of a run. A run that is `running` or `scheduled` has no end, every other has one. */
export const RUN_STATUSES = ['running', 'completed', 'failed', 'killed', 'scheduled'] as const
export const ACTIVE_RUN_STATUSES = ['running', 'scheduled'] as const

/** A param's or tag's value. */
export type Scalar = string | number | boolean

/**
 * Milliseconds are what the API shows, so they are what is stored: a cursor made of them loses nothing. Drizzle's own
 * type reads Postgres' text with JavaScript's lenient parser, to which the year 1 is 2001.
 */
const moment = customType<{ data: Date; driverData: string }>({
  dataType: () => 'timestamp (3) with time zone',
  toDriver: (moment) => moment.toISOString(),
  fromDriver: (text) => new Date(text.replace(' ', 'T').replace(/[+-]\d\d$/, '$&:00')),
})

/** Statements write and read them as base64: Postgres' own text for bytes is half as long again. */
const bytes = customType<{ data: string }>({ dataType: () => 'bytea' })

const oneOf = (column: AnyPgColumn, values: readonly string[]) =>
  sql`${column} in (${sql.raw(values.map((value) => `'${value}'`).join(', '))})`

/** The scopes of a key: what whoever holds it may do. `ingest` is to log to one run, or to the runs of one experiment. */
export const KEY_SCOPES = ['read', 'write', 'ingest', 'admin'] as const

/** Who shares a tracker without seeing anything of each other: all that there is belongs to one of them. */
export const workspaces = pgTable('workspaces', {
  id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
  name: varchar('name', { length: 100 }).notNull().unique(),
  createdAt: moment('created_at').notNull().default(sql`now()`),
})

/** The workspace that a row belongs to. It leads all keys: the same ids and names may be in several. */
const workspaceId = () =>
  integer('workspace_id')
    .notNull()
    .references(() => workspaces.id)

/** Keys of the API, and sessions of browsers, which are keys as well. Of a key itself only its hash is stored. */
export const apiKeys = pgTable(
  'api_keys',
  {
    /** The public part, which is in the key. */
    id: varchar('id', { length: 12 }).primaryKey(),
    workspaceId: workspaceId(),
    name: varchar('name', { length: 100 }).notNull(),
    scope: varchar('scope', { length: 10, enum: KEY_SCOPES }).notNull(),
    /** What a key of scope `ingest` is for, one of the two. */
    experimentId: uuid('experiment_id'),
    runId: uuid('run_id'),
    /** SHA-256 of the whole key. */
    hash: bytes('hash').notNull(),
    createdAt: moment('created_at').notNull().default(sql`now()`),
    /** Who made it: the id of a key, or a word for what is none. */
    createdBy: varchar('created_by', { length: 12 }).notNull(),
    expiresAt: moment('expires_at'),
    /** To the minute. */
    lastUsedAt: moment('last_used_at'),
    revokedAt: moment('revoked_at'),
    /** The key with which a browser opened this session. */
    sessionOf: varchar('session_of', { length: 12 }).references((): AnyPgColumn => apiKeys.id),
  },
  (t) => [
    check('api_keys_scope_check', oneOf(t.scope, KEY_SCOPES)),
    check(
      'api_keys_target_check',
      sql`num_nonnulls(${t.experimentId}, ${t.runId}) = case ${t.scope} when 'ingest' then 1 else 0 end`,
    ),
    index('api_keys_workspace_idx').on(t.workspaceId, t.createdAt, t.id),
    index('api_keys_session_idx').on(t.sessionOf).where(sql`${t.sessionOf} is not null`),
  ],
)

/** Who made, revoked or deleted what, and when. */
export const audit = pgTable(
  'audit',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    workspaceId: workspaceId(),
    at: moment('at').notNull().default(sql`now()`),
    /** As `apiKeys.createdBy`. */
    actor: varchar('actor', { length: 12 }).notNull(),
    action: varchar('action', { length: 40 }).notNull(),
    /** The id or name of what it was done to. */
    subject: text('subject').notNull(),
  },
  (t) => [index('audit_workspace_idx').on(t.workspaceId, t.id)],
)

export const experiments = pgTable(
  'experiments',
  {
    workspaceId: workspaceId(),
    id: uuid('id').notNull(),
    /** The native API takes 100 characters, MLflow's 500. */
    name: varchar('name', { length: 500 }).notNull(),
    owner: varchar('owner', { length: 50 }).notNull(),
    description: text('description'),
    status: varchar('status', { length: 20, enum: EXPERIMENT_STATUSES }).notNull().default('created'),
    createdAt: moment('created_at').notNull().default(sql`now()`),
    updatedAt: moment('updated_at').notNull().default(sql`now()`),
    /** When MLflow's API put it into the trash, from which it can come back; the native API does not show it there. */
    deletedAt: moment('deleted_at'),
    tags: jsonb('tags').$type<Record<string, string>>().notNull().default({}),
    /** A URI, where the artifacts of its runs do not lie in our own store. */
    artifactLocation: text('artifact_location'),
    /** How many runs it had when they were last counted: see `RunRepository.recount`. */
    runsCounted: integer('runs_counted').notNull().default(0),
    /**
     * SHA-256 of what the creating request said. A second create with the same id must have said the same; when it
     * did not, the upsert sets this to null, which the NOT NULL refuses, and with it the whole transaction.
     */
    creationHash: varchar('creation_hash', { length: 64 }).notNull(),
  },
  // Newest first is each of these read backwards.
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    check('experiments_status_check', oneOf(t.status, EXPERIMENT_STATUSES)),
    index('experiments_created_at_idx').on(t.workspaceId, t.createdAt, t.id),
    index('experiments_owner_idx').on(t.workspaceId, t.owner, t.createdAt, t.id),
    index('experiments_status_idx').on(t.workspaceId, t.status, t.createdAt, t.id),
    index('experiments_name_idx').on(t.workspaceId, t.name),
    check('experiments_tags_check', sql`octet_length(${t.tags}::text) <= 1048576`),
  ],
)

export const runs = pgTable(
  'runs',
  {
    workspaceId: integer('workspace_id').notNull(),
    id: uuid('id').notNull(),
    experimentId: uuid('experiment_id').notNull(),
    parentRunId: uuid('parent_run_id'),
    name: varchar('name', { length: 250 }),
    status: varchar('status', { length: 20, enum: RUN_STATUSES }).notNull().default('running'),
    seed: bigint('seed', { mode: 'number' }),
    startedAt: moment('started_at').notNull().default(sql`now()`),
    endedAt: moment('ended_at'),
    /** As `experiments.deletedAt`. */
    deletedAt: moment('deleted_at'),
    /** Who runs it, as MLflow's clients say. */
    userId: varchar('user_id', { length: 256 }),
    /** As `experiments.artifactLocation`. */
    artifactUri: text('artifact_uri'),
    params: jsonb('params').$type<Record<string, Scalar>>().notNull().default({}),
    tags: jsonb('tags').$type<Record<string, Scalar>>().notNull().default({}),
    /** After how many seconds without a sign of life the run counts as failed; null for never. */
    heartbeatTimeout: integer('heartbeat_timeout'),
    /** The last sign of life that was written down, which not each one is. Being watched from now on is one. */
    aliveAt: moment('alive_at'),
    /** Why it has failed, in words, where it is the tracker that says so and not its client. */
    statusReason: varchar('status_reason', { length: 100 }),
    /** As `experiments.creationHash`. */
    creationHash: varchar('creation_hash', { length: 64 }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    foreignKey({
      name: 'runs_experiment_id_experiments_id_fk',
      columns: [t.workspaceId, t.experimentId],
      foreignColumns: [experiments.workspaceId, experiments.id],
    }).onDelete('cascade'),
    // The migration says what Drizzle has no word for: only `parent_run_id` becomes null.
    foreignKey({
      name: 'runs_parent_run_id_runs_id_fk',
      columns: [t.workspaceId, t.parentRunId],
      foreignColumns: [t.workspaceId, t.id],
    }).onDelete('set null'),
    check('runs_status_check', oneOf(t.status, RUN_STATUSES)),
    check('runs_ended_at_check', sql`(${oneOf(t.status, ACTIVE_RUN_STATUSES)}) = (${t.endedAt} is null)`),
    index('runs_experiment_idx').on(t.workspaceId, t.experimentId, t.startedAt, t.id),
    index('runs_experiment_status_idx').on(t.workspaceId, t.experimentId, t.status, t.startedAt, t.id),
    check('runs_alive_at_check', sql`${t.heartbeatTimeout} is null or ${t.aliveAt} is not null`),
    check('runs_status_reason_check', sql`${t.statusReason} is null or ${t.status} = 'failed'`),
    check('runs_parent_check', sql`${t.parentRunId} <> ${t.id}`),
    // Deleting a run clears its children's parent: without this index that is a scan of all runs for each one.
    index('runs_parent_idx').on(t.workspaceId, t.parentRunId).where(sql`${t.parentRunId} is not null`),
    // Those whose signs of life are watched. Not the signs themselves: then each would write to the index too.
    index('runs_watched_idx')
      .on(t.workspaceId, t.id)
      .where(sql`${t.heartbeatTimeout} is not null and ${t.status} = 'running'`),
  ],
)

/**
 * One curve: a metric of a run as one rank logged it in one attempt, with its live summary. `last` is the point with the highest
 * step, then timestamp; `min` and `max` look at finite values only (Postgres' own max() would answer NaN) and are
 * null while there are none. Times are epoch milliseconds.
 */
export const series = pgTable(
  'series',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    workspaceId: integer('workspace_id').notNull(),
    runId: uuid('run_id').notNull(),
    /** That of the run, which a trigger takes over: search by metric looks at the series of whole experiments. */
    experimentId: uuid('experiment_id').notNull(),
    name: varchar('name', { length: 250 }).notNull(),
    rank: integer('rank').notNull().default(0),
    /** Which time the job was begun, where it was begun again and logs steps anew. */
    attempt: integer('attempt').notNull().default(0),
    /** Whether it is the highest attempt of its run, name and rank: what a run shows of a metric. */
    newest: boolean('newest').notNull().default(true),
    /** Its first step, before which earlier attempts end; null for attempt 0, which ends none. */
    cutStep: bigint('cut_step', { mode: 'bigint' }),
    count: bigint('count', { mode: 'number' }).notNull().default(0),
    lastStep: bigint('last_step', { mode: 'bigint' }),
    lastValue: doublePrecision('last_value'),
    lastTime: bigint('last_time', { mode: 'number' }),
    minStep: bigint('min_step', { mode: 'bigint' }),
    minValue: doublePrecision('min_value'),
    minTime: bigint('min_time', { mode: 'number' }),
    maxStep: bigint('max_step', { mode: 'bigint' }),
    maxValue: doublePrecision('max_value'),
    maxTime: bigint('max_time', { mode: 'number' }),
    /** How many calls have brought points: every so many of them its chunks are merged. */
    calls: bigint('calls', { mode: 'number' }).notNull().default(0),
  },
  (t) => [
    foreignKey({
      name: 'series_run_id_runs_id_fk',
      columns: [t.workspaceId, t.runId],
      foreignColumns: [runs.workspaceId, runs.id],
    }).onDelete('cascade'),
    unique('series_run_name_rank_key').on(t.workspaceId, t.runId, t.name, t.rank, t.attempt),
    // Runs in the order of a metric: a page of them is read from here, however many there are.
    index('series_metric_idx')
      .on(t.workspaceId, t.experimentId, t.name, t.lastValue, t.runId)
      .where(sql`${t.rank} = 0 and ${t.newest}`),
    // Tells at once of nearly all runs that nothing of them was logged again.
    index('series_attempts_idx').on(t.workspaceId, t.runId).where(sql`${t.attempt} > 0`),
  ],
)

/**
 * Points as they lie: what one call brought to one series, or what background sealing made of several such, sorted by
 * step, then time. `src/metrics/chunk.ts` writes and reads the bytes; Postgres looks into them only where a call
 * reaches back into what is stored, and in the view below. Why: `docs/decisions/0003-points-in-chunks.md` and 0005.
 * The key finds the chunks that reach to or past a step.
 */
export const chunks = pgTable(
  'chunks',
  {
    seriesId: bigint('series_id', { mode: 'bigint' })
      .notNull()
      .references(() => series.id, { onDelete: 'cascade' }),
    lastStep: bigint('last_step', { mode: 'bigint' }).notNull(),
    id: bigint('id', { mode: 'bigint' }).notNull().generatedAlwaysAsIdentity(),
    firstStep: bigint('first_step', { mode: 'bigint' }).notNull(),
    /** The distance of the steps where it is the same all through, else `steps` has them. */
    stride: bigint('stride', { mode: 'bigint' }),
    /** The earliest and the latest time in it, in epoch milliseconds. */
    earliest: bigint('earliest', { mode: 'number' }).notNull(),
    latest: bigint('latest', { mode: 'number' }).notNull(),
    /** The distance of the times where it is the same all through, else `times` has them. */
    timeStride: bigint('time_stride', { mode: 'number' }),
    /** When its newest point came, by the database's clock, in epoch milliseconds. */
    arrived: bigint('arrived', { mode: 'number' }).notNull(),
    count: integer('count').notNull(),
    /** Nodes in `nodes` cover `step >> node_bits`. */
    nodeBits: smallint('node_bits'),
    /** Whether it stays as it is; else it will be merged with others. */
    sealed: boolean('sealed').notNull(),
    /** Offsets from `first_step` of 1, 2 or 4 bytes each, or whole steps of 8. */
    steps: bytes('steps'),
    /** As `steps`, with offsets from `earliest`. */
    times: bytes('times'),
    /** The values, 8 bytes each as IEEE 754 has them. */
    values: bytes('values').notNull(),
    /** What charts are made of: a node for all of the chunk and a few coarse ones; and many fine ones. */
    summary: bytes('summary'),
    nodes: bytes('nodes'),
  },
  (t) => [
    primaryKey({ columns: [t.seriesId, t.lastStep, t.id] }),
    check('chunks_steps_check', sql`num_nonnulls(${t.stride}, ${t.steps}) = 1`),
    check('chunks_times_check', sql`num_nonnulls(${t.timeStride}, ${t.times}) = 1`),
    // What waits to be merged; small, because sealed chunks are not in it.
    index('chunks_waiting_idx').on(t.seriesId).where(sql`not ${t.sealed}`),
  ],
)

/** The course's Metric rows, a point each, for whoever opens the database with psql or a notebook. */
export const metrics = pgView('metrics', {
  runId: uuid('run_id'),
  name: varchar('name', { length: 250 }),
  step: bigint('step', { mode: 'bigint' }),
  value: doublePrecision('value'),
  timestamp: moment('timestamp'),
  rank: integer('rank'),
  workspaceId: integer('workspace_id'),
  attempt: integer('attempt'),
}).as(sql`
  select series.run_id, series.name, point.step, double_of(point.bits) as value,
    to_timestamp(point.time / 1000.0) as timestamp, series.rank, series.workspace_id, series.attempt
  from series
  join chunks on chunks.series_id = series.id
  cross join lateral points_of(
    0, chunks.count, chunks.count, chunks.first_step, chunks.stride, chunks.steps,
    chunks.earliest, chunks.latest, chunks.time_stride, chunks.times, chunks.values
  ) as point`)

/** A dataset of an experiment, as MLflow's clients describe what a run was trained or judged with. */
export const datasets = pgTable(
  'datasets',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    workspaceId: integer('workspace_id').notNull(),
    experimentId: uuid('experiment_id').notNull(),
    name: varchar('name', { length: 500 }).notNull(),
    digest: varchar('digest', { length: 36 }).notNull(),
    sourceType: text('source_type').notNull(),
    source: text('source').notNull(),
    schema: text('schema'),
    profile: text('profile'),
  },
  (t) => [
    foreignKey({
      name: 'datasets_experiment_id_experiments_id_fk',
      columns: [t.workspaceId, t.experimentId],
      foreignColumns: [experiments.workspaceId, experiments.id],
    }).onDelete('cascade'),
    unique('datasets_experiment_name_digest_key').on(t.workspaceId, t.experimentId, t.name, t.digest),
  ],
)

/** Which datasets went into a run. */
export const runDatasets = pgTable(
  'run_datasets',
  {
    workspaceId: integer('workspace_id').notNull(),
    runId: uuid('run_id').notNull(),
    datasetId: bigint('dataset_id', { mode: 'number' })
      .notNull()
      .references(() => datasets.id, { onDelete: 'cascade' }),
    tags: jsonb('tags').$type<{ key: string; value: string }[]>().notNull().default([]),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.runId, t.datasetId] }),
    foreignKey({
      name: 'run_datasets_run_id_runs_id_fk',
      columns: [t.workspaceId, t.runId],
      foreignColumns: [runs.workspaceId, runs.id],
    }).onDelete('cascade'),
    index('run_datasets_dataset_idx').on(t.datasetId),
  ],
)

/** Which logged models went into a run, or came out of it at a step. */
export const runModels = pgTable(
  'run_models',
  {
    workspaceId: integer('workspace_id').notNull(),
    runId: uuid('run_id').notNull(),
    role: varchar('role', { length: 10, enum: ['input', 'output'] }).notNull(),
    modelId: varchar('model_id', { length: 256 }).notNull(),
    step: bigint('step', { mode: 'bigint' }),
    /** The order in which they were logged. */
    id: bigint('id', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.runId, t.role, t.modelId] }),
    foreignKey({
      name: 'run_models_run_id_runs_id_fk',
      columns: [t.workspaceId, t.runId],
      foreignColumns: [runs.workspaceId, runs.id],
    }).onDelete('cascade'),
  ],
)

/** The statuses of a logged model, as MLflow has them. */
export const LOGGED_MODEL_STATUSES = ['UNSPECIFIED', 'PENDING', 'READY', 'FAILED'] as const

/** Rows that come whole, as MLflow's API shows them, must fit into an answer of the database: its limit is 10 MiB. */
const atMostOneMiB = (...columns: AnyPgColumn[]) =>
  sql`${sql.join(
    columns.map((column) => sql`coalesce(octet_length(${column}::text), 0)`),
    sql` + `,
  )} <= 1048576`

/** A model of its own right beside the run that made it (MLflow 3). On the wire its id is `m-` and the UUID's digits. */
export const loggedModels = pgTable(
  'logged_models',
  {
    id: uuid('id').primaryKey(),
    workspaceId: integer('workspace_id').notNull(),
    experimentId: uuid('experiment_id').notNull(),
    name: varchar('name', { length: 500 }).notNull(),
    /** As the client gave it: no run needs to have it. */
    sourceRunId: varchar('source_run_id', { length: 256 }),
    modelType: varchar('model_type', { length: 500 }),
    status: varchar('status', { length: 20, enum: LOGGED_MODEL_STATUSES }).notNull().default('PENDING'),
    statusMessage: text('status_message'),
    createdAt: moment('created_at').notNull().default(sql`now()`),
    updatedAt: moment('updated_at').notNull().default(sql`now()`),
    deletedAt: moment('deleted_at'),
    /** As `experiments.artifactLocation`. */
    artifactLocation: text('artifact_location'),
    params: jsonb('params').$type<Record<string, string>>().notNull().default({}),
    tags: jsonb('tags').$type<Record<string, string>>().notNull().default({}),
  },
  (t) => [
    foreignKey({
      name: 'logged_models_experiment_id_experiments_id_fk',
      columns: [t.workspaceId, t.experimentId],
      foreignColumns: [experiments.workspaceId, experiments.id],
    }).onDelete('cascade'),
    index('logged_models_experiment_idx').on(t.workspaceId, t.experimentId, t.createdAt, t.id),
    check('logged_models_params_check', atMostOneMiB(t.params)),
    check('logged_models_tags_check', atMostOneMiB(t.tags)),
  ],
)

/** Metrics that were logged of a model: each point as it came, because a model has few. */
export const loggedModelMetrics = pgTable(
  'logged_model_metrics',
  {
    modelId: uuid('model_id')
      .notNull()
      .references(() => loggedModels.id, { onDelete: 'cascade' }),
    name: varchar('name', { length: 250 }).notNull(),
    step: bigint('step', { mode: 'bigint' }).notNull(),
    value: doublePrecision('value').notNull(),
    /** Epoch milliseconds. */
    time: bigint('time', { mode: 'number' }).notNull(),
    runId: uuid('run_id').notNull(),
    datasetName: varchar('dataset_name', { length: 500 }),
    datasetDigest: varchar('dataset_digest', { length: 36 }),
    /** The order in which they were logged. */
    id: bigint('id', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
  },
  (t) => [
    unique('logged_model_metrics_key')
      .on(t.modelId, t.name, t.step, t.time, t.runId, t.value, t.datasetName, t.datasetDigest)
      .nullsNotDistinct(),
  ],
)

/** A name in the model registry, under which versions are kept. */
export const registeredModels = pgTable(
  'registered_models',
  {
    workspaceId: workspaceId(),
    name: varchar('name', { length: 256 }).notNull(),
    description: text('description'),
    createdAt: moment('created_at').notNull().default(sql`now()`),
    updatedAt: moment('updated_at').notNull().default(sql`now()`),
    tags: jsonb('tags').$type<Record<string, string>>().notNull().default({}),
    /** The version that an alias stands for. */
    aliases: jsonb('aliases').$type<Record<string, number>>().notNull().default({}),
    /** The number of the newest version there ever was: none is given twice. */
    lastVersion: integer('last_version').notNull().default(0),
    /** The id of the request that made it: the same request sent again by us does not find it taken. */
    creationId: uuid('creation_id').notNull(),
  },
  (t) => [
    primaryKey({ name: 'registered_models_pkey', columns: [t.workspaceId, t.name] }),
    check('registered_models_size_check', atMostOneMiB(t.tags, t.aliases, t.description)),
  ],
)

export const MODEL_STAGES = ['None', 'Staging', 'Production', 'Archived'] as const

export const modelVersions = pgTable(
  'model_versions',
  {
    workspaceId: integer('workspace_id').notNull(),
    name: varchar('name', { length: 256 }).notNull(),
    version: integer('version').notNull(),
    createdAt: moment('created_at').notNull().default(sql`now()`),
    updatedAt: moment('updated_at').notNull().default(sql`now()`),
    description: text('description'),
    userId: varchar('user_id', { length: 256 }),
    stage: varchar('stage', { length: 20, enum: MODEL_STAGES }).notNull().default('None'),
    source: text('source'),
    /** Where `source` leads in the end. */
    storageLocation: text('storage_location'),
    runId: varchar('run_id', { length: 256 }),
    runLink: varchar('run_link', { length: 500 }),
    /** The logged model that it was made of, as on the wire. */
    modelId: varchar('model_id', { length: 256 }),
    tags: jsonb('tags').$type<Record<string, string>>().notNull().default({}),
    /** The id of the request that made it, so that the same request sent again by us makes no second one. */
    creationId: uuid('creation_id').notNull().unique(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.name, t.version] }),
    foreignKey({
      name: 'model_versions_name_registered_models_name_fk',
      columns: [t.workspaceId, t.name],
      foreignColumns: [registeredModels.workspaceId, registeredModels.name],
    })
      .onDelete('cascade')
      .onUpdate('cascade'),
    // The latest version of each stage is one entry of it.
    index('model_versions_stage_idx').on(t.workspaceId, t.name, t.stage, t.version),
    check('model_versions_size_check', atMostOneMiB(t.tags, t.description, t.source)),
    index('model_versions_run_idx').on(t.workspaceId, t.runId),
    index('model_versions_updated_idx').on(t.workspaceId, t.updatedAt),
  ],
)

/** Where artifacts lie that nothing refers to any more, until a background pass has removed them. */
export const artifactRemovals = pgTable(
  'artifact_removals',
  {
    workspaceId: workspaceId(),
    prefix: text('prefix').notNull(),
    createdAt: moment('created_at').notNull().default(sql`now()`),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.prefix] })],
)

export type ExperimentRow = typeof experiments.$inferSelect
export type RunRow = typeof runs.$inferSelect
export type SeriesRow = typeof series.$inferSelect
export type LoggedModelRow = typeof loggedModels.$inferSelect
export type RegisteredModelRow = typeof registeredModels.$inferSelect
export type ModelVersionRow = typeof modelVersions.$inferSelect
