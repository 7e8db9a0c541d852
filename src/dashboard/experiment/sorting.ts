/** The order of the table, as an address says it: clauses of the filter language with commas between them. */
import { sorts } from './columns.ts'
import { fieldOf, splitList } from './names.ts'

export interface SortKey {
  /** Of a column. */
  id: string
  isDescending: boolean
}

/** How many clauses the tracker takes. */
const MOST = 10

export const sortText = (keys: readonly SortKey[]): string | null =>
  keys.map(({ id, isDescending }) => (isDescending ? `${id} desc` : id)).join(',') || null

export function sortOf(text: string | null): SortKey[] {
  const keys = splitList(text).map((clause) => {
    const [, id = clause, direction = 'asc'] = /^(.*?)\s+(asc|desc)$/is.exec(clause) ?? []
    return { id, isDescending: direction.toLowerCase() === 'desc' }
  })
  const known = keys.filter(({ id }) => sorts(fieldOf(id)))
  return known.filter(({ id }, i) => known.findIndex((other) => other.id === id) === i).slice(0, MOST)
}

/** What a click on a column's head makes of it: upwards, then downwards, then no longer; `isAdded` to what there is. */
export function clicked(keys: readonly SortKey[], id: string, isAdded: boolean): SortKey[] {
  const held = keys.find((key) => key.id === id)
  const next = held?.isDescending ? [] : [{ id, isDescending: held !== undefined }]
  if (!isAdded) return next
  if (!held) return [...keys, ...next].slice(0, MOST)
  return keys.flatMap((key) => (key.id === id ? next : [key]))
}
