import { type Answer, type Tracker, trackerOn } from './tracker.ts'

export const BOOTSTRAP_SECRET = 'a-secret-of-twenty-characters'

/** The same tracker, asking for keys. */
export function closed(tracker: Tracker): Tracker {
  const { ACCESS: _, ...env } = tracker.env
  return trackerOn({ ...env, BOOTSTRAP_SECRET })
}

/** The headers that carry a key. */
export const bearing = (key: string) => ({ Authorization: `Bearer ${key}` })

export interface Made {
  id: string
  key: string
}

/** Makes a key of a tracker that asks for them, with the bootstrap secret. */
export async function makeKey(
  tracker: Tracker,
  fields: { scope: string; experiment_id?: string; run_id?: string; expires_at?: string },
  workspace = 'default',
): Promise<Made> {
  const query = new URLSearchParams({ workspace })
  const made: Answer<Made> = await tracker.post(
    `/keys?${query}`,
    { name: 'x', ...fields },
    bearing(BOOTSTRAP_SECRET),
  )
  if (made.status !== 201) throw new Error(made.text)
  return made.body
}
