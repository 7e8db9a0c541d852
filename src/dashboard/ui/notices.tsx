/** What the page has to say without being asked: something done, with a way to undo it, or long work and how far it is. */
import { signal } from '@preact/signals'

interface Notice {
  id: number
  text: string
  /** From 0 to 1, of long work. */
  progress?: number
  action?: { label: string; run: () => void }
  failed?: boolean
}

const notices = signal<readonly Notice[]>([])
let count = 0

/** How long a notice stays, in milliseconds. */
const STAY = 8_000

const without = (id: number) => notices.value.filter((notice) => notice.id !== id)

/** Says something for a while. */
export function say(text: string, options: Pick<Notice, 'action' | 'failed'> = {}): void {
  const id = ++count
  notices.value = [...notices.value, { id, text, ...options }]
  setTimeout(() => {
    notices.value = without(id)
  }, STAY)
}

/**
 * Does something to each of many things, a few at a time, and shows how far it is.
 *
 * @returns those that failed, with why
 */
export async function work<T>(
  text: string,
  things: readonly T[],
  action: (thing: T) => Promise<unknown>,
): Promise<{ thing: T; error: unknown }[]> {
  const id = ++count
  let done = 0
  const failures: { thing: T; error: unknown }[] = []
  const show = () => {
    notices.value = [
      ...without(id),
      { id, text: `${text}: ${done} of ${things.length}`, progress: done / things.length },
    ]
  }
  const rest = things[Symbol.iterator]()
  const worker = async () => {
    for (const thing of rest) {
      await action(thing).catch((error) => failures.push({ thing, error }))
      done++
      show()
    }
  }
  show()
  await Promise.all([worker(), worker(), worker(), worker()])
  notices.value = without(id)
  return failures
}

/** Where they appear; the page has one. */
export function Notices() {
  return (
    <div class="notices" role="status">
      {notices.value.map(({ id, text, progress, action, failed }) => (
        <div key={id} class={failed ? 'notice failed' : 'notice'}>
          <span>{text}</span>
          {progress !== undefined && <progress value={progress} aria-label={text} />}
          {action && (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                notices.value = without(id)
                action.run()
              }}
            >
              {action.label}
            </button>
          )}
        </div>
      ))}
    </div>
  )
}
