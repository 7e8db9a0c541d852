/** A group of runs as a row of the table, with statistics of its metrics. */
import type { WireValue } from '../api.ts'
import { short } from '../format.ts'
import { type Column, isNumeric } from './columns.ts'
import type { GroupValue } from './grouping.ts'
import { cellOf, ROOM } from './roles.ts'
import { type Drawn, leftOf } from './row.tsx'
import { type Group, type Statistics, statisticsOf } from './use-groups.ts'

/** What a group is called. */
export const groupName = (value: GroupValue): string =>
  value === null ? 'none' : value === '' ? '(empty)' : value

interface GroupRowProps {
  group: Group
  by: string
  drawn: Drawn
  isOpen: boolean
  /** Whether all its runs are known to be selected. */
  isChosen: boolean
  onToggle: () => void
  onChoose: () => void
}

export function GroupRow({ group, by, drawn, isOpen, isChosen, onToggle, onChoose }: GroupRowProps) {
  const name = groupName(group.value)
  const count = group.runs === 1 ? '1 run' : `${group.runs.toLocaleString('en')} runs`
  const cell = (column: Column, index: number, left?: number) => (
    <div
      key={column.id}
      {...cellOf(index)}
      class={`cell ${isNumeric(column) ? 'numeric' : ''} ${left === undefined ? '' : 'pinned'}`}
      style={{ width: column.width, ...(left !== undefined && { left }) }}
    >
      {column.kind === 'metrics' ? (
        <Spread held={statisticsOf(group, column)} />
      ) : (
        column.id === by && <span title={name}>{name}</span>
      )}
    </div>
  )
  return (
    <>
      {drawn.pinned.map((column, i) =>
        column.id === 'name' ? (
          <div key="name" {...cellOf(0)} class="cell pinned name" style={{ width: column.width }}>
            <input
              type="checkbox"
              tabIndex={-1}
              aria-label={`Select the runs of ${name}`}
              checked={isChosen}
              onClick={(event) => {
                event.preventDefault()
                onChoose()
              }}
            />
            <button type="button" class="opener" tabIndex={-1} aria-expanded={isOpen} onClick={onToggle}>
              <i aria-hidden="true">{isOpen ? '▾' : '▸'}</i>
              <span class={group.value === null ? 'faint' : ''} title={`${by}: ${name}`}>
                {name}
              </span>
              <span class="faint number">{count}</span>
            </button>
          </div>
        ) : (
          cell(column, i, leftOf(drawn.pinned, i))
        ),
      )}
      <div {...ROOM} style={{ width: drawn.gap, flex: 'none' }} />
      {drawn.others.map((column, i) => cell(column, drawn.pinned.length + drawn.first + i))}
    </>
  )
}

function Spread({ held }: { held: Statistics | undefined }) {
  if (!held || held.mean === null) {
    const why = held ? `no finite value in ${held.nonfinite} runs` : 'no run has it'
    return (
      <span class="faint" title={why}>
        –
      </span>
    )
  }
  const { count, nonfinite, mean, stddev, min, max } = held
  const about = [
    `mean ${mean}`,
    stddev === null ? 'standard deviation of one run: none' : `standard deviation ${stddev}`,
    `min ${min}`,
    `max ${max}`,
    `of ${count} runs${nonfinite > 0 ? `, and ${nonfinite} without a finite value` : ''}`,
  ]
  return (
    <span class="spread" title={about.join('\n')}>
      <span>
        {short(mean)}
        {stddev !== null && <small class="faint">{` ± ${few(stddev, 2)}`}</small>}
      </span>
      <small class="faint">
        {few(min, 3)} – {few(max, 3)}
      </small>
    </span>
  )
}

/** To fewer digits, as there is little room. */
const few = (value: WireValue | null, digits: number) =>
  short(typeof value === 'number' ? Number(value.toPrecision(digits)) : value)
