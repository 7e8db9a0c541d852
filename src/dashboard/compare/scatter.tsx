/** Runs as points between two of their params or metrics. */
import { useMemo } from 'preact/hooks'
import { Empty, Failure, Skeleton } from '../ui/parts.tsx'
import { useUrlState } from '../url.ts'
import { fieldOf } from './compared.ts'
import { FieldSelect, likelyMetric, nameOf, useFields } from './fields.tsx'
import { Missing } from './missing.tsx'
import { useRuns } from './read-runs.ts'
import { RunTable } from './run-table.tsx'
import { ScatterDrawing } from './scatter-drawing.tsx'
import type { View } from './view.ts'

const NO_RUNS: never[] = []
const NO_METRICS: string[] = []

export function Scatter({ experiment, ids, of, strokes }: View) {
  const { search, set } = useUrlState()
  const bare = useRuns(experiment, ids, NO_METRICS)
  const fields = useFields(experiment, bare.isPending ? NO_RUNS : bare.runs)
  const y = search.get('y') ?? likelyMetric(fields.metrics) ?? fields.params[1] ?? ''
  const x = search.get('x') ?? fields.differing[0] ?? fields.metrics.find((field) => field !== y) ?? y
  const metrics = useMemo(() => [x, y].filter((field) => field.startsWith('metrics.')).map(nameOf), [x, y])
  const { runs, error, isPending, isReading, again } = useRuns(experiment, ids, metrics)
  const points = useMemo(
    () =>
      runs.flatMap((run) => {
        const [a, b] = [fieldOf(run, x, of), fieldOf(run, y, of)]
        return a === undefined || b === undefined ? [] : [{ run, x: a, y: b }]
      }),
    [runs, x, y, of],
  )
  const failure = error ?? bare.error ?? fields.error
  if (failure) return <Failure error={failure} again={again} />
  if (isPending || fields.isPending) return <Skeleton height={420} />
  const lacking = runs.length - points.length
  const isLog = { x: search.get('xlog') === '1', y: search.get('ylog') === '1' }
  return (
    <>
      <Missing ids={ids} runs={runs} />
      <div class="bar">
        {(['y', 'x'] as const).map((axis) => (
          <span key={axis} class="row">
            <FieldSelect
              label={axis === 'x' ? 'Across' : 'Up'}
              fields={fields}
              value={axis === 'x' ? x : y}
              choose={(field) => set({ [axis]: field })}
            />
            <label class="row">
              <input
                type="checkbox"
                aria-label={`Logarithmic ${axis}`}
                checked={isLog[axis]}
                onChange={({ currentTarget }) =>
                  set({ [`${axis}log`]: currentTarget.checked ? '1' : null }, { replace: true })
                }
              />
              log
            </label>
          </span>
        ))}
        <button
          type="button"
          class="quiet"
          onClick={() => {
            set({ x: y, y: x, xlog: isLog.y ? '1' : null, ylog: isLog.x ? '1' : null })
          }}
        >
          Swap
        </button>
        {lacking > 0 && !isReading && (
          <span class="faint">
            {lacking} of {runs.length} runs lack one of the two
          </span>
        )}
      </div>
      {points.length === 0 ? (
        isReading ? (
          <Skeleton height={420} />
        ) : (
          <Empty title="No run has both">
            <p>Choose other params or metrics.</p>
          </Empty>
        )
      ) : (
        <>
          <ScatterDrawing points={points} x={x} y={y} isLog={isLog} strokes={strokes} />
          <RunTable runs={points.map(({ run }) => run)} fields={[y, x]} of={of} strokes={strokes} />
        </>
      )}
    </>
  )
}
