/** Runs as lines over many axes, of which parts can be brushed: what goes through them all stays. */
import { useMemo } from 'preact/hooks'
import { Empty, Failure, Skeleton } from '../ui/parts.tsx'
import { useUrlState } from '../url.ts'
import { moved, readList, readSpan, type Span, writeList, writeSpan } from './address.ts'
import { AxisChips } from './axis-chips.tsx'
import { likelyMetric, nameOf, useFields } from './fields.tsx'
import { isThrough, lanesOf } from './lanes.ts'
import { Missing } from './missing.tsx'
import { ParallelDrawing } from './parallel-drawing.tsx'
import { useRuns } from './read-runs.ts'
import { RunTable } from './run-table.tsx'
import type { View } from './view.ts'

/** Params that are shown where no axes were chosen. */
const PARAMS = 5

const NO_RUNS: never[] = []
const NO_METRICS: string[] = []

export function Parallel({ experiment, ids, of, strokes }: View) {
  const { search, set } = useUrlState()
  const bare = useRuns(experiment, ids, NO_METRICS)
  const all = useFields(experiment, bare.isPending ? NO_RUNS : bare.runs)
  const chosen = search.get('axes')
  const fields = useMemo(() => {
    const metric = likelyMetric(all.metrics)
    return readList(chosen) ?? [...all.differing.slice(0, PARAMS), ...(metric ? [metric] : [])]
  }, [chosen, all])
  const metrics = useMemo(() => fields.filter((field) => field.startsWith('metrics.')).map(nameOf), [fields])
  const { runs, error, isPending, isReading, again } = useRuns(experiment, ids, metrics)
  const logs = useMemo(() => readList(search.get('logs')) ?? [], [search])
  const spans = useMemo(
    () =>
      new Map(
        fields.flatMap((field): [string, Span][] => {
          const span = readSpan(search.get(`brush.${field}`))
          return span ? [[field, span]] : []
        }),
      ),
    [fields, search],
  )
  const lanes = useMemo(() => lanesOf(runs, fields, of, logs), [runs, fields, of, logs])
  const through = useMemo(
    () => runs.filter((run) => isThrough(run, lanes, spans, of)),
    [runs, lanes, spans, of],
  )

  const failure = error ?? bare.error ?? all.error
  if (failure) return <Failure error={failure} again={again} />
  if (isPending || all.isPending) return <Skeleton height={420} />

  const setAxes = (axes: readonly string[], changes: Record<string, string | null> = {}) =>
    set({ ...changes, axes: writeList(axes) })
  const move = (from: number, to: number) => {
    if (to >= 0 && to < fields.length) setAxes(moved(fields, from, to))
  }
  const brush = (field: string, span: Span | undefined) =>
    set({ [`brush.${field}`]: span ? writeSpan(span) : null }, { replace: true })
  return (
    <>
      <Missing ids={ids} runs={runs} />
      <AxisChips
        fields={fields}
        all={all}
        logs={logs}
        add={(field) => setAxes([...fields, field])}
        remove={(field) =>
          setAxes(
            fields.filter((one) => one !== field),
            { [`brush.${field}`]: null },
          )
        }
        move={move}
        setLog={(field, isLog) =>
          set({ logs: writeList(isLog ? [...logs, field] : logs.filter((one) => one !== field)) })
        }
      />
      <p class="row">
        <span role="status">
          {through.length} of {runs.length} runs
          {spans.size > 0 && ' go through what is brushed'}
        </span>
        {spans.size > 0 && (
          <>
            <button
              type="button"
              class="quiet"
              onClick={() =>
                set(Object.fromEntries([...spans.keys()].map((field) => [`brush.${field}`, null])))
              }
            >
              Clear brushes
            </button>
            {through.length > 0 && through.length < runs.length && (
              <button
                type="button"
                class="quiet"
                onClick={() => set({ runs: through.map(({ id }) => id).join(',') })}
              >
                Compare only these
              </button>
            )}
          </>
        )}
      </p>
      {fields.length === 0 ? (
        <Empty title="No axes are chosen">
          <p>Add a param or a metric.</p>
        </Empty>
      ) : isReading && runs.every((run) => Object.keys(run.metrics ?? {}).length === 0) ? (
        <Skeleton height={420} />
      ) : (
        <>
          <ParallelDrawing
            runs={runs}
            through={through}
            lanes={lanes}
            of={of}
            spans={spans}
            strokes={strokes}
            brush={brush}
            move={move}
          />
          <RunTable runs={through} fields={fields} of={of} strokes={strokes} />
        </>
      )}
    </>
  )
}
