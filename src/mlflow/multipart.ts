/**
 * Files in parts, as MLflow's client sends those of 500 MiB or more (`MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE`), and
 * fetches them where it is told to (`MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD`). It expects the addresses to be those of a
 * cloud's storage; here they are our own.
 *
 * Cloudflare takes bodies of at most 100 MB (200 MB on its Business plan), and answers a larger one itself (413): a file
 * that is larger has to come in parts, so its sender has to set that minimum lower.
 */
import { Hono } from 'hono'
import { z } from 'zod'
import { bodyOf, knownLength } from '../artifacts/body.ts'
import { joined, newFilePath, safePath } from '../artifacts/path.ts'
import { ownStore } from '../artifacts/store.ts'
import type { AppContext, AppEnv } from '../http/context.ts'
import { signUrl } from '../keys/signature.ts'
import { doesNotExist, invalidParameter } from './errors.ts'
import { integer, maybe, message, requiredText } from './message.ts'

/** The file itself, by its path on the client's machine; the URL says into which folder it goes. */
const OfFile = z.object({ path: requiredText })
const OfUpload = OfFile.extend({ upload_id: requiredText })

export const multipartRoutes = new Hono<AppEnv>()
  .post('/mpu/create/*', async (c) => {
    const { path, num_parts: count = 1 } = await message(c, OfFile.extend({ num_parts: maybe(integer) }))
    const most = c.var.limits.MAX_ARTIFACT_PARTS
    if (count < 1 || count > most) {
      throw invalidParameter(
        `Invalid value ${count} for parameter 'num_parts' supplied: must be 1 to ${most}`,
      )
    }
    const key = keyOf(c, '/mpu/create/', path)
    const id = await (await ownStore(c)).createUpload(key)
    const credentials = await Promise.all(
      Array.from({ length: count }, async (_, i) => ({
        url: await urlOf(c, 'mpu/part', key, UPLOAD, { upload_id: id, part_number: `${i + 1}` }),
        part_number: i + 1,
        headers: {},
      })),
    )
    return c.json({ upload_id: id, credentials })
  })
  .put('/mpu/part/*', async (c) => {
    const { upload_id: id = '', part_number: number = '' } = c.req.query()
    const partNumber = Number(number)
    const most = c.var.limits.MAX_ARTIFACT_PARTS
    if (!/^\d{1,5}$/.test(number) || partNumber < 1 || partNumber > most) {
      throw invalidParameter(
        `Invalid value '${number}' for parameter 'part_number' supplied: must be 1 to ${most}`,
      )
    }
    const length = knownLength(c.req.raw)
    if (length === undefined) throw invalidParameter('A part must say how long it is: Content-Length')
    const key = newFilePath(pathBehind(c, '/mpu/part/'))
    const body = length === 0 ? new Uint8Array() : bodyOf(c.req.raw)
    const etag = await (await ownStore(c)).putPart(key, id, partNumber, body, length)
    return c.body(null, 200, { ETag: `"${etag}"` })
  })
  .post('/mpu/complete/*', async (c) => {
    const {
      path,
      upload_id: id,
      parts,
    } = await message(
      c,
      OfUpload.extend({
        parts: z
          .array(z.object({ part_number: integer.refine((number) => number >= 1), etag: requiredText }))
          .min(1),
      }),
    )
    const most = c.var.limits.MAX_ARTIFACT_PARTS
    if (parts.length > most) {
      throw invalidParameter(`The file has ${parts.length} parts; at most ${most} are possible`)
    }
    if (new Set(parts.map(({ part_number }) => part_number)).size < parts.length) {
      throw invalidParameter('A part is named twice')
    }
    const uploaded = parts
      .map(({ part_number: partNumber, etag }) => ({
        partNumber,
        etag: etag.replace(/^(?:W\/)?"(.*)"$/, '$1'),
      }))
      .sort((a, b) => a.partNumber - b.partNumber)
    await (await ownStore(c)).completeUpload(keyOf(c, '/mpu/complete/', path), id, uploaded)
    return c.json({})
  })
  .post('/mpu/abort/*', async (c) => {
    const { path, upload_id: id } = await message(c, OfUpload)
    await (await ownStore(c)).abortUpload(keyOf(c, '/mpu/abort/', path), id)
    return c.json({})
  })
  .get('/presigned/*', async (c) => {
    const key = newFilePath(pathBehind(c, '/presigned/'))
    const object = await (await ownStore(c)).head(key)
    if (!object) throw doesNotExist(`No such artifact: '${key}'`)
    return c.json({ url: await urlOf(c, 'artifacts', key, DOWNLOAD), headers: {}, file_size: object.size })
  })

/** What follows a part of the request's path. */
export function pathBehind(c: AppContext, part: string): string {
  const { path } = c.req
  const at = path.indexOf(`/mlflow-artifacts${part}`)
  return at < 0 ? '' : path.slice(at + `/mlflow-artifacts${part}`.length)
}

/** The key of a file whose name is the last part of a path, on whatever system, in the folder that the URL names. */
const keyOf = (c: AppContext, route: string, path: string) =>
  joined(safePath(pathBehind(c, route)), newFilePath(path.replace(/^.*[/\\]/s, '')))

/** How long a URL is good, in seconds: all parts are told of before the first is sent. */
const UPLOAD = { method: 'PUT', seconds: 24 * 60 * 60 }
const DOWNLOAD = { method: 'GET', seconds: 60 * 60 }

/** The address of another route for a file, as the caller has called this one; signed, for no key will come with it. */
async function urlOf(
  c: AppContext,
  route: string,
  key: string,
  { method, seconds }: { method: string; seconds: number },
  query: Record<string, string> = {},
): Promise<string> {
  const url = new URL(c.req.url)
  const root = url.pathname.slice(0, url.pathname.indexOf('/mlflow-artifacts/'))
  url.pathname = `${root}/mlflow-artifacts/${route}/${key.split('/').map(encodeURIComponent).join('/')}`
  url.search = new URLSearchParams(query).toString()
  const { signer } = c.var.access
  if (signer) await signUrl(url, signer, method, seconds)
  return url.href
}
