/** What the Worker is given: secrets and variables of `wrangler.toml`, or of the local tools. */
export interface Env {
  /** Postgres connection string, `postgres://user:password@host/database`. A secret, unset before its first deploy. */
  DATABASE_URL?: string
  /**
   * `http://host:port` of a gateway that speaks Neon's HTTP and WebSocket protocols for a Postgres that is not
   * Neon's. Unset in production, where the driver derives Neon's endpoints from `DATABASE_URL`.
   */
  DATABASE_GATEWAY?: string
  /** The store of artifacts. */
  ARTIFACTS?: R2Bucket
}
