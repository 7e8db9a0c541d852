/** All experiments, the newest first: found by name, owner and status; made, renamed and deleted here. */
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'preact/hooks'
import { api, type ExperimentListed, read, readPage } from '../api.ts'
import { mayWrite } from '../session.ts'
import { confirm } from '../ui/confirm.tsx'
import { say } from '../ui/notices.tsx'
import { Ago, Empty, Failure, focused, onEscape, Skeleton, Status, useSettled } from '../ui/parts.tsx'
import { SearchBox } from '../ui/search-box.tsx'
import { useUrlState } from '../url.ts'

const STATUSES = ['created', 'running', 'completed', 'failed'] as const

const isStatus = (text: string | null): text is (typeof STATUSES)[number] =>
  STATUSES.some((status) => status === text)

export function Experiments() {
  const { search, set } = useUrlState()
  const owner = search.get('owner') ?? ''
  const status = search.get('status')
  const q = useSettled(search.get('q') ?? '', 150)
  const [isCreating, create] = useState(false)

  const owners = useQuery({
    queryKey: ['owners'],
    queryFn: () => read(api.owners.$get({ query: { limit: '1000' } })),
    staleTime: 30_000,
  })
  const query = {
    ...(q && { q }),
    ...(owner && { owner }),
    ...(isStatus(status) && { status }),
  }
  const list = useInfiniteQuery({
    queryKey: ['experiments', query],
    queryFn: ({ pageParam }) =>
      readPage(
        api.experiments.$get({ query: { ...query, limit: '100', ...(pageParam && { cursor: pageParam }) } }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
    refetchInterval: 10_000,
  })
  const experiments = list.data?.pages.flatMap(({ items }) => items) ?? []
  const isFiltered = Object.keys(query).length > 0

  return (
    <main class="experiments">
      <div class="bar">
        <h1>Experiments</h1>
        <SearchBox
          label="Search experiments by name"
          placeholder="Search by name"
          value={search.get('q') ?? ''}
          onSearch={(q) => set({ q }, { replace: true })}
          what="search experiments"
        />
        <select
          aria-label="Owner"
          value={owner}
          onChange={({ currentTarget }) => set({ owner: currentTarget.value })}
        >
          <option value="">Every owner</option>
          {owner && !owners.data?.some((one) => one.owner === owner) && <option>{owner}</option>}
          {owners.data?.map(({ owner, count }) => (
            <option key={owner} value={owner}>{`${owner} (${count})`}</option>
          ))}
        </select>
        <select
          aria-label="Status"
          value={status ?? ''}
          onChange={({ currentTarget }) => set({ status: currentTarget.value })}
        >
          <option value="">Any status</option>
          {STATUSES.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
        {mayWrite() && (
          <button type="button" class="primary" onClick={() => create(true)}>
            New experiment
          </button>
        )}
      </div>
      {isCreating && <NewExperiment end={() => create(false)} />}
      {list.error ? (
        <Failure error={list.error} again={() => list.refetch()} />
      ) : list.isPending ? (
        <Skeleton lines={12} />
      ) : experiments.length === 0 ? (
        isFiltered ? (
          <Empty title="No experiment is like that">
            <button type="button" onClick={() => set({ q: null, owner: null, status: null })}>
              Show all
            </button>
          </Empty>
        ) : (
          <Empty title="Nothing has been logged yet">
            <p>
              <a href="/start">The lines that log a first point</a>
            </p>
          </Empty>
        )
      ) : (
        <>
          <table class="list">
            <thead>
              <tr>
                <th>Name</th>
                <th class="extra">Status</th>
                <th class="right">Runs</th>
                <th class="extra">Owner</th>
                <th>Active</th>
                <th class="extra">Created</th>
                <th>
                  <span class="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {experiments.map((experiment) => (
                <Row key={experiment.id} experiment={experiment} />
              ))}
            </tbody>
          </table>
          {list.hasNextPage && (
            <button type="button" disabled={list.isFetchingNextPage} onClick={() => list.fetchNextPage()}>
              {list.isFetchingNextPage ? 'Loading…' : 'Show more'}
            </button>
          )}
        </>
      )}
    </main>
  )
}

