/** The table behind a drawing: the same runs and values, to read and to copy. */
import { useMemo, useState } from 'preact/hooks'
import type { WireValue } from '../api.ts'
import type { Stroke } from '../colour.ts'
import { hovered } from '../hover.ts'
import { Value } from '../ui/parts.tsx'
import { fieldOf, numberOf, type Of, type Scalar } from './compared.ts'
import { nameOf } from './fields.tsx'
import type { ComparedRun } from './read-runs.ts'

export function RunTable({
  runs,
  fields,
  of,
  strokes,
}: {
  runs: readonly ComparedRun[]
  fields: readonly string[]
  of: Of
  strokes: ReadonlyMap<string, Stroke>
}) {
  const [isOpen, open] = useState(false)
  const [order, sort] = useState<{ field: string; isUp: boolean }>()
  const sorted = useMemo(() => {
    if (!order) return runs
    const sign = order.isUp ? 1 : -1
    return runs.toSorted((a, b) => sign * compare(fieldOf(a, order.field, of), fieldOf(b, order.field, of)))
  }, [runs, order, of])
  return (
    <details class="behind" open={isOpen} onToggle={({ currentTarget }) => open(currentTarget.open)}>
      <summary>The numbers</summary>
      {isOpen && (
        <div class="scrolls">
          <table class="list">
            <thead>
              <tr>
                <th>Run</th>
                {fields.map((field) => (
                  <th
                    key={field}
                    class="right"
                    aria-sort={order?.field === field ? (order.isUp ? 'ascending' : 'descending') : undefined}
                  >
                    <button
                      type="button"
                      class="quiet"
                      onClick={() => sort({ field, isUp: order?.field === field ? !order.isUp : true })}
                    >
                      {nameOf(field)}
                      {order?.field === field && (order.isUp ? ' ↑' : ' ↓')}
                    </button>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {sorted.map((run) => (
                <tr
                  key={run.id}
                  class={hovered.value === run.id ? 'lit' : undefined}
                  onPointerEnter={() => {
                    hovered.value = run.id
                  }}
                  onPointerLeave={() => {
                    hovered.value = null
                  }}
                >
                  <td>
                    <span class="row">
                      <i class="dot" style={{ background: strokes.get(run.id)?.colour }} aria-hidden="true" />
                      <a href={`/r/${run.id}`}>{run.name ?? 'Unnamed run'}</a>
                    </span>
                  </td>
                  {fields.map((field) => (
                    <td key={field} class="right">
                      <FieldValue value={fieldOf(run, field, of)} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  )
}

function FieldValue({ value }: { value: Scalar | undefined }) {
  if (value === undefined || numberOf(value) !== undefined) {
    return <Value value={typeof value === 'string' ? (numberOf(value) as WireValue) : (value as WireValue)} />
  }
  return <span>{String(value)}</span>
}

/** What is none comes last, words after numbers. */
function compare(a: Scalar | undefined, b: Scalar | undefined): number {
  const [x, y] = [numberOf(a), numberOf(b)]
  if (x !== undefined && y !== undefined) return Number.isNaN(x) ? 1 : Number.isNaN(y) ? -1 : x - y
  if (x !== undefined) return -1
  if (y !== undefined) return 1
  return String(a ?? '\uffff').localeCompare(String(b ?? '\uffff'))
}
