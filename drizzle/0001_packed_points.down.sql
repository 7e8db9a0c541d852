DROP VIEW "metrics";--> statement-breakpoint
ALTER TABLE "chunks" RENAME TO "chunks_0001";--> statement-breakpoint
ALTER TABLE "chunks_0001" RENAME CONSTRAINT "chunks_series_id_last_step_id_pk" TO "chunks_0001_pk";--> statement-breakpoint
ALTER SEQUENCE "chunks_id_seq" RENAME TO "chunks_0001_id_seq";--> statement-breakpoint
CREATE TABLE "chunks" (
	"series_id" bigint NOT NULL,
	"last_step" bigint NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "chunks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"first_step" bigint NOT NULL,
	"count" integer NOT NULL,
	"stride" bigint,
	"steps" bigint[],
	"values" double precision[] NOT NULL,
	"first_time" bigint NOT NULL,
	"time_stride" bigint,
	"times" integer[],
	CONSTRAINT "chunks_series_id_last_step_id_pk" PRIMARY KEY("series_id","last_step","id"),
	CONSTRAINT "chunks_steps_check" CHECK (num_nonnulls("chunks"."stride", "chunks"."steps") = 1),
	CONSTRAINT "chunks_times_check" CHECK (num_nonnulls("chunks"."time_stride", "chunks"."times") = 1)
);
--> statement-breakpoint
INSERT INTO "chunks" ("series_id", "last_step", "first_step", "count", "steps", "values", "first_time", "times")
SELECT chunk.series_id, max(point.step), min(point.step), count(*), array_agg(point.step ORDER BY point.place),
  array_agg(double_of(point.bits) ORDER BY point.place), part.earliest,
  array_agg((point.time - part.earliest)::integer ORDER BY point.place)
FROM "chunks_0001" AS chunk
CROSS JOIN LATERAL points_of(
  0, chunk.count, chunk.count, chunk.first_step, chunk.stride, chunk.steps,
  chunk.earliest, chunk.latest, chunk.time_stride, chunk.times, chunk.values
) WITH ORDINALITY AS point (step, bits, "time", place)
-- Distances in time have 32 bits there.
CROSS JOIN LATERAL (SELECT chunk.earliest + ((point.time - chunk.earliest) >> 31 << 31) AS earliest) AS part
GROUP BY chunk.series_id, chunk.last_step, chunk.id, part.earliest;--> statement-breakpoint
DROP TABLE "chunks_0001";--> statement-breakpoint
ALTER TABLE "chunks" ADD CONSTRAINT "chunks_series_id_series_id_fk" FOREIGN KEY ("series_id") REFERENCES "public"."series"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "series" DROP COLUMN "calls";--> statement-breakpoint
DROP FUNCTION replace_chunks, log_points, points_of, double_of, int_at;--> statement-breakpoint
CREATE VIEW "public"."metrics" AS (
  select series.run_id, series.name,
    coalesce(item.step, chunks.first_step + (item.place - 1) * chunks.stride) as step,
    item.value,
    to_timestamp((chunks.first_time + coalesce(item.time::bigint, (item.place - 1) * chunks.time_stride)) / 1000.0)
      as timestamp,
    series.rank
  from series
  join chunks on chunks.series_id = series.id
  cross join lateral unnest(chunks.steps, chunks.values, chunks.times)
    with ordinality as item (step, value, time, place));
