import { sqlState } from '../db/errors.ts'

/** Writes one structured log line. Never give it a body, SQL, a key or a connection string. */
export function log(level: 'info' | 'error', line: Record<string, unknown>) {
  console[level](JSON.stringify({ level, ...line }))
}

/**
 * What the log may hold of a failure: its name, Postgres' code for it, and where it came up. Its message may quote what
 * people stored, and what led there is long and tells how the machine is set up.
 */
export function describeError(thrown: unknown): { error: string; sqlstate?: string; at?: string } {
  if (!(thrown instanceof Error)) return { error: typeof thrown }
  // What is told of it says less than what it came from.
  if (thrown.cause !== undefined) return describeError(thrown.cause)
  const sqlstate = sqlState(thrown)
  const [, at] = /\n\s+at (?:.*[/\\(])?([\w.-]+:\d+:\d+)\)?/.exec(thrown.stack ?? '') ?? []
  return {
    error: thrown.name,
    ...(sqlstate !== undefined && { sqlstate }),
    ...(at !== undefined && { at }),
  }
}
