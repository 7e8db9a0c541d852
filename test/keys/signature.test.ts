import { beforeAll, describe, expect, it, vi } from 'vitest'
import { forget } from '../../src/keys/grants.ts'
import { bearer, type MadeKey, makeKey, newClosedTracker, SECRET } from '../support/keys.ts'
import { newTracker, roundTrips, type Tracker } from '../support/tracker.ts'

const ARTIFACTS = '/api/2.0/mlflow-artifacts'

let tracker: Tracker
let writer: MadeKey
beforeAll(async () => {
  tracker = await newClosedTracker()
  writer = await makeKey(tracker, { scope: 'write' })
})

/** Begins an upload; gives the URL of its first part. */
async function partUrl(key = writer.key, folder = crypto.randomUUID()) {
  const path = `${folder}/café ~x.bin`
  const created = await tracker.post<{ upload_id: string; credentials: { url: string }[] }>(
    `${ARTIFACTS}/mpu/create/${folder}`,
    { path, num_parts: 2 },
    bearer(key),
  )
  const url = new URL(created.body.credentials[0]?.url ?? '')
  return { url, folder, id: created.body.upload_id }
}

/** Calls a URL without credentials. */
const call = (method: string, url: URL, body?: Uint8Array) =>
  tracker.send<{ error_code?: string }>(method, url.pathname + url.search, body, {
    ...(body && { 'Content-Length': String(body.length) }),
  })

const bytes = new Uint8Array([1, 2, 3])

/** The same URL with something else in its query. */
function changed(url: URL, name: string, value: string): URL {
  const other = new URL(url)
  other.searchParams.set(name, value)
  return other
}

describe('a signed URL', () => {
  it('takes a part, and gives a file, from a client without credentials', async () => {
    const { url, folder, id } = await partUrl()
    const put = await call('PUT', url, bytes)
    expect(put.status).toBe(200)
    const complete = await tracker.post(
      `${ARTIFACTS}/mpu/complete/${folder}`,
      { path: 'café ~x.bin', upload_id: id, parts: [{ part_number: 1, etag: put.headers.get('ETag') }] },
      bearer(writer.key),
    )
    expect(complete.status).toBe(200)
    const presigned = await tracker.get<{ url: string }>(
      `${ARTIFACTS}/presigned/${folder}/${encodeURIComponent('café ~x.bin')}`,
      bearer(writer.key),
    )
    const download = new URL(presigned.body.url)
    expect([(await call('GET', download)).text, (await call('HEAD', download)).status]).toEqual([
      '\u0001\u0002\u0003',
      200,
    ])
    expect((await call('DELETE', download)).status).toBe(401)
    expect((await call('PUT', download, bytes)).status).toBe(401)
  })

  it('is good for what it says alone', async () => {
    const { url } = await partUrl()
    const elsewhere = new URL(url)
    elsewhere.pathname += 'x'
    const { url: other } = await partUrl()
    const others = [
      elsewhere,
      changed(url, 'part_number', '2'),
      changed(url, 'upload_id', other.searchParams.get('upload_id') ?? ''),
      changed(url, 'expires', String(Number(url.searchParams.get('expires')) + 1)),
      changed(url, 'signature', other.searchParams.get('signature') ?? ''),
      changed(url, 'signature', ''),
      changed(url, 'signature', '%'),
      changed(url, 'key', 'x'),
    ]
    for (const each of others) {
      const { status, body } = await call('PUT', each, bytes)
      expect([status, body.error_code]).toEqual([403, 'PERMISSION_DENIED'])
    }
    const unsigned = new URL(url)
    unsigned.searchParams.delete('signature')
    expect((await call('PUT', unsigned, bytes)).status).toBe(401)
    const unknown = changed(url, 'key', '0'.repeat(12))
    // Not told from one whose signature is wrong.
    expect((await call('PUT', unknown, bytes)).status).toBe(403)
    expect((await call('PUT', url, bytes)).status).toBe(200)
  })

  it('ends with its time, and with its key', async () => {
    const key = await makeKey(tracker, { scope: 'write' })
    const { url } = await partUrl(key.key)
    vi.setSystemTime(Date.now() + 24 * 60 * 60 * 1000 + 1_000)
    expect((await call('PUT', url, bytes)).status).toBe(403)
    vi.useRealTimers()
    expect((await call('PUT', url, bytes)).status).toBe(200)
    await tracker.send('DELETE', `/keys/${key.id}`, undefined, bearer(SECRET))
    expect((await call('PUT', url, bytes)).status).toBe(403)
  })

  it('asks the database where its key is not known, and not again', async () => {
    const { url } = await partUrl()
    forget(writer.id)
    const trips = async () => {
      const before = roundTrips()
      expect((await call('PUT', url, bytes)).status).toBe(200)
      return roundTrips() - before
    }
    expect([await trips(), await trips()]).toEqual([1, 0])
  })

  it('is not needed where no keys are', async () => {
    const open = await newTracker()
    const created = await open.post<{ credentials: { url: string }[] }>(`${ARTIFACTS}/mpu/create/a`, {
      path: 'x',
    })
    expect(new URL(created.body.credentials[0]?.url ?? '').searchParams.has('signature')).toBe(false)
  })
})
