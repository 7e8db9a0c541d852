-- What no drizzle-kit can see: the trigger by which a series knows its experiment. Every row of "series" is written anew, and
-- until that is done nobody can log: a matter of seconds for a million of them.
CREATE TABLE "artifact_removals" (
	"prefix" text PRIMARY KEY NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "datasets" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "datasets_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"experiment_id" uuid NOT NULL,
	"name" varchar(500) NOT NULL,
	"digest" varchar(36) NOT NULL,
	"source_type" text NOT NULL,
	"source" text NOT NULL,
	"schema" text,
	"profile" text,
	CONSTRAINT "datasets_experiment_name_digest_key" UNIQUE("experiment_id","name","digest")
);
--> statement-breakpoint
CREATE TABLE "logged_model_metrics" (
	"model_id" uuid NOT NULL,
	"name" varchar(250) NOT NULL,
	"step" bigint NOT NULL,
	"value" double precision NOT NULL,
	"time" bigint NOT NULL,
	"run_id" uuid NOT NULL,
	"dataset_name" varchar(500),
	"dataset_digest" varchar(36),
	"id" bigint NOT NULL GENERATED ALWAYS AS IDENTITY (sequence name "logged_model_metrics_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "logged_model_metrics_key" UNIQUE NULLS NOT DISTINCT("model_id","name","step","time","run_id","value","dataset_name","dataset_digest")
);
--> statement-breakpoint
CREATE TABLE "logged_models" (
	"id" uuid PRIMARY KEY NOT NULL,
	"experiment_id" uuid NOT NULL,
	"name" varchar(500) NOT NULL,
	"source_run_id" varchar(256),
	"model_type" varchar(500),
	"status" varchar(20) DEFAULT 'PENDING' NOT NULL,
	"status_message" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	"artifact_location" text,
	"params" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"tags" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "logged_models_params_check" CHECK (coalesce(octet_length("logged_models"."params"::text), 0) <= 1048576),
	CONSTRAINT "logged_models_tags_check" CHECK (coalesce(octet_length("logged_models"."tags"::text), 0) <= 1048576)
);
--> statement-breakpoint
CREATE TABLE "model_versions" (
	"name" varchar(256) NOT NULL,
	"version" integer NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"description" text,
	"user_id" varchar(256),
	"stage" varchar(20) DEFAULT 'None' NOT NULL,
	"source" text,
	"storage_location" text,
	"run_id" varchar(256),
	"run_link" varchar(500),
	"model_id" varchar(256),
	"tags" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"creation_id" uuid NOT NULL,
	CONSTRAINT "model_versions_name_version_pk" PRIMARY KEY("name","version"),
	CONSTRAINT "model_versions_creation_id_unique" UNIQUE("creation_id"),
	CONSTRAINT "model_versions_size_check" CHECK (coalesce(octet_length("model_versions"."tags"::text), 0) + coalesce(octet_length("model_versions"."description"::text), 0) + coalesce(octet_length("model_versions"."source"::text), 0) <= 1048576)
);
--> statement-breakpoint
CREATE TABLE "registered_models" (
	"name" varchar(256) PRIMARY KEY NOT NULL,
	"description" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"tags" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"aliases" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"last_version" integer DEFAULT 0 NOT NULL,
	"creation_id" uuid NOT NULL,
	CONSTRAINT "registered_models_size_check" CHECK (coalesce(octet_length("registered_models"."tags"::text), 0) + coalesce(octet_length("registered_models"."aliases"::text), 0) + coalesce(octet_length("registered_models"."description"::text), 0) <= 1048576)
);
--> statement-breakpoint
CREATE TABLE "run_datasets" (
	"run_id" uuid NOT NULL,
	"dataset_id" bigint NOT NULL,
	"tags" jsonb DEFAULT '[]'::jsonb NOT NULL,
	CONSTRAINT "run_datasets_run_id_dataset_id_pk" PRIMARY KEY("run_id","dataset_id")
);
--> statement-breakpoint
CREATE TABLE "run_models" (
	"run_id" uuid NOT NULL,
	"role" varchar(10) NOT NULL,
	"model_id" varchar(256) NOT NULL,
	"step" bigint,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "run_models_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "run_models_run_id_role_model_id_pk" PRIMARY KEY("run_id","role","model_id")
);
--> statement-breakpoint
ALTER TABLE "experiments" ALTER COLUMN "name" SET DATA TYPE varchar(500);--> statement-breakpoint
ALTER TABLE "experiments" ADD COLUMN "updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "experiments" ADD COLUMN "deleted_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "experiments" ADD COLUMN "tags" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "experiments" ADD COLUMN "artifact_location" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "deleted_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "user_id" varchar(256);--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "artifact_uri" text;--> statement-breakpoint
ALTER TABLE "series" ADD COLUMN "experiment_id" uuid;--> statement-breakpoint
UPDATE "series" SET "experiment_id" = "runs"."experiment_id" FROM "runs" WHERE "runs"."id" = "series"."run_id";--> statement-breakpoint
ALTER TABLE "series" ALTER COLUMN "experiment_id" SET NOT NULL;--> statement-breakpoint
CREATE FUNCTION series_experiment() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  select experiment_id into new.experiment_id from runs where id = new.run_id;
  if not found then
    raise foreign_key_violation using constraint = 'series_run_id_runs_id_fk';
  end if;
  return new;
end
$$;
--> statement-breakpoint
CREATE TRIGGER series_experiment BEFORE INSERT ON "series" FOR EACH ROW EXECUTE FUNCTION series_experiment();--> statement-breakpoint
ALTER TABLE "datasets" ADD CONSTRAINT "datasets_experiment_id_experiments_id_fk" FOREIGN KEY ("experiment_id") REFERENCES "public"."experiments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "logged_model_metrics" ADD CONSTRAINT "logged_model_metrics_model_id_logged_models_id_fk" FOREIGN KEY ("model_id") REFERENCES "public"."logged_models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "logged_models" ADD CONSTRAINT "logged_models_experiment_id_experiments_id_fk" FOREIGN KEY ("experiment_id") REFERENCES "public"."experiments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_versions" ADD CONSTRAINT "model_versions_name_registered_models_name_fk" FOREIGN KEY ("name") REFERENCES "public"."registered_models"("name") ON DELETE cascade ON UPDATE cascade;--> statement-breakpoint
ALTER TABLE "run_datasets" ADD CONSTRAINT "run_datasets_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_datasets" ADD CONSTRAINT "run_datasets_dataset_id_datasets_id_fk" FOREIGN KEY ("dataset_id") REFERENCES "public"."datasets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_models" ADD CONSTRAINT "run_models_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "logged_models_experiment_idx" ON "logged_models" USING btree ("experiment_id","created_at","id");--> statement-breakpoint
CREATE INDEX "model_versions_stage_idx" ON "model_versions" USING btree ("name","stage","version");--> statement-breakpoint
CREATE INDEX "model_versions_run_idx" ON "model_versions" USING btree ("run_id");--> statement-breakpoint
CREATE INDEX "model_versions_updated_idx" ON "model_versions" USING btree ("updated_at");--> statement-breakpoint
CREATE INDEX "run_datasets_dataset_idx" ON "run_datasets" USING btree ("dataset_id");--> statement-breakpoint
CREATE INDEX "experiments_name_idx" ON "experiments" USING btree ("name");--> statement-breakpoint
CREATE INDEX "series_metric_idx" ON "series" USING btree ("experiment_id","name","last_value","run_id") WHERE "series"."rank" = 0;--> statement-breakpoint
ALTER TABLE "experiments" ADD CONSTRAINT "experiments_tags_check" CHECK (octet_length("experiments"."tags"::text) <= 1048576);
