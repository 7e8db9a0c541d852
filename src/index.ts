import { app } from './app.ts'
import { removeDue } from './artifacts/removal.ts'
import { Database } from './db/database.ts'
import type { Env } from './env.ts'
import { describeError, log } from './http/log.ts'
import { pageFor } from './http/page.ts'
import { removeEndedSessions } from './keys/sessions.ts'
import { sealAll } from './metrics/sealing.ts'
import { failSilent } from './runs/heartbeat.ts'

/** What is done every minute, by the name under which the log has it. */
const SCHEDULED: Record<string, (db: Database, env: Env, due: Date) => Promise<unknown>> = {
  'silent runs': (db) => failSilent(db),
  sealing: (db, _, due) => sealAll(db, due),
  'artifact removal': (db, env) => removeDue(db, env),
  'ended sessions': (db) => removeEndedSessions(db),
}

export default {
  fetch: (request, env, ctx) => pageFor(request, env) ?? app.fetch(request, env, ctx),
  async scheduled({ scheduledTime }, env, ctx) {
    const db = new Database(env, (promise) => ctx.waitUntil(promise))
    const failed: string[] = []
    for (const [event, work] of Object.entries(SCHEDULED)) {
      try {
        await work(db, env, new Date(scheduledTime))
      } catch (error) {
        log('error', { event, ...describeError(error) })
        failed.push(event)
      }
    }
    // So that the run counts as failed. What it says goes into logs that are not ours.
    if (failed.length > 0) throw new Error(`Failed: ${failed.join(', ')}`)
  },
} satisfies ExportedHandler<Env>
