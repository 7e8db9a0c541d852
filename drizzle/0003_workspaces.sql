-- What no drizzle-kit can see: the first workspace, to which belongs what is there; the functions; and that a run whose
-- parent goes keeps its workspace. Indexes are built anew: until that is done nobody can log.
CREATE TABLE "api_keys" (
	"id" varchar(12) PRIMARY KEY NOT NULL,
	"workspace_id" integer NOT NULL,
	"name" varchar(100) NOT NULL,
	"scope" varchar(10) NOT NULL,
	"experiment_id" uuid,
	"run_id" uuid,
	"hash" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"created_by" varchar(12) NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	"session_of" varchar(12),
	CONSTRAINT "api_keys_scope_check" CHECK ("api_keys"."scope" in ('read', 'write', 'ingest', 'admin')),
	CONSTRAINT "api_keys_target_check" CHECK (num_nonnulls("api_keys"."experiment_id", "api_keys"."run_id") = case "api_keys"."scope" when 'ingest' then 1 else 0 end)
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"workspace_id" integer NOT NULL,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"actor" varchar(12) NOT NULL,
	"action" varchar(40) NOT NULL,
	"subject" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspaces" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "workspaces_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"name" varchar(100) NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "workspaces_name_unique" UNIQUE("name")
);
--> statement-breakpoint
-- Whatever there is belongs to the first workspace: 1, by its sequence.
INSERT INTO "workspaces" ("name") VALUES ('default');
--> statement-breakpoint
ALTER TABLE "artifact_removals" ADD COLUMN "workspace_id" integer NOT NULL DEFAULT 1;--> statement-breakpoint
ALTER TABLE "datasets" ADD COLUMN "workspace_id" integer NOT NULL DEFAULT 1;--> statement-breakpoint
ALTER TABLE "experiments" ADD COLUMN "workspace_id" integer NOT NULL DEFAULT 1;--> statement-breakpoint
ALTER TABLE "logged_models" ADD COLUMN "workspace_id" integer NOT NULL DEFAULT 1;--> statement-breakpoint
ALTER TABLE "model_versions" ADD COLUMN "workspace_id" integer NOT NULL DEFAULT 1;--> statement-breakpoint
ALTER TABLE "registered_models" ADD COLUMN "workspace_id" integer NOT NULL DEFAULT 1;--> statement-breakpoint
ALTER TABLE "run_datasets" ADD COLUMN "workspace_id" integer NOT NULL DEFAULT 1;--> statement-breakpoint
ALTER TABLE "run_models" ADD COLUMN "workspace_id" integer NOT NULL DEFAULT 1;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "workspace_id" integer NOT NULL DEFAULT 1;--> statement-breakpoint
ALTER TABLE "series" ADD COLUMN "workspace_id" integer NOT NULL DEFAULT 1;--> statement-breakpoint
ALTER TABLE "artifact_removals" ALTER COLUMN "workspace_id" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "datasets" ALTER COLUMN "workspace_id" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "experiments" ALTER COLUMN "workspace_id" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "logged_models" ALTER COLUMN "workspace_id" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "model_versions" ALTER COLUMN "workspace_id" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "registered_models" ALTER COLUMN "workspace_id" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "run_datasets" ALTER COLUMN "workspace_id" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "run_models" ALTER COLUMN "workspace_id" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "runs" ALTER COLUMN "workspace_id" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "series" ALTER COLUMN "workspace_id" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "experiments" ADD COLUMN "runs_counted" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "heartbeat_timeout" integer;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "alive_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "status_reason" varchar(100);--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_alive_at_check" CHECK ("runs"."heartbeat_timeout" is null or "runs"."alive_at" is not null);--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_status_reason_check" CHECK ("runs"."status_reason" is null or "runs"."status" = 'failed');--> statement-breakpoint
DROP VIEW "public"."metrics";--> statement-breakpoint
ALTER TABLE "datasets" DROP CONSTRAINT "datasets_experiment_name_digest_key";--> statement-breakpoint
ALTER TABLE "series" DROP CONSTRAINT "series_run_name_rank_key";--> statement-breakpoint
ALTER TABLE "datasets" DROP CONSTRAINT "datasets_experiment_id_experiments_id_fk";--> statement-breakpoint
ALTER TABLE "logged_models" DROP CONSTRAINT "logged_models_experiment_id_experiments_id_fk";--> statement-breakpoint
ALTER TABLE "model_versions" DROP CONSTRAINT "model_versions_name_registered_models_name_fk";--> statement-breakpoint
ALTER TABLE "run_datasets" DROP CONSTRAINT "run_datasets_run_id_runs_id_fk";--> statement-breakpoint
ALTER TABLE "run_models" DROP CONSTRAINT "run_models_run_id_runs_id_fk";--> statement-breakpoint
ALTER TABLE "runs" DROP CONSTRAINT "runs_experiment_id_experiments_id_fk";--> statement-breakpoint
ALTER TABLE "runs" DROP CONSTRAINT "runs_parent_run_id_runs_id_fk";--> statement-breakpoint
ALTER TABLE "series" DROP CONSTRAINT "series_run_id_runs_id_fk";--> statement-breakpoint
DROP INDEX "experiments_created_at_idx";--> statement-breakpoint
DROP INDEX "experiments_owner_idx";--> statement-breakpoint
DROP INDEX "experiments_status_idx";--> statement-breakpoint
DROP INDEX "experiments_name_idx";--> statement-breakpoint
DROP INDEX "logged_models_experiment_idx";--> statement-breakpoint
DROP INDEX "model_versions_stage_idx";--> statement-breakpoint
DROP INDEX "model_versions_run_idx";--> statement-breakpoint
DROP INDEX "model_versions_updated_idx";--> statement-breakpoint
DROP INDEX "runs_experiment_idx";--> statement-breakpoint
DROP INDEX "runs_experiment_status_idx";--> statement-breakpoint
DROP INDEX "runs_parent_idx";--> statement-breakpoint
DROP INDEX "series_metric_idx";--> statement-breakpoint
ALTER TABLE "model_versions" DROP CONSTRAINT "model_versions_name_version_pk";--> statement-breakpoint
ALTER TABLE "run_datasets" DROP CONSTRAINT "run_datasets_run_id_dataset_id_pk";--> statement-breakpoint
ALTER TABLE "run_models" DROP CONSTRAINT "run_models_run_id_role_model_id_pk";--> statement-breakpoint
ALTER TABLE "artifact_removals" DROP CONSTRAINT "artifact_removals_pkey";--> statement-breakpoint
ALTER TABLE "experiments" DROP CONSTRAINT "experiments_pkey";--> statement-breakpoint
ALTER TABLE "registered_models" DROP CONSTRAINT "registered_models_pkey";--> statement-breakpoint
ALTER TABLE "runs" DROP CONSTRAINT "runs_pkey";--> statement-breakpoint
ALTER TABLE "artifact_removals" ADD CONSTRAINT "artifact_removals_workspace_id_prefix_pk" PRIMARY KEY("workspace_id","prefix");--> statement-breakpoint
ALTER TABLE "experiments" ADD CONSTRAINT "experiments_workspace_id_id_pk" PRIMARY KEY("workspace_id","id");--> statement-breakpoint
ALTER TABLE "model_versions" ADD CONSTRAINT "model_versions_workspace_id_name_version_pk" PRIMARY KEY("workspace_id","name","version");--> statement-breakpoint
ALTER TABLE "registered_models" ADD CONSTRAINT "registered_models_pkey" PRIMARY KEY("workspace_id","name");--> statement-breakpoint
ALTER TABLE "run_datasets" ADD CONSTRAINT "run_datasets_workspace_id_run_id_dataset_id_pk" PRIMARY KEY("workspace_id","run_id","dataset_id");--> statement-breakpoint
ALTER TABLE "run_models" ADD CONSTRAINT "run_models_workspace_id_run_id_role_model_id_pk" PRIMARY KEY("workspace_id","run_id","role","model_id");--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_workspace_id_id_pk" PRIMARY KEY("workspace_id","id");--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_session_of_api_keys_id_fk" FOREIGN KEY ("session_of") REFERENCES "public"."api_keys"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "audit" ADD CONSTRAINT "audit_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "api_keys_workspace_idx" ON "api_keys" USING btree ("workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "api_keys_session_idx" ON "api_keys" USING btree ("session_of") WHERE "api_keys"."session_of" is not null;--> statement-breakpoint
CREATE INDEX "audit_workspace_idx" ON "audit" USING btree ("workspace_id","id");--> statement-breakpoint
ALTER TABLE "artifact_removals" ADD CONSTRAINT "artifact_removals_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "datasets" ADD CONSTRAINT "datasets_experiment_id_experiments_id_fk" FOREIGN KEY ("workspace_id","experiment_id") REFERENCES "public"."experiments"("workspace_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "experiments" ADD CONSTRAINT "experiments_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "logged_models" ADD CONSTRAINT "logged_models_experiment_id_experiments_id_fk" FOREIGN KEY ("workspace_id","experiment_id") REFERENCES "public"."experiments"("workspace_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_versions" ADD CONSTRAINT "model_versions_name_registered_models_name_fk" FOREIGN KEY ("workspace_id","name") REFERENCES "public"."registered_models"("workspace_id","name") ON DELETE cascade ON UPDATE cascade;--> statement-breakpoint
ALTER TABLE "registered_models" ADD CONSTRAINT "registered_models_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_datasets" ADD CONSTRAINT "run_datasets_run_id_runs_id_fk" FOREIGN KEY ("workspace_id","run_id") REFERENCES "public"."runs"("workspace_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_models" ADD CONSTRAINT "run_models_run_id_runs_id_fk" FOREIGN KEY ("workspace_id","run_id") REFERENCES "public"."runs"("workspace_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_experiment_id_experiments_id_fk" FOREIGN KEY ("workspace_id","experiment_id") REFERENCES "public"."experiments"("workspace_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_parent_run_id_runs_id_fk" FOREIGN KEY ("workspace_id","parent_run_id") REFERENCES "public"."runs"("workspace_id","id") ON DELETE set null ("parent_run_id") ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "series" ADD CONSTRAINT "series_run_id_runs_id_fk" FOREIGN KEY ("workspace_id","run_id") REFERENCES "public"."runs"("workspace_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "runs_watched_idx" ON "runs" USING btree ("workspace_id","id") WHERE "runs"."heartbeat_timeout" is not null and "runs"."status" = 'running';--> statement-breakpoint
CREATE INDEX "experiments_created_at_idx" ON "experiments" USING btree ("workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "experiments_owner_idx" ON "experiments" USING btree ("workspace_id","owner","created_at","id");--> statement-breakpoint
CREATE INDEX "experiments_status_idx" ON "experiments" USING btree ("workspace_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "experiments_name_idx" ON "experiments" USING btree ("workspace_id","name");--> statement-breakpoint
CREATE INDEX "logged_models_experiment_idx" ON "logged_models" USING btree ("workspace_id","experiment_id","created_at","id");--> statement-breakpoint
CREATE INDEX "model_versions_stage_idx" ON "model_versions" USING btree ("workspace_id","name","stage","version");--> statement-breakpoint
CREATE INDEX "model_versions_run_idx" ON "model_versions" USING btree ("workspace_id","run_id");--> statement-breakpoint
CREATE INDEX "model_versions_updated_idx" ON "model_versions" USING btree ("workspace_id","updated_at");--> statement-breakpoint
CREATE INDEX "runs_experiment_idx" ON "runs" USING btree ("workspace_id","experiment_id","started_at","id");--> statement-breakpoint
CREATE INDEX "runs_experiment_status_idx" ON "runs" USING btree ("workspace_id","experiment_id","status","started_at","id");--> statement-breakpoint
CREATE INDEX "runs_parent_idx" ON "runs" USING btree ("workspace_id","parent_run_id") WHERE "runs"."parent_run_id" is not null;--> statement-breakpoint
CREATE INDEX "series_metric_idx" ON "series" USING btree ("workspace_id","experiment_id","name","last_value","run_id") WHERE "series"."rank" = 0;--> statement-breakpoint
ALTER TABLE "datasets" ADD CONSTRAINT "datasets_experiment_name_digest_key" UNIQUE("workspace_id","experiment_id","name","digest");--> statement-breakpoint
ALTER TABLE "series" ADD CONSTRAINT "series_run_name_rank_key" UNIQUE("workspace_id","run_id","name","rank");--> statement-breakpoint
DROP FUNCTION log_points(uuid, text[], integer[], integer[], integer[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], double precision[], bigint[], bigint[], double precision[], bigint[], bigint[], double precision[], bigint[], smallint[], integer[], integer[], integer[], integer[], integer[], text);--> statement-breakpoint
-- A point of a run, or a heartbeat, shows that it lives. Written down eight times within its timeout at most; a run that
-- was given up for dead comes back to life, one that its client ended does not. Gives the status that the run has then.
--
-- Who comes second waits, and looks again at what the first one has made of the run. Skipping a run that is locked would
-- lose the sign where it is cron that has it, or a change of the run, and it may be the last that is heard of it.
CREATE FUNCTION sign_of_life(workspace integer, run uuid) RETURNS text
LANGUAGE plpgsql
AS $$
declare
  state text;
begin
  perform set_config('lock_timeout', '10s', true);
  update runs set status = 'running', ended_at = null, status_reason = null, alive_at = clock_timestamp()
  where workspace_id = workspace and id = run and (
    status_reason is not null
    or status = 'running' and alive_at < clock_timestamp() - heartbeat_timeout * interval '125 ms'
  )
  returning status into state;
  if not found then
    select status into state from runs where workspace_id = workspace and id = run;
  end if;
  return state;
end
$$;
--> statement-breakpoint
-- Stores the points of a call, each once, whatever else is stored at the same time. `packed` has the bytes of all its
-- series as base64; the arrays have one element a series, and say what of them is whose (`src/metrics/chunk.ts`).
--
-- One function, because a session keeps the plans of what is in it: planned anew for each call, the same statements
-- cost several times what it takes to run them (docs/decisions/0005-points-as-bytes.md). Each statement in it sees what was
-- committed before it began: two calls with the same series take its lock in turn, and the later one sees what the
-- earlier one stored. Locks are taken in order of name and rank: in any other, writers with the same names in
-- different orders deadlock. A run that does not exist violates the foreign key of its first series.
--
-- The caller, who has the run before him, says what it shows of its life: to look for it here took 4 % of a call with one
-- point, and to judge it there, where nothing keeps the plan, 5 %; so it takes 1 %. A sign of life is written down first of all: whoever
-- changes a run and logs to it as well locks the run first.
CREATE FUNCTION log_points(
  workspace integer, run uuid, alive_at timestamptz, timeout integer, reason text, max_series integer, names text[], ranks integer[], timed integer[], counts integer[],
  first_steps bigint[], last_steps bigint[], strides bigint[],
  earliests bigint[], latests bigint[], time_strides bigint[],
  last_values double precision[], last_times bigint[],
  min_steps bigint[], min_values double precision[], min_times bigint[],
  max_steps bigint[], max_values double precision[], max_times bigint[],
  node_bits smallint[], summary_counts integer[], node_counts integer[], step_widths integer[], time_widths integer[],
  starts integer[], packed text,
  -- How many points are new, and the series that have now enough small chunks to be merged.
  OUT stored bigint, OUT due bigint[]
)
LANGUAGE plpgsql
-- Left to itself, Postgres plans some of the statements anew each time, for arrays of just this length.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
declare
  bytes constant bytea := decode(packed, 'base64');
  now constant bigint := extract(epoch from clock_timestamp()) * 1000;
  ids bigint[];
  -- Whether no point of the call can be there already, because there is no chunk where its steps are.
  clear boolean[];
begin
  if cardinality(names) = 0 and not exists (select from runs where workspace_id = workspace and id = run) then
    raise foreign_key_violation using constraint = 'series_run_id_runs_id_fk';
  end if;
  perform set_config('lock_timeout', '10s', true);
  -- Null for what was never watched. Asked by itself: what is not looked at costs nothing to get ready.
  if alive_at is not null then
    if reason is not null or alive_at < clock_timestamp() - timeout * interval '125 ms' then
      perform sign_of_life(workspace, run);
    end if;
  end if;
  insert into series (workspace_id, run_id, name, rank)
    select workspace, run, call.name, call.rank
    from unnest(names, ranks) as call (name, rank)
    -- A look for each one: as an anti join it was planned as each name against each series of the run.
    where (
      select id from series
      where series.workspace_id = workspace and series.run_id = run and series.name = call.name and series.rank = call.rank
    ) is null
    order by call.name collate "C", call.rank
    on conflict (workspace_id, run_id, name, rank) do nothing;
  -- Counted only where a call brings new ones.
  if found and (
    select count(*) from series where series.workspace_id = workspace and series.run_id = run
  ) > max_series then
    raise check_violation using constraint = 'series_limit';
  end if;
  select array_agg(id order by place), array_agg(coalesce(first_step > last_step, true) order by place)
  into ids, clear
  from (
    select series.id, series.last_step, call.first_step, call.place
    from unnest(names, ranks, first_steps) with ordinality as call (name, rank, first_step, place)
    join series
      on series.workspace_id = workspace and series.run_id = run and series.name = call.name and series.rank = call.rank
    order by call.name collate "C", call.rank
    for no key update of series
  ) as locked;
  if cardinality(ids) is distinct from nullif(cardinality(names), 0) then
    -- The run was deleted while we waited for it.
    raise foreign_key_violation using constraint = 'series_run_id_runs_id_fk';
  end if;
  if false = any (clear) then
    -- Only now: the statement that waited for the locks did not see what came while it waited.
    select array_agg(part.clear or not exists (
      select from chunks
      where chunks.series_id = part.id
        and chunks.last_step >= part.first_step and chunks.first_step <= part.last_step
        -- A point with a time is there only if it is there at this time: of a series that is logged without steps, and
        -- so all at step 0, no more is looked at than what came at the same time.
        and (part.timed <> 1 or chunks.latest >= part.earliest and chunks.earliest <= part.latest)
    ) order by place)
    into clear
    from unnest(ids, clear, timed, first_steps, last_steps, earliests, latests) with ordinality
      as part (id, clear, timed, first_step, last_step, earliest, latest, place);
  end if;
  insert into chunks (
    series_id, last_step, first_step, stride, earliest, latest, time_stride, arrived, count, node_bits, sealed,
    steps, times, values, summary, nodes
  )
    -- So many points stay as they are: FULL of src/metrics/sealing.ts.
    select id, last_step, first_step, stride, earliest, latest, time_stride, now, count, node_bits, count >= 4096,
      nullif(substr(bytes, start, count * step_width), ''),
      nullif(substr(bytes, start + count * step_width, count * time_width), ''),
      substr(bytes, start + count * (step_width + time_width), count * 8),
      nullif(substr(bytes, start + count * (step_width + time_width + 8), summary_count * 128), ''),
      nullif(substr(bytes, start + count * (step_width + time_width + 8) + summary_count * 128, node_count * 128), '')
    from unnest(
      ids, clear, last_steps, first_steps, strides, earliests, latests, time_strides, counts, node_bits,
      summary_counts, node_counts, step_widths, time_widths, starts
    ) as part (
      id, clear, last_step, first_step, stride, earliest, latest, time_stride, count, node_bits,
      summary_count, node_count, step_width, time_width, start
    )
    where part.clear;
  if false = any (clear) then
    with call as (
      select * from unnest(
        ids, clear, timed, counts, first_steps, last_steps, strides, earliests, latests, time_strides,
        last_values, last_times, min_steps, min_values, min_times, max_steps, max_values, max_times,
        summary_counts, node_counts, step_widths, time_widths, starts
      ) as part (
        id, clear, timed, count, first_step, last_step, stride, earliest, latest, time_stride,
        last_value, last_time, min_step, min_value, min_time, max_step, max_value, max_time,
        summary_count, node_count, step_width, time_width, start
      )
    ),
    arrived as materialized (
      select call.id, point.step, point.bits, point.time,
        -- 1 is all of them, 0 none, 2 those whose byte at the end says so
        case call.timed when 2 then get_byte(
          bytes,
          call.start + call.count * (step_width + time_width + 8) + (summary_count + node_count) * 128
            + point.place::integer - 2
        ) else call.timed end = 1 as timed
      from call
      cross join lateral points_of(
        0, call.count, call.count, call.first_step, call.stride,
        nullif(substr(bytes, call.start, call.count * step_width), ''),
        call.earliest, call.latest, call.time_stride,
        nullif(substr(bytes, call.start + call.count * step_width, call.count * time_width), ''),
        substr(bytes, call.start + call.count * (step_width + time_width), call.count * 8)
      ) with ordinality as point (step, bits, time, place)
      where not call.clear
    ),
    reach as (
      select id, array_agg(distinct step order by step) as steps, min(step) as first_step, max(step) as last_step,
        bool_and(timed) as timed, min(time) as earliest, max(time) as latest
      from arrived group by id
    ),
    present as materialized (
      select reach.id, point.step, point.bits, point.time
      from reach
      join chunks on chunks.series_id = reach.id
        and chunks.last_step >= reach.first_step and chunks.first_step <= reach.last_step
        and (not reach.timed or chunks.latest >= reach.earliest and chunks.earliest <= reach.latest)
        -- Only where one of the steps lies in the chunk: more of them up to its end than before it begins.
        and case chunks.first_step when -9223372036854775808 then true else
          width_bucket(chunks.last_step, reach.steps) > width_bucket(chunks.first_step - 1, reach.steps) end
      -- Where steps have one distance, only the part of the chunk that is reached.
      cross join lateral (
        select
          case when chunks.stride > 0 then
            (greatest(reach.first_step, chunks.first_step) - chunks.first_step + chunks.stride - 1) / chunks.stride
          else 0 end::integer as low,
          case when chunks.stride > 0 then
            (least(reach.last_step, chunks.last_step) - chunks.first_step) / chunks.stride + 1
          else chunks.count end::integer as high
      ) as span
      cross join lateral points_of(
        span.low, span.high, chunks.count, chunks.first_step, chunks.stride, chunks.steps,
        chunks.earliest, chunks.latest, chunks.time_stride, chunks.times, chunks.values
      ) as point
      where point.step between reach.first_step and reach.last_step
    ),
    fresh as materialized (
      select *, double_of(bits) as value from arrived
      where not exists (
        select from present
        where present.id = arrived.id and present.step = arrived.step and present.bits = arrived.bits
          and (present.time = arrived.time or not arrived.timed)
      )
    ),
    merged as (
      insert into chunks (series_id, last_step, first_step, earliest, latest, arrived, count, sealed, steps, times, values)
      select id, max(step), min(step), min(time), max(time), now, count(*), false,
        string_agg(int8send(step), '' order by step, time, int8send(bits)),
        string_agg(int8send(time), '' order by step, time, int8send(bits)),
        string_agg(int8send(bits), '' order by step, time, int8send(bits))
      from fresh group by id
    ),
    latest as (
      select distinct on (id) * from fresh order by id, step desc, time desc, int8send(bits) desc
    ),
    lowest as (
      select distinct on (id) * from fresh
      where value not in ('NaN', 'Infinity', '-Infinity') order by id, value, step, time
    ),
    highest as (
      select distinct on (id) * from fresh
      where value not in ('NaN', 'Infinity', '-Infinity') order by id, value desc, step, time
    ),
    gained as (
      select id, count, last_step, last_value, last_time,
        min_step, min_value, min_time, max_step, max_value, max_time
      from call where clear
      union all
      select latest.id, (select count(*) from fresh where fresh.id = latest.id),
        latest.step, latest.value, latest.time, lowest.step, lowest.value, lowest.time,
        highest.step, highest.value, highest.time
      from latest
      left join lowest on lowest.id = latest.id
      left join highest on highest.id = latest.id
    )
    select array_agg(id), array_agg(count), array_agg(last_step), array_agg(last_value), array_agg(last_time),
      array_agg(min_step), array_agg(min_value), array_agg(min_time),
      array_agg(max_step), array_agg(max_value), array_agg(max_time)
    into ids, counts, last_steps, last_values, last_times,
      min_steps, min_values, min_times, max_steps, max_values, max_times
    from gained;
  end if;
  with gained as (
    select * from unnest(
      ids, counts, last_steps, last_values, last_times,
      min_steps, min_values, min_times, max_steps, max_values, max_times
    ) as part (
      id, count, last_step, last_value, last_time,
      min_step, min_value, min_time, max_step, max_value, max_time
    )
  ),
  summarized as (
    update series set
      calls = series.calls + 1,
      count = series.count + gained.count,
      last_step = case when is_last then gained.last_step else series.last_step end,
      last_value = case when is_last then gained.last_value else series.last_value end,
      last_time = case when is_last then gained.last_time else series.last_time end,
      min_step = case when is_min then gained.min_step else series.min_step end,
      min_value = case when is_min then gained.min_value else series.min_value end,
      min_time = case when is_min then gained.min_time else series.min_time end,
      max_step = case when is_max then gained.max_step else series.max_step end,
      max_value = case when is_max then gained.max_value else series.max_value end,
      max_time = case when is_max then gained.max_time else series.max_time end
    from gained
    join series as before using (id)
    cross join lateral (
      select
        -- Of equal values the earliest counts, whatever call it came in.
        before.last_step is null or (gained.last_step, gained.last_time, float8send(gained.last_value))
          > (before.last_step, before.last_time, float8send(before.last_value)) as is_last,
        before.min_value is null or (gained.min_value, gained.min_step, gained.min_time)
          < (before.min_value, before.min_step, before.min_time) as is_min,
        before.max_value is null or (-gained.max_value, gained.max_step, gained.max_time)
          < (-before.max_value, before.max_step, before.max_time) as is_max
      offset 0
    ) as better
    where series.id = gained.id
    returning series.id, series.calls, gained.count
  )
  select coalesce(sum(count), 0), array_agg(id) filter (where calls % 64 = 0) into stored, due from summarized;
end
$$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION series_experiment() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  select experiment_id into new.experiment_id from runs where workspace_id = new.workspace_id and id = new.run_id;
  if not found then
    raise foreign_key_violation using constraint = 'series_run_id_runs_id_fk';
  end if;
  return new;
end
$$;
--> statement-breakpoint
-- Fails with a constraint's name, where a statement finds that a limit would be passed.
CREATE FUNCTION refuse(broken text) RETURNS boolean
LANGUAGE plpgsql
AS $$
begin
  raise check_violation using constraint = broken;
end
$$;
--> statement-breakpoint
-- Whether an experiment takes one more run, or has this one already; fails where it does not. Counts no further than it must.
CREATE FUNCTION has_room(workspace integer, experiment uuid, run uuid, most integer) RETURNS boolean
LANGUAGE plpgsql
AS $$
begin
  return exists (select from runs where workspace_id = workspace and id = run)
    or (
      select count(*) from (
        select from runs where workspace_id = workspace and experiment_id = experiment limit most
      ) as counted
    ) < most
    or refuse('runs_limit');
end
$$;
--> statement-breakpoint
-- Statements that set no limit of their own are cancelled when whoever asked hangs up. Should that be lost on the way, this
-- ends them. Whoever runs the database may have set another one, and whoever does not own it cannot set one.
DO $$
begin
  if not exists (
    select from pg_db_role_setting
    where setdatabase = (select oid from pg_database where datname = current_database())
      and array_to_string(setconfig, ' ') like '%statement_timeout=%'
  ) then
    execute format('alter database %I set statement_timeout = ''60s''', current_database());
  end if;
exception when insufficient_privilege then
  raise notice 'The database keeps its statement_timeout: only its owner can set it';
end
$$;
--> statement-breakpoint
-- Whether a key is good: not revoked, not over, and a session only as long as the key that it was opened with.
CREATE FUNCTION is_live(key api_keys) RETURNS boolean
LANGUAGE sql STABLE
AS $$
  select key.revoked_at is null and (key.expires_at > clock_timestamp()) is not false and not exists (
    select from api_keys as root where root.id = key.session_of and root.revoked_at is not null
  )
$$;
--> statement-breakpoint
-- Lets a key do what one of `scopes` may, or fails, and with it the whole transaction: ER401 when it is no key (any more),
-- ER403 when it may not. What follows in the transaction finds the workspace in the setting `edgerun.workspace`.
CREATE FUNCTION admit_key(
  key_id text, key_hash bytea, scopes text[], aimed boolean, target_run uuid, target_experiment uuid,
  OUT workspace_id integer, OUT scope text, OUT experiment_id uuid, OUT run_id uuid, OUT expires bigint,
  -- Under which key its requests are counted: a session under the one that it was opened with.
  OUT counted text
)
LANGUAGE plpgsql
AS $$
declare
  key api_keys;
  -- Hashes of hashes: how long they take to compare tells nothing of either.
  salt constant bytea := uuid_send(gen_random_uuid());
begin
  select * into key from api_keys where api_keys.id = key_id;
  if not found or sha256(key.hash || salt) is distinct from sha256(key_hash || salt) or not is_live(key) then
    raise exception using errcode = 'ER401';
  end if;
  if not coalesce(key.scope = any (scopes), false) or aimed and key.scope = 'ingest' and not coalesce(
    target_run = key.run_id or target_experiment = key.experiment_id or exists (
      select from runs
      where runs.workspace_id = key.workspace_id and runs.id = target_run and runs.experiment_id = key.experiment_id
    ), false
  ) then
    raise exception using errcode = 'ER403';
  end if;
  if key.last_used_at is null or key.last_used_at < now() - interval '1 minute' then
    update api_keys set last_used_at = now()
    where api_keys.id = (select api_keys.id from api_keys where api_keys.id = key_id for no key update skip locked);
  end if;
  perform set_config('edgerun.workspace', key.workspace_id::text, true);
  workspace_id := key.workspace_id;
  scope := key.scope;
  experiment_id := key.experiment_id;
  run_id := key.run_id;
  expires := extract(epoch from key.expires_at) * 1000;
  counted := coalesce(key.session_of, key.id);
end
$$;
--> statement-breakpoint
CREATE VIEW "public"."metrics" AS (
  select series.run_id, series.name, point.step, double_of(point.bits) as value,
    to_timestamp(point.time / 1000.0) as timestamp, series.rank, series.workspace_id
  from series
  join chunks on chunks.series_id = series.id
  cross join lateral points_of(
    0, chunks.count, chunks.count, chunks.first_step, chunks.stride, chunks.steps,
    chunks.earliest, chunks.latest, chunks.time_stride, chunks.times, chunks.values
  ) as point);
