/** The runs that are compared, and the metrics of them that are wanted. */
import { useQueries, useQuery } from '@tanstack/react-query'
import { useMemo } from 'preact/hooks'
import { api, type RunListed, read, readPage } from '../api.ts'
import { nothing } from '../queries.ts'
import type { Compared } from './compared.ts'

/** Of the API, for one request; and ids, so that an address stays short. */
const METRICS_AT_ONCE = 50
const RUNS_AT_ONCE = 100

const REFRESH = 10_000

export type ComparedRun = Omit<RunListed, 'metrics'> & Compared

/** The names of the metrics that an experiment's runs have, as many as a person looks through. */
export const MOST_METRICS = 500

export const useMetricNames = (experiment: string, q: string) =>
  useQuery({
    queryKey: ['fields', experiment, 'metrics', q, MOST_METRICS],
    queryFn: async () => {
      const { items, next } = await readPage(
        api.experiments[':id'].fields.$get({
          param: { id: experiment },
          query: { kind: 'metrics', limit: String(MOST_METRICS), ...(q && { q }) },
        }),
      )
      return { names: items.map(({ name }) => name), isCut: next !== undefined }
    },
    staleTime: 30_000,
  })

/** Whether a text can be the id of a run: what cannot is not asked for, and would not be read as a filter either. */
export const isId = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)

/** The filter that these runs and no others meet. */
export const filterOf = (ids: readonly string[]): string => `id IN (${ids.map((id) => `'${id}'`).join(', ')})`

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

/**
 * Reads runs by their ids, in that order; first without metrics, which is fast.
 *
 * @param metrics that they are wanted with
 */
export function useRuns(experiment: string, ids: readonly string[], metrics: readonly string[]) {
  const asked = useMemo(
    () =>
      chunks([...new Set(ids.filter(isId))], RUNS_AT_ONCE).flatMap((some) => [
        { ids: some, metrics: [] as string[] },
        ...chunks([...new Set(metrics)], METRICS_AT_ONCE).map((few) => ({ ids: some, metrics: few })),
      ]),
    [ids, metrics],
  )
  const answers = useQueries({
    queries: asked.map(({ ids, metrics }) => ({
      queryKey: ['runs', experiment, 'compared', ids, metrics],
      queryFn: () => readRuns(experiment, ids, metrics),
      refetchInterval: ({ state }: { state: { data?: RunListed[] | undefined } }) =>
        state.data?.some(({ status }) => status === 'running') ? REFRESH : (false as const),
      placeholderData: nothing,
    })),
  })
  const data = answers.map(({ data }) => data)
  // The answers are the same objects until one of them is read again.
  const runs = useMemo(() => merged(ids, data), [ids, ...data])
  const bare = answers.filter((_, i) => asked[i]?.metrics.length === 0)
  return {
    runs,
    error: answers.find(({ error }) => error)?.error ?? null,
    /** Whether the runs are not yet there; and whether some of their metrics are not. */
    isPending: bare.some(({ isPending }) => isPending),
    isReading: answers.some(({ isPending }) => isPending),
    again: () => {
      for (const { error, refetch } of answers) if (error) void refetch()
    },
  }
}

const readRuns = (experiment: string, ids: readonly string[], metrics: readonly string[]) =>
  read(
    api.experiments[':id'].runs.$get({
      param: { id: experiment },
      query: {
        filter: filterOf(ids),
        limit: String(RUNS_AT_ONCE),
        ...(metrics.length > 0 && { metrics: [...metrics] }),
      },
    }),
  )

/** Runs in the order of the ids, each with the metrics of all answers that it is in. */
function merged(ids: readonly string[], answers: readonly (RunListed[] | undefined)[]): ComparedRun[] {
  const runs = new Map<string, ComparedRun>()
  for (const run of answers.flatMap((answer) => answer ?? [])) {
    const held = runs.get(run.id)
    runs.set(run.id, { ...run, metrics: { ...held?.metrics, ...run.metrics } })
  }
  return [...new Set(ids)].flatMap((id) => runs.get(id) ?? [])
}
