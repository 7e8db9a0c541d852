/** What a column shows of a run. */
import type { RunListed } from '../api.ts'
import { ago, duration, exact } from '../format.ts'
import { Ago, Status, Value } from '../ui/parts.tsx'
import type { Column } from './columns.ts'

/** Where a run of which a sign of life is expected has last shown one. */
function lastSign({ status, heartbeat_timeout, last_heartbeat_at }: RunListed): string | undefined {
  if (status !== 'running' || heartbeat_timeout === null || last_heartbeat_at === null) return undefined
  return `last sign ${ago(last_heartbeat_at)}`
}

/** What a run is called. */
export const nameOf = ({ name, id }: Pick<RunListed, 'name' | 'id'>): string => name ?? id.slice(0, 8)

const Nothing = () => <span class="faint">–</span>

const Text = ({ text }: { text: string }) => <span title={text}>{text}</span>

function Attribute({ run, name }: { run: RunListed; name: string }) {
  switch (name) {
    case 'status': {
      const sign = lastSign(run)
      return (
        <span class="state" title={run.status_reason ?? sign}>
          <Status status={run.status} reason={run.status_reason ?? sign ?? null} />
          {sign && <span class="faint">{sign}</span>}
        </span>
      )
    }
    case 'started_at':
      return <Ago at={run.started_at} />
    case 'ended_at':
      return run.ended_at === null ? <Nothing /> : <Ago at={run.ended_at} />
    case 'duration': {
      const from = Date.parse(run.started_at)
      const lasted = (run.ended_at === null ? Date.now() : Date.parse(run.ended_at)) - from
      const till = run.ended_at === null ? 'now' : exact(run.ended_at)
      return <span title={`${exact(run.started_at)} to ${till}`}>{duration(lasted)}</span>
    }
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
