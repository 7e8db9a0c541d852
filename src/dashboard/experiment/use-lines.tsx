/** The lines of the table: runs, or groups with the runs of those that are open. */
import { useComputed } from '@preact/signals'
import { useMemo, useState } from 'preact/hooks'
import type { UrlState } from '../url.ts'
import { type Column, column } from './columns.ts'
import type { Line } from './grid.tsx'
import { GroupRow } from './group-row.tsx'
import { filterOfGroup, type GroupValue, isGroupable, openOf, openText } from './grouping.ts'
import { both } from './search.ts'
import { runsText, withoutIds } from './selection.ts'
import { GROUP_PAGE, useGroupRuns, useGroups } from './use-groups.ts'
import type { Runs } from './use-runs.ts'

interface LinesProps {
  experiment: string
  url: UrlState
  runs: Runs
  columns: readonly Column[]
  /** Selects all runs that meet a filter, and gives which they are. */
  onChoose: (filter: string) => Promise<string[]>
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
    const found = columns.filter(({ kind, key }) => kind === 'metrics' && seen.has(key))
    // What groups are sorted by, always.
    const by = sort[0] && column(sort[0].id)
    if (by?.kind !== 'metrics' || found.some(({ id }) => id === by.id)) return found
    return [by, ...found]
  }, [columns, names, sort])
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

  // The runs of groups that were selected, by the filter that finds them.
  const [members, know] = useState<ReadonlyMap<string, readonly string[]>>(new Map())
  const chosen = useMemo(() => new Set(runs.chosen), [runs.chosen])
  const isChosen = (value: GroupValue): boolean => {
    const ids = members.get(within(value)) ?? []
    return ids.length > 0 && ids.every((id) => chosen.has(id))
  }
  const choose = async (value: GroupValue) => {
    const group = within(value)
    if (isChosen(value)) {
      set({ runs: runsText(withoutIds(runs.chosen ?? [], members.get(group) ?? [])) })
      return
    }
    const ids = await onChoose(group)
    know((before) => new Map(before).set(group, ids))
  }

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
            isChosen={isChosen(value)}
            onToggle={() => toggle(value)}
            onChoose={() => choose(value)}
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
  }, [by, list.ids, groups, open, ofGroups, filter, members, chosen])

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
      if (group) void choose(group.value)
    },
  }
}
