/** The drawing of a scatter: points with the runs' colours, each a link to its run. */
import { useMemo, useRef } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import type { Stroke } from '../colour.ts'
import { hovered } from '../hover.ts'
import { axisOf, offsOf } from './axis.ts'
import { numberOf, type Scalar } from './compared.ts'
import { nameOf } from './fields.tsx'
import type { ComparedRun } from './read-runs.ts'
import { useWidth } from './use-width.ts'

export interface Point {
  run: ComparedRun
  x: Scalar
  y: Scalar
}

const HEIGHT = 440
const MARGIN = { top: 30, right: 30, bottom: 52, left: 84 }

/** So that no point lies on the edge. */
const INSET = 10

/** Runs of one colour differ in their dashes, and so in the shapes of their points. */
const SHAPES: Record<string, string> = {
  '': 'M5 0A5 5 0 1 1 -5 0A5 5 0 1 1 5 0Z',
  '6,3': 'M-4.5 -4.5H4.5V4.5H-4.5Z',
  '2,3': 'M0 -6L5.5 4.5H-5.5Z',
  '9,3,2,3': 'M0 -6.5L6.5 0L0 6.5L-6.5 0Z',
}

export function ScatterDrawing({
  points,
  x,
  y,
  isLog,
  strokes,
}: {
  points: readonly Point[]
  x: string
  y: string
  isLog: { x: boolean; y: boolean }
  strokes: ReadonlyMap<string, Stroke>
}) {
  const { route } = useLocation()
  const box = useRef<HTMLElement>(null)
  const width = useWidth(box)
  const [left, right] = [Math.min(MARGIN.left, width / 4), Math.max(width - MARGIN.right, 120)]
  const [top, bottom] = [MARGIN.top, HEIGHT - MARGIN.bottom]
  const axes = useMemo(
    () => ({
      x: axisOf(
        points.map(({ x }) => x),
        { isLog: isLog.x, range: [left + INSET, right - INSET], room: (right - left) / 80 },
      ),
      y: axisOf(
        points.map(({ y }) => y),
        { isLog: isLog.y, range: [bottom - INSET, top + INSET], room: 7 },
      ),
    }),
    [points, isLog.x, isLog.y, left, right, top, bottom],
  )
  const placed = points.flatMap((point) => {
    const [across, up] = [axes.x.place(point.x), axes.y.place(point.y)]
    return across && up ? [{ ...point, across, up }] : []
  })
  const lit = placed.find(({ run }) => run.id === hovered.value)
  const light = (id: string | null) => {
    hovered.value = id
  }
  return (
    <figure ref={box} class="drawing" aria-label={`${nameOf(y)} against ${nameOf(x)}, ${placed.length} runs`}>
      {/* biome-ignore lint/a11y/noSvgWithoutTitle: the figure is labelled, and a title would hover over all of it */}
      <svg width={width} height={HEIGHT}>
        <g class="grid">
          {axes.x.ticks.map(({ at, label }) => (
            <g key={label}>
              <line x1={at} x2={at} y1={top} y2={bottom} />
              <text x={at} y={bottom + 28} text-anchor="middle">
                {cut(label, 12)}
              </text>
            </g>
          ))}
          {axes.y.ticks.map(({ at, label }) => (
            <g key={label}>
              <line x1={left} x2={right} y1={at} y2={at} />
              <text x={left - 18} y={at + 4} text-anchor="end">
                {cut(label, 10)}
              </text>
            </g>
          ))}
          {offsOf(placed.map(({ across }) => across)).map(({ at, off }) => (
            <text key={off} x={at} y={bottom + 12} text-anchor="middle" class="off">
              {off}
            </text>
          ))}
          {offsOf(placed.map(({ up }) => up)).map(({ at, off }) => (
            <text key={off} x={left - 18} y={at + 4} text-anchor="end" class="off">
              {off}
            </text>
          ))}
          <text x={(left + right) / 2} y={HEIGHT - 2} text-anchor="middle" class="title">
            {nameOf(x)}
            {isLog.x && !axes.x.isWords && ' (log)'}
          </text>
          <text x={4} y={14} class="title">
            {nameOf(y)}
            {isLog.y && !axes.y.isWords && ' (log)'}
          </text>
        </g>
        {placed.map(({ run, across, up, x, y }) => {
          const { colour, dash } = strokes.get(run.id) ?? { colour: 'currentColor', dash: [] }
          const name = run.name ?? 'Unnamed run'
          const isOff = across.off !== undefined || up.off !== undefined
          return (
            <a
              key={run.id}
              href={`/r/${run.id}`}
              aria-label={`${name}: ${told(y)} at ${told(x)}`}
              class={lit?.run.id === run.id ? 'point lit' : 'point'}
              onPointerEnter={() => light(run.id)}
              onPointerLeave={() => light(null)}
              onFocus={() => light(run.id)}
              onBlur={() => light(null)}
              onClick={(event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
                event.preventDefault()
                route(`/r/${run.id}`)
              }}
            >
              <path
                d={SHAPES[String(dash)] ?? SHAPES['']}
                transform={`translate(${across.at} ${up.at})`}
                fill={isOff ? 'none' : colour}
                stroke={colour}
              />
            </a>
          )
        })}
      </svg>
      {lit && (
        <p
          class="tooltip"
          style={{
            left: `${Math.min(lit.across.at + 12, width - 200)}px`,
            top: `${Math.max(0, lit.up.at - 64)}px`,
          }}
        >
          <b>{lit.run.name ?? 'Unnamed run'}</b>
          <span>
            {nameOf(y)} <span class="number">{told(lit.y)}</span>
          </span>
          <span>
            {nameOf(x)} <span class="number">{told(lit.x)}</span>
          </span>
        </p>
      )}
    </figure>
  )
}

const told = (value: Scalar): string => {
  const number = numberOf(value)
  return number === undefined ? String(value) : String(Number(number.toPrecision(6)))
}

export const cut = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text
