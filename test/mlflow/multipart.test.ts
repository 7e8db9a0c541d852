import { beforeAll, describe, expect, it } from 'vitest'
import { chunked, cutOff, Files, noise, send } from '../support/artifacts.ts'
import type { Failure } from '../support/mlflow.ts'
import { newTracker, roundTrips, type Tracker } from '../support/tracker.ts'

const MiB = 1024 ** 2
const ROUTES = '/api/2.0/mlflow-artifacts'

interface Created {
  upload_id: string
  credentials: { url: string; part_number: number; headers: Record<string, string> }[]
}

interface Part {
  part_number: number
  etag: string
}

let tracker: Tracker
const files = new Files(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
})

/** A folder of its own. */
const newPlace = () => `parts-${crypto.randomUUID()}/run/artifacts`
const encoded = (place: string) => place.split('/').map(encodeURIComponent).join('/')
const post = <T = Failure>(step: string, place: string, body: object) =>
  tracker.post<T>(`${ROUTES}/mpu/${step}/${encoded(place)}`, body)

async function create(place: string, path: string, num_parts: number): Promise<Created> {
  const { status, body } = await post<Created>('create', place, { path, num_parts })
  expect(status).toBe(200)
  return body
}

async function putPart(url: string, bytes: Uint8Array<ArrayBuffer>) {
  const { status, headers } = await send(tracker, 'PUT', url, { body: bytes, length: bytes.byteLength })
  return { status, etag: headers.get('etag') ?? '' }
}

/** Sends a file as MLflow's client does: its parts at once, and then that they are all. */
async function upload(place: string, name: string, bytes: Uint8Array<ArrayBuffer>, size: number) {
  const created = await create(place, `/home/ann/${name}`, Math.ceil(bytes.byteLength / size))
  const parts = await Promise.all(
    created.credentials.map(async ({ url, part_number }): Promise<Part> => {
      const { status, etag } = await putPart(url, bytes.slice((part_number - 1) * size, part_number * size))
      expect(status).toBe(200)
      return { part_number, etag }
    }),
  )
  return { ...created, parts }
}

