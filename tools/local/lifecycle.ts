/**
 * The life of `npm start` and `npm run dev`: what is started is stopped in reverse order, whether a step fails, a
 * signal comes or something gives up. Asked to stop, by SIGINT, SIGTERM or SIGHUP, it ends with 0; a failure is one
 * sentence on stderr and 1.
 */
import { setInterval } from 'node:timers'
import { Sentence, systemCode } from './sentence.ts'

export interface Lifecycle {
  /** Takes what undoes a step. What came last is undone first. */
  onStop(undo: () => Promise<unknown> | unknown): void
  /** Tells the person at the terminal something. */
  say(line: string): void
  /** Ends everything because of an error. */
  fail(error: Error): void
  /** Aborted when it is time to stop, for steps that are still under way then. */
  readonly stopping: AbortSignal
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Signals that come so soon after each other are one, in milliseconds. */
const SAME_SIGNAL = 500

/** How often to look whether npm is still there, in milliseconds. */
const PARENT_INTERVAL = 200

/** Runs `start` and stays until it is asked to stop. A second signal ends at once. */
export async function live(start: (lifecycle: Lifecycle) => Promise<void>): Promise<void> {
  const undos: (() => Promise<unknown> | unknown)[] = []
  const stopping = new AbortController()
  let failed: Error | undefined
  let stop: () => void = () => {}
  let since = 0
  const asked = new Promise<void>((resolve) => {
    stop = () => {
      if (stopping.signal.aborted) {
        // Ctrl-C comes twice where npm passes on what the terminal has sent to all.
        if (Date.now() - since < SAME_SIGNAL) return
        // What is left then, exit hooks end.
        process.exit(1)
      }
      since = Date.now()
      stopping.abort()
      resolve()
    }
  })
  for (const signal of SIGNALS) process.on(signal, stop)
  const watch = watchNpm(() => stopping.signal.aborted || stop())

  const lifecycle: Lifecycle = {
    onStop: (undo) => {
      undos.push(undo)
      // A step that was under way when the signal came is not followed by another one.
      if (stopping.signal.aborted) throw new Sentence('Stopped while starting.')
    },
    say: (line) => console.error(line),
    fail: (error) => {
      failed ??= error
      if (!stopping.signal.aborted) stop()
    },
    stopping: stopping.signal,
  }
  try {
    await start(lifecycle)
    await asked
  } catch (error) {
    if (!stopping.signal.aborted) failed ??= error instanceof Error ? error : new Error(String(error))
  }
  stopping.abort()
  clearInterval(watch)
  // A step that is still under way adds its own.
  for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
    try {
      await undo()
    } catch (error) {
      failed ??= error instanceof Error ? error : new Error(String(error))
    }
  }
  if (failed) console.error(explain(failed))
  process.exit(failed ? 1 : 0)
}

/** What to print of a failure: no stack, as the person at the terminal has not written this. */
function explain(error: Error): string {
  if (error instanceof Sentence) return error.message
  const file: unknown = Reflect.get(error, 'path')
  const code = systemCode(error)
  if (code === 'EACCES' || code === 'EPERM') {
    return `${file ?? 'Something'} belongs to another user: start Edgerun as that user, or choose another folder with EDGERUN_DATA.`
  }
  if (code === 'ENOSPC') return 'The disk is full: make room, and start Edgerun again.'
  return `Edgerun ended: ${error.message}`
}

/**
 * npm runs us through a shell, and passes a signal on to that shell alone. A shell that does not hand it on ends, and
 * all that we see of it is another parent.
 */
function watchNpm(gone: () => void): NodeJS.Timeout | undefined {
  if (process.env.npm_lifecycle_event === undefined) return undefined
  const parent = process.ppid
  return setInterval(() => {
    if (process.ppid !== parent) gone()
  }, PARENT_INTERVAL)
}
