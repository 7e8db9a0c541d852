import type { Tracker } from './tracker.ts'
import type { Experiment, Stored } from './wire.ts'

/** An id that belongs to nothing. */
export const UNKNOWN = '01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b10'

/** Creates a run in an experiment of its own; gives its id. */
export async function newRun(tracker: Tracker): Promise<string> {
  const { body } = await tracker.post<Experiment>('/experiments', { name: 'x', owner: 'alice', run: {} })
  return body.runs[0]?.id ?? ''
}

/** What logs points into runs of a tracker: as JSON, or as JSON lines. */
export function logger(tracker: () => Tracker) {
  const log = <T = Stored>(run: string, body: unknown, headers?: Record<string, string>) =>
    tracker().post<T>(`/runs/${run}/metrics`, body, headers)
  const lines = <T = Stored>(run: string, text: string) =>
    log<T>(run, text, { 'Content-Type': 'application/x-ndjson' })
  return { log, lines }
}

export async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}
