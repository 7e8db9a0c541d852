-- What no drizzle-kit can see: the functions at the end, and how the points that are there become bytes.
DROP VIEW "public"."metrics";--> statement-breakpoint
ALTER TABLE "chunks" RENAME TO "chunks_0000";--> statement-breakpoint
ALTER TABLE "chunks_0000" RENAME CONSTRAINT "chunks_series_id_last_step_id_pk" TO "chunks_0000_pk";--> statement-breakpoint
ALTER SEQUENCE "chunks_id_seq" RENAME TO "chunks_0000_id_seq";--> statement-breakpoint
CREATE TABLE "chunks" (
	"series_id" bigint NOT NULL,
	"last_step" bigint NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "chunks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"first_step" bigint NOT NULL,
	"stride" bigint,
	"earliest" bigint NOT NULL,
	"latest" bigint NOT NULL,
	"time_stride" bigint,
	"arrived" bigint NOT NULL,
	"count" integer NOT NULL,
	"node_bits" smallint,
	"sealed" boolean NOT NULL,
	"steps" "bytea",
	"times" "bytea",
	"values" "bytea" NOT NULL,
	"summary" "bytea",
	"nodes" "bytea",
	CONSTRAINT "chunks_series_id_last_step_id_pk" PRIMARY KEY("series_id","last_step","id"),
	CONSTRAINT "chunks_steps_check" CHECK (num_nonnulls("chunks"."stride", "chunks"."steps") = 1),
	CONSTRAINT "chunks_times_check" CHECK (num_nonnulls("chunks"."time_stride", "chunks"."times") = 1)
);
--> statement-breakpoint
-- Doubles do not get smaller, but trying costs; and a part of what is not compressed can be read without the rest.
ALTER TABLE "chunks" ALTER COLUMN "steps" SET STORAGE EXTERNAL, ALTER COLUMN "times" SET STORAGE EXTERNAL,
  ALTER COLUMN "values" SET STORAGE EXTERNAL, ALTER COLUMN "nodes" SET STORAGE EXTERNAL;--> statement-breakpoint
ALTER TABLE "series" ADD COLUMN "calls" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
INSERT INTO "chunks"
  ("series_id", "last_step", "first_step", "stride", "earliest", "latest", "arrived", "count", "sealed", "steps", "times", "values")
SELECT old.series_id, old.last_step, old.first_step, old.stride, packed.earliest, packed.latest, 0, old.count, false,
  CASE WHEN old.stride IS NULL THEN packed.steps END, packed.times, packed.values
