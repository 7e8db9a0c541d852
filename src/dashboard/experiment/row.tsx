/** A run as a row of the table. */
import { type Signal, useComputed } from '@preact/signals'
import { memo } from 'preact/compat'
import type { RunListed } from '../api.ts'
import type { Stroke } from '../colour.ts'
import { hovered } from '../hover.ts'
import { Cell, nameOf } from './cell.tsx'
import { type Column, isNumeric } from './columns.ts'
import { cellOf, ROOM, rowOf } from './roles.ts'

/** The columns that are drawn: those that stay, and of the others those in sight. */
export interface Drawn {
  pinned: readonly Column[]
  /** How wide what is left out before the first is. */
  gap: number
  first: number
  others: readonly Column[]
}

export interface RowActions {
  choose: (id: string, isRange: boolean) => void
  /** Shows it in the charts, or no longer. */
  toggleShown: (id: string) => void
  activate: (id: string) => void
}

interface RunRowProps {
  id: string
  run: Signal<RunListed | undefined>
  index: number
  top: number
  drawn: Drawn
  stroke: Stroke
  isShown: boolean
  isChosen: boolean
  isActive: boolean
  isInGroup: boolean
  actions: RowActions
}

export const RunRow = memo(function RunRow({
  id,
  run: held,
  index,
  top,
  drawn,
  stroke,
  isShown,
  isChosen,
  isActive,
  isInGroup,
  actions,
}: RunRowProps) {
  const run = held.value
  const isLit = useComputed(() => hovered.value === id)
  const classes = ['line', isLit.value && 'lit', isActive && 'active', isInGroup && 'within']
  return (
    <div
      {...rowOf(index, { isSelected: isChosen, ...(isInGroup && { level: 2 }) })}
      id={`run-${id}`}
      class={classes.filter(Boolean).join(' ')}
      style={{ transform: `translateY(${top}px)` }}
      onPointerEnter={() => {
        hovered.value = id
      }}
      onPointerLeave={() => {
        if (hovered.value === id) hovered.value = null
      }}
      onPointerDown={() => actions.activate(id)}
    >
      {run === undefined ? (
        <div {...cellOf(0)} class="cell faint">
          This run is gone
        </div>
      ) : (
        <>
          {drawn.pinned.map((column, i) =>
            column.id === 'name' ? (
              <div key="name" {...cellOf(0)} class="cell pinned name" style={{ width: column.width }}>
                <input
                  type="checkbox"
                  tabIndex={-1}
                  aria-label={`Select ${nameOf(run)}`}
                  checked={isChosen}
                  onClick={(event) => {
                    event.preventDefault()
                    actions.choose(id, event.shiftKey)
                  }}
                />
                <button
                  type="button"
                  class="eye"
                  tabIndex={-1}
                  aria-pressed={isShown}
                  aria-label={`Show ${nameOf(run)} in the charts`}
                  title={isShown ? 'In the charts' : 'Not in the charts'}
                  onClick={() => actions.toggleShown(id)}
                >
                  <i style={{ color: stroke.colour }} />
                </button>
                <a
                  href={`/r/${id}`}
                  tabIndex={-1}
                  title={run.name ?? id}
                  class={run.name === null ? 'faint' : ''}
                >
                  {nameOf(run)}
                </a>
              </div>
            ) : (
              <Plain key={column.id} run={run} column={column} index={i} left={leftOf(drawn.pinned, i)} />
            ),
          )}
          <div {...ROOM} style={{ width: drawn.gap, flex: 'none' }} />
          {drawn.others.map((column, i) => (
            <Plain key={column.id} run={run} column={column} index={drawn.pinned.length + drawn.first + i} />
          ))}
        </>
      )}
    </div>
  )
})

/** Where a column that stays begins. */
export const leftOf = (pinned: readonly Column[], index: number): number =>
  pinned.slice(0, index).reduce((sum, { width }) => sum + width, 0)

function Plain({
  run,
  column,
  index,
  left,
}: {
  run: RunListed
  column: Column
  index: number
  left?: number
}) {
  return (
    <div
      {...cellOf(index)}
      class={`cell ${isNumeric(column) ? 'numeric' : ''} ${left === undefined ? '' : 'pinned'}`}
      style={{ width: column.width, ...(left !== undefined && { left }) }}
    >
      <Cell run={run} column={column} />
    </div>
  )
}
