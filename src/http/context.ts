import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { RequestIdVariables } from 'hono/request-id'
import type { Database } from '../db/database.ts'
import type { Env } from '../env.ts'
import { invalid, TrackerError } from '../errors.ts'
import type { Access } from '../keys/access.ts'
import type { Limits } from '../limits.ts'
import { findingsOf } from './problem.ts'

/** What every handler finds on its context. */
export interface AppEnv {
  Bindings: Env
  Variables: RequestIdVariables & {
    db: Database
    access: Access
    limits: Limits
    /** Settles when an answer that goes on after its handler has ended. */
    finished?: Promise<void>
  }
}

export type AppContext = Context<AppEnv>

/** A router of one resource. What does not validate is refused with all findings; a bad id in a path is not found. */
export const router = () =>
  new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return
      const findings = findingsOf(result.error)
      if (result.target === 'param') throw new TrackerError('not_found', findings[0]?.message ?? 'Not found')
      throw invalid(findings)
    },
  })
