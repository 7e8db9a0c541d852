-- Without workspaces what belongs to others would be everybody's, and their ids and names may be the same: it has to go before.
DO $$
begin
  if exists (select from experiments where workspace_id <> 1) or exists (select from registered_models where workspace_id <> 1) then
    raise exception 'There are workspaces with something in them: delete it before';
  end if;
  if exists (select from artifact_removals where workspace_id <> 1) then
    raise exception 'Artifacts of other workspaces are still being removed: wait for the cron trigger';
  end if;
end
$$;
--> statement-breakpoint
DROP VIEW "public"."metrics";--> statement-breakpoint
DROP FUNCTION admit_key(text, bytea, text[], boolean, uuid, uuid);--> statement-breakpoint
DROP FUNCTION is_live(api_keys);--> statement-breakpoint
DROP FUNCTION has_room(integer, uuid, uuid, integer);--> statement-breakpoint
DROP FUNCTION refuse(text);--> statement-breakpoint
DO $$
begin
  if exists (
    select from pg_db_role_setting
    where setdatabase = (select oid from pg_database where datname = current_database()) and setrole = 0
      and 'statement_timeout=60s' = any (setconfig)
  ) then
    execute format('alter database %I reset statement_timeout', current_database());
  end if;
end
$$;
--> statement-breakpoint
DROP FUNCTION log_points(integer, uuid, timestamptz, integer, text, integer, text[], integer[], integer[], integer[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], double precision[], bigint[], bigint[], double precision[], bigint[], bigint[], double precision[], bigint[], smallint[], integer[], integer[], integer[], integer[], integer[], text);--> statement-breakpoint
DROP FUNCTION sign_of_life(integer, uuid);--> statement-breakpoint
ALTER TABLE "series" DROP CONSTRAINT "series_run_name_rank_key";--> statement-breakpoint
ALTER TABLE "datasets" DROP CONSTRAINT "datasets_experiment_name_digest_key";--> statement-breakpoint
ALTER TABLE "series" DROP CONSTRAINT "series_run_id_runs_id_fk";--> statement-breakpoint
ALTER TABLE "runs" DROP CONSTRAINT "runs_parent_run_id_runs_id_fk";--> statement-breakpoint
ALTER TABLE "runs" DROP CONSTRAINT "runs_experiment_id_experiments_id_fk";--> statement-breakpoint
ALTER TABLE "run_models" DROP CONSTRAINT "run_models_run_id_runs_id_fk";--> statement-breakpoint
ALTER TABLE "run_datasets" DROP CONSTRAINT "run_datasets_run_id_runs_id_fk";--> statement-breakpoint
ALTER TABLE "model_versions" DROP CONSTRAINT "model_versions_name_registered_models_name_fk";--> statement-breakpoint
ALTER TABLE "logged_models" DROP CONSTRAINT "logged_models_experiment_id_experiments_id_fk";--> statement-breakpoint
ALTER TABLE "datasets" DROP CONSTRAINT "datasets_experiment_id_experiments_id_fk";--> statement-breakpoint
ALTER TABLE "artifact_removals" DROP CONSTRAINT "artifact_removals_workspace_id_prefix_pk";--> statement-breakpoint
ALTER TABLE "experiments" DROP CONSTRAINT "experiments_workspace_id_id_pk";--> statement-breakpoint
ALTER TABLE "model_versions" DROP CONSTRAINT "model_versions_workspace_id_name_version_pk";--> statement-breakpoint
ALTER TABLE "registered_models" DROP CONSTRAINT "registered_models_pkey";--> statement-breakpoint
ALTER TABLE "run_datasets" DROP CONSTRAINT "run_datasets_workspace_id_run_id_dataset_id_pk";--> statement-breakpoint
ALTER TABLE "run_models" DROP CONSTRAINT "run_models_workspace_id_run_id_role_model_id_pk";--> statement-breakpoint
ALTER TABLE "runs" DROP CONSTRAINT "runs_workspace_id_id_pk";--> statement-breakpoint
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
DROP INDEX "runs_watched_idx";--> statement-breakpoint
ALTER TABLE "artifact_removals" DROP COLUMN "workspace_id";--> statement-breakpoint
ALTER TABLE "datasets" DROP COLUMN "workspace_id";--> statement-breakpoint
ALTER TABLE "experiments" DROP COLUMN "workspace_id";--> statement-breakpoint
ALTER TABLE "logged_models" DROP COLUMN "workspace_id";--> statement-breakpoint
ALTER TABLE "model_versions" DROP COLUMN "workspace_id";--> statement-breakpoint
ALTER TABLE "registered_models" DROP COLUMN "workspace_id";--> statement-breakpoint
ALTER TABLE "run_datasets" DROP COLUMN "workspace_id";--> statement-breakpoint
ALTER TABLE "run_models" DROP COLUMN "workspace_id";--> statement-breakpoint
ALTER TABLE "runs" DROP COLUMN "workspace_id";--> statement-breakpoint
ALTER TABLE "series" DROP COLUMN "workspace_id";--> statement-breakpoint
ALTER TABLE "experiments" DROP COLUMN "runs_counted";--> statement-breakpoint
ALTER TABLE "runs" DROP COLUMN "heartbeat_timeout";--> statement-breakpoint
ALTER TABLE "runs" DROP COLUMN "alive_at";--> statement-breakpoint
ALTER TABLE "runs" DROP COLUMN "status_reason";--> statement-breakpoint
DROP TABLE "audit";--> statement-breakpoint
DROP TABLE "api_keys";--> statement-breakpoint
DROP TABLE "workspaces";--> statement-breakpoint
ALTER TABLE "artifact_removals" ADD CONSTRAINT "artifact_removals_pkey" PRIMARY KEY ("prefix");--> statement-breakpoint
ALTER TABLE "experiments" ADD CONSTRAINT "experiments_pkey" PRIMARY KEY ("id");--> statement-breakpoint
ALTER TABLE "registered_models" ADD CONSTRAINT "registered_models_pkey" PRIMARY KEY ("name");--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_pkey" PRIMARY KEY ("id");--> statement-breakpoint
ALTER TABLE "model_versions" ADD CONSTRAINT "model_versions_name_version_pk" PRIMARY KEY ("name","version");--> statement-breakpoint
ALTER TABLE "run_datasets" ADD CONSTRAINT "run_datasets_run_id_dataset_id_pk" PRIMARY KEY ("run_id","dataset_id");--> statement-breakpoint
ALTER TABLE "run_models" ADD CONSTRAINT "run_models_run_id_role_model_id_pk" PRIMARY KEY ("run_id","role","model_id");--> statement-breakpoint
ALTER TABLE "series" ADD CONSTRAINT "series_run_name_rank_key" UNIQUE ("run_id","name","rank");--> statement-breakpoint
ALTER TABLE "datasets" ADD CONSTRAINT "datasets_experiment_name_digest_key" UNIQUE ("experiment_id","name","digest");--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_experiment_id_experiments_id_fk" FOREIGN KEY ("experiment_id") REFERENCES "public"."experiments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_parent_run_id_runs_id_fk" FOREIGN KEY ("parent_run_id") REFERENCES "public"."runs"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "series" ADD CONSTRAINT "series_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "datasets" ADD CONSTRAINT "datasets_experiment_id_experiments_id_fk" FOREIGN KEY ("experiment_id") REFERENCES "public"."experiments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "logged_models" ADD CONSTRAINT "logged_models_experiment_id_experiments_id_fk" FOREIGN KEY ("experiment_id") REFERENCES "public"."experiments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_versions" ADD CONSTRAINT "model_versions_name_registered_models_name_fk" FOREIGN KEY ("name") REFERENCES "public"."registered_models"("name") ON DELETE cascade ON UPDATE cascade;--> statement-breakpoint
ALTER TABLE "run_datasets" ADD CONSTRAINT "run_datasets_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_models" ADD CONSTRAINT "run_models_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "experiments_created_at_idx" ON "experiments" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "experiments_owner_idx" ON "experiments" USING btree ("owner","created_at","id");--> statement-breakpoint
CREATE INDEX "experiments_status_idx" ON "experiments" USING btree ("status","created_at","id");--> statement-breakpoint
CREATE INDEX "runs_experiment_idx" ON "runs" USING btree ("experiment_id","started_at","id");--> statement-breakpoint
CREATE INDEX "runs_experiment_status_idx" ON "runs" USING btree ("experiment_id","status","started_at","id");--> statement-breakpoint
CREATE INDEX "runs_parent_idx" ON "runs" USING btree ("parent_run_id") WHERE "runs"."parent_run_id" is not null;--> statement-breakpoint
CREATE INDEX "logged_models_experiment_idx" ON "logged_models" USING btree ("experiment_id","created_at","id");--> statement-breakpoint
CREATE INDEX "model_versions_stage_idx" ON "model_versions" USING btree ("name","stage","version");--> statement-breakpoint
CREATE INDEX "model_versions_run_idx" ON "model_versions" USING btree ("run_id");--> statement-breakpoint
CREATE INDEX "model_versions_updated_idx" ON "model_versions" USING btree ("updated_at");--> statement-breakpoint
CREATE INDEX "experiments_name_idx" ON "experiments" USING btree ("name");--> statement-breakpoint
CREATE INDEX "series_metric_idx" ON "series" USING btree ("experiment_id","name","last_value","run_id") WHERE "series"."rank" = 0;--> statement-breakpoint
CREATE FUNCTION log_points(
  run uuid, names text[], ranks integer[], timed integer[], counts integer[],
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
  if cardinality(names) = 0 and not exists (select from runs where id = run) then
    raise foreign_key_violation using constraint = 'series_run_id_runs_id_fk';
  end if;
  perform set_config('lock_timeout', '10s', true);
  insert into series (run_id, name, rank)
    select run, call.name, call.rank
    from unnest(names, ranks) as call (name, rank)
    -- A look for each one: as an anti join it was planned as each name against each series of the run.
    where (select id from series where series.run_id = run and series.name = call.name and series.rank = call.rank) is null
    order by call.name collate "C", call.rank
    on conflict (run_id, name, rank) do nothing;
  select array_agg(id order by place), array_agg(coalesce(first_step > last_step, true) order by place)
  into ids, clear
  from (
    select series.id, series.last_step, call.first_step, call.place
    from unnest(names, ranks, first_steps) with ordinality as call (name, rank, first_step, place)
    join series on series.run_id = run and series.name = call.name and series.rank = call.rank
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
  select experiment_id into new.experiment_id from runs where id = new.run_id;
  if not found then
    raise foreign_key_violation using constraint = 'series_run_id_runs_id_fk';
  end if;
  return new;
end
$$;
--> statement-breakpoint
CREATE VIEW "public"."metrics" AS (
  select series.run_id, series.name, point.step, double_of(point.bits) as value,
    to_timestamp(point.time / 1000.0) as timestamp, series.rank
  from series
  join chunks on chunks.series_id = series.id
  cross join lateral points_of(
    0, chunks.count, chunks.count, chunks.first_step, chunks.stride, chunks.steps,
    chunks.earliest, chunks.latest, chunks.time_stride, chunks.times, chunks.values
  ) as point);
