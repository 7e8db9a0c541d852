/** JSON as a tree, whose branches are made when they are opened: a file may hold a million values. */
import { useMemo, useState } from 'preact/hooks'
import { entriesOf, type Json as JsonValue, readJson, summaryOf } from './json.ts'
import { Plain } from './preview.tsx'

/** Entries of a branch that are shown, until more are asked for. */
const SHOWN = 100
/** Depth to which branches are open at first. */
const OPEN = 2

export function Json({ text, isWhole }: { text: string; isWhole: boolean }) {
  const value = useMemo(() => (isWhole ? readJson(text) : undefined), [text, isWhole])
  if (value === undefined) {
    return (
      <>
        <p class="faint">
          {isWhole ? 'This is not valid JSON, and shown as it is.' : 'Read more to see it as a tree.'}
        </p>
        <Plain text={text} />
      </>
    )
  }
  return (
    <div class="json">
      <Node name={undefined} value={value.json} depth={0} />
    </div>
  )
}

function Node({ name, value, depth }: { name: string | undefined; value: JsonValue; depth: number }) {
  const entries = useMemo(() => entriesOf(value), [value])
  const [isOpen, open] = useState(depth < OPEN && (entries?.length ?? 0) <= SHOWN)
  const [limit, raise] = useState(SHOWN)
  const label = name !== undefined && <span class="key">{name}: </span>
  if (entries === undefined || entries.length === 0) {
    return (
      <div class="leaf">
        {label}
        <span class={`is-${value === null ? 'null' : typeof value}`}>{summaryOf(value)}</span>
      </div>
    )
  }
  return (
    <div class="branch">
      <button type="button" class="quiet entry" aria-expanded={isOpen} onClick={() => open(!isOpen)}>
        <span class="twist" aria-hidden="true" />
        {label}
        <span class="faint">{summaryOf(value)}</span>
      </button>
      {isOpen && (
        <div class="inside">
          {entries.slice(0, limit).map(([key, value]) => (
            <Node key={key} name={key} value={value} depth={depth + 1} />
          ))}
          {entries.length > limit && (
            <button type="button" class="quiet" onClick={() => raise(limit + 10 * SHOWN)}>
              {(entries.length - limit).toLocaleString('en')} more
            </button>
          )}
        </div>
      )}
    </div>
  )
}
