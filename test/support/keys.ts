import { onTestFinished, vi } from 'vitest'
import { newKey } from '../../src/keys/token.ts'
import { newTracker, type Tracker, trackerOn } from './tracker.ts'

export const SECRET = 'a-secret-of-twenty-characters'

export type Scope = 'read' | 'write' | 'ingest' | 'admin'

/** A key as whoever made it is told. */
export interface MadeKey {
  id: string
  key: string
  name: string
  scope: Scope
  experiment_id: string | null
  run_id: string | null
  created_at: string
  created_by: string
  expires_at: string | null
  last_used_at: string | null
  revoked_at: string | null
}

export const bearer = (key: string) => ({ Authorization: `Bearer ${key}` })

/** A tracker that asks for keys, on a database of its own. */
export async function newClosedTracker(): Promise<Tracker> {
  const { ACCESS: _, ...env } = (await newTracker()).env
  // All tests of a file come from one address.
  const limits: Record<string, string> = { UNKNOWN_KEYS_PER_MINUTE: '10000' }
  return trackerOn({ ...env, ...limits, BOOTSTRAP_SECRET: SECRET })
}

/** A tracker whose requests all carry a key, unless they say otherwise. */
export function withKey(tracker: Tracker, key: string): Tracker {
  const send: Tracker['send'] = (method, path, body, headers) =>
    tracker.send(method, path, body, { ...bearer(key), ...headers })
  return {
    ...tracker,
    // Kept as it is: a connection that is made where it is used.
    get sql() {
      return tracker.sql
    },
    send,
    get: (path, headers) => send('GET', path, undefined, headers),
    post: (path, body, headers) => send('POST', path, body, headers),
    patch: (path, body) => send('PATCH', path, body),
    delete: (path) => send('DELETE', path),
  }
}

/** Makes a key with the bootstrap secret. */
export async function makeKey(
  tracker: Tracker,
  rest: { scope: Scope; experiment_id?: string; run_id?: string; expires_at?: string },
  workspace = 'default',
): Promise<MadeKey> {
  const { status, body, text } = await tracker.post<MadeKey>(
    `/keys?${new URLSearchParams({ workspace })}`,
    { name: rest.scope, ...rest },
    bearer(SECRET),
  )
  if (status !== 201) throw new Error(text)
  return body
}

export async function makeWorkspace(tracker: Tracker, name: string): Promise<string> {
  const { status, text } = await tracker.post('/workspaces', { name }, bearer(SECRET))
  if (status !== 201) throw new Error(text)
  return name
}

/** Many keys of scope admin that are no good any more, and that no isolate has seen. */
export async function deadKeys(
  tracker: Tracker,
  why: 'revoked' | 'expired',
  count: number,
): Promise<string[]> {
  const keys = await Promise.all(Array.from({ length: count }, newKey))
  const column = why === 'revoked' ? 'revoked_at' : 'expires_at'
  await tracker.sql.query(
    `insert into api_keys (workspace_id, id, hash, name, scope, created_by, ${column})
    select 1, id, decode(hash, 'hex'), 'dead', 'admin', 'test', now() - interval '1 second'
    from unnest($1::text[], $2::text[]) as key (id, hash)`,
    [keys.map(({ id }) => id), keys.map(({ hash }) => hash.toHex())],
  )
  return keys.map(({ key }) => key)
}

/** Which rows are a workspace's in tables that do not say. */
const BELOW: Record<string, string | undefined> = {
  chunks: 'series_id in (select id from series where workspace_id = $)',
  logged_model_metrics: 'model_id in (select id from logged_models where workspace_id = $)',
}

/** The same in all databases of the suite. */
let tables: Record<string, unknown>[] | undefined

/**
 * What all rows are, table by table, as one hash each: the same as before when nothing was done, but that a key was used.
 *
 * @param workspace only of its rows; else of all
 */
export async function fingerprint(tracker: Tracker, workspace?: number): Promise<Record<string, string>> {
  tables ??= await tracker.sql`
    select table_name as name, bool_or(column_name = 'workspace_id') as owned
    from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_schema = 'public' and table_type = 'BASE TABLE' group by table_name`
  const prints = tables.flatMap(({ name, owned }) => {
    const own = owned
      ? `workspace_id = ${workspace}`
      : BELOW[String(name)]?.replaceAll('$', String(workspace))
    if (workspace !== undefined && own === undefined) return []
    return `select '${name}' as name, md5(coalesce(string_agg(row, '|' order by row), '')) as print from (
      select (to_jsonb(t) - 'last_used_at')::text as row from "${name}" as t ${workspace === undefined ? '' : `where ${own}`}
    ) as rows`
  })
  const rows = await tracker.sql.query(prints.join(' union all '))
  return Object.fromEntries(rows.map(({ name, print }) => [name, print]))
}

/** Lets time pass for the Worker, until the test has ended; the database's clock goes on as it does. */
export function pass(milliseconds: number): void {
  const [moment, date] = [performance.now(), Date.now()]
  const spies = [
    vi.spyOn(performance, 'now').mockReturnValue(moment + milliseconds),
    vi.spyOn(Date, 'now').mockReturnValue(date + milliseconds),
  ]
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore()
  })
}

/** Ends a key behind the tracker's back, as another isolate does, or time. */
export const endKey = (tracker: Tracker, id: string, column: 'revoked_at' | 'expires_at') =>
  tracker.sql.query(`update api_keys set ${column} = now() where id = $1`, [id])
