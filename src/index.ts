import { app } from './app.ts'
import { removeDue } from './artifacts/removal.ts'
import { Database } from './db/database.ts'
import type { Env } from './env.ts'
import { sealAll } from './metrics/sealing.ts'

export default {
  fetch: app.fetch,
  async scheduled({ scheduledTime }, env, ctx) {
    const db = new Database(env, (promise) => ctx.waitUntil(promise))
    try {
      await sealAll(db, new Date(scheduledTime))
    } finally {
      await removeDue(db, env)
    }
  },
} satisfies ExportedHandler<Env>
