/** Charts of runs, one for each metric. */
import type { Stroke } from '../colour.ts'

/** A run whose curves are shown. */
export interface ChartedRun {
  id: string
  name: string
  stroke: Stroke
  /** Whether points may still come. */
  isLive: boolean
}

/** @param of what has the metrics: all that its runs have, or those of one run */
export function Charts({
  runs,
  of,
}: {
  runs: readonly ChartedRun[]
  of: { experiment: string } | { run: string }
  /** Which metrics are shown; all where it is left out. */
  only?: (name: string) => boolean
}) {
  return (
    <p>
      {runs.length} {'run' in of ? of.run : of.experiment}
    </p>
  )
}
