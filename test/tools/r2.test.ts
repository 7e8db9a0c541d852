import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../tools/local/ports.ts'
import { changed, improveR2, PROGRAM } from '../../tools/local/r2.ts'

/** A Worker that puts and gets objects: whole, in parts of 5 MiB, or of 20 such parts that are all the same. */
const SCRIPT = `
export default { async fetch(request, { BUCKET }) {
  const { pathname: key, searchParams } = new URL(request.url)
  if (request.method === 'PUT' && searchParams.has('same')) {
    const bytes = new Uint8Array(5 << 20)
    const upload = await BUCKET.createMultipartUpload(key)
    const parts = []
    while (parts.length < 20) parts.push(await upload.uploadPart(parts.length + 1, bytes))
    await upload.complete(parts)
    return new Response()
  }
  if (request.method === 'PUT' && searchParams.has('parts')) {
    const bytes = new Uint8Array(await request.arrayBuffer())
    const upload = await BUCKET.createMultipartUpload(key)
    const parts = []
    for (let at = 0; at < bytes.length; at += 5 << 20) {
      parts.push(await upload.uploadPart(parts.length + 1, bytes.subarray(at, at + (5 << 20))))
    }
    await upload.complete(parts)
    return new Response()
  }
  if (request.method === 'PUT') return new Response((await BUCKET.put(key, request.body)).etag)
  const offset = Number(searchParams.get('offset'))
  const object = await BUCKET.get(key, offset === 0 ? {} : { range: { offset } })
  return object ? new Response(object.body) : new Response(null, { status: 404 })
} }`

let miniflare: Miniflare
let url: string
beforeAll(async () => {
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  const done = improveR2()
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      workers: [
        {
          name: 'test',
          modules: true,
          script: SCRIPT,
          compatibilityDate: '2026-08-01',
          r2Buckets: ['BUCKET'],
          unsafeDirectSockets: [{ host: '127.0.0.1', port }],
        },
      ],
    }),
  )
  await miniflare.ready
  done()
})
afterAll(() => miniflare.dispose())

const put = (key: string, body: Buffer) =>
  fetch(`${url}/${key}`, { method: 'PUT', body: new Uint8Array(body) })
const read = async (key: string) => Buffer.from(await (await fetch(`${url}/${key}`)).arrayBuffer())

it('the program of the Miniflare that is installed is as expected', async () => {
  const program = await readFile(PROGRAM, 'utf8')
  expect(changed(program)).toBeDefined()
  expect(changed(program.replace('TransformStream', 'Other'))).toBeUndefined()
})

describe('R2 with larger pieces', () => {
  it.each([0, 1, 262_143, 262_144, 262_145, 3_000_000])('keeps an object of %s bytes', async (size) => {
    const bytes = randomBytes(size)
    const etags = [
      await (await put(`whole-${size}`, bytes)).text(),
      await (await put(`whole-${size}`, bytes)).text(),
    ]
    expect(etags).toEqual([
      expect.stringMatching(/^[0-9a-f]{32}$/),
      expect.not.stringMatching(etags[0] ?? ''),
    ])
    expect((await read(`whole-${size}`)).equals(bytes)).toBe(true)
  })

  it('keeps an object that came in parts, and reads it from anywhere', async () => {
    const bytes = randomBytes(13 * 1024 ** 2)
    await put('parts?parts', bytes)
    expect((await read('parts')).equals(bytes)).toBe(true)
    const offset = 5 * 1024 ** 2 - 10
    expect((await read(`parts?offset=${offset}`)).equals(bytes.subarray(offset))).toBe(true)
  })

  it.runIf(process.platform === 'linux')('does not hold what a slow client has not read yet', async () => {
    await put('large?same', Buffer.alloc(0))
    const before = await memory()
    const response = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      get(`${url}/large`, resolve).on('error', reject)
    })
    response.once('readable', () => {})
    await sleep(2_000)
    const grown = (await memory()) - before
    response.resume()
    await new Promise((resolve) => response.once('end', resolve))
    expect(grown).toBeLessThan(40)
  })
})

/** What our workerd holds in memory for itself, in MiB. */
async function memory(): Promise<number> {
  const { stdout } = await promisify(execFile)('pgrep', ['-P', String(process.pid), 'workerd'])
  const status = await readFile(`/proc/${stdout.trim().split('\n').at(-1)}/status`, 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}
