import { app } from './app.ts'
import { Database } from './db/database.ts'
import type { Env } from './env.ts'
import { sealAll } from './metrics/sealing.ts'

export default {
  fetch: app.fetch,
  scheduled: ({ scheduledTime }, env, ctx) =>
    sealAll(new Database(env, (promise) => ctx.waitUntil(promise)), new Date(scheduledTime)),
} satisfies ExportedHandler<Env>
