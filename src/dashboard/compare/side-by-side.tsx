/** A table with one column a run and one row a param, metric or tag, of which what is in sight is drawn. */
import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef } from 'preact/hooks'
import type { Stroke } from '../colour.ts'
import { duration, exact, short } from '../format.ts'
import { hovered } from '../hover.ts'
import { Ago, Empty, Failure, Skeleton, Status, useSettled } from '../ui/parts.tsx'
import { SearchBox } from '../ui/search-box.tsx'
import { useUrlState } from '../url.ts'
import { isOther, isWanted, numberOf, type Row, rowsOf, type Section } from './compared.ts'
import { Missing } from './missing.tsx'
import { type ComparedRun, MOST_METRICS, useMetricNames, useRuns } from './read-runs.ts'
import type { View } from './view.ts'

const ROW = 28
const COLUMN = 150
const TITLES: Record<Section, string> = { params: 'Params', metrics: 'Metrics', tags: 'Tags' }

type Line = { title: string; count: number } | Row

const NONE: string[] = []

export function SideBySide({ experiment, ids, of, strokes }: View) {
  const { search, set } = useUrlState()
  const q = search.get('q') ?? ''
  const onlyDifferences = search.get('differences') === '1'
  // Metrics beyond the first few hundred are found by the tracker.
  const names = useMetricNames(experiment, '')
  const found = useMetricNames(experiment, useSettled(names.data?.isCut ? q : '', 200))
  const metrics = useMemo(
    () => [...new Set([...(names.data?.names ?? NONE), ...(found.data?.names ?? NONE)])],
    [names.data, found.data],
  )
  const { runs, error, isPending, isReading, again } = useRuns(experiment, ids, metrics)
  const lines = useMemo(() => {
    const wanted = { q: q.trim(), onlyDifferences }
    return (['params', 'metrics', 'tags'] as const).flatMap((section): Line[] => {
      const rows = rowsOf(runs, section, of).filter((row) => isWanted(row, wanted))
      return rows.length === 0 ? [] : [{ title: TITLES[section], count: rows.length }, ...rows]
    })
  }, [runs, of, q, onlyDifferences])

  const failure = error ?? names.error
  return (
    <>
      <div class="bar">
        <SearchBox
          label="Search names and values"
          value={q}
          onSearch={(q) => set({ q }, { replace: true })}
          what="search rows"
        />
        <label class="row">
          <input
            type="checkbox"
            checked={onlyDifferences}
            onChange={({ currentTarget }) => set({ differences: currentTarget.checked ? '1' : null })}
          />
          Differences only
        </label>
        <span class="faint" role="status">
          {isReading && !isPending && 'Reading metrics…'}
          {!isReading && names.data?.isCut && `The first ${MOST_METRICS} metrics: search for others`}
        </span>
      </div>
      {failure && <Failure error={failure} again={again} />}
      {isPending ? (
        !failure && <Skeleton lines={14} />
      ) : (
        <>
          <Missing ids={ids} runs={runs} />
          {runs.length > 0 && <Table runs={runs} lines={lines} strokes={strokes} />}
          {lines.length === 0 && runs.length > 0 && !isReading && (
            <Empty title={onlyDifferences && !q ? 'These runs have no differences' : 'Nothing is like that'}>
              <button type="button" onClick={() => set({ q: null, differences: null })}>
                Show all
              </button>
            </Empty>
          )}
        </>
      )}
    </>
  )
}

