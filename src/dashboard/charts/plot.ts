/**
 * One chart on the screen: a frame with axes by uPlot, curves that are painted into it, and a pointer that reads, zooms
 * and pans. Where the axis is laid out in logarithms, a distance on screen is a ratio.
 */
import { scaleLog } from 'd3-scale'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { duration, si } from '../format.ts'
import type { Axis, Range } from './buckets.ts'
import { type Colours, type Frame, Painter } from './paint.ts'
import { extentOf, type Shape } from './shape.ts'

/** Which axes a plot has; another plot has others. */
export interface Axes {
  x: Axis
  isLogX: boolean
  isLogY: boolean
}

export interface Picture {
  shapes: readonly Shape[]
  /** What is in sight. */
  range: Range
}

export interface Gestures {
  /** The pointer, or the keyboard, is at a place; null where it has left. */
  read: (place: Place | null) => void
  /** A part was chosen; undefined for the whole axis. */
  zoom: (range: Range | undefined) => void
  /** The part in sight is being moved, and is where it stays once that `isOver`. */
  pan: (range: Range, isOver: boolean) => void
}

export interface Place {
  /** On the axis. */
  x: number
  /** In CSS pixels, from the corner of the plot. */
  left: number
  top: number
  /** Whether a pointer is there; else it came by keyboard. */
  isPointed: boolean
}

