/** Which columns there are: found by name, put into order by drag or by key, pinned, and left out again. */
import { useRef, useState } from 'preact/hooks'
import { ATTRIBUTE_KEYS, arranged, type Column, column, labelOf, moved, pinned, without } from './columns.ts'
import { draggedBy } from './dragging.ts'
import { Finder } from './finder.tsx'
import { type Aggregate, fieldText, type NamedKind } from './names.ts'
import { Popover } from './popover.tsx'

interface ColumnsPanelProps {
  experiment: string
  columns: readonly Column[]
  onColumns: (columns: Column[]) => void
  /** Goes back to the usual ones, where others are shown. */
  reset: (() => void) | undefined
}

const KINDS: readonly NamedKind[] = ['metrics', 'params', 'tags']
/** The name is always there. */
const CHOSEN_FROM = ATTRIBUTE_KEYS.filter((key) => key !== 'name')
const AGGREGATES: readonly Aggregate[] = ['last', 'min', 'max']

export function ColumnsPanel(props: ColumnsPanelProps) {
  return <Popover label="Columns">{() => <Chooser {...props} />}</Popover>
}

function Chooser({ experiment, columns, onColumns, reset }: ColumnsPanelProps) {
  const ids = new Set(columns.map(({ id }) => id))
  const toggle = (id: string) =>
    onColumns(ids.has(id) ? without(columns, id) : arranged([...columns, column(id)]))
  return (
    <div class="chooser">
      <Finder experiment={experiment} label="Search columns" kinds={KINDS} attributes={CHOSEN_FROM}>
        {(field) => {
          const id = fieldText(field)
          const label = labelOf(field)
          if (field.kind !== 'metrics') {
            return (
              <label key={id} class="choice">
                <input type="checkbox" aria-label={id} checked={ids.has(id)} onChange={() => toggle(id)} />
                <span title={label}>{label}</span>
              </label>
            )
          }
          return (
            <div class="choice">
              <span title={label}>{label}</span>
              {AGGREGATES.map((of) => {
                const id = fieldText({ ...field, of })
                return (
                  <button
                    type="button"
                    key={of}
                    aria-pressed={ids.has(id)}
                    aria-label={`${of} of ${label}`}
                    onClick={() => toggle(id)}
                  >
                    {of}
                  </button>
                )
              })}
            </div>
          )
        }}
      </Finder>
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
          {...draggedBy(id, columns, onColumns, aim)}
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
