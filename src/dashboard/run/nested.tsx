/** Runs that this one started. */
import { useQuery } from '@tanstack/react-query'
import { api, type Run, type RunListed, readPage } from '../api.ts'
import { duration } from '../format.ts'
import { nothing } from '../queries.ts'
import { Ago, Empty, Failure, Skeleton, Status } from '../ui/parts.tsx'
import { Scrolls } from '../ui/scrolls.tsx'

const SHOWN = 1_000

export const useChildren = (run: Run) =>
  useQuery({
    queryKey: ['runs', run.experiment_id, 'children', run.id],
    queryFn: () =>
      readPage(
        api.experiments[':id'].runs.$get({
          param: { id: run.experiment_id },
          query: { filter: `parent_run_id = '${run.id}'`, limit: String(SHOWN) },
        }),
      ),
    refetchInterval: run.status === 'running' ? 10_000 : false,
    placeholderData: nothing,
  })

export function Nested({ run }: { run: Run }) {
  const children = useChildren(run)
  if (children.error) return <Failure error={children.error} again={() => children.refetch()} />
  if (!children.data) return <Skeleton lines={6} />
  const { items, next } = children.data
  if (items.length === 0) {
    return (
      <Empty title="This run has no nested runs">
        <p>
          They are runs that were created with its id as <code>parent_run_id</code>.
        </p>
      </Empty>
    )
  }
  const compared = items.slice(0, 100).map(({ id }) => id)
  return (
    <>
      <p>
        <a href={`/e/${run.experiment_id}/compare?runs=${compared.join(',')}`}>Compare them</a>
        {next !== undefined && <span class="faint"> The newest {SHOWN.toLocaleString('en')} are here.</span>}
      </p>
      <Scrolls>
        <table class="list">
          <thead>
            <tr>
              <th>Name</th>
              <th>Status</th>
              <th>Params</th>
              <th>Started</th>
              <th class="right">Took</th>
            </tr>
          </thead>
          <tbody>
            {items.map((child) => (
              <tr key={child.id}>
                <td>
                  <a href={`/r/${child.id}`}>{child.name ?? 'Unnamed run'}</a>
                </td>
                <td>
                  <Status status={child.status} reason={child.status_reason} />
                </td>
                <td class="faint params">{paramsOf(child)}</td>
                <td>
                  <Ago at={child.started_at} />
                </td>
                <td class="right number">
                  {child.ended_at && duration(Date.parse(child.ended_at) - Date.parse(child.started_at))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolls>
    </>
  )
}

const paramsOf = ({ params }: RunListed) =>
  Object.entries(params)
    .slice(0, 6)
    .map(([name, value]) => `${name}=${value}`)
    .join('  ')
