/** A clock for the cron triggers of `wrangler.toml`: Cloudflare has one, workerd and `wrangler dev` have none. */
import type { Lifecycle } from './lifecycle.ts'

/** The one schedule that we keep, and so the only one that may be written: another would differ from production. */
export const EVERY_MINUTE = '* * * * *'

/**
 * Calls `run` each time the clock shows a multiple of so many seconds, until it is time to stop. A time that comes
 * while it still runs is passed over. A run that fails is told, and the next one comes all the same.
 *
 * @param crons nothing happens when there are none
 * @param seconds 60 as Cloudflare does it
 * @param run is given the time at which it was due
 * @throws Error when a schedule is not one that we keep
 */
export function startClock(
  crons: string[],
  seconds: number,
  run: (due: Date) => Promise<void>,
  lifecycle: Pick<Lifecycle, 'onStop' | 'say'>,
): void {
  for (const cron of crons) {
    if (cron !== EVERY_MINUTE) throw new Error(`tools/local/cron.ts does not do the schedule ${cron} yet`)
  }
  if (crons.length === 0) return
  const period = seconds * 1_000
  let stopped = false
  let timer: NodeJS.Timeout

  const wait = (last: number) => {
    // A timer may fire a moment early, and that must not make the same time come twice.
    const due = Math.max(last, Math.floor(Date.now() / period) * period) + period
    timer = setTimeout(() => void tick(due), due - Date.now())
  }
  const tick = async (due: number) => {
    try {
      await run(new Date(due))
    } catch (error) {
      // What still runs at the end is cut, as a call is.
      if (!stopped) lifecycle.say(`The cron run failed: ${error instanceof Error ? error.message : error}`)
    }
    if (!stopped) wait(due)
  }

  wait(0)
  lifecycle.onStop(() => {
    stopped = true
    clearTimeout(timer)
  })
}
