/** Names of the experiment's metrics, params and tags, as the tracker finds them. */
import { useQueries } from '@tanstack/react-query'
import { useRef } from 'preact/hooks'
import { api, read } from '../api.ts'
import type { DataName } from './completion.ts'
import type { NamedKind } from './names.ts'

const KINDS: readonly NamedKind[] = ['metrics', 'params', 'tags']

/** How many of each are asked for. */
const MOST = 30

/** Those that contain a text, of all kinds or of one; those of the text before until they are there. */
export function useNames(
  experiment: string,
  kind: NamedKind | undefined,
  q: string,
  isWanted: boolean,
): readonly DataName[] {
  const known = useRef<readonly DataName[]>([])
  const found = useQueries({
    queries: KINDS.map((one) => ({
      queryKey: ['names', experiment, one, q],
      queryFn: async ({ signal }: { signal: AbortSignal }) => {
        const query = { kind: one, limit: String(MOST), ...(q && { q }) }
        const found = await read(
          api.experiments[':id'].fields.$get({ param: { id: experiment }, query }, { init: { signal } }),
        )
        return found.map(({ name }) => ({ kind: one, name }))
      },
      enabled: isWanted && (kind ?? one) === one,
      staleTime: 30_000,
    })),
    combine: together,
  })
  if (!found.isLoading) known.current = found.names
  return known.current
}

const together = (answers: { data: DataName[] | undefined; isLoading: boolean }[]) => ({
  names: answers.flatMap(({ data }) => data ?? []),
  isLoading: answers.some(({ isLoading }) => isLoading),
})
