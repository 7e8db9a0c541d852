/** Paints shapes into the frame that the chart library has drawn. */
import type { Stroke } from '../colour.ts'
import { placeOf } from './buckets.ts'
import type { Line } from './line.ts'
import { extentsOf, fill, type Projection, type Rgb, trace } from './raster.ts'
import type { Shape } from './shape.ts'

/** In pixels of the canvas. */
export interface Box {
  left: number
  top: number
  width: number
  height: number
}

export interface Frame {
  box: Box
  x: Projection
  y: Projection
  /** A value of the axis in the units that the shapes are laid out in. */
  at: (value: number) => number
  /** Pixels of the canvas in one of CSS. */
  ratio: number
}

/** What is not of a run. */
export interface Colours {
  text: string
  grid: string
  ground: string
}

/** In CSS pixels. */
const LINE = 1.5
const LIFTED = 3
const BAND = 0.12
const BEHIND = 0.25
/** Points stand out where there is this much room for each. */
const ROOM = 14

function rgbOf(hex: string): Rgb {
  const number = Number.parseInt(hex.slice(1), 16)
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255]
}

/** The places of a line that are in sight, and one on either side. */
function inSight({ x }: Line, { box, x: { scale, offset } }: Frame): [begin: number, end: number] {
  const begin = Math.max(0, placeOf(x, -offset / scale) - 1)
  let end = placeOf(x, (box.width - offset) / scale)
  while (end < x.length && (x[end] ?? 0) * scale + offset <= box.width) end++
  return [begin, Math.min(x.length, end + 1)]
}

/** One layer of dense curves: pixels that are put on the canvas together, with one opacity. */
class Layer {
  readonly #canvas = document.createElement('canvas')
  #image: ImageData | undefined
  #isEmpty = true

