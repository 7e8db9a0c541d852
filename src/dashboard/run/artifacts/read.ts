/** A run's artifacts, which MLflow's routes list and serve. */
import { request } from '../../api.ts'
import { byName } from '../about.ts'

export interface Entry {
  path: string
  isFolder: boolean
  /** In bytes, of a file. */
  size: number
}

/** Folders first, then by name. */
export async function listFolder(run: string, folder: string): Promise<Entry[]> {
  const query = new URLSearchParams({ run_id: run, ...(folder && { path: folder }) })
  const answer = await request(`/api/2.0/mlflow/artifacts/list?${query}`)
  const { files = [] } = (await answer.json()) as {
    files?: { path: string; is_dir: boolean; file_size?: number | string }[]
  }
  return files
    .map(({ path, is_dir, file_size }) => ({ path, isFolder: is_dir, size: Number(file_size ?? 0) }))
    .sort((a, b) => Number(b.isFolder) - Number(a.isFolder) || byName(a.path, b.path))
}

/** Where a file is served, as an attachment in which nothing runs. */
export const addressOf = (run: string, path: string): string =>
  `/get-artifact?${new URLSearchParams({ run_id: run, path })}`

/** A part of a file, and how large all of it is. */
export interface Part {
  bytes: Uint8Array
  size: number
}

export async function readPart(run: string, path: string, from: number, length: number): Promise<Part> {
  const answer = await request(addressOf(run, path), {
    headers: { Range: `bytes=${from}-${from + length - 1}` },
  })
  const bytes = new Uint8Array(await answer.arrayBuffer())
  const size = Number(/\/(\d+)$/.exec(answer.headers.get('Content-Range') ?? '')?.[1] ?? bytes.length)
  return { bytes, size }
}
