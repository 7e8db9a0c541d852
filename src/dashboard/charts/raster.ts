/**
 * Dense curves as pixels. A browser that strokes a path of thousands of points that go up and down takes a tenth of a
 * second for each; but where there is about a point for each column of pixels, all that can be seen of a curve is how
 * far up and down it reaches there, which takes microseconds.
 */
import type { Line } from './line.ts'

/** From an axis to pixels: `value * scale + offset`. */
export interface Projection {
  scale: number
  offset: number
}

/** How far up and down something reaches in each column of pixels: above `bottom` where it is not there. */
export interface Extents {
  top: Float64Array
  bottom: Float64Array
}

export function extentsOf(width: number): Extents {
  return {
    top: new Float64Array(width).fill(Number.POSITIVE_INFINITY),
    bottom: new Float64Array(width).fill(Number.NEGATIVE_INFINITY),
  }
}

function reach({ top, bottom }: Extents, column: number, a: number, b: number): void {
  const [low, high] = a < b ? [a, b] : [b, a]
  if (low < (top[column] ?? 0)) top[column] = low
  if (high > (bottom[column] ?? 0)) bottom[column] = high
}

/** Adds a line, from place `begin` up to, not including, `end`. */
export function trace(
  extents: Extents,
  line: Line,
  begin: number,
  end: number,
  px: Projection,
  py: Projection,
): void {
  const width = extents.top.length
  let x0 = Number.NaN
  let y0 = Number.NaN
  for (let i = begin; i < end; i++) {
    const x = (line.x[i] ?? Number.NaN) * px.scale + px.offset
    const y = (line.y[i] ?? Number.NaN) * py.scale + py.offset
    if (Number.isNaN(x) || Number.isNaN(y)) {
      x0 = Number.NaN
      continue
    }
    const column = Math.floor(x)
    const from = Number.isNaN(x0) ? column : Math.floor(x0)
    if (from === column) {
      if (column >= 0 && column < width) reach(extents, column, Number.isNaN(x0) ? y : y0, y)
    } else {
      const slope = (y - y0) / (x - x0)
      const last = Math.min(column, width - 1)
      for (let c = Math.max(from, 0); c <= last; c++) {
        const a = y0 + slope * (Math.max(x0, c) - x0)
        const b = y0 + slope * (Math.min(x, c + 1) - x0)
        reach(extents, c, a, b)
      }
    }
    x0 = x
    y0 = y
  }
}

/** RGBA, row by row, as a canvas has it. */
export interface Picture {
  width: number
  height: number
  data: Uint8ClampedArray
}

export type Rgb = readonly [red: number, green: number, blue: number]

/**
 * Fills what was traced.
 *
 * @param half half the width of the line, in pixels; 0 for a band
 * @param dash lengths of line and gap, in pixels along the axis
 */
export function fill(
  { width, height, data }: Picture,
  { top, bottom }: Extents,
  half: number,
  [red, green, blue]: Rgb,
  dash: readonly number[] = [],
): void {
  const pixels = new Uint32Array(data.buffer, data.byteOffset, width * height)
  // As the bytes lie on every machine that runs browsers today.
  const colour = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0
  const blend = (column: number, row: number, cover: number) => {
    if (row < 0 || row >= height || cover <= 0) return
    const i = (row * width + column) * 4
    const below = ((data[i + 3] ?? 0) / 255) * (1 - cover)
    const alpha = cover + below
    data[i] = (red * cover + (data[i] ?? 0) * below) / alpha
    data[i + 1] = (green * cover + (data[i + 1] ?? 0) * below) / alpha
    data[i + 2] = (blue * cover + (data[i + 2] ?? 0) * below) / alpha
    data[i + 3] = alpha * 255
  }
  // A line is as wide as it is high.
  const spread = Math.max(0, Math.round(half - 0.5))
  const period = dash.reduce((sum, length) => sum + length, 0)
  for (let column = 0; column < width; column++) {
    let a = Number.POSITIVE_INFINITY
    let b = Number.NEGATIVE_INFINITY
    for (let c = Math.max(0, column - spread); c <= Math.min(width - 1, column + spread); c++) {
      a = Math.min(a, top[c] ?? a)
      b = Math.max(b, bottom[c] ?? b)
    }
    if (b < a) continue
    // Gaps in what goes up and down all the time would look like a fence.
    if (period > 0 && b - a < LEVEL && !isOn(dash, column % period)) continue
    a -= half
    b += half
    if (b <= 0 || a >= height) continue
    const [first, last] = [Math.floor(a), Math.floor(b)]
    if (first === last) {
      blend(column, first, b - a)
      continue
    }
    blend(column, first, first + 1 - a)
    blend(column, last, b - last)
    const end = Math.min(last, height)
    for (let row = Math.max(first + 1, 0); row < end; row++) pixels[row * width + column] = colour
  }
}

/** How many pixels a line that has dashes goes up or down in one column. */
const LEVEL = 4

function isOn(dash: readonly number[], place: number): boolean {
  let rest = place
  for (const [i, length] of dash.entries()) {
    if (rest < length) return i % 2 === 0
    rest -= length
  }
  return true
}
