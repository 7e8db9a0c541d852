import { createExecutionContext } from 'cloudflare:test'
import { sql } from 'drizzle-orm'
import { Database } from '../../src/db/database.ts'
import type { Env } from '../../src/env.ts'

/** A database for somebody who was let in to the first workspace. */
export function openDatabase(env: Env): Database {
  const ctx = createExecutionContext()
  const db = new Database(env, (promise) => ctx.waitUntil(promise))
  db.guard = { workspace: sql`1::int`, actor: 'test', entry: () => undefined, admitted() {}, refused() {} }
  return db
}
