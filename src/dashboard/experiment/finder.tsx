/** What runs have, by kind, to be searched and chosen from. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { focused } from '../ui/parts.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { labelOf } from './columns.ts'
import { NameList } from './name-list.tsx'
import type { FieldName, NamedKind } from './names.ts'

const LABELS: Record<NamedKind, string> = { metrics: 'Metrics', params: 'Params', tags: 'Tags' }

interface FinderProps {
  experiment: string
  /** What it searches. */
  label: string
  kinds: readonly NamedKind[]
  /** Those that runs have of themselves. */
  attributes: readonly string[]
  /** How one of them is shown. */
  children: (field: FieldName) => ComponentChildren
}

export function Finder({ experiment, label, kinds, attributes, children }: FinderProps) {
  /** Undefined for attributes, as in the name of a field. */
  const [kind, turn] = useState<NamedKind | undefined>(kinds[0])
  const [q, search] = useState('')
  const fields = attributes.map((key): FieldName => ({ kind: undefined, key, of: 'last' }))
  return (
    <div>
      <input
        type="search"
        aria-label={label}
        placeholder="Search names"
        value={q}
        ref={focused}
        onInput={({ currentTarget }) => search(currentTarget.value)}
      />
      <Tabs
        label="Kind"
        tabs={[...kinds.map((name) => ({ name, label: LABELS[name] })), { name: 'run', label: 'Run' }]}
        shown={kind ?? 'run'}
        show={(name) => turn(kinds.find((one) => one === name))}
      />
      <div id="tab" role="tabpanel" aria-labelledby={`tab-${kind ?? 'run'}`}>
        {kind === undefined ? (
          <div class="names few">
            {fields
              .filter((field) => labelOf(field).toLowerCase().includes(q.trim().toLowerCase()))
              .map(children)}
          </div>
        ) : (
          <NameList experiment={experiment} kind={kind} q={q}>
            {(key) => children({ kind, key, of: 'last' })}
          </NameList>
        )}
      </div>
    </div>
  )
}
