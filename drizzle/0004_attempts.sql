-- What no drizzle-kit can see: the function, which takes attempts. Columns with a default write no row anew; two indexes of
-- "series" are built anew, and until that is done nobody can log. The Worker of before logs and reads as it did; its searches
-- by metric find no index until the new one is deployed.
DROP VIEW "public"."metrics";--> statement-breakpoint
ALTER TABLE "series" DROP CONSTRAINT "series_run_name_rank_key";--> statement-breakpoint
DROP INDEX "series_metric_idx";--> statement-breakpoint
ALTER TABLE "series" ADD COLUMN "attempt" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "series" ADD COLUMN "newest" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "series" ADD COLUMN "cut_step" bigint;--> statement-breakpoint
CREATE INDEX "series_attempts_idx" ON "series" USING btree ("workspace_id","run_id") WHERE "series"."attempt" > 0;--> statement-breakpoint
CREATE INDEX "series_metric_idx" ON "series" USING btree ("workspace_id","experiment_id","name","last_value","run_id") WHERE "series"."rank" = 0 and "series"."newest";--> statement-breakpoint
ALTER TABLE "series" ADD CONSTRAINT "series_run_name_rank_key" UNIQUE("workspace_id","run_id","name","rank","attempt");--> statement-breakpoint
DROP FUNCTION log_points(integer, uuid, timestamptz, integer, text, integer, text[], integer[], integer[], integer[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], double precision[], bigint[], bigint[], double precision[], bigint[], bigint[], double precision[], bigint[], smallint[], integer[], integer[], integer[], integer[], integer[], text);--> statement-breakpoint
-- Stores the points of a call, each once, whatever else is stored at the same time. `packed` has the bytes of all its
-- series as base64; the arrays have one element a series, and say what of them is whose (`src/metrics/chunk.ts`).
--
-- One function, because a session keeps the plans of what is in it: planned anew for each call, the same statements
-- cost several times what it takes to run them (docs/decisions/0005-points-as-bytes.md). Each statement in it sees what was
-- committed before it began: two calls with the same series take its lock in turn, and the later one sees what the
-- earlier one stored. Locks are taken in order of name, rank and attempt: in any other, writers with the same names in
-- different orders deadlock. A run that does not exist violates the foreign key of its first series.
--
-- `attempts` is null where all are attempt 0, as to the Worker of before. Which attempt of a series is the newest is
-- settled where series come into being, and nowhere else. Whoever makes one holds the key of the run until it is committed,
-- and whoever makes one of a later attempt waits for all who do and keeps others from it: so one of two sees the other
-- (docs/decisions/0015-attempts.md).
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
  starts integer[], packed text, attempts integer[] DEFAULT null,
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
  if attempts is null then
    attempts := array_fill(0, array[cardinality(names)]);
  elsif exists (
    select from unnest(names, ranks, attempts) as call (name, rank, attempt)
    where call.attempt > 0 and not exists (
      select from series
      where series.workspace_id = workspace and series.run_id = run and series.name = call.name
        and series.rank = call.rank and series.attempt = call.attempt
    )
  ) then
    perform from runs where workspace_id = workspace and id = run for update;
  end if;
  insert into series (workspace_id, run_id, name, rank, attempt)
    select workspace, run, call.name, call.rank, call.attempt
    from unnest(names, ranks, attempts) as call (name, rank, attempt)
    -- A look for each one: as an anti join it was planned as each name against each series of the run.
    where (
      select id from series
      where series.workspace_id = workspace and series.run_id = run and series.name = call.name
        and series.rank = call.rank and series.attempt = call.attempt
    ) is null
    order by call.name collate "C", call.rank, call.attempt
    on conflict (workspace_id, run_id, name, rank, attempt) do nothing;
  -- Looked for only where a call brings new ones.
  if found then
    if (select count(*) from series where series.workspace_id = workspace and series.run_id = run) > max_series then
      raise check_violation using constraint = 'series_limit';
    end if;
    if exists (select from series where series.workspace_id = workspace and series.run_id = run and series.attempt > 0) then
      perform from unnest(names, ranks) as call (name, rank)
      join series
        on series.workspace_id = workspace and series.run_id = run and series.name = call.name and series.rank = call.rank
      order by series.name collate "C", series.rank, series.attempt
      for no key update of series;
      update series set newest = not series.newest
      from unnest(names, ranks) as call (name, rank)
      where series.workspace_id = workspace and series.run_id = run and series.name = call.name and series.rank = call.rank
        and series.newest <> (series.attempt = (
          select max(other.attempt) from series as other
          where other.workspace_id = workspace and other.run_id = run and other.name = call.name and other.rank = call.rank
        ));
    end if;
  end if;
  select array_agg(id order by place), array_agg(coalesce(first_step > last_step, true) order by place)
  into ids, clear
  from (
    select series.id, series.last_step, call.first_step, call.place
    from unnest(names, ranks, attempts, first_steps) with ordinality as call (name, rank, attempt, first_step, place)
    join series
      on series.workspace_id = workspace and series.run_id = run and series.name = call.name
        and series.rank = call.rank and series.attempt = call.attempt
    order by call.name collate "C", call.rank, call.attempt
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
      select id, count, first_step, last_step, last_value, last_time,
        min_step, min_value, min_time, max_step, max_value, max_time
      from call where clear
      union all
      select latest.id, (select count(*) from fresh where fresh.id = latest.id),
        (select min(step) from fresh where fresh.id = latest.id),
        latest.step, latest.value, latest.time, lowest.step, lowest.value, lowest.time,
        highest.step, highest.value, highest.time
      from latest
      left join lowest on lowest.id = latest.id
      left join highest on highest.id = latest.id
    )
    select array_agg(id), array_agg(count), array_agg(first_step), array_agg(last_step), array_agg(last_value), array_agg(last_time),
      array_agg(min_step), array_agg(min_value), array_agg(min_time),
      array_agg(max_step), array_agg(max_value), array_agg(max_time)
    into ids, counts, first_steps, last_steps, last_values, last_times,
      min_steps, min_values, min_times, max_steps, max_values, max_times
    from gained;
  end if;
  with gained as (
    select * from unnest(
      ids, counts, first_steps, last_steps, last_values, last_times,
      min_steps, min_values, min_times, max_steps, max_values, max_times
    ) as part (
      id, count, first_step, last_step, last_value, last_time,
      min_step, min_value, min_time, max_step, max_value, max_time
    )
  ),
  summarized as (
    update series set
      calls = series.calls + 1,
      count = series.count + gained.count,
      cut_step = case when series.attempt > 0 then least(series.cut_step, gained.first_step) end,
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
CREATE VIEW "public"."metrics" AS (
  select series.run_id, series.name, point.step, double_of(point.bits) as value,
    to_timestamp(point.time / 1000.0) as timestamp, series.rank, series.workspace_id, series.attempt
  from series
  join chunks on chunks.series_id = series.id
  cross join lateral points_of(
    0, chunks.count, chunks.count, chunks.first_step, chunks.stride, chunks.steps,
    chunks.earliest, chunks.latest, chunks.time_stride, chunks.times, chunks.values
  ) as point);
