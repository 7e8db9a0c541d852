/** Which runs are chosen, as an address says it. */

/** How many runs can be chosen: their ids have to fit into an address. */
export const MOST_CHOSEN = 500

/** How many are shown in the charts while none is chosen. */
export const SHOWN_AT_FIRST = 10

/** From how many on an address has their ids in 22 characters instead of 36. */
const LONG = 100

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const NONE = 'none'

function shortened(id: string): string {
  const bytes = (id.replaceAll('-', '').match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace('==', '')
}

function lengthened(text: string): string {
  const bytes = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  const digits = Array.from(bytes, (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('')
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Null where nothing is said: then the first ones are shown. */
export function runsText(ids: readonly string[] | undefined): string | null {
  if (ids === undefined) return null
  if (ids.length === 0) return NONE
  return (ids.length > LONG ? ids.map(shortened) : ids).join(',')
}

export function runsOf(text: string | null): string[] | undefined {
  if (text === null) return undefined
  if (text === NONE) return []
  const ids = text.split(',').map((id) => {
    if (UUID.test(id)) return id
    return /^[\w-]{22}$/.test(id) ? lengthened(id) : ''
  })
  const known = [...new Set(ids.filter(Boolean))].slice(0, MOST_CHOSEN)
  return known.length > 0 ? known : undefined
}

/** The ids with some more, up to as many as can be chosen. */
export const withIds = (ids: readonly string[], more: readonly string[]): string[] =>
  [...new Set([...ids, ...more])].slice(0, MOST_CHOSEN)

/** The ids without some of them; undefined where none is left. */
export function withoutIds(ids: readonly string[], gone: readonly string[]): string[] | undefined {
  const set = new Set(gone)
  const rest = ids.filter((id) => !set.has(id))
  return rest.length > 0 ? rest : undefined
}

/** All ids of `order` between two of them, both included. */
export function between(order: readonly string[], one: string, other: string): string[] {
  const [a, b] = [order.indexOf(one), order.indexOf(other)]
  return a < 0 || b < 0 ? [other] : order.slice(Math.min(a, b), Math.max(a, b) + 1)
}
