/** What can be done with the runs that are selected. */
import { useState } from 'preact/hooks'
import { api, Problem, type RunListed, read } from '../api.ts'
import { mayWrite } from '../session.ts'
import { confirm } from '../ui/confirm.tsx'
import { useFocusBack } from '../ui/focus.ts'
import { say, work } from '../ui/notices.tsx'
import { focused, onEscape } from '../ui/parts.tsx'
import { MOST_CHOSEN } from './selection.ts'
import type { RunStore } from './store.ts'

type Tag = RunListed['tags'][string]

const many = (count: number) => (count === 1 ? '1 run' : `${count.toLocaleString('en')} runs`)

interface BulkProps {
  chosen: readonly string[]
  /** How many of them the table does not have, as it is filtered. */
  hidden: number
  store: RunStore
  onCompare: () => void
  onClear: () => void
  onAll: () => void
  onDeleted: (ids: string[]) => void
}

export function Bulk({ chosen, hidden, store, onCompare, onClear, onAll, onDeleted }: BulkProps) {
  const [isTagging, tag] = useState(false)
  const opener = useFocusBack(isTagging)
  const may = mayWrite()
  const why = may ? undefined : 'Your key may only read'

  const remove = async () => {
    const yes = await confirm({
      title: `Delete ${many(chosen.length)}?`,
      text: `${named(chosen, store)}${hidden > 0 ? ` (${hidden} not in the table as it is filtered)` : ''}: their points and artifacts will be gone for good.`,
      action: 'Delete',
    })
    if (!yes) return
    const ids = [...chosen]
    const failed = await work('Deleting', ids, async (id) => {
      await api.runs[':id'].$delete({ param: { id } }).catch((error) => {
        // Somebody else was faster.
        if (!(error instanceof Problem && error.status === 404)) throw error
      })
    })
    const left = new Set(failed.map(({ thing }) => thing))
    onDeleted(ids.filter((id) => !left.has(id)))
    tell('Deleted', ids.length, failed)
  }

  return (
    <div class="bulk">
      <div class="row" role="toolbar" aria-label="Selected runs">
        <strong class="number">
          {chosen.length.toLocaleString('en')} selected
          {hidden > 0 && `, ${hidden} not in the table`}
          {chosen.length >= MOST_CHOSEN && ', which is as many as can be'}
        </strong>
        <button type="button" onClick={onCompare} disabled={chosen.length < 2}>
          Compare
        </button>
        <button
          ref={opener}
          type="button"
          onClick={() => tag(true)}
          disabled={!may || chosen.length === 0}
          title={why}
        >
          Tag…
        </button>
        <button
          type="button"
          class="danger"
          onClick={remove}
          disabled={!may || chosen.length === 0}
          title={why}
        >
          Delete…
        </button>
        <button type="button" class="quiet" onClick={onAll}>
          {`Select all that match (up to ${MOST_CHOSEN})`}
        </button>
        <button type="button" class="quiet" onClick={onClear}>
          Clear
        </button>
      </div>
      {isTagging && <Tagging chosen={chosen} store={store} end={() => tag(false)} />}
    </div>
  )
}

/** How many runs are called by their names. */
const NAMED = 6

function named(ids: readonly string[], store: RunStore): string {
  const names = ids.slice(0, NAMED).map((id) => store.get(id)?.name ?? id.slice(0, 8))
  const rest = ids.length - names.length
  return `${names.join(', ')}${rest > 0 ? ` and ${rest.toLocaleString('en')} more` : ''}`
}

function tell(done: string, count: number, failed: { error: unknown }[], undo?: () => void): void {
  const [first] = failed
  if (first === undefined) {
    say(`${done} ${many(count)}`, undo ? { action: { label: 'Undo', run: undo } } : {})
    return
  }
  const why = first.error instanceof Error ? first.error.message : String(first.error)
  say(`${done} ${many(count - failed.length)}, not ${many(failed.length)}: ${why}`, { failed: true })
}

function Tagging({ chosen, store, end }: { chosen: readonly string[]; store: RunStore; end: () => void }) {
  /** Sets a tag of each run, or takes it away; into the store goes what the tracker then says of the run. */
  const put = (text: string, runs: readonly string[], name: string, value: (id: string) => Tag | null) =>
    work(text, runs, async (id) => {
      const { metrics, ...run } = await read(
        api.runs[':id'].$patch({ param: { id }, json: { tags: { [name]: value(id) } } }),
      )
      store.put([run], [])
    })
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement)) return
    const form = new FormData(event.currentTarget)
    const name = String(form.get('name')).trim()
    const value = String(form.get('value'))
    if (name === '') return
    end()
    const ids = [...chosen]
    const before = new Map(ids.map((id) => [id, store.get(id)?.tags[name] ?? null]))
    const failed = await put('Tagging', ids, name, () => value)
    const left = new Set(failed.map(({ thing }) => thing))
    const done = ids.filter((id) => !left.has(id))
    tell('Tagged', ids.length, failed, () => {
      put('Taking back', done, name, (id) => before.get(id) ?? null)
    })
  }
  return (
    <form class="row" onSubmit={submit} onKeyDown={onEscape(end)}>
      <input name="name" aria-label="Tag" placeholder="Tag" maxLength={250} required ref={focused} />
      <input name="value" aria-label="Value" placeholder="Value" maxLength={8000} />
      <button type="submit" class="primary">
        {`Tag ${many(chosen.length)}`}
      </button>
      <button type="button" onClick={end}>
        Cancel
      </button>
    </form>
  )
}
