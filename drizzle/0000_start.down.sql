DROP VIEW "metrics";--> statement-breakpoint
DROP TABLE "chunks";--> statement-breakpoint
DROP TABLE "series";--> statement-breakpoint
DROP TABLE "runs";--> statement-breakpoint
DROP TABLE "experiments";
