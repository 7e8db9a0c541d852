/** Charts as files: a picture of pixels, one of lines, and the numbers. */
import { csvFormat } from 'd3-dsv'
import { scaleLinear, scaleLog, scaleUtc } from 'd3-scale'
import { duration, si } from '../format.ts'
import { type Axis, placeOf, type Range } from './buckets.ts'
import { markAt } from './line.ts'
import type { Axes, Picture } from './plot.ts'
import { extentOf, type Shape } from './shape.ts'
import { attemptText } from './tooltip.tsx'

export interface Saved extends Picture {
  name: string
  axes: Axes
}

function download(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

const fileName = (name: string, ending: string) => `${name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')}.${ending}`

const LEGEND_LINE = 18
const labelOf = ({ run, rank, attempt }: Shape) =>
  `${run.name}${rank ? ` · rank ${rank}` : ''}${attemptText(attempt)}`

/** The chart as it is on screen, with its title and which run has which colour. */
export async function savePng({ name, shapes }: Saved, canvas: HTMLCanvasElement): Promise<void> {
  const ratio = devicePixelRatio
  const { color, backgroundColor } = getComputedStyle(document.documentElement)
  const whole = document.createElement('canvas')
  whole.width = canvas.width
  whole.height = canvas.height + (32 + LEGEND_LINE * shapes.length) * ratio
  const ctx = whole.getContext('2d')
  if (!ctx) return
  ctx.fillStyle = backgroundColor
  ctx.fillRect(0, 0, whole.width, whole.height)
  ctx.drawImage(canvas, 0, 28 * ratio)
  ctx.scale(ratio, ratio)
  ctx.fillStyle = color
  ctx.font = '600 13px system-ui, sans-serif'
  ctx.fillText(name, 12, 18)
  ctx.font = '12px system-ui, sans-serif'
  for (const [i, shape] of shapes.entries()) {
    const y = canvas.height / ratio + 32 + LEGEND_LINE * (i + 0.5)
    ctx.fillStyle = shape.stroke.colour
    ctx.fillRect(12, y - 5, 10, 10)
    ctx.fillStyle = color
    ctx.fillText(labelOf(shape), 28, y + 4)
  }
  const blob = await new Promise<Blob | null>((resolve) => whole.toBlob(resolve, 'image/png'))
  if (blob) download(fileName(name, 'png'), blob)
}

/** All points that are drawn in sight, and how many stand behind each. */
export function saveCsv({ name, shapes, range: [from, to], axes }: Saved): void {
  const column = axes.x === 'relative' ? 'milliseconds' : axes.x
  const rows = shapes.flatMap(({ run, rank, attempt, drawn, line }) => {
    const part = []
    const isSmooth = line !== drawn
    const { x, y, low, high, count } = drawn
    for (let i = placeOf(x, from); i < x.length && (x[i] ?? 0) <= to; i++) {
      const at = x[i] ?? 0
      const value = y[i] ?? Number.NaN
      part.push({
        run_id: run.id,
        run: run.name,
        rank: rank ?? 'mean',
        ...(attempt !== null && { attempt }),
        metric: name,
        [column]: axes.x === 'time' ? new Date(at).toISOString() : at,
        value: Number.isNaN(value) ? (markAt(drawn, at) ?? 'NaN') : value,
        ...(isSmooth && { smoothed: line.y[Math.max(0, placeOf(line.x, at + 1) - 1)] }),
        bucket_points: count[i] ?? 1,
        bucket_min: low[i],
        bucket_max: high[i],
      })
    }
    return part
  })
  download(fileName(name, 'csv'), new Blob([csvFormat(rows)], { type: 'text/csv' }))
}

const WIDTH = 800
const HEIGHT = 400
const MARGIN = { top: 32, right: 16, bottom: 28, left: 64 }

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

const tickText = (x: Axis, value: number) => (x === 'relative' ? duration(value) : si(value))

/** The chart in lines, for print; on white, whatever the page is on. */
export function saveSvg({ name, shapes, range, axes }: Saved): void {
  const { x, isLogX, isLogY } = axes
  const across = [MARGIN.left, WIDTH - MARGIN.right]
  const up = [HEIGHT - MARGIN.bottom, MARGIN.top]
  const extent = extentOf(shapes, range, isLogY) ?? [1, 10]
  const [px, py] = [isLogX ? scaleLog() : scaleLinear(), isLogY ? scaleLog() : scaleLinear()]
  px.domain(range).range(across)
  py.domain(extent).range(up).nice()
  const utc = scaleUtc().domain(range).range(across)
  const marksX: [number, string][] =
    x === 'time'
      ? utc.ticks(8).map((at) => [at.getTime(), utc.tickFormat()(at)])
      : px.ticks(8).map((at) => [at, tickText(x, at)])
  const grid = py.ticks(6).map((value) => {
    const y = py(value).toFixed(1)
    return (
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y}" y2="${y}" stroke="#e1e4e8"/>` +
      `<text x="${MARGIN.left - 6}" y="${y}" dy="4" text-anchor="end">${escaped(si(value))}</text>`
    )
  })
  const below = marksX.map(
    ([at, label]) =>
      `<text x="${px(at).toFixed(1)}" y="${HEIGHT - 8}" text-anchor="middle">${escaped(label)}</text>`,
  )
  const lines = shapes.flatMap(({ stroke, drawn, line }) => {
    const path = (part: { x: Float64Array; y: Float64Array }, opacity: number) =>
      `<path d="${pathOf(part, range, px, py, { isLogX, isLogY })}" fill="none" stroke="${stroke.colour}" ` +
      `stroke-width="1.5" stroke-opacity="${opacity}" stroke-dasharray="${stroke.dash.join(' ')}" clip-path="url(#plot)"/>`
    return line === drawn ? [path(drawn, 1)] : [path(drawn, 0.25), path(line, 1)]
  })
  const legend = shapes.map(
    (shape, i) =>
      `<rect x="12" y="${HEIGHT + 4 + LEGEND_LINE * i}" width="10" height="10" fill="${shape.stroke.colour}"/>` +
      `<text x="28" y="${HEIGHT + 13 + LEGEND_LINE * i}">${escaped(labelOf(shape))}</text>`,
  )
  const height = HEIGHT + 12 + LEGEND_LINE * shapes.length
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<clipPath id="plot"><rect x="${MARGIN.left}" y="${MARGIN.top}" width="${WIDTH - MARGIN.left - MARGIN.right}" height="${HEIGHT - MARGIN.top - MARGIN.bottom}"/></clipPath>
<text x="12" y="20" font-weight="600" font-size="14">${escaped(name)}</text>
${[...grid, ...below, ...lines, ...legend].join('\n')}
</svg>`
  download(fileName(name, 'svg'), new Blob([svg], { type: 'image/svg+xml' }))
}

function pathOf(
  { x, y }: { x: Float64Array; y: Float64Array },
  [from, to]: Range,
  px: (value: number) => number,
  py: (value: number) => number,
  { isLogX, isLogY }: { isLogX: boolean; isLogY: boolean },
): string {
  const parts: string[] = []
  let isDown = false
  const end = Math.min(x.length, placeOf(x, to) + 2)
  for (let i = Math.max(0, placeOf(x, from) - 1); i < end; i++) {
    const [at, value] = [x[i] ?? 0, y[i] ?? Number.NaN]
    if (Number.isNaN(value) || (isLogY && value <= 0) || (isLogX && at <= 0)) {
      isDown = false
      continue
    }
    parts.push(`${isDown ? 'L' : 'M'}${px(at).toFixed(1)} ${py(value).toFixed(1)}`)
    isDown = true
  }
  return parts.join('')
}
