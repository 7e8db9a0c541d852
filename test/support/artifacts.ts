import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import worker from '../../src/index.ts'
import type { Tracker } from './tracker.ts'

const PROXIED = '/api/2.0/mlflow-artifacts/artifacts'

/** An answer whose body may be anything. */
export interface Received {
  status: number
  headers: Headers
  bytes: Uint8Array<ArrayBuffer>
  text: string
}

export interface Upload {
  body: Uint8Array<ArrayBuffer> | ReadableStream
  /** Whether the request says how long it is, instead of coming in chunks. */
  length?: number
  headers?: Record<string, string>
}

/** Sends a request as it is, with a body that may be a stream. */
export async function send(
  tracker: Tracker,
  method: string,
  pathOrUrl: string,
  { body, length, headers = {} }: Partial<Upload> = {},
): Promise<Received> {
  const request = new Request<unknown, IncomingRequestCfProperties>(
    new URL(pathOrUrl, 'https://edgerun.test'),
    {
      method,
      headers: { ...headers, ...(length !== undefined && { 'Content-Length': String(length) }) },
      ...(body !== undefined && { body }),
    },
  )
  const ctx = createExecutionContext()
  const response = await worker.fetch(request, tracker.env, ctx)
  const bytes = new Uint8Array(await response.arrayBuffer())
  await waitOnExecutionContext(ctx)
  return { status: response.status, headers: response.headers, bytes, text: new TextDecoder().decode(bytes) }
}

/** Artifacts by their place in the store. */
export class Files {
  readonly #tracker: () => Tracker

  constructor(tracker: () => Tracker) {
    this.#tracker = tracker
  }

  url = (place: string) => `${PROXIED}/${place.split('/').map(encodeURIComponent).join('/')}`

  get(place: string, headers: Record<string, string> = {}): Promise<Received> {
    return send(this.#tracker(), 'GET', this.url(place), { headers })
  }

  /** Puts what is known to be so long. */
  put(place: string, content: string | Uint8Array<ArrayBuffer>): Promise<Received> {
    const body = typeof content === 'string' ? Uint8Array.from(new TextEncoder().encode(content)) : content
    return this.send(place, { body, length: body.byteLength })
  }

  send(place: string, upload: Upload): Promise<Received> {
    return send(this.#tracker(), 'PUT', this.url(place), upload)
  }

  delete(place: string): Promise<Received> {
    return send(this.#tracker(), 'DELETE', this.url(place))
  }

  async list(place: string): Promise<Entry[]> {
    const path = `${PROXIED}?${new URLSearchParams({ path: place })}`
    return (await this.#tracker().get<{ files?: Entry[] }>(path)).body.files ?? []
  }

  /** The keys of all objects in the bucket below a place. */
  async keys(prefix: string): Promise<string[]> {
    const keys: string[] = []
    for (let cursor: string | undefined; ; ) {
      const page: R2Objects | undefined = await this.#tracker().env.ARTIFACTS?.list({
        prefix,
        ...(cursor !== undefined && { cursor }),
      })
      keys.push(...(page?.objects.map(({ key }) => key) ?? []))
      if (!page?.truncated) return keys
      cursor = page.cursor
    }
  }

  /** Puts many small files, behind the tracker's back. */
  async fill(keys: string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += 100) {
      const some = keys.slice(from, from + 100)
      await Promise.all(some.map((key) => this.#tracker().env.ARTIFACTS?.put(key, 'x')))
    }
  }
}

export interface Entry {
  path: string
  is_dir: boolean
  file_size?: number
}

/** Bytes that do not repeat soon. */
export function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = 12_345
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** A body that comes in chunks, of unknown length; `cut` after so many bytes. */
export function chunked(bytes: Uint8Array, { size = 1_000_000, cut = Number.POSITIVE_INFINITY } = {}) {
  const { readable, writable } = new IdentityTransformStream()
  void write(writable.getWriter(), bytes, size, cut)
  return readable
}

/** A body that says how long it is, and ends after so many bytes. */
export function cutOff(bytes: Uint8Array, cut: number): ReadableStream {
  const { readable, writable } = new FixedLengthStream(bytes.byteLength)
  void write(writable.getWriter(), bytes, 1_000_000, cut)
  return readable
}

async function write(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  bytes: Uint8Array,
  size: number,
  cut: number,
) {
  try {
    for (let at = 0; at < bytes.byteLength; at += size) {
      if (at >= cut) return await writer.abort(new Error('Network connection lost.'))
      await writer.write(bytes.slice(at, at + size))
    }
    await writer.close()
  } catch {
    // Nobody reads it any more.
  }
}
