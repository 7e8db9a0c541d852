/** Which columns there are: found by name, put into order by drag or by key, pinned, and left out again. */
import { useRef, useState } from 'preact/hooks'
import { focused } from '../ui/parts.tsx'
import { ATTRIBUTE_KEYS, arranged, type Column, column, labelOf, moved, pinned, without } from './columns.ts'
import { NameList } from './name-list.tsx'
import { type Aggregate, fieldText, type NamedKind } from './names.ts'
import { Popover } from './popover.tsx'

interface ColumnsPanelProps {
  experiment: string
  columns: readonly Column[]
  onColumns: (columns: Column[]) => void
  /** Goes back to the usual ones, where others are shown. */
  reset: (() => void) | undefined
}

type Tab = NamedKind | 'run'

const TABS: Record<Tab, string> = { metrics: 'Metrics', params: 'Params', tags: 'Tags', run: 'Run' }
const AGGREGATES: readonly Aggregate[] = ['last', 'min', 'max']

export function ColumnsPanel(props: ColumnsPanelProps) {
  return <Popover label="Columns">{() => <Chooser {...props} />}</Popover>
}

function Chooser({ experiment, columns, onColumns, reset }: ColumnsPanelProps) {
  const [tab, turn] = useState<Tab>('metrics')
  const [q, search] = useState('')
  const ids = new Set(columns.map(({ id }) => id))
  const toggle = (id: string) =>
    onColumns(ids.has(id) ? without(columns, id) : arranged([...columns, column(id)]))
  const box = (id: string, label: string) => (
    <label key={id} class="choice">
      <input type="checkbox" aria-label={id} checked={ids.has(id)} onChange={() => toggle(id)} />
      <span title={label}>{label}</span>
    </label>
  )
  return (
    <div class="chooser">
      <div>
        <input
          type="search"
          aria-label="Search columns"
          placeholder="Search names"
          value={q}
          ref={focused}
          onInput={({ currentTarget }) => search(currentTarget.value)}
        />
        <div class="tabs" role="tablist" aria-label="Kind of column">
          {Object.entries(TABS).map(([one, label]) => (
            <button
              type="button"
              key={one}
              role="tab"
              aria-selected={one === tab}
              onClick={() => turn(one as Tab)}
            >
              {label}
            </button>
          ))}
        </div>
        {tab === 'run' ? (
          <div class="names few">
            {ATTRIBUTE_KEYS.filter(
              (key) => key !== 'name' && labelOf(column(key)).toLowerCase().includes(q.trim().toLowerCase()),
            ).map((key) => box(key, labelOf(column(key))))}
          </div>
        ) : (
          <NameList experiment={experiment} kind={tab} q={q}>
            {(name) =>
              tab === 'metrics' ? (
                <div class="choice">
                  <span title={name}>{name}</span>
                  {AGGREGATES.map((of) => {
                    const id = fieldText({ kind: tab, key: name, of })
                    return (
                      <button
                        type="button"
                        key={of}
                        aria-pressed={ids.has(id)}
                        aria-label={`${of} of ${name}`}
                        onClick={() => toggle(id)}
                      >
                        {of}
                      </button>
                    )
                  })}
                </div>
              ) : (
                box(fieldText({ kind: tab, key: name, of: 'last' }), name)
              )
            }
          </NameList>
        )}
      </div>
      <div>
        <div class="row">
          <h2>Shown</h2>
          {reset && (
            <button type="button" class="quiet" onClick={reset}>
              Back to the usual ones
            </button>
          )}
        </div>
        <Shown columns={columns} onColumns={onColumns} />
      </div>
    </div>
  )
}

/** Those that are shown, in their order. */
function Shown({
  columns,
  onColumns,
}: {
  columns: readonly Column[]
  onColumns: (columns: Column[]) => void
}) {
  const [target, aim] = useState<string>()
  const list = useRef<HTMLOListElement>(null)
  const press = (id: string, event: KeyboardEvent) => {
    const at = columns.findIndex((one) => one.id === id)
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    if (event.altKey) onColumns(moved(columns, id, at + step))
    else list.current?.querySelectorAll<HTMLButtonElement>('.mover')[at - 1 + step]?.focus()
  }
  return (
    <ol class="names few" ref={list}>
      {columns.slice(1).map(({ id, isPinned }) => (
        <li
          key={id}
          class={target === id ? 'choice target' : 'choice'}
          draggable
          onDragStart={(event) => event.dataTransfer?.setData('text/plain', id)}
          onDragOver={(event) => {
            event.preventDefault()
            aim(id)
          }}
          onDrop={(event) => {
            event.preventDefault()
            aim(undefined)
            const dragged = event.dataTransfer?.getData('text/plain')
            if (dragged)
              onColumns(
                moved(
                  columns,
                  dragged,
                  columns.findIndex((one) => one.id === id),
                ),
              )
          }}
        >
          <button
            type="button"
            class="mover quiet"
            title="Drag, or alt+arrows: move"
            aria-label={`${id}: alt and arrows move it`}
            onKeyDown={(event) => press(id, event)}
          >
            <span title={id}>{id}</span>
          </button>
          <button
            type="button"
            aria-pressed={isPinned}
            aria-label={`Pin ${id}`}
            onClick={() => onColumns(pinned(columns, id, !isPinned))}
          >
            pin
          </button>
          <button
            type="button"
            class="quiet"
            aria-label={`Leave out ${id}`}
            onClick={() => onColumns(without(columns, id))}
          >
            ×
          </button>
        </li>
      ))}
    </ol>
  )
}
