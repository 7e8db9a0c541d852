/** What a column shows of a run. */
import type { RunListed } from '../api.ts'
import { ago, duration, exact } from '../format.ts'
import { Ago, Status, useTicks, Value } from '../ui/parts.tsx'
import type { Column } from './columns.ts'

/** How often durations grow, in milliseconds. */
const TICK = 5_000

/** A status; and of a run that is expected to show signs of life how long ago the last one was. */
function State({ run }: { run: RunListed }) {
  const { status, status_reason: reason, heartbeat_timeout: timeout, last_heartbeat_at: sign } = run
  const isExpected = status === 'running' && timeout !== null && sign !== null
  useTicks(isExpected ? TICK : null)
  if (!isExpected) return <Status status={status} reason={reason} />
  const silent = Math.max(0, Date.now() - Date.parse(sign))
  const about = `Last sign of life ${ago(sign)}; after ${duration(timeout * 1_000)} without one it has failed`
  return (
    <span class="state" title={about}>
      <Status status={status} />
      <span class={silent > (timeout * 1_000) / 2 ? 'silent number' : 'faint number'}>
        {duration(silent)}
      </span>
    </span>
  )
}

/** How long a run has taken, or takes until now. */
function Lasted({ run: { started_at: from, ended_at: to } }: { run: RunListed }) {
  useTicks(to === null ? TICK : null)
  const milliseconds = (to === null ? Date.now() : Date.parse(to)) - Date.parse(from)
  return <span title={`${exact(from)} to ${to === null ? 'now' : exact(to)}`}>{duration(milliseconds)}</span>
}

/** What a run is called. */
export const nameOf = ({ name, id }: Pick<RunListed, 'name' | 'id'>): string => name ?? id.slice(0, 8)

const Nothing = () => <span class="faint">–</span>

const Text = ({ text }: { text: string }) => <span title={text}>{text}</span>

function Attribute({ run, name }: { run: RunListed; name: string }) {
  switch (name) {
    case 'status':
      return <State run={run} />
    case 'started_at':
      return <Ago at={run.started_at} />
    case 'ended_at':
      return run.ended_at === null ? <Nothing /> : <Ago at={run.ended_at} />
    case 'duration':
      return <Lasted run={run} />
    case 'heartbeat':
      return run.last_heartbeat_at === null ? <Nothing /> : <Ago at={run.last_heartbeat_at} />
    case 'parent_run_id':
      return run.parent_run_id === null ? (
        <Nothing />
      ) : (
        <a href={`/r/${run.parent_run_id}`} tabIndex={-1}>
          {run.parent_run_id}
        </a>
      )
    case 'id':
      return <code title={run.id}>{run.id}</code>
    case 'seed':
      return run.seed === null ? <Nothing /> : <data value={String(run.seed)}>{run.seed}</data>
    default:
      return <Nothing />
  }
}

export function Cell({ run, column }: { run: RunListed; column: Column }) {
  const { kind, key, of } = column
  if (kind === undefined) return <Attribute run={run} name={key} />
  if (kind === 'metrics') {
    const held = run.metrics && Object.hasOwn(run.metrics, key) ? run.metrics[key] : undefined
    return <Value value={held?.[of]} />
  }
  const held = Object.hasOwn(run[kind], key) ? run[kind][key] : undefined
  if (held === undefined) return <Nothing />
  return typeof held === 'number' ? <Value value={held} /> : <Text text={String(held)} />
}
