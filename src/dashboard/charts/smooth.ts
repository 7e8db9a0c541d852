/** Smoothing: an exponential moving average by distance on the axis, so that unevenly logged curves are treated alike. */
import type { Line } from './line.ts'

/**
 * After a distance of `halfLife` a value has half its weight. What is not finite is no part of the average, and NaN in it.
 *
 * @param halfLife in units of the axis, above 0
 */
export function ema({ x, y }: Line, halfLife: number): Line {
  const out = new Float64Array(y.length)
  let mean = Number.NaN
  let last = Number.NaN
  for (let i = 0; i < y.length; i++) {
    const value = y[i] ?? Number.NaN
    const place = x[i] ?? Number.NaN
    if (!Number.isFinite(value)) {
      out[i] = Number.NaN
      continue
    }
    if (Number.isNaN(mean)) mean = value
    else mean += (1 - 2 ** (-Math.max(0, place - last) / halfLife)) * (value - mean)
    last = place
    out[i] = mean
  }
  return { x, y: out }
}