FROM "chunks_0000" AS old
CROSS JOIN LATERAL (
  SELECT string_agg(int8send(item.step), '' ORDER BY item.place) AS steps,
    string_agg(int8send(point.time), '' ORDER BY item.place) AS times,
    string_agg(float8send(item.value), '' ORDER BY item.place) AS values,
    min(point.time) AS earliest, max(point.time) AS latest
  FROM unnest(old.steps, old.values, old.times) WITH ORDINALITY AS item (step, value, time, place)
  CROSS JOIN LATERAL (
    SELECT old.first_time + coalesce(item.time::bigint, (item.place - 1) * old.time_stride) AS time
  ) AS point
) AS packed;--> statement-breakpoint
DROP TABLE "chunks_0000";--> statement-breakpoint
ALTER TABLE "chunks" ADD CONSTRAINT "chunks_series_id_series_id_fk" FOREIGN KEY ("series_id") REFERENCES "public"."series"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "chunks_waiting_idx" ON "chunks" USING btree ("series_id") WHERE not "chunks"."sealed";--> statement-breakpoint
-- The whole number that lies in `bytes` at a place: big-endian, in `width` bytes, unsigned where that is less than 8.
CREATE FUNCTION int_at(bytes bytea, width integer, place integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('x' || lpad(encode(substr(bytes, place * width + 1, width), 'hex'), 16, '0'))::bit(64)::bigint;
--> statement-breakpoint
-- The double that has these bits (IEEE 754, binary64). Every step of it is exact. In PL/pgSQL it takes 0.7 microseconds;
-- as a function in SQL, which nothing inlines because it reads its argument several times, it took ten.
CREATE FUNCTION double_of(bits bigint) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
declare
  sign constant double precision := case when bits < 0 then -1 else 1 end;
  exponent constant integer := (bits >> 52) & 2047;
  mantissa constant bigint := bits & 4503599627370495;
begin
  return case exponent
    when 2047 then case when mantissa <> 0 then 'NaN' when bits < 0 then '-Infinity' else 'Infinity' end::double precision
    when 0 then sign * mantissa * '4.9406564584124654e-324'::double precision
    else sign * (1 + mantissa / '4503599627370496'::double precision) * power('2'::double precision, exponent - 1023)
  end;
end
$$;
--> statement-breakpoint
-- The points of a chunk from place `low` up to, not including, place `high`.
CREATE FUNCTION points_of(
  low integer, high integer, count integer,
  first_step bigint, stride bigint, steps bytea,
  earliest bigint, latest bigint, time_stride bigint, times bytea, "values" bytea
) RETURNS TABLE (step bigint, bits bigint, "time" bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  select * from (select
    case
      when part.steps is null then first_step + (low + place) * stride
      when part.step_width = 8 then int_at(part.steps, 8, place)
      else first_step + int_at(part.steps, part.step_width, place)
    end as step,
    int_at(part.values, 8, place) as bits,
    case
      when part.times is null then
        case when time_stride < 0 then latest else earliest end + (low + place) * time_stride
      when part.time_width = 8 then int_at(part.times, 8, place)
      else earliest + int_at(part.times, part.time_width, place)
    end as "time"
  from (
    -- Cut out once: each look at a column that lies out of line would fetch it anew.
    select width.*,
      substr(steps, low * step_width + 1, (high - low) * step_width) as steps,
      substr(times, low * time_width + 1, (high - low) * time_width) as times,
      substr("values", low * 8 + 1, (high - low) * 8) as values
    from (select octet_length(steps) / count as step_width, octet_length(times) / count as time_width) as width
    offset 0
  ) as part
  cross join generate_series(0, high - low - 1) as place
  -- Worked out once, whatever a query that this is put into does with it.
  offset 0) as point
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
-- Puts new chunks in the place of old ones that hold the same points, series by series: of a series from which another
-- has taken a chunk in the meantime, or that is being deleted, nothing is touched. Waits for nobody, and nobody who
-- writes points waits for it. Gives the number of series it was done for.
CREATE FUNCTION replace_chunks(
  old_series bigint[], old_last_steps bigint[], old_ids bigint[],
  new_series bigint[], arrived bigint[], sealed boolean[], counts integer[],
  first_steps bigint[], last_steps bigint[], strides bigint[],
  earliests bigint[], latests bigint[], time_strides bigint[],
  node_bits smallint[], summary_counts integer[], node_counts integer[], step_widths integer[], time_widths integer[],
  starts integer[], packed text,
  OUT replaced bigint
)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
declare
  bytes constant bytea := decode(packed, 'base64');
begin
  with old as (
    select * from unnest(old_series, old_last_steps, old_ids) as old (series_id, last_step, id)
  ),
  -- A deletion takes the series first and its chunks then: so do we, or each would wait for the other.
  alive as materialized (
    select id from series where id = any (old_series) for key share skip locked
  ),
  going as materialized (
    select series_id, last_step, chunks.id
    from chunks
    join old using (series_id, last_step, id)
    where series_id in (select id from alive)
    for update of chunks skip locked
  ),
  whole as materialized (
    select series_id
    from old left join going using (series_id, last_step, id)
    group by series_id having count(*) = count(going.id)
  ),
  gone as (
    delete from chunks using going
    where going.series_id in (select series_id from whole)
      and chunks.series_id = going.series_id and chunks.last_step = going.last_step and chunks.id = going.id
  ),
  come as (
    insert into chunks (
      series_id, last_step, first_step, stride, earliest, latest, time_stride, arrived, count, node_bits, sealed,
      steps, times, values, summary, nodes
    )
    select series_id, last_step, first_step, stride, earliest, latest, time_stride, arrived, count, node_bits, sealed,
      nullif(substr(bytes, start, count * step_width), ''),
      nullif(substr(bytes, start + count * step_width, count * time_width), ''),
      substr(bytes, start + count * (step_width + time_width), count * 8),
      nullif(substr(bytes, start + count * (step_width + time_width + 8), summary_count * 128), ''),
      nullif(substr(bytes, start + count * (step_width + time_width + 8) + summary_count * 128, node_count * 128), '')
    from unnest(
      new_series, arrived, sealed, counts, last_steps, first_steps, strides, earliests, latests, time_strides,
      node_bits, summary_counts, node_counts, step_widths, time_widths, starts
    ) as part (
      series_id, arrived, sealed, count, last_step, first_step, stride, earliest, latest, time_stride,
      node_bits, summary_count, node_count, step_width, time_width, start
    )
    where series_id in (select series_id from whole)
  )
  select count(*) into replaced from whole;
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
