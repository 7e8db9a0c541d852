/** What runs are grouped by. */
import { useState } from 'preact/hooks'
import { focused } from '../ui/parts.tsx'
import { column, labelOf } from './columns.ts'
import { GROUPABLE } from './grouping.ts'
import { NameList } from './name-list.tsx'
import { fieldText } from './names.ts'
import { Popover } from './popover.tsx'

const TABS = { params: 'Params', tags: 'Tags', run: 'Run' } as const

interface GroupPanelProps {
  experiment: string
  by: string | undefined
  onGroup: (by: string | undefined) => void
}

export function GroupPanel({ experiment, by, onGroup }: GroupPanelProps) {
  return (
    <Popover label={by === undefined ? 'Group' : `By ${labelOf(column(by))}`} isPressed={by !== undefined}>
      {(close) => (
        <Chooser
          experiment={experiment}
          by={by}
          onGroup={(by) => {
            onGroup(by)
            close()
          }}
        />
      )}
    </Popover>
  )
}

function Chooser({ experiment, by, onGroup }: GroupPanelProps) {
  const [tab, turn] = useState<keyof typeof TABS>('params')
  const [q, search] = useState('')
  const choice = (id: string, label: string) => (
    <button type="button" key={id} class="quiet choice" aria-pressed={id === by} onClick={() => onGroup(id)}>
      <span title={label}>{label}</span>
    </button>
  )
  return (
    <div class="chooser single">
      <div>
        <input
          type="search"
          aria-label="Search what to group by"
          placeholder="Search names"
          value={q}
          ref={focused}
          onInput={({ currentTarget }) => search(currentTarget.value)}
        />
        <div class="tabs" role="tablist" aria-label="Kind">
          {Object.entries(TABS).map(([one, label]) => (
            <button
              type="button"
              key={one}
              role="tab"
              aria-selected={one === tab}
              onClick={() => turn(one as keyof typeof TABS)}
            >
              {label}
            </button>
          ))}
        </div>
        {tab === 'run' ? (
          <div class="names few">{GROUPABLE.map((key) => choice(key, labelOf(column(key))))}</div>
        ) : (
          <NameList experiment={experiment} kind={tab} q={q}>
            {(name) => choice(fieldText({ kind: tab, key: name, of: 'last' }), name)}
          </NameList>
        )}
        {by !== undefined && (
          <button type="button" onClick={() => onGroup(undefined)}>
            No groups
          </button>
        )}
      </div>
    </div>
  )
}
