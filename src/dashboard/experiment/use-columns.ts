/** The columns that are shown: those of the address, or the usual ones for what the experiment has. */
import { useQuery } from '@tanstack/react-query'
import { useCallback, useMemo, useState } from 'preact/hooks'
import { api, read } from '../api.ts'
import { nothing } from '../queries.ts'
import type { UrlState } from '../url.ts'
import { type Column, columnsOf, columnsText, usualColumns } from './columns.ts'

/** Of how many runs and names the usual columns are made. */
const LOOKED_AT = 100

export function useColumns(experiment: string, { search, set }: UrlState) {
  const usual = useQuery({
    queryKey: ['runs', experiment, 'usual columns'],
    queryFn: async () => {
      const param = { id: experiment }
      const limit = String(LOOKED_AT)
      const [runs, metrics] = await Promise.all([
        read(api.experiments[':id'].runs.$get({ param, query: { limit } })),
        read(api.experiments[':id'].fields.$get({ param, query: { kind: 'metrics', limit } })),
      ])
      const names = metrics.map(({ name }) => name)
      return { columns: usualColumns(runs, names), isWhole: runs.length > 0 && names.length > 0 }
    },
    placeholderData: nothing,
    // They stay, once there is something to make them of.
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchInterval: ({ state }) => (state.data?.isWhole === false ? 5_000 : false),
  })
  const cols = search.get('cols')
  const pin = search.get('pin')
  const fallback = usual.data?.columns
  const [passing, pass] = useState<Column[]>()
  const said = useMemo(
    () => (cols === null ? (fallback ?? usualColumns([], [])) : columnsOf(cols, pin)),
    [cols, pin, fallback],
  )
  const change = useCallback(
    (columns: Column[], isPassing = false) => {
      pass(isPassing ? columns : undefined)
      if (!isPassing) set({ ...columnsText(columns) })
    },
    [set],
  )
  const reset = useCallback(() => set({ cols: null, pin: null }), [set])
  return {
    columns: passing ?? said,
    change,
    /** Goes back to the usual ones; undefined where they are shown. */
    reset: cols === null ? undefined : reset,
    /** Whether it is known which there are. */
    isReady: cols !== null || usual.data !== undefined || usual.isError,
  }
}
