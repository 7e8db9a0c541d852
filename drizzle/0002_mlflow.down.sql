-- What is in the trash comes back with it, for nothing tells it from the rest any more: delete it before if it is to go.
DROP TRIGGER series_experiment ON "series";--> statement-breakpoint
DROP FUNCTION series_experiment();--> statement-breakpoint
DROP INDEX "series_metric_idx";--> statement-breakpoint
DROP INDEX "experiments_name_idx";--> statement-breakpoint
ALTER TABLE "series" DROP COLUMN "experiment_id";--> statement-breakpoint
ALTER TABLE "runs" DROP COLUMN "artifact_uri";--> statement-breakpoint
ALTER TABLE "runs" DROP COLUMN "user_id";--> statement-breakpoint
ALTER TABLE "runs" DROP COLUMN "deleted_at";--> statement-breakpoint
ALTER TABLE "experiments" DROP CONSTRAINT "experiments_tags_check";--> statement-breakpoint
ALTER TABLE "experiments" DROP COLUMN "artifact_location";--> statement-breakpoint
ALTER TABLE "experiments" DROP COLUMN "tags";--> statement-breakpoint
ALTER TABLE "experiments" DROP COLUMN "deleted_at";--> statement-breakpoint
ALTER TABLE "experiments" DROP COLUMN "updated_at";--> statement-breakpoint
-- Longer names than there is room for again.
UPDATE "experiments" SET "name" = left("name", 100) WHERE char_length("name") > 100;--> statement-breakpoint
ALTER TABLE "experiments" ALTER COLUMN "name" SET DATA TYPE varchar(100);--> statement-breakpoint
DROP TABLE "artifact_removals";--> statement-breakpoint
DROP TABLE "run_models";--> statement-breakpoint
DROP TABLE "run_datasets";--> statement-breakpoint
DROP TABLE "datasets";--> statement-breakpoint
DROP TABLE "model_versions";--> statement-breakpoint
DROP TABLE "registered_models";--> statement-breakpoint
DROP TABLE "logged_model_metrics";--> statement-breakpoint
DROP TABLE "logged_models";
