/** What the searches of this API share. */
import { z } from 'zod'
import { invalidParameter } from './errors.ts'
import { integer } from './message.ts'

const VIEW_TYPES = ['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL'] as const

/** Which of what can be in the trash is looked at, by name or as 1, 2, 3; undefined for another number. */
export const viewType = z
  .union([z.enum(VIEW_TYPES), integer])
  .transform((view) => (typeof view === 'number' ? VIEW_TYPES[view - 1] : view))

export const MAX_RESULTS = 50_000

/** @throws MlflowError when no page can be as large */
export function checkMaxResults(maxResults: number): number {
  const fault = `Invalid value ${maxResults} for parameter 'max_results' supplied. It must be`
  if (maxResults < 1) throw invalidParameter(`${fault} a positive integer`)
  if (maxResults > MAX_RESULTS) throw invalidParameter(`${fault} at most ${MAX_RESULTS}`)
  return maxResults
}

/** More clauses would be more work for the database than any order is worth. */
const MAX_CLAUSES = 20

/** @throws MlflowError when an order has too many clauses */
export function checkOrder(clauses: unknown[]) {
  if (clauses.length > MAX_CLAUSES) {
    throw invalidParameter(`order_by has ${clauses.length} clauses; at most ${MAX_CLAUSES} are possible`)
  }
}
