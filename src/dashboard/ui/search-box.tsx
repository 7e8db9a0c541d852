/** A box in which a view is searched, and the key that leads to it. */
import { useMemo, useRef } from 'preact/hooks'
import { useShortcuts } from './shortcuts.tsx'

/** @param what what the key does, in the list of keys */
export function SearchBox({
  label,
  placeholder = label,
  value,
  onSearch,
  shortcut = '/',
  what,
}: {
  label: string
  placeholder?: string
  value: string
  onSearch: (text: string) => void
  shortcut?: string
  what: string
}) {
  const box = useRef<HTMLInputElement>(null)
  useShortcuts(useMemo(() => [{ key: shortcut, what, run: () => box.current?.focus() }], [shortcut, what]))
  return (
    <input
      ref={box}
      type="search"
      aria-label={label}
      placeholder={placeholder}
      value={value}
      onInput={({ currentTarget }) => onSearch(currentTarget.value)}
    />
  )
}