/** In milliseconds: what an axis of durations is divided by. */
const DURATIONS = [1, 10, 60, 600, 3_600, 21_600, 86_400, 864_000].flatMap((seconds, i, all) => {
  const next = all[i + 1] ?? Number.POSITIVE_INFINITY
  return [1, 2, 3, 5].map((n) => n * seconds * 1_000).filter((length) => length < next * 1_000)
})
const INTEGERS = Array.from({ length: 19 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat()
const SHORTEST = [1, 2, 5, 10, 20, 50, 100, 200, 500]

/** Of an axis whose ticks are its own: one that is long enough, and none of those whose digits uPlot looks up. */
const WHOLE: uPlot.Axis.Incrs = (_, __, min, max) => [Math.max(max - min, 5)]

const FONT = '11px system-ui, sans-serif'
/** How far a pointer must move to choose a part, in CSS pixels. */
const DRAG = 4

export class Plot {
  readonly #axes: Axes
  readonly #box: HTMLElement
  readonly #gestures: Gestures
  readonly #u: uPlot
  readonly #painter = new Painter()
  readonly #lifter = new Painter()
  readonly #overlay = document.createElement('canvas')
  readonly #line = div('plot-line')
  readonly #choice = div('plot-choice')
  readonly #colours: Colours
  #picture: Picture
  #lifted: string | null = null
  #wish: number | undefined

  constructor(box: HTMLElement, axes: Axes, picture: Picture, gestures: Gestures) {
    this.#box = box
    this.#axes = axes
    this.#picture = picture
    this.#gestures = gestures
    const { color, borderTopColor, backgroundColor } = getComputedStyle(box)
    this.#colours = { text: color, grid: borderTopColor, ground: backgroundColor }
    // Nothing that it draws; of two points it would set no scale that is shorter than 1e-16.
    this.#u = new uPlot(this.#options(), [[0], [0]])
    box.append(this.#u.root)
    const { over } = this.#u
    over.append(this.#overlay, this.#line, this.#choice)
    this.#overlay.className = 'plot-overlay'
    this.#line.hidden = true
    this.#choice.hidden = true
    this.#listen(over)
    this.#lay()
  }

  /** The canvas with all that is painted, for a picture of it. */
  get canvas(): HTMLCanvasElement {
    return this.#u.ctx.canvas
  }

  destroy(): void {
    if (this.#wish !== undefined) cancelAnimationFrame(this.#wish)
    this.#u.destroy()
  }

  /** Shows another picture, with the next frame. */
  show(picture: Picture): void {
    this.#picture = picture
    this.#wish ??= requestAnimationFrame(() => {
      this.#wish = undefined
      this.#lay()
    })
  }

  resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#box
    if (width > 0 && height > 0 && (width !== this.#u.width || height !== this.#u.height)) {
      this.#u.setSize({ width, height })
    }
  }

  /** Brings the curves of a run to the front. */
  lift(run: string | null): void {
    if (run === this.#lifted) return
    this.#lifted = run
    this.#paintLifted()
  }

  /** Shows the line at a place of the axis. */
  point(x: number | null): void {
    const left = x === null ? Number.NaN : this.#u.valToPos(x, 'x')
    this.#line.hidden = !(left >= 0 && left <= this.#u.over.clientWidth)
    if (!this.#line.hidden) this.#line.style.transform = `translateX(${left}px)`
  }

  /** How long a number of CSS pixels is on the axis there. */
  reach(x: number, pixels: number): number {
    return Math.abs(this.#valueAt(this.#u.valToPos(x, 'x') + pixels) - x)
  }

  /** A place in the plot that is so far from its left edge, half-way up. */
  placeAt(left: number): Place {
    const { clientWidth, clientHeight } = this.#u.over
    const within = Math.min(Math.max(left, 0), clientWidth)
    return { x: this.#valueAt(within), left: within, top: clientHeight / 2, isPointed: false }
  }

  /** Where a value lies, in CSS pixels from the top of the plot. */
  topOf = (value: number): number => this.#u.valToPos(value, 'y')

  get width(): number {
    return this.#u.over.clientWidth
  }

  /** Where it is on the screen, between its axes. */
  get rect(): DOMRect {
    return this.#u.over.getBoundingClientRect()
  }

  /** A range moved by a part of its length, and made longer or shorter around a place. */
  moved(range: Range, { by = 0, times = 1, around = 0.5 }): Range {
    const [from, to] = range.map(this.#at) as [number, number]
    const length = to - from
    const place = from + around * length
    const back = this.#axes.isLogX ? (value: number) => 10 ** value : (value: number) => value
    return [
      back(place - around * length * times + by * length),
      back(place + (1 - around) * length * times + by * length),
    ]
  }

  #at = (value: number): number => (this.#axes.isLogX ? Math.log10(value) : value)

  #valueAt = (left: number): number => this.#u.posToVal(left, 'x')

  #lay(): void {
    const { shapes, range } = this.#picture
    const { isLogX, isLogY } = this.#axes
    const extent = extentOf(shapes, range, isLogY) ?? (isLogY ? [1, 10] : [0, 1])
    const [min, max] = isLogX ? [Math.max(range[0], Number.MIN_VALUE), range[1]] : range
    const y = withRoom(extent, isLogY)
    this.#u.batch(() => {
      this.#u.setScale('x', min < max ? { min, max } : around(min, isLogX))
      this.#u.setScale('y', { min: y[0], max: y[1] })
      this.#u.redraw(false)
    })
  }

  #frame(): Frame {
    const { left, top, width, height } = this.#u.bbox
    const project = (min = 0, max = 1, length: number) => {
      const scale = length / (max - min)
      return { scale, offset: -min * scale }
    }
    const { x, y } = this.#u.scales
    const log = (value = 0) => (this.#axes.isLogY ? Math.log10(value) : value)
    const up = project(log(y?.min), log(y?.max), height)
    return {
      box: { left, top, width: Math.floor(width), height: Math.floor(height) },
      x: project(this.#at(x?.min ?? 0), this.#at(x?.max ?? 1), width),
      y: { scale: -up.scale, offset: height - up.offset },
      at: this.#at,
      ratio: uPlot.pxRatio,
    }
  }

  #paint(): void {
    this.#painter.paint(this.#u.ctx, this.#picture.shapes, this.#frame(), this.#colours)
    this.#paintLifted()
  }

  #paintLifted(): void {
    const shapes = this.#picture.shapes.filter(({ run }) => run.id === this.#lifted)
    const canvas = this.#overlay
    canvas.hidden = shapes.length === 0 || this.#picture.shapes.length === shapes.length
    if (canvas.hidden) return
    const frame = this.#frame()
    const { width, height } = frame.box
    canvas.width = width
    canvas.height = height
    const ctx = canvas.getContext('2d')
    const box = { left: 0, top: 0, width, height }
    if (ctx) this.#lifter.lift(ctx, shapes, { ...frame, box }, this.#colours.ground)
  }

  #options(): uPlot.Options {
    const { x, isLogX, isLogY } = this.#axes
    const { text, grid } = this.#colours
    const axis: uPlot.Axis = {
      stroke: text,
      font: FONT,
      ticks: { show: false },
      // Or a logarithmic axis leaves out of ours what it would not have itself.
      filter: (_, splits) => splits,
      border: { show: false },
    }
    const lines: uPlot.Axis.Grid = { stroke: grid, width: 1 }
    const label =
      (text: (value: number) => string): uPlot.Axis.DynamicValues =>
      (_, splits) =>
        splits.map(text)
    const across: uPlot.Axis =
      x === 'time'
        ? // The day is below the hour.
          { size: 38 }
        : {
            space: 70,
            size: 24,
            values: label(x === 'relative' ? duration : si),
            ...(isLogX
              ? { incrs: WHOLE, splits: ({ width }, _, min, max) => logTicks(min, max, width / 70) }
              : { incrs: x === 'relative' ? [...SHORTEST, ...DURATIONS] : INTEGERS }),
          }
    return {
      width: this.#box.clientWidth || 300,
      height: this.#box.clientHeight || 200,
      ms: 1,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 12, 0, 0],
      scales: {
        // The range is what it is set to, and not what is round.
        x: { time: x === 'time', auto: false, distr: isLogX ? 3 : 1, range: (_, min, max) => [min, max] },
        y: { auto: false, distr: isLogY ? 3 : 1, range: (_, min, max) => [min, max] },
      },
      series: [{}, { paths: () => null, points: { show: false } }],
      axes: [
        { ...axis, ...across, grid: lines, gap: 4 },
        {
          ...axis,
          size: 54,
          gap: 4,
          space: 32,
          values: label(si),
          grid: lines,
          ...(isLogY && {
            incrs: WHOLE,
            splits: ({ height }, _, min, max) => logTicks(min, max, height / 32),
          }),
        },
      ],
      hooks: { draw: [() => this.#paint()] },
    }
  }

  #listen(over: HTMLElement): void {
    let start: { left: number; range: Range; isPan: boolean; last: Range } | undefined
    const leftOf = (event: PointerEvent) => event.clientX - over.getBoundingClientRect().left
    over.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return
      const { range } = this.#picture
      start = { left: leftOf(event), range, isPan: event.shiftKey, last: range }
      over.setPointerCapture(event.pointerId)
    })
    over.addEventListener('pointermove', (event) => {
      const left = leftOf(event)
      const top = event.clientY - over.getBoundingClientRect().top
      if (start?.isPan) {
        start.last = this.moved(start.range, { by: (start.left - left) / over.clientWidth })
        this.#gestures.pan(start.last, false)
        return
      }
      if (start) this.#choose(start.left, left)
      this.#gestures.read({ x: this.#valueAt(left), left, top, isPointed: true })
    })
    over.addEventListener('pointerup', (event) => {
      const left = Math.min(Math.max(leftOf(event), 0), over.clientWidth)
      if (start?.isPan) this.#gestures.pan(start.last, true)
      else if (start && Math.abs(left - start.left) >= DRAG) {
        const ends = [start.left, left].sort((a, b) => a - b).map(this.#valueAt)
        this.#gestures.zoom([ends[0] ?? 0, ends[1] ?? 1])
      }
      start = undefined
      this.#choice.hidden = true
    })
    over.addEventListener('pointercancel', () => {
      start = undefined
      this.#choice.hidden = true
    })
    over.addEventListener('pointerleave', () => this.#gestures.read(null))
    over.addEventListener('dblclick', () => this.#gestures.zoom(undefined))
  }

  #choose(from: number, to: number): void {
    const width = this.#u.over.clientWidth
    const [low, high] = [Math.max(0, Math.min(from, to)), Math.min(width, Math.max(from, to))]
    this.#choice.hidden = high - low < DRAG
    this.#choice.style.left = `${low}px`
    this.#choice.style.width = `${high - low}px`
  }
}

function div(name: string): HTMLDivElement {
  const element = document.createElement('div')
  element.className = name
  return element
}

/**
 * Where a logarithmic axis has a line: at powers of ten, at 2 and 5 too where there are few of them, and where it is short
 * at what else is round.
 *
 * @param most how many there is room for
 */
function logTicks(min: number, max: number, most: number): number[] {
  const ticks = scaleLog([min, max], [0, 1]).ticks(Math.max(2, Math.floor(most)))
  const apart = (Math.log10(max) - Math.log10(min)) / most
  for (const factors of [[1], [1, 2, 5]]) {
    const rounds = ticks.filter((tick) => factors.some((factor) => isPower(tick / factor)))
    if (rounds.length >= 3) return rounds
  }
  let last = 0
  return ticks.filter((tick) => {
    if (last > 0 && Math.log10(tick / last) < apart / 2) return false
    last = tick
    return true
  })
}

const isPower = (value: number) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6

/** So that no curve lies on an edge, and one that is level has a place. */
function withRoom([min, max]: Range, isLog: boolean): Range {
  if (isLog) {
    const room = min < max ? 10 ** (0.05 * (Math.log10(max) - Math.log10(min))) : 2
    return [Math.max(min / room, Number.MIN_VALUE), Math.min(max * room, Number.MAX_VALUE)]
  }
  if (min === max) return min === 0 ? [-1, 1] : [min - Math.abs(min) * 0.1, max + Math.abs(max) * 0.1]
  const room = (max - min) * 0.05
  // Ends of what can be told from infinity have no room beyond them.
  return [Math.max(min - room, -Number.MAX_VALUE), Math.min(max + room, Number.MAX_VALUE)]
}

const around = (value: number, isLog: boolean) =>
  isLog ? { min: value / 2, max: value * 2 } : { min: value - 1, max: value + 1 }
