/** Choosing among the params and metrics that runs have. */
import { useMemo } from 'preact/hooks'
import { namesOf, numberOf, rowsOf } from './compared.ts'
import { type ComparedRun, useMetricNames } from './read-runs.ts'

export interface Fields {
  params: string[]
  metrics: string[]
  /** Params that most of the runs have, with different values; those of numbers first. */
  differing: string[]
  isPending: boolean
  error: Error | null
}

const NONE: string[] = []

/** What there is to choose from, as filters name it. */
export function useFields(experiment: string, runs: readonly ComparedRun[]): Fields {
  const names = useMetricNames(experiment, '')
  const metrics = names.data?.names ?? NONE
  return useMemo(() => {
    // Not what few runs have at all: it would leave out the others.
    const differing = rowsOf(runs, 'params', 'last').filter(
      ({ differs, values }) =>
        differs && values.filter((value) => value !== undefined).length * 2 > runs.length,
    )
    const isOfNumbers = ({ values }: (typeof differing)[number]) =>
      values.every((value) => value === undefined || numberOf(value) !== undefined)
    return {
      params: namesOf(runs, 'params').map((name) => `params.${name}`),
      metrics: metrics.map((name) => `metrics.${name}`),
      differing: [...differing.filter(isOfNumbers), ...differing.filter((row) => !isOfNumbers(row))].map(
        ({ field }) => field,
      ),
      isPending: names.isPending,
      error: names.error,
    }
  }, [runs, metrics, names.isPending, names.error])
}

/** The metric that is shown where none was chosen: a loss or a score rather than the first by its letters. */
export function likelyMetric(metrics: readonly string[]): string | undefined {
  const ofModel = metrics.filter((field) => !field.startsWith('metrics.system/'))
  return (
    ofModel.find((field) => /val.*(loss|acc)/i.test(field)) ??
    ofModel.find((field) => /loss|acc|error|score/i.test(field)) ??
    ofModel[0] ??
    metrics[0]
  )
}

/** The name of a field without what it is. */
export const nameOf = (field: string): string => field.slice(field.indexOf('.') + 1)

export function FieldSelect({
  label,
  fields: { params, metrics },
  value,
  choose,
}: {
  label: string
  fields: Pick<Fields, 'params' | 'metrics'>
  value: string
  choose: (field: string) => void
}) {
  const isKnown = value === '' || params.includes(value) || metrics.includes(value)
  return (
    <label class="row">
      <span class="faint">{label}</span>
      <select
        aria-label={label}
        value={value}
        onChange={({ currentTarget }) => {
          choose(currentTarget.value)
        }}
      >
        {value === '' && <option value="">Choose…</option>}
        {!isKnown && <option value={value}>{nameOf(value)}</option>}
        <optgroup label="Metrics">
          {metrics.map((field) => (
            <option key={field} value={field}>
              {nameOf(field)}
            </option>
          ))}
        </optgroup>
        <optgroup label="Params">
          {params.map((field) => (
            <option key={field} value={field}>
              {nameOf(field)}
            </option>
          ))}
        </optgroup>
      </select>
    </label>
  )
}
