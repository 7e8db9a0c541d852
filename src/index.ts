import { app } from './app.ts'
import { Database } from './db/database.ts'
import type { Env } from './env.ts'
import { sealAll } from './metrics/sealing.ts'

export default {
  fetch: app.fetch,
  scheduled: (_controller, env, ctx) => sealAll(new Database(env, (promise) => ctx.waitUntil(promise))),
} satisfies ExportedHandler<Env>
