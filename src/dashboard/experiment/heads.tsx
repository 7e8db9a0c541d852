/** The heads of the columns: a click sorts, a drag moves, the right edge resizes; all of it by keyboard too. */
import { useState } from 'preact/hooks'
import { type Column, isNumeric, labelOf, moved, pinned, resized, sorts } from './columns.ts'
import { draggedBy } from './dragging.ts'
import { HEADS, headOf, ROOM } from './roles.ts'
import { type Drawn, leftOf } from './row.tsx'
import { clicked, type SortKey } from './sorting.ts'

/** How much a key makes a column wider, in pixels. */
const BY_KEY = 16

interface HeadsProps {
  columns: readonly Column[]
  drawn: Drawn
  sort: readonly SortKey[]
  onSort: (keys: SortKey[]) => void
  /** `isPassing` while it is being dragged. */
  onColumns: (columns: Column[], isPassing?: boolean) => void
}

const HELP =
  'Click: sort, with shift by this too. Drag or alt+arrows: move. Shift+arrows: resize. P: pin, so that it stays in sight.'

export function Heads({ columns, drawn, ...rest }: HeadsProps) {
  const [target, aim] = useState<string>()
  const head = (column: Column, index: number, left?: number) => (
    <Head
      key={column.id}
      column={column}
      index={index}
      left={left}
      isTarget={target === column.id}
      aim={aim}
      columns={columns}
      {...rest}
    />
  )
  return (
    <div {...HEADS} class="heads">
      {drawn.pinned.map((column, i) => head(column, i, leftOf(drawn.pinned, i)))}
      <div {...ROOM} style={{ width: drawn.gap, flex: 'none' }} />
      {drawn.others.map((column, i) => head(column, drawn.pinned.length + drawn.first + i))}
    </div>
  )
}

interface HeadProps extends Omit<HeadsProps, 'drawn'> {
  column: Column
  index: number
  left: number | undefined
  isTarget: boolean
  aim: (id: string | undefined) => void
}

function Head({ column, index, left, isTarget, aim, columns, sort, onSort, onColumns }: HeadProps) {
  const { id, width, isPinned } = column
  const place = sort.findIndex((key) => key.id === id)
  const direction = place < 0 ? undefined : sort[place]?.isDescending ? 'descending' : 'ascending'
  const label = labelOf(column)
  const isFixed = id === 'name'

  const press = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (step !== undefined && event.altKey && !isFixed) {
      onColumns(moved(columns, id, columns.findIndex((one) => one.id === id) + step))
    } else if (step !== undefined && event.shiftKey) onColumns(resized(columns, id, width + step * BY_KEY))
    else if (event.key === 'p' && !isFixed) onColumns(pinned(columns, id, !isPinned))
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const drag = (event: PointerEvent) => {
    if (!(event.currentTarget instanceof HTMLElement)) return
    event.preventDefault()
    const handle = event.currentTarget
    handle.setPointerCapture(event.pointerId)
    const from = event.clientX
    const to = ({ clientX }: PointerEvent) => resized(columns, id, width + clientX - from)
    const move = (event: PointerEvent) => onColumns(to(event), true)
    const end = (event: PointerEvent) => {
      handle.removeEventListener('pointermove', move)
      onColumns(to(event))
    }
    handle.addEventListener('pointermove', move)
    handle.addEventListener('pointerup', end, { once: true })
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: what it is says `roles.ts`
    <div
      {...headOf(index, direction ?? (sorts(column) ? 'none' : undefined))}
      class={`cell ${isNumeric(column) ? 'numeric' : ''} ${left === undefined ? '' : 'pinned'} ${isTarget ? 'target' : ''}`}
      style={{ width, ...(left !== undefined && { left }) }}
      draggable={!isFixed}
      {...draggedBy(id, columns, onColumns, aim)}
      onDragLeave={() => aim(undefined)}
    >
      <button
        type="button"
        class="head"
        title={`${id}\n${HELP}`}
        aria-disabled={!sorts(column)}
        onKeyDown={press}
        onClick={(event) => sorts(column) && onSort(clicked(sort, id, event.shiftKey))}
      >
        {isPinned && !isFixed && (
          <span class="pin" role="img" aria-label="pinned">
            ▪
          </span>
        )}
        <span class="label">{label}</span>
        {direction && (
          <span aria-hidden="true">
            {direction === 'ascending' ? '↑' : '↓'}
            {sort.length > 1 && <small>{place + 1}</small>}
          </span>
        )}
      </button>
      <i class="edge" aria-hidden="true" draggable={false} onPointerDown={drag} />
    </div>
  )
}
