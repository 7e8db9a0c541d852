/** Groups of runs with statistics of the metrics in sight, and the runs of those that are open. */
import { useQueries } from '@tanstack/react-query'
import { useMemo } from 'preact/hooks'
import { api, read, type WireValue } from '../api.ts'
import type { Column } from './columns.ts'
import { compareValues, filterOfGroup, type GroupValue } from './grouping.ts'
import type { Aggregate } from './names.ts'
import { both } from './search.ts'
import type { SortKey } from './sorting.ts'
import type { RunStore } from './store.ts'

/** How many groups there are, and of how many metrics the tracker gives statistics at once. */
export const MOST_GROUPS = 500
const METRICS_AT_ONCE = 20

/** How many runs of an open group are shown. */
export const GROUP_PAGE = 200

export interface Statistics {
  count: number
  nonfinite: number
  mean: WireValue | null
  stddev: WireValue | null
  min: WireValue | null
  max: WireValue | null
}

export interface Group {
  value: GroupValue
  runs: number
  /** By the id of the column. */
  metrics: Map<string, Statistics>
}

interface Asked {
  of: Aggregate
  names: string[]
}

/** What has to be asked to know all about some columns. */
export function asking(columns: readonly Pick<Column, 'kind' | 'key' | 'of'>[]): Asked[] {
  const asked: Asked[] = []
  for (const of of ['last', 'min', 'max'] as const) {
    const names = columns.flatMap((one) => (one.kind === 'metrics' && one.of === of ? [one.key] : []))
    for (let begin = 0; begin < names.length; begin += METRICS_AT_ONCE) {
      asked.push({ of, names: names.slice(begin, begin + METRICS_AT_ONCE) })
    }
  }
  return asked.length > 0 ? asked : [{ of: 'last', names: [] }]
}

const idOf = (of: Aggregate, name: string) => `${of} ${name}`

/** Where a group has the statistics of a column. */
export const statisticsOf = (group: Group, { of, key }: Column) => group.metrics.get(idOf(of, key))

interface Grouping {
  experiment: string
  by: string | undefined
  filter: string
  columns: readonly Column[]
  sort: readonly SortKey[]
}

export function useGroups({ experiment, by, filter, columns, sort }: Grouping) {
  const answers = useQueries({
    queries: (by === undefined ? [] : asking(columns)).map(({ of, names }) => ({
      queryKey: ['runs', experiment, 'groups', by, filter, of, names],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const query = {
          by: by ?? '',
          of,
          limit: String(MOST_GROUPS),
          ...(names.length > 0 && { metrics: names }),
          ...(filter && { filter }),
        }
        const groups = await read(
          api.experiments[':id'].groups.$get({ param: { id: experiment }, query }, { init: { signal } }),
        )
        return { of, groups }
      },
      refetchInterval: 10_000,
    })),
  })
  const newest = Math.max(...answers.map(({ dataUpdatedAt }) => dataUpdatedAt))
  const [key] = sort
  const groups = useMemo(() => {
    const all = new Map<GroupValue, Group>()
    for (const { data } of answers) {
      for (const { value, runs, metrics } of data?.groups ?? []) {
        const group: Group = all.get(value) ?? { value, runs, metrics: new Map() }
        for (const [name, held] of Object.entries(metrics))
          group.metrics.set(idOf(data?.of ?? 'last', name), held)
        all.set(value, group)
      }
    }
    const column = columns.find(({ id }) => id === key?.id)
    if (!key || (key.id !== by && column?.kind !== 'metrics')) return [...all.values()]
    const sign = key.isDescending ? -1 : 1
    return [...all.values()].sort((one, other) => {
      if (key.id === by) return sign * compareValues(one.value, other.value)
      const [a, b] = [one, other].map((group) => column && statisticsOf(group, column)?.mean)
      // What has none comes last either way.
      if (a == null || b == null) return Number(a == null) - Number(b == null)
      return sign * (Number(a) - Number(b))
    })
  }, [newest, columns, key, by])
  return {
    groups,
    isPending: answers.some(({ isPending }) => isPending) && groups.length === 0,
    error: answers.find(({ error }) => error)?.error ?? null,
    again: () => {
      for (const { refetch } of answers) refetch()
    },
  }
}

/** The runs of groups that are open, by the value of the group. */
export function useGroupRuns(
  { experiment, by, filter }: Pick<Grouping, 'experiment' | 'by' | 'filter'>,
  groups: readonly Pick<Group, 'value' | 'runs'>[],
  order: readonly string[],
  store: RunStore,
): ReadonlyMap<GroupValue, readonly string[]> {
  return useQueries({
    queries: groups.map(({ value, runs }) => ({
      // With their number: where that changes, so have they.
      queryKey: ['runs', experiment, 'of group', by, filter, order, value, runs],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const query = {
          filter: both(filter, filterOfGroup(by ?? '', value)),
          limit: String(GROUP_PAGE),
          ...(order.length > 0 && { order_by: [...order] }),
        }
        const found = await read(
          api.experiments[':id'].runs.$get({ param: { id: experiment }, query }, { init: { signal } }),
        )
        store.put(found, [])
        return { value, ids: found.map(({ id }) => id) }
      },
      staleTime: Number.POSITIVE_INFINITY,
    })),
    combine: byValue,
  })
}

const byValue = (answers: { data: { value: GroupValue; ids: string[] } | undefined }[]) =>
  new Map(answers.flatMap(({ data }) => (data ? [[data.value, data.ids] as const] : [])))