function Table({
  runs,
  lines,
  strokes,
}: {
  runs: readonly ComparedRun[]
  lines: readonly Line[]
  strokes: ReadonlyMap<string, Stroke>
}) {
  const box = useRef<HTMLElement>(null)
  const getScrollElement = () => box.current
  const rows = useVirtualizer<HTMLElement, HTMLElement>({
    count: lines.length,
    getScrollElement,
    estimateSize: () => ROW,
    overscan: 10,
  })
  const columns = useVirtualizer<HTMLElement, HTMLElement>({
    count: runs.length,
    getScrollElement,
    estimateSize: () => COLUMN,
    horizontal: true,
    overscan: 3,
  })
  const across = columns.getVirtualItems()
  const down = rows.getVirtualItems()
  const left = across[0]?.start ?? 0
  const right = columns.getTotalSize() - (across.at(-1)?.end ?? 0)
  const above = down[0]?.start ?? 0
  const below = rows.getTotalSize() - (down.at(-1)?.end ?? 0)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section ref={box} class="side-by-side" tabIndex={0} aria-label="Runs side by side">
      <table
        aria-rowcount={lines.length + 1}
        aria-colcount={runs.length + 1}
        style={{ '--columns': `${columns.getTotalSize()}px` }}
      >
        <colgroup>
          <col class="names" />
          <col style={{ width: `${left}px` }} />
          {across.map(({ key }) => (
            <col key={key} style={{ width: `${COLUMN}px` }} />
          ))}
          <col style={{ width: `${right}px` }} />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Name</span>
            </th>
            <td />
            {across.map(({ index, key }) => {
              const run = runs[index]
              return run && <Head key={key} run={run} index={index} colour={strokes.get(run.id)?.colour} />
            })}
            <td />
          </tr>
        </thead>
        <tbody>
          <tr class="gap" style={{ height: `${above}px` }} />
          {down.map(({ index }) => {
            const line = lines[index]
            if (!line) return null
            if ('title' in line) {
              return (
                <tr key={line.title} class="section" aria-rowindex={index + 2}>
                  <th scope="rowgroup">
                    {line.title} <span class="faint number">{line.count}</span>
                  </th>
                  <td colSpan={across.length + 2} />
                </tr>
              )
            }
            return (
              <tr key={line.field} aria-rowindex={index + 2} class={line.differs ? 'differs' : undefined}>
                <th scope="row" title={line.name}>
                  {line.differs && (
                    <span class="mark" title="The runs differ">
                      ≠<span class="hidden"> differs: </span>
                    </span>
                  )}
                  {line.name}
                </th>
                <td />
                {across.map(({ index, key }) => (
                  <Cell key={key} row={line} index={index} />
                ))}
                <td />
              </tr>
            )
          })}
          <tr class="gap" style={{ height: `${below}px` }} />
        </tbody>
      </table>
    </section>
  )
}

function Cell({ row: { section, values }, index }: { row: Row; index: number }) {
  const value = values[index]
  const other = section !== 'metrics' && index > 0 && isOther(value, values[0]) ? 'other' : ''
  if (value === undefined) return <td class={`faint ${other}`}>–</td>
  const isNumber = numberOf(value) !== undefined
  const text = section === 'metrics' ? short(value as Parameters<typeof short>[0]) : String(value)
  return (
    <td class={`${other} ${isNumber ? 'right number' : ''}`} title={String(value)}>
      {text}
    </td>
  )
}

function Head({ run, index, colour }: { run: ComparedRun; index: number; colour: string | undefined }) {
  const { search, set } = useUrlState()
  const name = run.name ?? 'Unnamed run'
  const leaveOut = () => {
    const rest = (search.get('runs') ?? '').split(',').filter((id) => id.toLowerCase() !== run.id)
    set({ runs: rest.join(',') })
  }
  const took = run.ended_at && duration(Date.parse(run.ended_at) - Date.parse(run.started_at))
  return (
    <th
      scope="col"
      aria-colindex={index + 2}
      class={hovered.value === run.id ? 'lit' : undefined}
      onPointerEnter={() => {
        hovered.value = run.id
      }}
      onPointerLeave={() => {
        hovered.value = null
      }}
    >
      <span class="row">
        <i class="dot" style={{ background: colour }} aria-hidden="true" />
        <a href={`/r/${run.id}`} title={name}>
          {name}
        </a>
        <button type="button" class="quiet" aria-label={`Leave out ${name}`} onClick={leaveOut}>
          ×
        </button>
      </span>
      <Status status={run.status} reason={run.status_reason} />
      <span class="faint" title={exact(run.started_at)}>
        <Ago at={run.started_at} />
        {took && `, ${took}`}
      </span>
    </th>
  )
}
