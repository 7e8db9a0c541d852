import { createMiddleware } from 'hono/factory'
import { TrackerError } from '../errors.ts'

/** The largest body, in bytes after inflating. */
export const BODY_LIMIT = 8 * 1024 * 1024

/** Media types of one JSON object a line. */
export const LINES = [
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonlines',
]
export const JSON_TYPE = 'application/json'

/** The media type of a request, without its parameters. */
export const mediaType = (request: Request) =>
  request.headers.get('Content-Type')?.split(';')[0]?.trim().toLowerCase() ?? ''

/** The text of a request's body as `decodedBody` gives it, of one of the accepted media types. */
export async function readBody(request: Request, accepted: readonly string[]): Promise<string> {
  const type = mediaType(request)
  if (!accepted.includes(type)) {
    const sent = type === '' ? 'no Content-Type was sent' : `not ${type}`
    throw new TrackerError('unsupported_media_type', `Content-Type must be ${accepted.join(' or ')}; ${sent}`)
  }
  return decodedBody(request)
}

/**
 * The text of a request's body, inflated where it is gzipped: at most `BODY_LIMIT` bytes, counted while they are
 * read, in UTF-8.
 */
export const decodedBody = async (request: Request): Promise<string> =>
  decodeUtf8(await (isShort(request) ? readWhole(request) : readLimited(inflated(request))))

/** Parses a JSON body. */
export function parseJson(text: string) {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TrackerError(
      'bad_request',
      `The body is not JSON: ${error instanceof Error ? error.message : error}`,
    )
  }
}

/** Reads and parses the body before a schema validates it; what follows finds it as if it had come plain. */
export const jsonRequest = createMiddleware(async (c, next) => {
  const { url, method } = c.req.raw
  const body = parseJson(await readBody(c.req.raw, [JSON_TYPE]))
  c.req.raw = new Request(url, { method, headers: { 'Content-Type': JSON_TYPE } })
  c.req.json = async () => body
  await next()
})

function inflated(request: Request): ReadableStream<Uint8Array> {
  const encoding = request.headers.get('Content-Encoding') ?? 'identity'
  const body = request.body ?? new ReadableStream({ start: (controller) => controller.close() })
  switch (encoding.trim().toLowerCase()) {
    case 'identity':
      return body
    case 'gzip':
    case 'x-gzip':
      return body.pipeThrough(new DecompressionStream('gzip'))
    default:
      throw new TrackerError('unsupported_media_type', 'Content-Encoding must be gzip or left out')
  }
}

/** Whether the body says that it is within the limit, and is not going to be inflated. */
function isShort(request: Request): boolean {
  const length = request.headers.get('Content-Length')
  if (request.headers.has('Content-Encoding') || request.headers.has('Transfer-Encoding')) return false
  return length !== null && Number(length) <= BODY_LIMIT
}

/** In one piece: piece by piece, reading a body of 400 KB takes longer than parsing it. */
async function readWhole(request: Request): Promise<Uint8Array> {
  try {
    return new Uint8Array(await request.arrayBuffer())
  } catch {
    throw unreadable()
  }
}

const unreadable = () =>
  new TrackerError('bad_request', 'The body cannot be read: it is cut short, or it is not gzip')

async function readLimited(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  try {
    for await (const piece of stream) {
      size += piece.byteLength
      if (size > BODY_LIMIT) throw new TrackerError('too_large', `The body has more than ${BODY_LIMIT} bytes`)
      pieces.push(piece)
    }
  } catch (error) {
    if (error instanceof TrackerError) throw error
    throw unreadable()
  }
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.byteLength
  }
  return bytes
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch {
    throw new TrackerError('bad_request', 'The body is not UTF-8')
  }
}
