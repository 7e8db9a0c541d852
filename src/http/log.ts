/** Writes one structured log line. Never give it a body, SQL, a key or a connection string. */
export function log(level: 'info' | 'error', line: Record<string, unknown>) {
  console[level](JSON.stringify({ level, ...line }))
}
