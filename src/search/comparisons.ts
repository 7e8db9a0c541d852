import type { Comparison, Filter } from './filter.ts'

/** All comparisons that a filter is made of. */
export function comparisonsOf(filter: Filter | undefined): Comparison[] {
  if (filter === undefined) return []
  switch (filter.kind) {
    case 'comparison':
      return [filter]
    case 'not':
      return comparisonsOf(filter.part)
    default:
      return filter.parts.flatMap(comparisonsOf)
  }
}
