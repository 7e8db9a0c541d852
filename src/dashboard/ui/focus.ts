/** Where the focus is when something that is edited comes and goes: who uses the keyboard goes on from there. */
import { useLayoutEffect, useRef } from 'preact/hooks'

/** As `ref` of the button that opens something in its own place: it has the focus again when that is closed. */
export function useFocusBack(isOpen: boolean) {
  const opener = useRef<HTMLButtonElement>(null)
  const was = useRef(isOpen)
  useLayoutEffect(() => {
    if (was.current && !isOpen) opener.current?.focus()
    was.current = isOpen
  }, [isOpen])
  return opener
}
