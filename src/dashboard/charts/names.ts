/** The names of the metrics that there are charts of, and how they are laid out. */
import { useQuery } from '@tanstack/react-query'
import { api, readPage } from '../api.ts'
import { nothing } from '../queries.ts'

/** What has the metrics. */
export type Owner = { experiment: string } | { run: string }

/** Names that are read at most: what is beyond them is found by no one. */
const MOST = 100_000

async function readNames(of: Owner, signal: AbortSignal): Promise<string[]> {
  const names = new Set<string>()
  let cursor: string | undefined
  do {
    const next = cursor === undefined ? {} : { cursor }
    const page =
      'run' in of
        ? await readPage(
            api.runs[':id'].metrics.$get(
              { param: { id: of.run }, query: { limit: '5000', ...next } },
              { init: { signal } },
            ),
          )
        : await readPage(
            api.experiments[':id'].fields.$get(
              { param: { id: of.experiment }, query: { kind: 'metrics', limit: '1000', ...next } },
              { init: { signal } },
            ),
          )
    for (const { name } of page.items) names.add(name)
    cursor = page.next
  } while (cursor !== undefined && names.size < MOST)
  return [...names]
}

/** How soon a new metric is looked for while runs are live, in milliseconds: the more there are, the longer it takes. */
const periodOf = (count: number) => (count <= 200 ? 1_500 : count <= 1_000 ? 5_000 : 30_000)

/** @param isLive whether new ones may come */
export function useMetricNames(of: Owner, isLive: boolean) {
  return useQuery({
    queryKey: ['metric names', of],
    queryFn: ({ signal }) => readNames(of, signal),
    refetchInterval: ({ state }) => (isLive ? periodOf(state.data?.length ?? 0) : false),
    placeholderData: nothing,
  })
}

export interface Section {
  /** What its names begin with; empty for those without a prefix. */
  prefix: string
  names: string[]
}

const SYSTEM = 'system'
const { compare } = new Intl.Collator('en', { numeric: true })

/** Names by what stands before their first slash: those without first, those of the machine last. */
export function sectionsOf(names: readonly string[]): Section[] {
  const place = (prefix: string) => (prefix === '' ? 0 : prefix === SYSTEM ? 2 : 1)
  const groups = Map.groupBy(names, (name) => name.slice(0, Math.max(0, name.indexOf('/'))))
  return [...groups]
    .map(([prefix, names]) => ({ prefix, names: names.sort(compare) }))
    .sort((a, b) => place(a.prefix) - place(b.prefix) || compare(a.prefix, b.prefix))
}

/** Whether a name has all the words that are searched for. */
export function isFound(name: string, search: string): boolean {
  const text = name.toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}
