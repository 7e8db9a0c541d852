import type { Next } from 'hono'
import { createMiddleware } from 'hono/factory'
import { TrackerError } from '../errors.ts'
import type { AppContext, AppEnv } from './context.ts'

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
export async function readBody(
  request: Request,
  accepted: readonly string[],
  maxBytes: number,
): Promise<string> {
  const type = mediaType(request)
  if (!accepted.includes(type)) {
    const sent = type === '' ? 'no Content-Type was sent' : `not ${type}`
    throw new TrackerError('unsupported_media_type', `Content-Type must be ${accepted.join(' or ')}; ${sent}`)
  }
  return decodedBody(request, maxBytes)
}

/**
 * The text of a request's body, inflated where it is gzipped: at most `maxBytes` of UTF-8, counted while they are
 * read.
 */
export const decodedBody = async (request: Request, maxBytes: number): Promise<string> => {
  const length = plainLength(request)
  if (length !== undefined && length > maxBytes)
    throw new TrackerError('too_large', `The body has ${length} bytes; at most ${maxBytes} are taken`)
  return decodeUtf8(await (length === undefined ? readLimited(plain(request), maxBytes) : readWhole(request)))
}

/** Parses a JSON body. */
export function parseJson(text: string) {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TrackerError('bad_request', `The body is not JSON: ${whyNotJson(error)}`)
  }
}

/** What is wrong with a text that is no JSON, without the piece of it that the runtime quotes. */
export const whyNotJson = (error: unknown): string =>
  error instanceof Error
    ? error.message.replace(/, (\.\.\.)?".*(?=is not valid JSON$)/s, ' ')
    : 'it cannot be read'

/** Reads and parses the body before a schema validates it; what follows finds it as if it had come plain. */
export const jsonRequest = createMiddleware<AppEnv>((c, next) =>
  readJsonRequest(c, next, c.var.limits.MAX_BODY_BYTES),
)

/** As `jsonRequest`, of whoever it may be: no more is read than it takes. */
export const smallJsonRequest = createMiddleware<AppEnv>((c, next) => readJsonRequest(c, next, 4_096))

async function readJsonRequest(c: AppContext, next: Next, maxBytes: number): Promise<void> {
  const { url, method } = c.req.raw
  const body = parseJson(await readBody(c.req.raw, [JSON_TYPE], maxBytes))
  c.req.raw = new Request(url, { method, headers: { 'Content-Type': JSON_TYPE } })
  c.req.json = async () => body
  await next()
}

/** The bytes of a body, inflated where they are gzipped. */
function plain(request: Request): AsyncIterable<Uint8Array> {
  const encoding = request.headers.get('Content-Encoding') ?? 'identity'
  const body = request.body ?? new ReadableStream({ start: (controller) => controller.close() })
  switch (encoding.trim().toLowerCase()) {
    case 'identity':
      return body
    case 'gzip':
    case 'x-gzip':
      return inflated(body)
    default:
      throw new TrackerError('unsupported_media_type', 'Content-Encoding must be gzip or left out')
  }
}

/** So many bytes of gzip are inflated at a time: at most 16 MiB come of them. */
const FED = 16 * 1024

/**
 * Inflates bytes as they are taken. A DecompressionStream inflates whatever it is given, at once and into memory, whether
 * it is read or not: of 2 MB that are piped into it come 2 GB. So it is given little, and more when nothing is left in it.
 */
async function* inflated(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new DecompressionStream('gzip')
  const writer = writable.getWriter()
  const reader = readable.getReader()
  const read = () => {
    const result = reader.read()
    // What is wrong is thrown where it is awaited, or by a write before.
    result.catch(() => {})
    return result
  }
  let next = read()
  let fed = 0
  try {
    for await (const piece of body) {
      for (let at = 0; at < piece.byteLength; at += FED) {
        const some = piece.subarray(at, at + FED)
        await writer.write(some)
        fed += some.byteLength
        if (fed < FED) continue
        fed = 0
        for (;;) {
          const result = await Promise.race([next, scheduler.wait(0)])
          if (!result?.value) break
          yield result.value
          next = read()
        }
      }
    }
    // Ends when all is read.
    writer.close().catch(() => {})
    for (let result = await next; result.value; result = await next) {
      yield result.value
      next = read()
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

/** How many bytes the body says that it has; undefined where it does not, or is going to be inflated. */
function plainLength(request: Request): number | undefined {
  const length = request.headers.get('Content-Length')
  if (request.headers.has('Content-Encoding') || request.headers.has('Transfer-Encoding')) return undefined
  return length === null ? undefined : Number(length)
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

async function readLimited(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  try {
    for await (const piece of stream) {
      size += piece.byteLength
      if (size > maxBytes) throw new TrackerError('too_large', `The body has more than ${maxBytes} bytes`)
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