  /** Makes it as large as a box, with nothing on it. */
  clear({ width, height }: Box): ImageData {
    if (this.#image?.width !== width || this.#image.height !== height) {
      this.#image = new ImageData(width, height)
      this.#canvas.width = width
      this.#canvas.height = height
    } else if (!this.#isEmpty) this.#image.data.fill(0)
    this.#isEmpty = true
    return this.#image
  }

  /** Draws a line if it is dense, and says whether it was. */
  line(line: Line, frame: Frame, [begin, end]: [number, number], shape: Shape, width: number): boolean {
    const { box, x, y, ratio } = frame
    if (end - begin <= box.width || !this.#image) return false
    const extents = extentsOf(box.width)
    trace(extents, line, begin, end, x, y)
    const { colour, dash } = shape.stroke
    const dashes = dash.map((length) => Math.round(length * ratio))
    fill(this.#image, extents, (width * ratio) / 2, rgbOf(colour), dashes)
    this.#isEmpty = false
    return true
  }

  band({ low, high }: { low: Line; high: Line }, frame: Frame, shape: Shape): void {
    if (!this.#image) return
    const extents = extentsOf(frame.box.width)
    const [begin, end] = inSight(low, frame)
    trace(extents, low, begin, end, frame.x, frame.y)
    trace(extents, high, begin, end, frame.x, frame.y)
    fill(this.#image, extents, 0, rgbOf(shape.stroke.colour))
    this.#isEmpty = false
  }

  show(ctx: CanvasRenderingContext2D, { left, top }: Box, alpha: number): void {
    if (this.#isEmpty || !this.#image) return
    this.#canvas.getContext('2d')?.putImageData(this.#image, 0, 0)
    ctx.globalAlpha = alpha
    ctx.drawImage(this.#canvas, left, top)
    ctx.globalAlpha = 1
  }
}

/** Strokes a line that has few points. */
function stroke(
  ctx: CanvasRenderingContext2D,
  line: Line,
  { box, x: px, y: py, ratio }: Frame,
  [begin, end]: [number, number],
  { colour, dash }: Stroke,
  width: number,
): void {
  ctx.strokeStyle = colour
  ctx.fillStyle = colour
  ctx.lineWidth = width * ratio
  ctx.lineJoin = 'round'
  ctx.setLineDash(dash.map((length) => length * ratio))
  ctx.beginPath()
  const dots = new Path2D()
  const radius = (width + 1) * ratio
  const isRoomy = (end - begin) * ROOM * ratio < box.width
  const at = (i: number) =>
    i >= begin && i < end ? (line.y[i] ?? Number.NaN) * py.scale + py.offset : Number.NaN
  let isDown = false
  for (let i = begin; i < end; i++) {
    const x = box.left + (line.x[i] ?? Number.NaN) * px.scale + px.offset
    const y = box.top + at(i)
    if (Number.isNaN(y)) {
      isDown = false
      continue
    }
    if (isDown) ctx.lineTo(x, y)
    else ctx.moveTo(x, y)
    isDown = true
    if (isRoomy || (Number.isNaN(at(i - 1)) && Number.isNaN(at(i + 1)))) {
      dots.moveTo(x + radius, y)
      dots.arc(x, y, radius, 0, 2 * Math.PI)
    }
  }
  ctx.stroke()
  ctx.setLineDash([])
  ctx.fill(dots)
}

function clipped(ctx: CanvasRenderingContext2D, { left, top, width, height }: Box, draw: () => void): void {
  ctx.save()
  ctx.beginPath()
  ctx.rect(left, top, width, height)
  ctx.clip()
  draw()
  ctx.restore()
}

/** The layers of a chart: they are kept, because making pictures takes longer than filling them. */
export class Painter {
  readonly #layer = new Layer()

  paint(ctx: CanvasRenderingContext2D, shapes: readonly Shape[], frame: Frame, colours: Colours): void {
    const { box } = frame
    if (box.width < 1 || box.height < 1) return
    clipped(ctx, box, () => {
      if (shapes.some(({ band }) => band)) {
        this.#layer.clear(box)
        for (const shape of shapes) if (shape.band) this.#layer.band(shape.band, frame, shape)
        this.#layer.show(ctx, box, BAND)
      }
      this.#lines(ctx, shapes, frame, BEHIND, ({ behind }) => behind)
      this.#lines(ctx, shapes, frame, 1, ({ full }) => full)
      for (const shape of shapes) drawMarks(ctx, shape, frame)
      for (const shape of stragglersOf(shapes)) drawEnd(ctx, shape, frame, colours)
    })
  }

  #lines(
    ctx: CanvasRenderingContext2D,
    shapes: readonly Shape[],
    frame: Frame,
    alpha: number,
    lineOf: (shape: Shape) => Line | undefined,
  ): void {
    const sparse: (() => void)[] = []
    this.#layer.clear(frame.box)
    for (const shape of shapes) {
      const line = lineOf(shape)
      if (!line) continue
      const sight = inSight(line, frame)
      if (this.#layer.line(line, frame, sight, shape, LINE)) continue
      sparse.push(() => stroke(ctx, line, frame, sight, shape.stroke, LINE))
    }
    this.#layer.show(ctx, frame.box, alpha)
    ctx.globalAlpha = alpha
    for (const draw of sparse) draw()
    ctx.globalAlpha = 1
  }

  /** Paints some of the shapes over all that is there, which is dimmed. */
  lift(ctx: CanvasRenderingContext2D, shapes: readonly Shape[], frame: Frame, ground: string): void {
    const { box } = frame
    clipped(ctx, box, () => {
      ctx.globalAlpha = 0.55
      ctx.fillStyle = ground
      ctx.fillRect(box.left, box.top, box.width, box.height)
      ctx.globalAlpha = 1
      this.#layer.clear(box)
      const dense = shapes.filter((shape) =>
        this.#layer.line(shape.full, frame, inSight(shape.full, frame), shape, LIFTED),
      )
      this.#layer.show(ctx, box, 1)
      for (const shape of shapes) {
        if (dense.includes(shape)) continue
        stroke(ctx, shape.full, frame, inSight(shape.full, frame), shape.stroke, LIFTED)
      }
    })
  }
}

/** What no vertical axis has a place for: NaN as a cross below, infinities as arrows at their ends. */
function drawMarks(ctx: CanvasRenderingContext2D, { drawn, stroke: { colour } }: Shape, frame: Frame): void {
  const { box, ratio, x: px } = frame
  ctx.strokeStyle = colour
  ctx.fillStyle = colour
  ctx.lineWidth = LINE * ratio
  const size = 3.5 * ratio
  const ends = new Map<string, number>()
  for (const { x: value, kind } of drawn.marks) {
    const x = box.left + frame.at(value) * px.scale + px.offset
    // Those on one place are one mark.
    const isAlone = x - (ends.get(kind) ?? Number.NEGATIVE_INFINITY) >= size
    if (x < box.left - size || x > box.left + box.width + size || !isAlone) continue
    ends.set(kind, x)
    const y = kind === 'Infinity' ? box.top + 2 * size : box.top + box.height - 2 * size
    ctx.beginPath()
    if (kind === 'NaN' || kind === 'odd') {
      ctx.moveTo(x - size, y - size)
      ctx.lineTo(x + size, y + size)
      ctx.moveTo(x - size, y + size)
      ctx.lineTo(x + size, y - size)
      ctx.stroke()
      continue
    }
    const way = kind === 'Infinity' ? -1 : 1
    ctx.moveTo(x - size, y - way * size)
    ctx.lineTo(x + size, y - way * size)
    ctx.lineTo(x, y + way * size)
    ctx.fill()
  }
}

/** By how much of its job's progress a rank lags behind when it is a straggler. */
const LAG = 0.02

/** Ranks of a job that are not as far as its furthest one in the same attempt. */
export function stragglersOf(shapes: readonly Shape[]): Shape[] {
  const jobs = Map.groupBy(
    shapes.filter(({ rank, drawn }) => rank !== null && drawn.x.length > 0),
    ({ run, attempt }) => `${run.id} ${attempt}`,
  )
  return [...jobs.values()].flatMap((ranks) => {
    const first = Math.min(...ranks.map(({ drawn }) => drawn.x[0] ?? 0))
    const last = Math.max(...ranks.map(lastOf))
    return ranks.filter((shape) => last - lastOf(shape) > LAG * (last - first))
  })
}

const lastOf = ({ drawn }: Shape): number => drawn.x[drawn.x.length - 1] ?? 0

/** Says where a rank has stopped. */
function drawEnd(
  ctx: CanvasRenderingContext2D,
  { full, rank }: Shape,
  { box, ratio, x: px, y: py }: Frame,
  { text, ground }: Colours,
): void {
  const i = full.y.findLastIndex((value) => !Number.isNaN(value))
  if (i < 0) return
  const x = box.left + (full.x[i] ?? 0) * px.scale + px.offset
  const y = box.top + (full.y[i] ?? 0) * py.scale + py.offset
  ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`
  ctx.textAlign = x > box.left + box.width / 2 ? 'right' : 'left'
  ctx.lineJoin = 'round'
  ctx.lineWidth = 3 * ratio
  ctx.strokeStyle = ground
  ctx.fillStyle = text
  const label = `rank ${rank}`
  const side = ctx.textAlign === 'right' ? -7 : 7
  ctx.beginPath()
  ctx.arc(x, y, 3.5 * ratio, 0, 2 * Math.PI)
  ctx.stroke()
  ctx.fill()
  ctx.strokeText(label, x + side * ratio, y - 5 * ratio)
  ctx.fillText(label, x + side * ratio, y - 5 * ratio)
  ctx.textAlign = 'left'
}
