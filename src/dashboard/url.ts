/** The state of a view, which is in its address: a pasted link shows the same, back and forward work. */

import { useCallback, useMemo } from 'preact/hooks'
import { useLocation } from 'preact-iso'

/** Changes of an address: what is null goes. */
export type Changes = Record<string, string | null>

/** What an address says with these changes; what there is of it is short, and easy to read. */
export function withChanges(path: string, search: URLSearchParams, changes: Changes): string {
  const changed = new URLSearchParams(search)
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') changed.delete(name)
    else changed.set(name, value)
  }
  const text = changed.toString().replaceAll('%2C', ',').replaceAll('%3A', ':').replaceAll('%2F', '/')
  return text === '' ? path : `${path}?${text}`
}

export interface UrlState {
  search: URLSearchParams
  /** Changes some of it; `replace` where the way back need not pass by here, as while something is being dragged. */
  set: (changes: Changes, options?: { replace?: boolean }) => void
}

export function useUrlState(): UrlState {
  const { url, path, route } = useLocation()
  const search = useMemo(() => new URL(url, location.origin).searchParams, [url])
  const set = useCallback<UrlState['set']>(
    (changes, { replace = false } = {}) => {
      // Not what was rendered last: two changes may come before the next rendering.
      const now = new URLSearchParams(location.search)
      route(withChanges(path, now, changes), replace)
    },
    [path, route],
  )
  return { search, set }
}

/** A list in an address, of things without commas in them. */
export const listOf = (text: string | null): string[] => (text ? text.split(',').filter(Boolean) : [])
