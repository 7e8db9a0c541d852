/** Brings a list up to date with its first part as it is now, without reading all of it again. */

/**
 * @param old ids, the newest run first
 * @param head those that come first now
 * @param isWhole whether `head` is all there is
 * @returns undefined where nothing of the head is known: there is a gap between the two
 */
export function merged(
  old: readonly string[],
  head: readonly string[],
  isWhole: boolean,
): string[] | undefined {
  if (isWhole || old.length === 0) return [...head]
  const now = new Set(head)
  const last = old.findLastIndex((id) => now.has(id))
  // What lies before it and is not in the head has gone.
  return last < 0 ? undefined : [...head, ...old.slice(last + 1)]
}

/** How many ids of the head the list does not have. */
export function countNew(old: readonly string[], head: readonly string[]): number {
  const known = new Set(old)
  return head.filter((id) => !known.has(id)).length
}
