/** The box that filters: with completion of names, operators and keywords, and faults explained under their place. */
import { useId, useRef, useState } from 'preact/hooks'
import { useSettled } from '../ui/parts.tsx'
import { completed, type Option, optionsFor, wantedAt } from './completion.ts'
import type { NamedKind } from './names.ts'
import type { Fault } from './search.ts'
import type { RunStore } from './store.ts'
import { useNames } from './use-names.ts'

interface FilterBoxProps {
  experiment: string
  store: RunStore
  text: string
  onText: (text: string) => void
  fault: Fault | undefined
  box: { current: HTMLInputElement | null }
}

/** How long names are not asked for while somebody types, in milliseconds. */
const PAUSE = 80

export function FilterBox({ experiment, store, text, onText, fault, box }: FilterBoxProps) {
  const list = useId()
  const [caret, place] = useState(0)
  const [scrolled, scroll] = useState(0)
  const [isOpen, open] = useState(false)
  const [at, setAt] = useState(-1)
  // Also for a key that comes before the next rendering.
  const latestAt = useRef(at)
  const mark = (place: number) => {
    latestAt.current = place
    setAt(place)
  }

  const wanted = wantedAt(text, Math.min(caret, text.length))
  const isField = wanted.what === 'field'
  const q = useSettled(isField ? wanted.key : '', PAUSE)
  const names = useNames(experiment, isField ? wanted.kind : undefined, q, isOpen && isField)
  const options = isOpen ? optionsFor(wanted, names, (kind, key) => valuesOf(store, kind, key)) : []
  const marked = options[at]

  const follow = () => {
    place(box.current?.selectionStart ?? 0)
    scroll(box.current?.scrollLeft ?? 0)
  }
  const put = (option: Option) => {
    const { text: now, caret } = completed(text, wanted, option)
    onText(now)
    mark(-1)
    place(caret)
    const input = box.current
    if (!input) return
    // At once, and not with the next rendering: what is typed next comes behind it.
    input.value = now
    input.focus()
    input.setSelectionRange(caret, caret)
    input.scrollLeft = input.scrollWidth
    follow()
  }
  const press = (event: KeyboardEvent) => {
    const { key } = event
    const at = latestAt.current
    const marked = options[at]
    if (key === 'ArrowDown' || key === 'ArrowUp') {
      if (!isOpen) open(true)
      else if (options.length > 0) {
        const step = key === 'ArrowDown' ? 1 : -1
        mark(at < 0 && step < 0 ? options.length - 1 : (at + step + options.length) % options.length)
      }
    } else if ((key === 'Enter' || key === 'Tab') && marked) put(marked)
    else if (key === 'Enter') open(false)
    else if (key === 'Escape' && isOpen) {
      open(false)
      mark(-1)
    } else if (key === 'Escape') box.current?.blur()
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  return (
    <div class="filter">
      <input
        ref={box}
        type="text"
        role="combobox"
        spellcheck={false}
        autocomplete="off"
        aria-label="Filter runs"
        aria-autocomplete="list"
        aria-expanded={options.length > 0}
        aria-controls={list}
        aria-activedescendant={marked && `${list}-${at}`}
        aria-invalid={fault !== undefined}
        aria-describedby={fault && `${list}-fault`}
        placeholder="Filter: metrics.loss < 0.5 AND params.lr = '0.1', or a part of a name"
        value={text}
        onInput={({ currentTarget }) => {
          onText(currentTarget.value)
          open(true)
          mark(-1)
          follow()
        }}
        onFocus={() => {
          open(true)
          follow()
        }}
        onBlur={() => open(false)}
        onScroll={follow}
        onClick={follow}
        onKeyUp={follow}
        onKeyDown={press}
      />
      <div class="drop">
        {fault && (
          <div class="fault" id={`${list}-fault`} role="alert">
            <div class="place" aria-hidden="true">
              <span style={{ transform: `translateX(${-scrolled}px)` }}>
                <span class="until">{text.slice(0, fault.at)}</span>
                <b>^</b>
              </span>
            </div>
            {fault.message}
            <span class="hidden">
              {fault.at < text.length ? ` At character ${fault.at + 1}.` : ' At its end.'}
            </span>
          </div>
        )}
        <div
          id={list}
          role="listbox"
          aria-label="What can follow"
          class="options"
          hidden={options.length === 0}
        >
          {options.map((option, i) => (
            // biome-ignore lint/a11y/useFocusableInteractive: the box has the focus, and says which is marked
            <div
              key={option.text}
              id={`${list}-${i}`}
              role="option"
              aria-selected={i === at}
              ref={i === at ? intoSight : null}
              // Before the box loses the focus.
              onPointerDown={(event) => {
                event.preventDefault()
                put(option)
              }}
            >
              <span>{option.label}</span>
              <span class="faint">{option.detail}</span>
            </div>
          ))}
        </div>
      </div>
    </div>
  )
}

const intoSight = (element: HTMLElement | null) => element?.scrollIntoView({ block: 'nearest' })

/** How many values are offered. */
const MOST_VALUES = 30

/** What known runs have for a field. */
function valuesOf(store: RunStore, kind: NamedKind | undefined, key: string): string[] {
  const values = new Set<string>()
  for (const run of store.all()) {
    const value =
      kind === 'params' || kind === 'tags' ? run[kind][key] : key === 'name' ? run.name : undefined
    if (value !== undefined && value !== null) values.add(String(value))
    if (values.size >= MOST_VALUES) break
  }
  return [...values].sort()
}
