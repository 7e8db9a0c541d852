/** A button that opens a panel under it, which is not modal: Escape, or whatever is done elsewhere, closes it. */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { onEscape } from '../ui/parts.tsx'

export function Popover({
  label,
  isPressed = false,
  children,
}: {
  label: string
  isPressed?: boolean
  children: (close: () => void) => ComponentChildren
}) {
  const id = useId()
  const [isOpen, open] = useState(false)
  const whole = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (!isOpen) return
    const elsewhere = ({ target }: Event) => {
      // What was clicked may have gone by it.
      if (target instanceof Node && target.isConnected && !whole.current?.contains(target)) open(false)
    }
    document.addEventListener('pointerdown', elsewhere)
    document.addEventListener('focusin', elsewhere)
    return () => {
      document.removeEventListener('pointerdown', elsewhere)
      document.removeEventListener('focusin', elsewhere)
    }
  }, [isOpen])
  const close = () => {
    open(false)
    button.current?.focus()
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape is heard from all that is in it
    <div class="popover" ref={whole} onKeyDown={onEscape(close)}>
      <button
        ref={button}
        type="button"
        aria-expanded={isOpen}
        aria-controls={id}
        class={isPressed ? 'pressed' : ''}
        onClick={() => open(!isOpen)}
      >
        {label}
      </button>
      {isOpen && (
        <section id={id} class="panel" aria-label={label}>
          {children(close)}
        </section>
      )}
    </div>
  )
}
