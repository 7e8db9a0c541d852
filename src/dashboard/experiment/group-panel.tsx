/** What runs are grouped by. */
import { column, labelOf } from './columns.ts'
import { Finder } from './finder.tsx'
import { GROUPABLE } from './grouping.ts'
import { fieldText, type NamedKind } from './names.ts'
import { Popover } from './popover.tsx'

const KINDS: readonly NamedKind[] = ['params', 'tags']

interface GroupPanelProps {
  experiment: string
  by: string | undefined
  onGroup: (by: string | undefined) => void
}

export function GroupPanel({ experiment, by, onGroup }: GroupPanelProps) {
  return (
    <Popover label={by === undefined ? 'Group' : `By ${labelOf(column(by))}`} isPressed={by !== undefined}>
      {(close) => {
        const group = (by?: string) => {
          onGroup(by)
          close()
        }
        return (
          <div class="chooser single">
            <Finder
              experiment={experiment}
              label="Search what to group by"
              kinds={KINDS}
              attributes={GROUPABLE}
            >
              {(field) => {
                const id = fieldText(field)
                const label = labelOf(field)
                return (
                  <button
                    type="button"
                    key={id}
                    class="quiet choice"
                    aria-pressed={id === by}
                    onClick={() => group(id)}
                  >
                    <span title={label}>{label}</span>
                  </button>
                )
              }}
            </Finder>
            {by !== undefined && (
              <button type="button" onClick={() => group()}>
                No groups
              </button>
            )}
          </div>
        )
      }}
    </Popover>
  )
}
