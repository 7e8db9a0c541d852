/** What the Worker is given: secrets and variables of `wrangler.toml`, or of the local tools. */
export interface Env {
  /** Postgres connection string, `postgres://user:password@host/database`. A secret, unset before its first deploy. */
  DATABASE_URL?: string
  /**
   * `http://host:port` of a gateway that speaks Neon's HTTP and WebSocket protocols for a Postgres that is not
   * Neon's. Unset in production, where the driver derives Neon's endpoints from `DATABASE_URL`.
   */
  DATABASE_GATEWAY?: string
  /** `open` lets everybody in without a key. Only the local tools say so, for a tracker that this machine alone can reach. */
  ACCESS?: string
  /** With it the first keys are made, and workspaces. A secret of 20 characters or more; without one none can be made. */
  BOOTSTRAP_SECRET?: string
  /** Names by which the tracker is called, with commas between; where keys are needed and it is unset, any. */
  HOSTS?: string
  /** Origins whose pages may call it, with commas between, as in `https://app.example.com`. */
  ALLOWED_ORIGINS?: string
  /** Counts the requests of each key; where it is not bound there is no limit. See docs/limits.md. */
  KEY_RATE?: RateLimit
  /** The store of artifacts. */
  ARTIFACTS?: R2Bucket
  /** The static files: the page. */
  ASSETS?: Fetcher
}
