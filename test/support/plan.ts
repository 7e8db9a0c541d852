/** What Postgres reads to answer a statement. */
import type { SQL } from 'drizzle-orm'
import { sql } from 'drizzle-orm'
import type { Scope, Statement } from '../../src/db/database.ts'
import { openDatabase } from './scope.ts'
import type { Tracker } from './tracker.ts'

interface Node {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: Node[]
}

export interface Reading {
  /** How many rows of each table, or entries of its indexes, were looked at. */
  rows: Record<string, number>
  /** By what means, as in `series_metric_idx` or `Seq Scan of series`. */
  scans: string[]
}

/**
 * Runs a statement and tells what it read. The tables are analyzed first.
 *
 * @param options `stale` where they are not, so that Postgres does not know how much there is; and a statement `before`
 */
export async function reading(
  tracker: Tracker,
  statement: (scope: Scope) => { getSQL(): SQL },
  options: { stale?: boolean; before?: (scope: Scope) => Statement } = {},
): Promise<Reading> {
  if (!options.stale) await tracker.sql`analyze runs, series, experiments`
  const db = openDatabase(tracker.env)
  const { scope } = db
  const explained = sql`explain (analyze, timing off, format json) ${statement(scope).getSQL()}`
  const [, { rows }] = await db.batch([
    options.before?.(scope) ?? scope.db.execute(sql`select`),
    scope.db.execute<{ 'QUERY PLAN': [{ Plan: Node }] }>(explained),
  ])
  const found: Reading = { rows: {}, scans: [] }
  const visit = (node: Node | undefined) => {
    const table = node?.['Relation Name']
    if (node && table !== undefined) {
      const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
      found.rows[table] = (found.rows[table] ?? 0) + (node['Actual Rows'] + removed) * node['Actual Loops']
      found.scans.push(node['Index Name'] ?? `${node['Node Type']} of ${table}`)
    }
    node?.Plans?.forEach(visit)
  }
  visit(rows[0]?.['QUERY PLAN'][0].Plan)
  return found
}
