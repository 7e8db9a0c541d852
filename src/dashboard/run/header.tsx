/** The lines at the top of a run: what it is called, how it does, where it comes from, and what can be done to it. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { api, type Run, read } from '../api.ts'
import { strokeOf } from '../colour.ts'
import { duration } from '../format.ts'
import { nothing } from '../queries.ts'
import { mayWrite } from '../session.ts'
import { confirm } from '../ui/confirm.tsx'
import { useFocusBack } from '../ui/focus.ts'
import { say } from '../ui/notices.tsx'
import { Ago, Copy, focused, onEscape, Status } from '../ui/parts.tsx'
import { aboutRun } from './about.ts'
import { changeAndSay, runKey } from './changes.ts'

export function Header({ run }: { run: Run }) {
  const experiment = useQuery({
    queryKey: ['experiment', run.experiment_id],
    queryFn: () => read(api.experiments[':id'].$get({ param: { id: run.experiment_id } })),
    staleTime: 30_000,
  })
  const about = aboutRun(run.tags)
  const owner = about.user ?? experiment.data?.owner
  return (
    <header class="run-header">
      <nav class="crumbs" aria-label="Where this run is">
        <a href={`/e/${run.experiment_id}`}>{experiment.data?.name ?? 'Experiment'}</a>
        {run.parent_run_id && (
          <>
            <span class="faint">›</span>
            <Parent id={run.parent_run_id} />
          </>
        )}
      </nav>
      <div class="bar">
        <Name run={run} />
        <Status status={run.status} reason={run.status_reason} />
        <div class="run-actions">
          <Actions run={run} />
        </div>
      </div>
      {run.status_reason && <p class="reason">Failed: {run.status_reason}</p>}
      <dl class="facts">
        <Fact name="Started">
          <Ago at={run.started_at} />
        </Fact>
        <Fact name={run.ended_at ? 'Took' : 'Runs for'}>
          <Lasted run={run} />
        </Fact>
        {owner && <Fact name="Owner">{owner}</Fact>}
        {run.seed !== null && (
          <Fact name="Seed">
            <span class="number">{run.seed}</span>
          </Fact>
        )}
        {about.host && <Fact name="Host">{about.host}</Fact>}
        {about.commit && (
          <Fact name="Commit">
            {about.commitUrl ? (
              <a href={about.commitUrl} target="_blank" rel="noopener noreferrer" title={about.commit}>
                <code>{about.commit.slice(0, 10)}</code>
              </a>
            ) : (
              <code title={about.commit}>{about.commit.slice(0, 10)}</code>
            )}
          </Fact>
        )}
        {run.heartbeat_timeout !== null && (
          <Fact name="Last sign of life">
            {run.last_heartbeat_at ? <Ago at={run.last_heartbeat_at} /> : 'none yet'}{' '}
            <span class="faint">of at least one every {duration(run.heartbeat_timeout * 1_000)}</span>
          </Fact>
        )}
        <Fact name="Id">
          <code class="id">{run.id}</code>
          <Copy text={run.id} />
        </Fact>
      </dl>
    </header>
  )
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Parent({ id }: { id: string }) {
  const parent = useQuery({
    queryKey: runKey(id),
    queryFn: () => read(api.runs[':id'].$get({ param: { id } })),
    placeholderData: nothing,
    staleTime: 30_000,
    retry: false,
  })
  if (parent.error) return <span class="faint">parent run that is gone</span>
  return (
    <a href={`/r/${id}`} aria-label={`Parent run ${parent.data?.name ?? id}`}>
      {parent.data?.name ?? 'Parent run'}
    </a>
  )
}

/** How long it took, or has been running for. */
function Lasted({ run }: { run: Run }) {
  const [now, tick] = useState(Date.now)
  const isOver = run.ended_at !== null
  useEffect(() => {
    if (isOver) return
    const timer = setInterval(() => tick(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [isOver])
  const end = run.ended_at === null ? now : Date.parse(run.ended_at)
  return <span class="number">{duration(Math.max(0, end - Date.parse(run.started_at)))}</span>
}

function Name({ run }: { run: Run }) {
  const queries = useQueryClient()
  const [isRenaming, rename] = useState(false)
  const opener = useFocusBack(isRenaming)
  const { colour } = strokeOf(run.id)
  const name = run.name ?? 'Unnamed run'
  const save = async (event: SubmitEvent) => {
    event.preventDefault()
    if (!(event.target instanceof HTMLFormElement)) return
    const to = String(new FormData(event.target).get('name')).trim() || null
    rename(false)
    if (to === run.name) return
    const done = to === null ? 'Took the name away' : `Renamed to ${to}`
    await changeAndSay(queries, run.id, { name: to }, { done, undo: { name: run.name } })
  }
  return (
    <>
      <i class="dot" style={{ background: colour }} aria-hidden="true" />
      {isRenaming ? (
        <form class="row rename" onSubmit={save} onKeyDown={onEscape(() => rename(false))}>
          <input
            name="name"
            aria-label="Name of the run"
            defaultValue={run.name ?? ''}
            maxLength={250}
            ref={focused}
          />
          <button type="submit" class="primary">
            Save
          </button>
          <button type="button" onClick={() => rename(false)}>
            Cancel
          </button>
        </form>
      ) : (
        <>
          <h1>{name}</h1>
          {mayWrite() && (
            <button
              ref={opener}
              type="button"
              class="quiet"
              aria-label={`Rename ${name}`}
              onClick={() => rename(true)}
            >
              Rename
            </button>
          )}
        </>
      )}
    </>
  )
}

const ENDS = ['completed', 'failed', 'killed'] as const

function Actions({ run }: { run: Run }) {
  const queries = useQueryClient()
  const { route } = useLocation()
  if (!mayWrite()) return null
  const isOpen = run.status === 'running' || run.status === 'scheduled'
  const end = (status: (typeof ENDS)[number]) =>
    changeAndSay(queries, run.id, { status }, { done: `Marked as ${status}`, undo: { status: run.status } })
  const remove = async () => {
    const name = run.name ?? 'this run'
    const yes = await confirm({
      title: `Delete ${name}?`,
      text: 'The run, its points and its artifacts will be gone for good.',
      action: 'Delete',
    })
    if (!yes) return
    try {
      await api.runs[':id'].$delete({ param: { id: run.id } })
    } catch (error) {
      say(`Not deleted: ${(error as Error).message}`, { failed: true })
      return
    }
    say(`Deleted ${name}`)
    route(`/e/${run.experiment_id}`, true)
    queries.removeQueries({ queryKey: runKey(run.id) })
    await queries.invalidateQueries()
  }
  return (
    <>
      {isOpen && (
        <fieldset class="row ends">
          <legend class="faint">Mark as</legend>
          {ENDS.map((status) => (
            <button type="button" key={status} aria-label={`Mark as ${status}`} onClick={() => end(status)}>
              {status}
            </button>
          ))}
        </fieldset>
      )}
      <button type="button" class="quiet danger" onClick={remove}>
        Delete run
      </button>
    </>
  )
}
