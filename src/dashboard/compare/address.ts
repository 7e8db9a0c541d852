/** How what is chosen is written in the address. */

/** A list of things that may have commas in them. */
export const writeList = (items: readonly string[]): string | null =>
  items.length === 0
    ? null
    : items.map((item) => item.replaceAll('%', '%25').replaceAll(',', '%2C')).join(',')

export const readList = (text: string | null): string[] | undefined =>
  text === null
    ? undefined
    : text
        .split(',')
        .filter(Boolean)
        .map((item) => item.replaceAll('%2C', ',').replaceAll('%25', '%'))

/** A part of an axis. */
export type Span = readonly [low: number, high: number]

export const writeSpan = ([low, high]: Span): string =>
  [low, high].map((end) => String(Number(end.toPrecision(6)))).join(',')

export function readSpan(text: string | null): Span | undefined {
  const [low, high, ...rest] = (text ?? '').split(',').map((end) => (end === '' ? Number.NaN : Number(end)))
  if (low === undefined || high === undefined || rest.length > 0) return undefined
  return Number.isFinite(low) && Number.isFinite(high) && low <= high ? [low, high] : undefined
}

/** A list in which an item has another place. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const rest = items.filter((_, i) => i !== from)
  return [...rest.slice(0, to), ...items.slice(from, from + 1), ...rest.slice(to)]
}
