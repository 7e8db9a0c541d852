/** A file of the store as an HTTP answer: whole or a range of it, streamed. */
import { TrackerError } from '../errors.ts'
import type { AppContext } from '../http/context.ts'
import { mediaTypeOf } from './media-type.ts'
import { fileName } from './path.ts'
import { type ArtifactStore, ownStore } from './store.ts'

/**
 * Answers a file, always as an attachment that no browser takes for anything but its type: shown on our own origin, a
 * page that somebody stored could do there what its reader may.
 *
 * @throws TrackerError when there is no such file, or it is a folder
 */
export async function download(c: AppContext, key: string): Promise<Response> {
  const store = await ownStore(c)
  if (key === '') throw await missing(store, key)
  if (c.req.method === 'HEAD') {
    const object = await store.head(key)
    if (!object) throw await missing(store, key)
    return c.body(null, 200, { ...headersOf(object), 'Content-Length': `${object.size}` })
  }
  const range = rangeOf(c.req.header('Range'))
  const object = await (range ? store.getRange(key, range) : store.get(key))
  if (!object) throw await missing(store, key)
  if (object === 'unsatisfiable') {
    const size = (await store.head(key))?.size ?? 0
    return c.body(null, 416, { 'Content-Range': `bytes */${size}` })
  }
  if (isKnown(object, c.req.header('If-None-Match'))) {
    await object.body.cancel()
    return c.body(null, 304, { ETag: object.httpEtag })
  }
  const ifRange = c.req.header('If-Range')
  if (range && ifRange !== undefined && ifRange !== object.httpEtag) {
    // What the client has a part of is another file by now: it gets all of it.
    await object.body.cancel()
    return whole(c, await store.get(key))
  }
  if (!range) return whole(c, object)
  const { offset, length } = placeOf(range, object.size)
  return c.body(object.body, 206, {
    ...headersOf(object),
    'Content-Length': `${length}`,
    'Content-Range': `bytes ${offset}-${offset + length - 1}/${object.size}`,
  })
}

function whole(c: AppContext, object: R2ObjectBody | undefined): Response {
  if (!object) throw new TrackerError('not_found', 'The artifact was deleted meanwhile')
  return c.body(object.body, 200, { ...headersOf(object), 'Content-Length': `${object.size}` })
}

function headersOf(object: R2Object): Record<string, string> {
  const name = fileName(object.key)
  return {
    'Content-Type': mediaTypeOf(name),
    'Content-Disposition': attachment(name),
    'X-Content-Type-Options': 'nosniff',
    'Accept-Ranges': 'bytes',
    // It may be written again.
    'Cache-Control': 'private, no-cache',
    ETag: object.httpEtag,
    'Last-Modified': object.uploaded.toUTCString(),
  }
}

async function missing(store: ArtifactStore, key: string): Promise<TrackerError> {
  if (key === '' || (await store.isFolder(key))) {
    return new TrackerError('invalid', `Artifact path refers to a directory, not a file: '${key}'`)
  }
  return new TrackerError('not_found', `No such artifact: '${key}'`)
}

/** The one range that is asked for; undefined for none, several, and what is no range: then all of it is sent. */
export function rangeOf(header: string | undefined): R2Range | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? []
  if (first === '') return last === '' ? undefined : { suffix: Number(last) }
  if (last === '') return { offset: Number(first) }
  const length = Number(last) - Number(first) + 1
  return length > 0 ? { offset: Number(first), length } : undefined
}

/** Where a range of a file begins, and how long it is. */
function placeOf(range: R2Range, size: number) {
  if ('suffix' in range) {
    const length = Math.min(range.suffix, size)
    return { offset: size - length, length }
  }
  const { offset = 0, length = size } = range
  return { offset, length: Math.min(length, size - offset) }
}

/** Whether the client has the file already, of which it sends the ETags. */
const isKnown = ({ httpEtag }: R2Object, ifNoneMatch: string | undefined) =>
  ifNoneMatch?.trim() === '*' || (ifNoneMatch?.match(/"[^"]*"/g)?.includes(httpEtag) ?? false)

/** A `Content-Disposition`, with the name in ASCII, and in full where that is not the same (RFC 6266). */
export function attachment(name: string): string {
  const ascii = name.normalize('NFKD').replace(/[^\x20-\x7e]/g, '') || 'download'
  const quoted = /^[\w!#$%&'*+.^`|~-]+$/.test(ascii) ? ascii : `"${ascii.replace(/["\\]/g, '\\$&')}"`
  const full = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename=${quoted}${ascii === name ? '' : `; filename*=UTF-8''${full}`}`
}