describe('a file in parts', () => {
  it('is there when it is complete, and not before', async () => {
    const place = newPlace()
    const bytes = noise(12 * MiB + 7)
    const { upload_id, parts } = await upload(place, 'big ü%.bin', bytes, 5 * MiB)
    expect(parts.map(({ etag }) => etag)).toEqual(parts.map(() => expect.stringMatching(/^"[^"]+"$/)))
    expect(await files.keys(place)).toEqual([])
    const done = await post('complete', place, { path: '/home/ann/big ü%.bin', upload_id, parts })
    expect([done.status, done.body]).toEqual([200, {}])
    const got = await files.get(`${place}/big ü%.bin`)
    expect(got.bytes.byteLength).toBe(bytes.byteLength)
    expect(Buffer.compare(got.bytes, bytes)).toBe(0)
    expect(await files.list(place)).toEqual([
      { path: 'big ü%.bin', is_dir: false, file_size: bytes.byteLength },
    ])
  })

  it('is called by the last part of its path, also on Windows, and goes into the folder of the URL', async () => {
    for (const path of ['x.bin', '/a/b/x.bin', 'C:\\a\\x.bin']) {
      const place = newPlace()
      const { credentials, upload_id } = await create(place, path, 1)
      const url = new URL(credentials[0]?.url ?? '')
      expect([url.origin, url.pathname]).toEqual([
        'https://edgerun.test',
        `${ROUTES}/mpu/part/${encoded(place)}/x.bin`,
      ])
      expect(Object.fromEntries(url.searchParams)).toEqual({ upload_id, part_number: '1' })
      const { etag } = await putPart(url.href, noise(3))
      await post('complete', place, { path, upload_id, parts: [{ part_number: 1, etag }] })
      expect(await files.keys(place)).toEqual([`${place}/x.bin`])
    }
  })

  it('may have its parts sent again, in any order, and told in any order', async () => {
    const place = newPlace()
    const bytes = noise(11 * MiB)
    const { credentials, upload_id } = await create(place, 'x', 3)
    const etags = new Map<number, string>()
    for (const number of [3, 1, 2, 1]) {
      const url = credentials[number - 1]?.url ?? ''
      etags.set(number, (await putPart(url, bytes.slice((number - 1) * 5 * MiB, number * 5 * MiB))).etag)
    }
    // As something on the way may have made it.
    const parts = [...etags].map(([part_number, etag]) => ({ part_number, etag: `W/${etag}` }))
    expect((await post('complete', place, { path: 'x', upload_id, parts })).status).toBe(200)
    expect(Buffer.compare((await files.get(`${place}/x`)).bytes, bytes)).toBe(0)
  })

  it('may be completed again when the answer was lost, and then not be given up', async () => {
    const place = newPlace()
    const { upload_id, parts } = await upload(place, 'x', noise(10), 10)
    const body = { path: 'x', upload_id, parts }
    for (let i = 0; i < 3; i++) expect((await post('complete', place, body)).status).toBe(200)
    expect((await post('abort', place, { path: 'x', upload_id })).status).toBe(200)
    expect((await files.get(`${place}/x`)).bytes).toEqual(noise(10))
    // What was written since is no file of this upload.
    await files.put(`${place}/x`, 'newer')
    expect((await post('complete', place, body)).status).toBe(404)
    expect((await files.get(`${place}/x`)).text).toBe('newer')
  })

  it('leaves nothing when it is given up, and what was there', async () => {
    const place = newPlace()
    await files.put(`${place}/x`, 'old')
    const { upload_id, parts, credentials } = await upload(place, 'x', noise(10), 10)
    for (let i = 0; i < 2; i++) {
      const { status, body } = await post('abort', place, { path: 'x', upload_id })
      expect([status, body]).toEqual([200, {}])
    }
    const completed = await post('complete', place, { path: 'x', upload_id, parts })
    expect([completed.status, completed.body.error_code]).toEqual([404, 'RESOURCE_DOES_NOT_EXIST'])
    expect((await putPart(credentials[0]?.url ?? '', noise(1))).status).toBe(404)
    expect((await files.get(`${place}/x`)).text).toBe('old')
  })

  it('does not take a part that is cut off', async () => {
    const place = newPlace()
    const { credentials, upload_id } = await create(place, 'x', 1)
    const url = credentials[0]?.url ?? ''
    const bytes = noise(6 * MiB)
    const cut = await send(tracker, 'PUT', url, { body: cutOff(bytes, 2 * MiB), length: bytes.byteLength })
    expect(cut.status).toBe(503)
    const parts = [{ part_number: 1, etag: '"none"' }]
    expect((await post('complete', place, { path: 'x', upload_id, parts })).status).toBe(400)
  })

  it.each([
    ['parts that are too small', [MiB, MiB], /at least 5 MiB/],
    ['parts of different sizes', [5 * MiB, 6 * MiB, MiB], /same size/],
  ])('is refused with %s', async (_, sizes, message) => {
    const place = newPlace()
    const { credentials, upload_id } = await create(place, 'x', sizes.length)
    const parts: Part[] = []
    for (const [i, size] of sizes.entries()) {
      parts.push({ part_number: i + 1, etag: (await putPart(credentials[i]?.url ?? '', noise(size))).etag })
    }
    const { status, body } = await post('complete', place, { path: 'x', upload_id, parts })
    expect([status, body.error_code, body.message]).toEqual([
      400,
      'INVALID_PARAMETER_VALUE',
      expect.stringMatching(message),
    ])
    expect(await files.keys(place)).toEqual([])
  })
})

describe('bad input', () => {
  const file = { path: 'x', upload_id: 'a.b' }

  it.each([
    ['create', { num_parts: 1 }, /'path'/],
    ['create', { path: 'x', num_parts: 0 }, /'num_parts'/],
    ['create', { path: 'x', num_parts: 10_001 }, /'num_parts'/],
    ['create', { path: 'x', num_parts: 'many' }, /'num_parts'/],
    ['create', { path: '/home/..', num_parts: 1 }, /^Invalid path/],
    ['create', { path: '/home/', num_parts: 1 }, /filename/],
    ['create', { path: 'x'.repeat(1_020), num_parts: 1 }, /^Invalid path/],
    ['complete', { path: 'x', parts: [{ part_number: 1, etag: 'x' }] }, /'upload_id'/],
    ['complete', { ...file, parts: [] }, /'parts'/],
    ['complete', file, /'parts'/],
    ['complete', { ...file, parts: [{ part_number: 1 }] }, /'parts'/],
    ['abort', { path: 'x' }, /'upload_id'/],
  ])('%s %j is refused', async (step, body, message) => {
    const answer = await post(step, newPlace(), body)
    expect([answer.status, answer.body]).toEqual([
      400,
      { error_code: 'INVALID_PARAMETER_VALUE', message: expect.stringMatching(message) },
    ])
  })

  it.each(['0', '10001', '1.5', '-1', 'x', ''])('a part number %s is refused', async (number) => {
    const url = `${ROUTES}/mpu/part/x?upload_id=a.b&part_number=${number}`
    expect((await putPart(url, noise(1))).status).toBe(400)
  })

  it('a part that does not say how long it is is refused', async () => {
    const { credentials } = await create(newPlace(), 'x', 1)
    expect((await send(tracker, 'PUT', credentials[0]?.url ?? '', { body: chunked(noise(1)) })).status).toBe(
      400,
    )
  })

  it.each(['', 'nonsense', 'a.', '.b'])('an upload %j is not found', async (id) => {
    const url = `${ROUTES}/mpu/part/x?upload_id=${id}&part_number=1`
    expect((await putPart(url, noise(1))).status).toBe(404)
  })
})

describe('a presigned address', () => {
  it('leads to the file, and says how large it is', async () => {
    const place = newPlace()
    await files.put(`${place}/a b%.txt`, '0123456789')
    type Answer = { url: string; headers: Record<string, string>; file_size: number }
    const { body } = await tracker.get<Answer>(`${ROUTES}/presigned/${encoded(`${place}/a b%.txt`)}`)
    expect([body.headers, body.file_size]).toEqual([{}, 10])
    const part = await send(tracker, 'GET', body.url, { headers: { Range: 'bytes=3-5' } })
    expect([part.status, part.text]).toEqual([206, '345'])
  })

  it('is there for what is there', async () => {
    const { status, body } = await tracker.get<Failure>(`${ROUTES}/presigned/nowhere/x`)
    expect([status, body]).toEqual([
      404,
      { error_code: 'RESOURCE_DOES_NOT_EXIST', message: "No such artifact: 'nowhere/x'" },
    ])
  })
})

it('asks the database nothing', async () => {
  const before = roundTrips()
  const place = newPlace()
  const { upload_id, parts } = await upload(place, 'x', noise(10), 10)
  await post('complete', place, { path: 'x', upload_id, parts })
  await post('abort', place, { path: 'x', upload_id })
  expect(roundTrips() - before).toBe(0)
})
