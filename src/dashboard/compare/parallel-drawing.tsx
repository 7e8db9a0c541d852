/** The drawing of parallel coordinates. */
import { useRef, useState } from 'preact/hooks'
import type { Stroke } from '../colour.ts'
import { hovered } from '../hover.ts'
import type { Span } from './address.ts'
import { AxisLane } from './axis-lane.tsx'
import type { Of } from './compared.ts'
import { HEIGHT, type Lane, lineOf } from './lanes.ts'
import type { ComparedRun } from './read-runs.ts'
import { useWidth } from './use-width.ts'

const SIDE = 70
/** The least room that an axis has: where there is less the drawing scrolls. */
const LEAST = 110

export function ParallelDrawing({
  runs,
  through,
  lanes,
  of,
  spans,
  strokes,
  brush,
  move,
}: {
  runs: readonly ComparedRun[]
  through: readonly ComparedRun[]
  lanes: readonly Lane[]
  of: Of
  spans: ReadonlyMap<string, Span>
  strokes: ReadonlyMap<string, Stroke>
  brush: (field: string, span: Span | undefined) => void
  move: (from: number, to: number) => void
}) {
  const box = useRef<HTMLElement>(null)
  const room = useWidth(box)
  const width = Math.max(room, 2 * SIDE + LEAST * (lanes.length - 1))
  /** The axis whose title is being dragged, and how far. */
  const [dragged, drag] = useState<{ index: number; by: number }>()
  const step = lanes.length > 1 ? (width - 2 * SIDE) / (lanes.length - 1) : 0
  const across = (lane: number) =>
    (lanes.length > 1 ? SIDE + lane * step : width / 2) + (dragged?.index === lane ? dragged.by : 0)
  const isThrough = new Set(through.map(({ id }) => id))
  const lit = runs.find(({ id }) => id === hovered.value)
  // What is dim lies below what is not, and what is lit above all.
  const ordered = [
    ...runs.filter(({ id }) => !isThrough.has(id)),
    ...through.filter(({ id }) => id !== lit?.id),
    ...(lit && isThrough.has(lit.id) ? [lit] : []),
  ]
  return (
    <figure
      ref={box}
      class="drawing scrolls"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
      tabIndex={0}
      aria-label={`${through.length} of ${runs.length} runs over ${lanes.length} axes`}
    >
      {/* biome-ignore lint/a11y/noSvgWithoutTitle: the figure is labelled, and a title would hover over all of it */}
      <svg width={width} height={HEIGHT}>
        <g fill="none">
          {ordered.map((run) => {
            const { colour, dash } = strokes.get(run.id) ?? { colour: 'currentColor', dash: [] }
            const name = run.name ?? 'Unnamed run'
            return (
              <path
                key={run.id}
                d={lineOf(run, lanes, of, across)}
                class={`line ${isThrough.has(run.id) ? '' : 'out'} ${lit?.id === run.id ? 'lit' : ''}`}
                stroke={colour}
                stroke-dasharray={dash.join(' ')}
                data-run={name}
                onPointerEnter={() => {
                  hovered.value = run.id
                }}
                onPointerLeave={() => {
                  hovered.value = null
                }}
              >
                <title>{name}</title>
              </path>
            )
          })}
        </g>
        {lanes.map((lane, i) => (
          <AxisLane
            key={lane.field}
            lane={lane}
            x={across(i)}
            span={spans.get(lane.field)}
            brush={(span) => brush(lane.field, span)}
            drag={(by) => drag({ index: i, by })}
            drop={(by) => {
              drag(undefined)
              const to = Math.min(lanes.length - 1, Math.max(0, Math.round(i + (step ? by / step : 0))))
              if (to !== i) move(i, to)
            }}
          />
        ))}
      </svg>
      {lit && (
        <p class="tooltip corner" role="status">
          <b>{lit.name ?? 'Unnamed run'}</b>
        </p>
      )}
    </figure>
  )
}
