/** The lines of the table: runs, or groups with the runs of those that are open. */
import { useComputed } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { UrlState } from '../url.ts'
import type { Column } from './columns.ts'
import type { Line } from './grid.tsx'
import { GroupRow } from './group-row.tsx'
import { filterOfGroup, type GroupValue, isGroupable, openOf, openText } from './grouping.ts'
import { both } from './search.ts'
import { GROUP_PAGE, useGroupRuns, useGroups } from './use-groups.ts'
import type { Runs } from './use-runs.ts'

interface LinesProps {
  experiment: string
  url: UrlState
  runs: Runs
  columns: readonly Column[]
  /** Selects all runs that meet a filter. */
  onChoose: (filter: string) => void
}

const lineOf = (value: GroupValue) => `group-${encodeURIComponent(JSON.stringify(value))}`

export function useLines({ experiment, url, runs, columns, onChoose }: LinesProps) {
  const { search, set } = url
  const { filter, sort, order, store, list } = runs
  const asked = search.get('group')
  const by = asked !== null && isGroupable(asked) ? asked : undefined
  // Not all that is in sight: then the table would be drawn anew by scrolling.
  const names = useComputed(() => runs.inSight.value.names.join('\n')).value
  const inSight = useMemo(() => {
    const seen = new Set(names.split('\n'))
    return columns.filter(({ kind, key }) => kind === 'metrics' && seen.has(key))
  }, [columns, names])
  const found = useGroups({ experiment, by, filter, columns: inSight, sort })
  const { groups } = found
  const opened = search.get('open')
  const open = useMemo(() => openOf(opened), [opened])
  const shown = useMemo(
    () => (by === undefined ? [] : groups.filter(({ value }) => open.includes(value))),
    [by, groups, open],
  )
  const ofGroups = useGroupRuns({ experiment, by, filter }, shown, order, store)

  const toggle = (value: GroupValue) =>
    set({ open: openText(open.includes(value) ? open.filter((one) => one !== value) : [...open, value]) })
  const within = (value: GroupValue) => both(filter, filterOfGroup(by ?? '', value))

  const lines = useMemo<Line[]>(() => {
    if (by === undefined) return list.ids.map((id) => ({ kind: 'run', id, isInGroup: false }))
    return groups.flatMap((group): Line[] => {
      const { value } = group
      const isOpen = open.includes(value)
      const head: Line = {
        kind: 'group',
        id: lineOf(value),
        isOpen,
        draw: (drawn) => (
          <GroupRow
            group={group}
            by={by}
            drawn={drawn}
            isOpen={isOpen}
            onToggle={() => toggle(value)}
            onChoose={() => onChoose(within(value))}
          />
        ),
      }
      if (!isOpen) return [head]
      const ids = ofGroups.get(value) ?? []
      const rest = group.runs - Math.max(ids.length, Math.min(group.runs, GROUP_PAGE))
      return [
        head,
        ...ids.map((id): Line => ({ kind: 'run', id, isInGroup: true })),
        ...(rest > 0
          ? [
              {
                kind: 'rest' as const,
                id: `rest-of-${lineOf(value)}`,
                draw: () => (
                  <button
                    type="button"
                    class="quiet"
                    tabIndex={-1}
                    onClick={() => set({ filter: within(value), group: null, open: null })}
                  >
                    {`${rest.toLocaleString('en')} more: show all of them as a list`}
                  </button>
                ),
              },
            ]
          : []),
      ]
    })
  }, [by, list.ids, groups, open, ofGroups, filter])

  const groupOf = (line: string) => groups.find(({ value }) => lineOf(value) === line)
  return {
    by,
    lines,
    isPending: by !== undefined && found.isPending,
    error: by === undefined ? null : found.error,
    again: found.again,
    count: groups.length,
    /** Opens or closes the group of a line; false where that is none. */
    toggleLine: (line: string): boolean => {
      const group = groupOf(line)
      if (group) toggle(group.value)
      return group !== undefined
    },
    chooseLine: (line: string) => {
      const group = groupOf(line)
      if (group) onChoose(within(group.value))
    },
  }
}
