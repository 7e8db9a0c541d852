/** Runs in groups: what an address says of them, and how a group's runs are found. */
import { fieldOf, stringOf } from './names.ts'

/** Fields of the run itself that runs can be grouped by. */
export const GROUPABLE = ['status', 'seed', 'name', 'parent_run_id'] as const

/** The value that the runs of a group have; null where they have none. */
export type GroupValue = string | null

/** The filter that finds the runs of a group. */
export function filterOfGroup(by: string, value: GroupValue): string {
  if (value === null) return `${by} IS NULL`
  return by === 'seed' ? `${by} = ${value}` : `${by} = ${stringOf(value)}`
}

/** Whether runs can be grouped by a field. */
export function isGroupable(by: string): boolean {
  const { kind, key } = fieldOf(by)
  return kind === undefined ? GROUPABLE.some((name) => name === key) : kind !== 'metrics'
}

/** What an address says of groups that are open. */
export const openText = (values: readonly GroupValue[]): string | null =>
  values.length === 0 ? null : JSON.stringify(values)

export function openOf(text: string | null): GroupValue[] {
  try {
    const values: unknown = JSON.parse(text ?? '[]')
    if (!Array.isArray(values)) return []
    return values.filter((value) => value === null || typeof value === 'string')
  } catch {
    return []
  }
}

/** Of two values, which comes first: numbers by their size. */
export function compareValues(one: GroupValue, other: GroupValue): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null)
  const [a, b] = [Number(one), Number(other)]
  return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other, 'en', { numeric: true }) : a - b
}
