/** The axes that are shown, in their order: added, taken away, moved and made logarithmic here. */
import { FieldSelect, type Fields, nameOf } from './fields.tsx'

export function AxisChips({
  fields,
  all,
  logs,
  add,
  remove,
  move,
  setLog,
}: {
  fields: readonly string[]
  all: Fields
  logs: readonly string[]
  add: (field: string) => void
  remove: (field: string) => void
  move: (from: number, to: number) => void
  setLog: (field: string, isLog: boolean) => void
}) {
  const isFree = (field: string) => !fields.includes(field)
  return (
    <div class="bar">
      <ol class="chips" aria-label="Axes">
        {fields.map((field, i) => {
          const name = nameOf(field)
          return (
            <li key={field} class="chip">
              <button
                type="button"
                class="quiet"
                aria-label={`Move ${name} to the left`}
                disabled={i === 0}
                onClick={() => move(i, i - 1)}
              >
                ‹
              </button>
              <span title={field}>{name}</span>
              <button
                type="button"
                class="quiet"
                aria-label={`log ${name}`}
                aria-pressed={logs.includes(field)}
                onClick={() => setLog(field, !logs.includes(field))}
              >
                log
              </button>
              <button
                type="button"
                class="quiet"
                aria-label={`Take ${name} away`}
                onClick={() => remove(field)}
              >
                ×
              </button>
              <button
                type="button"
                class="quiet"
                aria-label={`Move ${name} to the right`}
                disabled={i === fields.length - 1}
                onClick={() => move(i, i + 1)}
              >
                ›
              </button>
            </li>
          )
        })}
      </ol>
      <FieldSelect
        label="Add an axis"
        fields={{ params: all.params.filter(isFree), metrics: all.metrics.filter(isFree) }}
        value=""
        choose={add}
      />
    </div>
  )
}
