/** Which params go with a metric, by Spearman's rank correlation. */
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'preact/hooks'
import { api, read } from '../api.ts'
import { Empty, Failure, Skeleton } from '../ui/parts.tsx'
import { useUrlState } from '../url.ts'
import { FieldSelect, likelyMetric, nameOf } from './fields.tsx'
import { filterOf, isId, useMetricNames } from './read-runs.ts'
import type { View } from './view.ts'

/** Of which a filter can hold the ids. */
const MOST_RUNS = 200

type Correlation = Awaited<ReturnType<typeof readCorrelations>>[number]

const readCorrelations = (
  { experiment, ids, of }: Pick<View, 'experiment' | 'ids' | 'of'>,
  metric: string,
  amongAll: boolean,
) =>
  read(
    api.experiments[':id'].correlations.$get({
      param: { id: experiment },
      query: { metric, of, ...(!amongAll && { filter: filterOf(ids.filter(isId)) }) },
    }),
  )

export function Correlations({ experiment, ids, of }: View) {
  const { search, set } = useUrlState()
  const names = useMetricNames(experiment, '')
  const metrics = useMemo(() => (names.data?.names ?? []).map((name) => `metrics.${name}`), [names.data])
  const field = search.get('metric') ?? likelyMetric(metrics) ?? ''
  const areTooMany = ids.length > MOST_RUNS
  const amongAll = areTooMany || search.get('among') === 'all'
  const found = useQuery({
    queryKey: ['correlations', experiment, amongAll ? 'all' : ids, field, of],
    queryFn: () => readCorrelations({ experiment, ids, of }, nameOf(field), amongAll),
    enabled: field !== '',
  })
  const failure = names.error ?? found.error
  const again = () => {
    for (const { error, refetch } of [names, found]) if (error) void refetch()
  }
  if (names.isPending) return <Skeleton lines={8} />
  const ranked = found.data ?? []
  return (
    <>
      <div class="bar">
        <FieldSelect
          label="Metric"
          fields={{ params: [], metrics }}
          value={field}
          choose={(metric) => set({ metric })}
        />
        <label class="row">
          <span class="faint">among</span>
          <select
            aria-label="Among which runs"
            value={amongAll ? 'all' : 'these'}
            onChange={({ currentTarget: { value } }) => set({ among: value === 'all' ? 'all' : null })}
          >
            <option value="these" disabled={areTooMany}>
              these {ids.length} runs
            </option>
            <option value="all">all runs of the experiment</option>
          </select>
        </label>
      </div>
      {failure ? (
        <Failure error={failure} again={again} />
      ) : field === '' ? (
        <Empty title="No metric has been logged yet" />
      ) : found.isPending ? (
        <Skeleton lines={8} />
      ) : ranked.length === 0 ? (
        <Empty title="Nothing can be said yet">
          <p>It takes at least three runs with this metric that differ in a param of numbers.</p>
        </Empty>
      ) : (
        <>
          <table class="list ranked">
            <thead>
              <tr>
                <th>Param</th>
                <th>Goes with {nameOf(field)}</th>
                <th class="right">Correlation</th>
                <th class="right">Runs</th>
              </tr>
            </thead>
            <tbody>
              {ranked.map((one) => (
                <Line key={one.param} {...one} metric={field} />
              ))}
            </tbody>
          </table>
          <p class="faint">
            Spearman's rank correlation: 1 where the metric rises whenever the param does, -1 where it falls.
            That two go together does not say that one is why.
          </p>
        </>
      )}
    </>
  )
}

function Line({ param, runs, correlation, metric }: Correlation & { metric: string }) {
  const { set } = useUrlState()
  const size = Math.abs(correlation ?? 0) * 50
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          class="quiet link"
          title="See it as a scatter"
          onClick={() => set({ view: 'scatter', x: `params.${param}`, y: metric })}
        >
          {param}
        </button>
      </th>
      <td>
        {correlation === null ? (
          <span class="faint">cannot be said</span>
        ) : (
          <svg class="strength" width="100%" height="14" aria-hidden="true">
            <line x1="50%" x2="50%" y1="0" y2="14" />
            <rect
              x={`${correlation < 0 ? 50 - size : 50}%`}
              width={`${size}%`}
              y="2"
              height="10"
              class={correlation < 0 ? 'falls' : 'rises'}
            />
          </svg>
        )}
      </td>
      <td class="right number">{correlation === null ? '' : correlation.toFixed(2)}</td>
      <td class="right number">{runs.toLocaleString('en')}</td>
    </tr>
  )
}