function Row({ experiment }: { experiment: ExperimentListed }) {
  const { id, name, owner, status, run_count, active_at, created_at } = experiment
  const queries = useQueryClient()
  const [isRenaming, rename] = useState(false)
  const refresh = () => queries.invalidateQueries({ queryKey: ['experiments'] })

  const save = async (event: SubmitEvent) => {
    event.preventDefault()
    if (!(event.target instanceof HTMLFormElement)) return
    const to = String(new FormData(event.target).get('name'))
    rename(false)
    if (to === name) return
    const change = (name: string) =>
      read(api.experiments[':id'].$patch({ param: { id }, json: { name } })).then(refresh)
    await change(to).then(
      () => say(`Renamed to ${to}`, { action: { label: 'Undo', run: () => change(name) } }),
      (error: Error) => say(`Not renamed: ${error.message}`, { failed: true }),
    )
  }
  const remove = async () => {
    const runs = run_count === 1 ? 'its run' : `its ${run_count.toLocaleString('en')} runs`
    const yes = await confirm({
      title: `Delete ${name}?`,
      text: `The experiment, ${runs}, their points and artifacts will be gone for good.`,
      action: 'Delete',
    })
    if (!yes) return
    await api.experiments[':id'].$delete({ param: { id } }).then(
      () => say(`Deleted ${name}`),
      (error: Error) => say(`Not deleted: ${error.message}`, { failed: true }),
    )
    await refresh()
  }

  return (
    <tr>
      <td>
        {isRenaming ? (
          <form onSubmit={save} onKeyDown={onEscape(() => rename(false))}>
            <input name="name" aria-label="Name" defaultValue={name} maxLength={100} required ref={focused} />
            <button type="submit">Save</button>
          </form>
        ) : (
          <a href={`/e/${id}`}>{name}</a>
        )}
      </td>
      <td class="extra">
        <Status status={status} />
      </td>
      <td class="right number">{run_count.toLocaleString('en')}</td>
      <td class="extra">{owner}</td>
      <td>
        <Ago at={active_at} />
      </td>
      <td class="extra">
        <Ago at={created_at} />
      </td>
      <td class="actions">
        {mayWrite() && (
          <>
            <button type="button" class="quiet" aria-label={`Rename ${name}`} onClick={() => rename(true)}>
              Rename
            </button>
            <button type="button" class="quiet danger" aria-label={`Delete ${name}`} onClick={remove}>
              Delete
            </button>
          </>
        )}
      </td>
    </tr>
  )
}

function NewExperiment({ end }: { end: () => void }) {
  const queries = useQueryClient()
  const [error, fail] = useState<unknown>()
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (!(event.target instanceof HTMLFormElement)) return
    const form = new FormData(event.target)
    const text = (name: string) => String(form.get(name) ?? '').trim()
    try {
      const json = { name: text('name'), owner: text('owner'), description: text('description') || null }
      const { name } = await read(api.experiments.$post({ json }))
      await queries.invalidateQueries({ queryKey: ['experiments'] })
      await queries.invalidateQueries({ queryKey: ['owners'] })
      say(`Created ${name}`)
      end()
    } catch (error) {
      fail(error)
    }
  }
  return (
    <form class="new bar" onSubmit={submit} onKeyDown={onEscape(end)}>
      <input name="name" aria-label="Name" placeholder="Name" maxLength={100} required ref={focused} />
      <input name="owner" aria-label="Owner" placeholder="Owner" maxLength={50} required />
      <input name="description" aria-label="Description" placeholder="Description (optional)" />
      <button type="submit" class="primary">
        Create
      </button>
      <button type="button" onClick={end}>
        Cancel
      </button>
      {error !== undefined && <Failure error={error} />}
    </form>
  )
}
