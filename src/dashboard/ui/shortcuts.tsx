/** Keys that do something wherever the reader is not typing. */
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

interface Shortcut {
  key: string
  what: string
  run: (event: KeyboardEvent) => void
}

const shortcuts = signal<readonly Shortcut[]>([])
const helping = signal(false)

/** Gives keys a meaning as long as a view is there. */
export function useShortcuts(mine: readonly Shortcut[]): void {
  useEffect(() => {
    shortcuts.value = [...shortcuts.value, ...mine]
    return () => {
      shortcuts.value = shortcuts.value.filter((one) => !mine.includes(one))
    }
  }, [mine])
}

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLInputElement
    ? !/^(checkbox|radio|range|button|submit)$/.test(target.type)
    : target instanceof HTMLElement &&
      (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName))

/** The list of them, which `?` shows; the page has one. */
export function Shortcuts() {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape') helping.value = false
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      if (event.key === '?') {
        helping.value = !helping.value
        return
      }
      const found = shortcuts.value.findLast(({ key }) => key === event.key)
      if (!found) return
      event.preventDefault()
      found.run(event)
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [])
  if (!helping.value) return null
  return (
    <aside class="shortcuts" aria-label="Keyboard">
      <dl>
        {[...shortcuts.value, { key: '?', what: 'this list' }].map(({ key, what }) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </aside>
  )
}
