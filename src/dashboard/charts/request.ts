/** Asks the tracker for curves. */
import { api, type Chart, Problem } from '../api.ts'
import type { Axis, Range } from './buckets.ts'
import { endOf } from './decode.ts'
import type { Attempts, Ranks } from './view.ts'

export interface Question {
  names: readonly string[]
  runs: readonly string[]
  range: Range | undefined
  buckets: number
  /** What the last answer gave; empty for the first one. */
  next: string
  etag: string | null
}

/** @returns undefined where nothing has changed since the last answer */
export async function askChart(
  x: Axis,
  { ranks, attempts }: { ranks: Ranks; attempts: Attempts },
  { names, runs, range, buckets, next, etag }: Question,
  signal: AbortSignal,
): Promise<{ chart: Chart; etag: string | null } | undefined> {
  const query = {
    runs: runs.join(),
    names: [...names],
    x,
    buckets: String(buckets),
    ...(ranks !== 'one' && { rank: ranks }),
    ...(attempts === 'all' && { attempt: attempts }),
    ...(range && { from: endOf(x, range[0]), to: endOf(x, range[1]) }),
    ...(next && { since: next }),
  }
  const response = await api.charts.$get(
    { query },
    {
      ...(etag && { headers: { 'If-None-Match': etag } }),
      // News have an address of their own each time: none of them is worth keeping.
      init: { signal, ...(next && { cache: 'no-store' as const }) },
    },
  )
  const { status } = response
  if (Number(status) === 304) return undefined
  return { chart: (await response.json()) as Chart, etag: response.headers.get('ETag') }
}

/** The runs that the tracker says are not there, which are in nobody's way then. */
export const missingRuns = (error: unknown): string[] =>
  error instanceof Problem && error.status === 404
    ? error.findings.flatMap(({ message }) => /there is no run ([0-9a-f-]{36})/.exec(message)?.[1] ?? [])
    : []
