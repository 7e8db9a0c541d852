/** The line that says which experiment this is. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'preact/hooks'
import { api, type Experiment, read } from '../api.ts'
import { nothing } from '../queries.ts'
import { mayWrite } from '../session.ts'
import { useFocusBack } from '../ui/focus.ts'
import { say } from '../ui/notices.tsx'
import { focused, onEscape, Status } from '../ui/parts.tsx'

/** How many runs it has, as the list of experiments says it: by its name, for there it is one of a page. */
export function useRunCount(experiment: Experiment | undefined): number | undefined {
  const { id, name = '', owner = '' } = experiment ?? {}
  const listed = useQuery({
    queryKey: ['experiments', 'of one', id, name, owner],
    queryFn: () => read(api.experiments.$get({ query: { q: name.slice(0, 100), owner, limit: '100' } })),
    enabled: experiment !== undefined,
    placeholderData: nothing,
    refetchInterval: 10_000,
  })
  return listed.data?.find((one) => one.id === id)?.run_count ?? experiment?.runs.length
}

export function Header({
  experiment,
  count,
}: {
  experiment: Experiment | undefined
  count: number | undefined
}) {
  if (!experiment) {
    return (
      <header class="what">
        <h1 class="unknown">Experiment</h1>
      </header>
    )
  }
  const { name, owner, status } = experiment
  return (
    <header class="what">
      <h1>{name}</h1>
      <Status status={status} />
      <span class="faint">{owner}</span>
      <span class="faint number">{count === 1 ? '1 run' : `${(count ?? 0).toLocaleString('en')} runs`}</span>
      <Description experiment={experiment} />
    </header>
  )
}

function Description({ experiment }: { experiment: Experiment }) {
  const { id, description } = experiment
  const queries = useQueryClient()
  const [isEditing, edit] = useState(false)
  const opener = useFocusBack(isEditing)
  const change = async (to: string | null) => {
    const changed = await read(api.experiments[':id'].$patch({ param: { id }, json: { description: to } }))
    queries.setQueryData(['experiment', id], changed)
  }
  const save = async (text: string) => {
    edit(false)
    const to = text.trim() || null
    if (to === description) return
    await change(to).then(
      () => say('Description changed', { action: { label: 'Undo', run: () => change(description) } }),
      (error: Error) => say(`Not changed: ${error.message}`, { failed: true }),
    )
  }
  if (isEditing) {
    return (
      <form
        class="description"
        onSubmit={(event) => {
          event.preventDefault()
          save(String(new FormData(event.currentTarget).get('description')))
        }}
        onKeyDown={onEscape(() => edit(false))}
      >
        <input name="description" aria-label="Description" defaultValue={description ?? ''} ref={focused} />
        <button type="submit">Save</button>
      </form>
    )
  }
  if (!mayWrite()) return <span class="description faint">{description}</span>
  return (
    <button
      ref={opener}
      type="button"
      class="quiet description"
      title="Change the description"
      onClick={() => edit(true)}
    >
      {description ?? 'Add a description'}
    </button>
  )
}
