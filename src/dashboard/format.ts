/** How numbers, durations and moments are written. */
import type { WireValue } from './api.ts'

const DIGITS = 4

/** To 4 significant digits, in exponential form where the number is very large or very small. */
export function short(value: WireValue | null | undefined): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return value.replace('Infinity', '∞')
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const size = Math.abs(value)
  if (size >= 1e7 || size < 1e-4) {
    return value
      .toExponential(DIGITS - 1)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e')
  }
  // Integers are known to the last digit.
  if (Number.isInteger(value)) return value.toLocaleString('en')
  return String(Number(value.toPrecision(DIGITS)))
}

/** A value of the wire as a number. */
export const numberOf = (value: WireValue): number => Number(value)

const SI = ['', 'k', 'M', 'G', 'T', 'P', 'E']

/** As on an axis: `1.5M`, `20k`, `0.001`. */
export function si(value: number): string {
  const size = Math.abs(value)
  if (size < 1_000 || size >= 1e21) return short(Number(value.toPrecision(6)))
  const power = Math.min(SI.length - 1, Math.floor(Math.log10(size) / 3))
  return `${Number((value / 1_000 ** power).toPrecision(5))}${SI[power]}`
}

/** `3h 12m`, of milliseconds. */
export function duration(milliseconds: number): string {
  if (milliseconds < 0) return `-${duration(-milliseconds)}`
  if (milliseconds < 1_000) return `${Math.round(milliseconds)}ms`
  const seconds = Math.floor(milliseconds / 1_000)
  const [days, hours, minutes] = [seconds / 86_400, (seconds / 3_600) % 24, (seconds / 60) % 60].map(
    Math.floor,
  )
  if (days) return `${days}d ${hours}h`
  if (hours) return `${hours}h ${minutes}m`
  if (minutes) return `${minutes}m ${seconds % 60}s`
  return `${seconds}s`
}

/** `2 h ago`, of an ISO timestamp. */
export function ago(timestamp: string, now = Date.now()): string {
  const seconds = Math.round((now - Date.parse(timestamp)) / 1_000)
  if (Math.abs(seconds) < 10) return 'just now'
  const [amount, unit] =
    Math.abs(seconds) < 60
      ? [seconds, 's']
      : Math.abs(seconds) < 3_600
        ? [Math.round(seconds / 60), 'min']
        : Math.abs(seconds) < 86_400
          ? [Math.round(seconds / 3_600), 'h']
          : [Math.round(seconds / 86_400), 'd']
  return seconds < 0 ? `in ${-amount} ${unit}` : `${amount} ${unit} ago`
}

/** A moment in full, in the time of whoever looks. */
export const exact = (timestamp: string): string =>
  new Date(timestamp).toLocaleString('sv-SE', { timeZoneName: 'short' })

/** Bytes, in units of 1,024. */
export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`
  const power = Math.min(4, Math.floor(Math.log2(count) / 10))
  return `${Number((count / 1_024 ** power).toPrecision(3))} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`
}
