/** What a tracker has stored, as items of the journal: once as its clients see it, once as Postgres does. */
import type { Tracker } from '../system/support.ts'
import { type Request, send } from './client.ts'
import { item } from './journal.ts'

interface Run {
  id: string
  name: string | null
  experiment_id: string
  params: Record<string, unknown>
  tags: Record<string, unknown>
}

const itemsOfRun = ({ id, name, experiment_id, params, tags }: Run) => [
  item.run(experiment_id, name),
  ...Object.keys(params).map((key) => item.param(id, key)),
  ...Object.keys(tags).map((key) => item.tag(id, key)),
]

/** How many requests are under way at a time. */
const AT_ONCE = 8

export async function storedOverHttp(url: string): Promise<string[]> {
  const items: string[] = []
  const experiments = await all<{ id: string }>(url, '/experiments?limit=1000')
  const runs: Run[] = []
  await forEach(experiments, async ({ id }) => {
    items.push(item.experiment(id))
    runs.push(...(await all<Run>(url, `/experiments/${id}/runs?limit=1000`)))
  })
  const series: { run: string; name: string; rank: number; count: number }[] = []
  await forEach(runs, async (run) => {
    items.push(...itemsOfRun(run))
    const summaries = await all<{ name: string; rank: number; count: number }>(
      url,
      `/runs/${run.id}/metrics?limit=1000`,
    )
    series.push(...summaries.map((summary) => ({ run: run.id, ...summary })))
  })
  await forEach(series, async ({ run, name, rank, count }) => {
    const lines = await linesOf(url, `/runs/${run}/metrics/${encodeURIComponent(name)}?rank=${rank}`)
    // Nobody has sent what this says, so it is found.
    if (lines.length !== count) items.push(`a series of ${count} points with ${lines.length} in its history`)
    for (const line of lines) {
      const { step, value }: { step: number; value: number } = JSON.parse(line)
      items.push(item.point(run, name, rank, step, value))
    }
  })
  return items
}

async function forEach<T>(things: T[], work: (thing: T) => Promise<void>): Promise<void> {
  const queue = things.values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const thing of queue) await work(thing)
    }),
  )
}

/** All rows of a list, page after page. */
async function all<Row>(url: string, first: string): Promise<Row[]> {
  const found: Row[] = []
  for (let path: string | undefined = first; path !== undefined; ) {
    const { text, headers } = await get(url, { method: 'GET', path })
    const rows: Row[] = JSON.parse(text)
    found.push(...rows)
    path = /<([^>]*)>; rel="next"/.exec(String(headers.link ?? ''))?.[1]
  }
  return found
}

const linesOf = async (url: string, path: string) =>
  (await get(url, { method: 'GET', path, accept: 'application/x-ndjson' })).text.split('\n').slice(0, -1)

async function get(url: string, request: Request) {
  const answer = await send(url, request)
  if (answer.status !== 200) throw new Error(`${request.path}: ${answer.status} ${answer.text}`)
  return answer
}

export async function storedInPostgres(tracker: Tracker): Promise<string[]> {
  const items: string[] = []
  for (const { id } of await tracker.query('select id from experiments'))
    items.push(item.experiment(String(id)))
  for (const { run } of await tracker.query(
    `select json_build_object('id', id, 'name', name, 'experiment_id', experiment_id, 'params', params, 'tags', tags)::text
       as run from runs`,
  )) {
    items.push(...itemsOfRun(JSON.parse(String(run))))
  }
  const counts = await tracker.query(`
    select run_id, name, rank, count,
      (select coalesce(sum(count), 0) from chunks where series_id = series.id) as in_chunks,
      (select count(*) from metrics where (metrics.run_id, metrics.name, metrics.rank) = (series.run_id, series.name, series.rank)) as in_view
    from series`)
  for (const { count, in_chunks, in_view } of counts) {
    if (count !== in_chunks || count !== in_view) {
      items.push(`a series of ${count} points with ${in_chunks} in its chunks and ${in_view} in the view`)
    }
  }
  for (const run of new Set(counts.map(({ run_id }) => String(run_id)))) {
    for (const { name, rank, step, value } of await tracker.query(
      `select name, rank, step, value from metrics where run_id = '${run}'`,
    )) {
      items.push(item.point(run, String(name), Number(rank), Number(step), Number(value)))
    }
  }
  return items
}
