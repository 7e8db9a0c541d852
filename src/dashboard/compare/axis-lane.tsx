/** One axis of parallel coordinates: dragged along it brushes, its ends are moved by keys, its title moves it. */
import { useRef, useState } from 'preact/hooks'
import type { Span } from './address.ts'
import { nameOf } from './fields.tsx'
import { BOTTOM, type Lane, TOP } from './lanes.ts'
import { cut } from './scatter-drawing.tsx'

/** What is brushed by less is a click, which takes the brush away; in pixels. */
const CLICK = 4
/** Of the axis, for one press of a key. */
const PRESS = 1 / 20

export function AxisLane({
  lane: { field, axis, offs },
  x,
  span,
  brush,
  drag,
  drop,
}: {
  lane: Lane
  x: number
  span: Span | undefined
  brush: (span: Span | undefined) => void
  drag: (by: number) => void
  drop: (by: number) => void
}) {
  const start = useRef<number | undefined>(undefined)
  const [drawn, draw] = useState<[number, number]>()
  const name = nameOf(field)
  const spanOf = ([a, b]: [number, number]): Span => {
    const [low, high] = [axis.invert(Math.max(a, b)), axis.invert(Math.min(a, b))]
    // Of words, those that are within.
    return axis.isWords ? [Math.ceil(low - 0.5), Math.floor(high + 0.5)] : [low, high]
  }
  const pulled = (event: PointerEvent & { currentTarget: Element }): [number, number] | undefined => {
    if (start.current === undefined) return undefined
    const at = event.clientY - (event.currentTarget.closest('svg')?.getBoundingClientRect().top ?? 0)
    return [start.current, Math.min(BOTTOM, Math.max(TOP, at))]
  }
  // What was brushed when there were other runs may reach beyond the axis.
  const held = (measure: number) => Math.min(axis.domain[1], Math.max(axis.domain[0], measure))
  const shown = drawn ?? (span && [axis.at(held(span[0])), axis.at(held(span[1]))])
  return (
    <g class="lane" transform={`translate(${x} 0)`}>
      <line y1={TOP} y2={BOTTOM} class="axis" />
      {axis.ticks.map(({ at, label }) => (
        <g key={label}>
          <line x1={-4} x2={0} y1={at} y2={at} class="axis" />
          <text x={-8} y={at + 4} text-anchor="end">
            {cut(label, 9)}
          </text>
        </g>
      ))}
      {offs.map(({ at, off }) => (
        <text key={off} x={-8} y={at + 4} text-anchor="end" class="off">
          {off}
        </text>
      ))}
      <rect
        class="reach"
        x={-14}
        width={28}
        y={TOP - 8}
        height={BOTTOM - TOP + 16}
        data-axis={field}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId)
          const at = event.clientY - (event.currentTarget.closest('svg')?.getBoundingClientRect().top ?? 0)
          start.current = Math.min(BOTTOM, Math.max(TOP, at))
        }}
        onPointerMove={(event) => {
          const ends = pulled(event)
          if (ends) draw(ends)
        }}
        onPointerUp={(event) => {
          const ends = pulled(event)
          start.current = undefined
          draw(undefined)
          if (ends) brush(Math.abs(ends[0] - ends[1]) < CLICK ? undefined : spanOf(ends))
        }}
        onPointerCancel={() => {
          start.current = undefined
          draw(undefined)
        }}
      />
      {shown && (
        <rect
          class="brushed"
          x={-8}
          width={16}
          y={Math.min(...shown)}
          height={Math.max(2, Math.abs(shown[0] - shown[1]))}
        />
      )}
      {(['low', 'high'] as const).map((end) => (
        <Handle key={end} end={end} name={name} axis={axis} span={span} brush={brush} />
      ))}
      <Title name={name} field={field} drag={drag} drop={drop} />
    </g>
  )
}

/** One end of what is brushed, for the keyboard; without a brush they are the ends of the axis. */
function Handle({
  end,
  name,
  axis,
  span,
  brush,
}: {
  end: 'low' | 'high'
  name: string
  axis: Lane['axis']
  span: Span | undefined
  brush: (span: Span | undefined) => void
}) {
  const [first, last] = axis.domain
  const [low, high] = span ?? [first, last]
  const value = end === 'low' ? low : high
  const press = (event: KeyboardEvent) => {
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 4, PageDown: -4 }[event.key]
    if (event.key === 'Escape' && span) brush(undefined)
    if (by === undefined && event.key !== 'Home' && event.key !== 'End') return
    event.preventDefault()
    const step = axis.isWords ? 1 : 0
    const pixels = (BOTTOM - TOP) * PRESS
    // In pixels, so that a press is as long on a logarithmic axis; of words, one by one.
    const moved = step ? value + (by ?? 0) : axis.invert(axis.at(value) - (by ?? 0) * pixels)
    const to = event.key === 'Home' ? first : event.key === 'End' ? last : moved
    const within = Math.min(last, Math.max(first, to))
    const next: Span = end === 'low' ? [Math.min(within, high), high] : [low, Math.max(within, low)]
    brush(next[0] <= first && next[1] >= last ? undefined : next)
  }
  const at = axis.at(Math.min(last, Math.max(first, value)))
  return (
    <path
      class={span ? 'handle there' : 'handle'}
      d={`M-8 ${at}H8`}
      role="slider"
      // In SVG the names of attributes are written as they are.
      tabindex={0}
      aria-orientation="vertical"
      aria-label={`${end === 'low' ? 'Lowest' : 'Highest'} ${name}`}
      aria-valuemin={first}
      aria-valuemax={last}
      aria-valuenow={value}
      aria-valuetext={axis.label(value)}
      onKeyDown={press}
    />
  )
}

function Title({
  name,
  field,
  drag,
  drop,
}: {
  name: string
  field: string
  drag: (by: number) => void
  drop: (by: number) => void
}) {
  const start = useRef<number | undefined>(undefined)
  return (
    <text
      y={16}
      text-anchor="middle"
      class="title drags"
      data-title={field}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        start.current = event.clientX
      }}
      onPointerMove={(event) => {
        if (start.current !== undefined) drag(event.clientX - start.current)
      }}
      onPointerUp={(event) => {
        if (start.current !== undefined) drop(event.clientX - start.current)
        start.current = undefined
      }}
      onPointerCancel={() => {
        start.current = undefined
        drop(0)
      }}
    >
      {cut(name, 16)}
      <title>{name}: drag it to another place</title>
    </text>
  )
}
