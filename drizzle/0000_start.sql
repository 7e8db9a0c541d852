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
CREATE TABLE "experiments" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" varchar(100) NOT NULL,
	"owner" varchar(50) NOT NULL,
	"description" text,
	"status" varchar(20) DEFAULT 'created' NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"creation_hash" varchar(64) NOT NULL,
	CONSTRAINT "experiments_status_check" CHECK ("experiments"."status" in ('created', 'running', 'completed', 'failed'))
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"experiment_id" uuid NOT NULL,
	"parent_run_id" uuid,
	"name" varchar(250),
	"status" varchar(20) DEFAULT 'running' NOT NULL,
	"seed" bigint,
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"params" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"tags" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"creation_hash" varchar(64) NOT NULL,
	CONSTRAINT "runs_status_check" CHECK ("runs"."status" in ('running', 'completed', 'failed', 'killed', 'scheduled')),
	CONSTRAINT "runs_ended_at_check" CHECK (("runs"."status" in ('running', 'scheduled')) = ("runs"."ended_at" is null)),
	CONSTRAINT "runs_parent_check" CHECK ("runs"."parent_run_id" <> "runs"."id")
);
--> statement-breakpoint
CREATE TABLE "series" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "series_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"run_id" uuid NOT NULL,
	"name" varchar(250) NOT NULL,
	"rank" integer DEFAULT 0 NOT NULL,
	"count" bigint DEFAULT 0 NOT NULL,
	"last_step" bigint,
	"last_value" double precision,
	"last_time" bigint,
	"min_step" bigint,
	"min_value" double precision,
	"min_time" bigint,
	"max_step" bigint,
	"max_value" double precision,
	"max_time" bigint,
	CONSTRAINT "series_run_name_rank_key" UNIQUE("run_id","name","rank")
);
--> statement-breakpoint
ALTER TABLE "chunks" ADD CONSTRAINT "chunks_series_id_series_id_fk" FOREIGN KEY ("series_id") REFERENCES "public"."series"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_experiment_id_experiments_id_fk" FOREIGN KEY ("experiment_id") REFERENCES "public"."experiments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_parent_run_id_runs_id_fk" FOREIGN KEY ("parent_run_id") REFERENCES "public"."runs"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "series" ADD CONSTRAINT "series_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "experiments_created_at_idx" ON "experiments" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "experiments_owner_idx" ON "experiments" USING btree ("owner","created_at","id");--> statement-breakpoint
CREATE INDEX "experiments_status_idx" ON "experiments" USING btree ("status","created_at","id");--> statement-breakpoint
CREATE INDEX "runs_experiment_idx" ON "runs" USING btree ("experiment_id","started_at","id");--> statement-breakpoint
CREATE INDEX "runs_experiment_status_idx" ON "runs" USING btree ("experiment_id","status","started_at","id");--> statement-breakpoint
CREATE INDEX "runs_parent_idx" ON "runs" USING btree ("parent_run_id") WHERE "runs"."parent_run_id" is not null;--> statement-breakpoint
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