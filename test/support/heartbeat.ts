import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test'
import { expect } from 'vitest'
import type { Env } from '../../src/env.ts'
import worker from '../../src/index.ts'
import type { Tracker } from './tracker.ts'
import type { Experiment, Run } from './wire.ts'

/** Runs the cron jobs, as the platform does every minute. */
export async function cron(env: Env): Promise<void> {
  const ctx = createExecutionContext()
  await worker.scheduled(createScheduledController(), env, ctx)
  await waitOnExecutionContext(ctx)
}

/** Creates a run that is watched; gives its id. */
export async function newWatched(tracker: Tracker, heartbeat_timeout: number | null = 60): Promise<string> {
  const { body } = await tracker.post<Experiment>('/experiments', {
    name: 'x',
    owner: 'alice',
    run: { heartbeat_timeout },
  })
  return body.runs[0]?.id ?? ''
}

/** As if so many seconds had passed since the last sign of life of a run. */
export async function silence(tracker: Tracker, run: string, seconds: number): Promise<void> {
  await tracker.sql`update runs set alive_at = alive_at - ${seconds} * interval '1 s' where id = ${run}`
}

/** A run that was given up for dead. */
export async function newLost(tracker: Tracker): Promise<string> {
  const run = await newWatched(tracker)
  await silence(tracker, run, 1_000)
  await cron(tracker.env)
  expect(await outcome(tracker, run)).toEqual(LOST)
  return run
}

export const RUNNING = ['running', false, null]
export const LOST = ['failed', true, 'no sign of life for 60 s']
export const COMPLETED = ['completed', true, null]

/** What has become of a run: its status, whether it has an end, and the tracker's reason. */
export async function outcome(tracker: Tracker, run: string) {
  const { body } = await tracker.get<Run>(`/runs/${run}`)
  return [body.status, body.ended_at !== null, body.status_reason]
}
