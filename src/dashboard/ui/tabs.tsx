/** Tabs, of which one is shown; arrow keys go from one to the next. */
import { useEffect } from 'preact/hooks'

export interface Tab {
  name: string
  label: string
  count?: string | undefined
}

/** The tab's content is an element with the id `tab`, labelled by `tab-{name}`. */
export function Tabs({
  label,
  tabs,
  shown,
  show,
}: {
  label: string
  tabs: readonly Tab[]
  shown: string
  show: (name: string) => void
}) {
  // Where there is no room for all of them the one that is shown may be out of sight, also when another one comes.
  useEffect(() => {
    document.getElementById(`tab-${shown}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [shown, tabs.length])
  const press = (event: KeyboardEvent) => {
    const at = tabs.findIndex(({ name }) => name === shown)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key]
    const next = to === undefined ? undefined : tabs.at(to % tabs.length)
    if (!next) return
    event.preventDefault()
    show(next.name)
    document.getElementById(`tab-${next.name}`)?.focus()
  }
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={press}>
      {tabs.map(({ name, label, count }) => (
        <button
          type="button"
          key={name}
          role="tab"
          id={`tab-${name}`}
          aria-selected={name === shown}
          aria-controls="tab"
          tabIndex={name === shown ? 0 : -1}
          onClick={() => show(name)}
        >
          {label}
          {count !== undefined && <span class="faint number"> {count}</span>}
        </button>
      ))}
    </div>
  )
}
