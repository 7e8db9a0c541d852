/** What the API's answers look like to a client; written apart from the schemas that the tests are to check. */
export interface Experiment {
  id: string
  name: string
  owner: string
  description: string | null
  status: string
  created_at: string
  runs: { id: string; started_at: string; status: string }[]
}

export interface Run {
  id: string
  experiment_id: string
  parent_run_id: string | null
  name: string | null
  status: string
  seed: number | null
  started_at: string
  ended_at: string | null
  params: Record<string, unknown>
  tags: Record<string, unknown>
  heartbeat_timeout: number | null
  last_heartbeat_at: string | null
  status_reason: string | null
  metrics: Summary[]
}

export interface Point {
  step: number | string
  value: number | string
  timestamp: string
}

export interface Summary {
  name: string
  rank: number
  attempt: number
  count: number
  last: Point
  min: Point | null
  max: Point | null
}

export interface Stored {
  stored: number
  duplicates: number
  ignored?: string[]
}
