/** A place for what may be wider or longer than it. */
import type { ComponentChildren } from 'preact'

export function Scrolls({ children }: { children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <div class="scrolls" tabIndex={0}>
      {children}
    </div>
  )
}
