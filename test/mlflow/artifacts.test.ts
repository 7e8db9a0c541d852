import { beforeAll, describe, expect, it } from 'vitest'
import { chunked, cutOff, type Entry, Files, noise, type Received, send } from '../support/artifacts.ts'
import { type Failure, MlflowClient } from '../support/mlflow.ts'
import { newTracker, roundTrips, type Tracker, trackerOn } from '../support/tracker.ts'

const MiB = 1024 ** 2
const UNKNOWN = 'f'.repeat(32)

/** Around what is read of an upload at first, and of a part: 256 KiB and 8 MiB. */
const SIZES = [0, 1, MiB / 4 - 1, MiB / 4, MiB / 4 + 1, 8 * MiB - 1, 8 * MiB, 8 * MiB + 1, 20 * MiB]

let tracker: Tracker
let experiment: string
let run: string
let place: string
const mlflow = new MlflowClient(() => tracker)
const files = new Files(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
  experiment = await mlflow.createExperiment('artifacts')
  run = (await mlflow.createRun(experiment)).info.run_id
  place = placeOf(run)
})

const placeOf = (id: string) => `${experiment}/${id}/artifacts`
/** A run of its own, and its place. */
const newPlace = async () => placeOf((await mlflow.createRun(experiment)).info.run_id)
const failure = ({ text }: { text: string }): Failure => JSON.parse(text)

describe('an upload', () => {
  it.each([
    ['of known length', (bytes: Uint8Array<ArrayBuffer>) => ({ body: bytes, length: bytes.byteLength })],
    ['in chunks', (bytes: Uint8Array<ArrayBuffer>) => ({ body: chunked(bytes) })],
  ])('%s is read back as it was, from nothing to several parts', async (_, upload) => {
    const root = await newPlace()
    for (const size of SIZES) {
      const bytes = noise(size)
      const put = await files.send(`${root}/${size}.bin`, upload(bytes))
      expect([size, put.status, put.text]).toEqual([size, 200, ''])
      const got = await files.get(`${root}/${size}.bin`)
      expect([size, got.status, got.bytes.byteLength]).toEqual([size, 200, size])
      expect(digest(got.bytes)).toEqual(digest(bytes))
    }
    const listed = (await files.list(root)).map(({ file_size = 0 }) => file_size)
    expect(listed.sort((a, b) => a - b)).toEqual(SIZES)
  })

  it('without a body makes an empty file', async () => {
    expect((await send(tracker, 'PUT', files.url(`${place}/none`))).status).toBe(200)
    expect(await files.get(`${place}/none`)).toMatchObject({ status: 200, text: '' })
  })

  it('takes the place of what was there', async () => {
    await files.put(`${place}/again.txt`, 'first')
    await files.put(`${place}/again.txt`, 'second')
    expect((await files.get(`${place}/again.txt`)).text).toBe('second')
  })

  it.each([
    [
      'of known length',
      (bytes: Uint8Array<ArrayBuffer>) => ({ body: cutOff(bytes, 3_000_000), length: bytes.byteLength }),
    ],
    [
      'in chunks, in its first part',
      (bytes: Uint8Array<ArrayBuffer>) => ({ body: chunked(bytes, { cut: 3_000_000 }) }),
    ],
    [
      'in chunks, in a later part',
      (bytes: Uint8Array<ArrayBuffer>) => ({ body: chunked(bytes, { cut: 18_000_000 }) }),
    ],
  ])('%s that is cut off leaves nothing, and what was there', async (_, upload) => {
    const root = await newPlace()
    await files.put(`${root}/old.bin`, 'old')
    for (const name of ['new.bin', 'old.bin']) {
      const { status } = await files.send(`${root}/${name}`, upload(noise(20 * MiB)))
      expect(status).toBe(503)
    }
    expect(await files.keys(root)).toEqual([`${root}/old.bin`])
    expect((await files.get(`${root}/old.bin`)).text).toBe('old')
  })

  it('may have any name that is one', async () => {
    const root = await newPlace()
    const names = [
      'with space.txt',
      'ünï.txt',
      '値/実験.txt',
      '🧪.txt',
      'a+b.txt',
      '100%.txt',
      'a?b&c=d;e.txt',
      'quote\'".txt',
      'a:b.txt',
      '[x]{y}.txt',
      '...dots',
      'a..b',
      `${'l'.repeat(100)}/${'m'.repeat(100)}.txt`,
    ]
    for (const name of names) {
      expect([name, (await files.put(`${root}/${name}`, name)).status]).toEqual([name, 200])
      expect([name, (await files.get(`${root}/${name}`)).text]).toEqual([name, name])
    }
    expect(await files.keys(root)).toEqual(names.map((name) => `${root}/${name}`).sort(byBytes))
  })

  it('is found by a name that was encoded once more, or not at all', async () => {
    await send(tracker, 'PUT', `${files.url(place)}/twice%2520encoded.txt`, { body: chunked(noise(3)) })
    expect((await files.get(`${place}/twice encoded.txt`)).status).toBe(200)
    expect((await files.get(`${place}/twice%20encoded.txt`)).status).toBe(200)
  })

  it('must name a file', async () => {
    for (const path of ['', `${place}/`]) {
      const { status, text } = await send(tracker, 'PUT', `${files.url(path)}`, { body: chunked(noise(1)) })
      expect([status, failure({ text }).error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    }
  })
})

describe('a download', () => {
  beforeAll(async () => {
    await files.put(`${place}/ten.txt`, '0123456789')
    await files.put(`${place}/deep/er/page.html`, '<script>alert(1)</script>')
    await files.put(`${place}/zero`, '')
  })

  it('is an attachment that no browser runs', async () => {
    const { headers } = await files.get(`${place}/deep/er/page.html`)
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/html',
      'content-length': '25',
      'content-disposition': 'attachment; filename=page.html',
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
    })
  })

  it.each([
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=-99', '0123456789', 'bytes 0-9/10'],
    ['bytes=5-99', '56789', 'bytes 5-9/10'],
  ])('of %s is %s', async (range, text, contentRange) => {
    const answer = await files.get(`${place}/ten.txt`, { Range: range })
    expect([answer.status, answer.text]).toEqual([206, text])
    expect(answer.headers.get('content-range')).toBe(contentRange)
    expect(answer.headers.get('content-length')).toBe(`${text.length}`)
  })

  it.each(['bytes=10-', 'bytes=10-20', 'bytes=50-60'])('of %s cannot be', async (range) => {
    const answer = await files.get(`${place}/ten.txt`, { Range: range })
    expect([answer.status, answer.text, answer.headers.get('content-range')]).toEqual([416, '', 'bytes */10'])
  })

  it.each(['bytes=4-2', 'bytes=0-1,3-4', 'lines=1-2', 'x'])('of %s is all of it', async (range) => {
    expect(await files.get(`${place}/ten.txt`, { Range: range })).toMatchObject({
      status: 200,
      text: '0123456789',
    })
  })

  it('of a range reads across the parts that the file was sent in', async () => {
    const bytes = noise(20 * MiB)
    await files.send(`${place}/parts.bin`, { body: chunked(bytes) })
    const answer = await files.get(`${place}/parts.bin`, { Range: `bytes=${8 * MiB - 5}-${16 * MiB + 4}` })
    expect(answer.status).toBe(206)
    expect(digest(answer.bytes)).toBe(digest(bytes.slice(8 * MiB - 5, 16 * MiB + 5)))
  })

  it('of an empty file is empty', async () => {
    expect(await files.get(`${place}/zero`)).toMatchObject({ status: 200, text: '' })
    for (const range of ['bytes=0-', 'bytes=0-9', 'bytes=-5']) {
      expect([range, (await files.get(`${place}/zero`, { Range: range })).status]).toEqual([range, 416])
    }
  })

  it('is not sent again to who has it', async () => {
    const etag = (await files.get(`${place}/ten.txt`)).headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[0-9a-f]+"$/)
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      expect((await files.get(`${place}/ten.txt`, { 'If-None-Match': known })).status).toBe(304)
    }
    expect((await files.get(`${place}/ten.txt`, { 'If-None-Match': '"other"' })).status).toBe(200)
  })

  it('is continued only where it is still the same file', async () => {
    const etag = (await files.get(`${place}/ten.txt`)).headers.get('etag') ?? ''
    const range = { Range: 'bytes=5-' }
    expect(await files.get(`${place}/ten.txt`, { ...range, 'If-Range': etag })).toMatchObject({
      status: 206,
      text: '56789',
    })
    expect(await files.get(`${place}/ten.txt`, { ...range, 'If-Range': '"other"' })).toMatchObject({
      status: 200,
      text: '0123456789',
    })
  })

  it('can be asked for its headers alone', async () => {
    const head = await send(tracker, 'HEAD', files.url(`${place}/ten.txt`))
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([200, '', '10'])
    expect((await send(tracker, 'HEAD', files.url(`${place}/nowhere`))).status).toBe(404)
  })

  it('of nothing, and of a folder, fails as with MLflow', async () => {
    const missing = await files.get(`${place}/nowhere.txt`)
    expect([missing.status, failure(missing)]).toEqual([
      404,
      { error_code: 'RESOURCE_DOES_NOT_EXIST', message: `No such artifact: '${place}/nowhere.txt'` },
    ])
    for (const [path, told] of [
      [`${place}/deep`, `${place}/deep`],
      [`${place}/deep/`, `${place}/deep`],
      ['', ''],
    ] as const) {
      const folder = await files.get(path)
      expect([folder.status, failure(folder)]).toEqual([
        400,
        {
          error_code: 'INVALID_PARAMETER_VALUE',
          message: `Artifact path refers to a directory, not a file: '${told}'`,
        },
      ])
    }
  })
})

describe('a list', () => {
  it('has the files and folders of one level, in order, with sizes', async () => {
    const root = await newPlace()
    for (const name of ['b.txt', 'a/1', 'a/b/2', 'a.txt', 'a-b', 'empty']) {
      await files.put(`${root}/${name}`, name === 'empty' ? '' : name)
    }
    expect(await files.list(root)).toEqual([
      { path: 'a', is_dir: true },
      { path: 'a-b', is_dir: false, file_size: 3 },
      { path: 'a.txt', is_dir: false, file_size: 5 },
      { path: 'b.txt', is_dir: false, file_size: 5 },
      { path: 'empty', is_dir: false },
    ])
    expect(await files.list(`${root}/a/`)).toEqual([
      { path: '1', is_dir: false, file_size: 3 },
      { path: 'b', is_dir: true },
    ])
    const id = root.split('/')[1] ?? ''
    const { body } = await mlflow.get<Listing>('/artifacts/list', { run_id: id, path: 'a' })
    expect(body).toEqual({
      root_uri: `mlflow-artifacts:/${root}`,
      files: [
        { path: 'a/1', is_dir: false, file_size: 3 },
        { path: 'a/b', is_dir: true },
      ],
    })
    expect((await mlflow.get<Listing>('/artifacts/list', { run_uuid: id })).body.files).toHaveLength(5)
  })

  it('of nothing, of a file, and of what is not there is empty', async () => {
    await files.put(`${place}/file.txt`, 'x')
    for (const path of ['file.txt', 'nowhere', 'nowhere/']) {
      expect(await files.list(`${place}/${path}`)).toEqual([])
      const { status, body } = await mlflow.get<Listing>('/artifacts/list', { run_id: run, path })
      expect([status, body]).toEqual([200, { root_uri: `mlflow-artifacts:/${place}` }])
    }
  })

  it('has all entries of a folder, which R2 gives a thousand at a time, and all of them can be deleted', async () => {
    const root = await newPlace()
    const names = Array.from({ length: 1_040 }, (_, i) => `${i % 2 ? 'f' : 'b'}${i}`)
    const folders = Array.from({ length: 10 }, (_, i) => `d${i}`)
    await files.fill([
      ...names.map((name) => `${root}/all/${name}`),
      ...folders.map((name) => `${root}/all/${name}/x`),
    ])
    const entries = await files.list(`${root}/all`)
    expect(entries.map(({ path }) => path)).toEqual([...names, ...folders].sort())
    expect(entries.filter(({ is_dir }) => is_dir)).toHaveLength(10)
    expect((await files.delete(`${root}/all`)).status).toBe(200)
    expect(await files.keys(root)).toEqual([])
  }, 30_000)
})

describe('a deletion', () => {
  it('removes a file, or a folder with all that is in it, and nothing beside', async () => {
    const root = await newPlace()
    for (const name of ['a.txt', 'd/1', 'd/e/2', 'd2/3', 'd.txt']) await files.put(`${root}/${name}`, 'x')
    const left = async () => (await files.keys(root)).map((key) => key.slice(root.length + 1))
    expect((await files.delete(`${root}/a.txt`)).text).toBe('{}')
    expect(await left()).toEqual(['d.txt', 'd/1', 'd/e/2', 'd2/3'])
    for (let i = 0; i < 2; i++) expect((await files.delete(`${root}/d`)).status).toBe(200)
    expect(await left()).toEqual(['d.txt', 'd2/3'])
    expect((await files.delete(`${root}/`)).status).toBe(200)
    expect(await left()).toEqual([])
  })

  it('of everything is refused', async () => {
    for (const path of ['', '/', '/.', '/%2e']) {
      expect((await send(tracker, 'DELETE', files.url('').slice(0, -1) + path)).status).toBe(400)
    }
  })
})

describe('get-artifact', () => {
  it('gives a file of a run, by either name of the id, and in part', async () => {
    await files.put(`${place}/d/up.txt`, 'uploaded')
    for (const query of [`run_id=${run}`, `run_uuid=${run}`]) {
      for (const route of ['/get-artifact', '/ajax-api/2.0/mlflow/get-artifact']) {
        const { text, headers } = await tracker.get(`${route}?${query}&path=d/up.txt`)
        expect([text, headers.get('content-disposition')]).toEqual([
          'uploaded',
          'attachment; filename=up.txt',
        ])
      }
    }
    const part = await tracker.get(`/get-artifact?run_id=${run}&path=d/up.txt`, { Range: 'bytes=2-3' })
    expect([part.status, part.text]).toEqual([206, 'lo'])
  })

  it.each([
    [
      'nothing there',
      () => `run_id=${run}&path=nowhere`,
      404,
      'RESOURCE_DOES_NOT_EXIST',
      /^No such artifact: /,
    ],
    ['a folder', () => `run_id=${run}&path=`, 400, 'INVALID_PARAMETER_VALUE', /refers to a directory/],
    ['no path', () => `run_id=${run}`, 400, 'INVALID_PARAMETER_VALUE', /'path'/],
    ['no run', () => 'path=x', 400, 'INVALID_PARAMETER_VALUE', /'run_id'/],
    [
      'no such run',
      () => `run_id=${UNKNOWN}&path=x`,
      404,
      'RESOURCE_DOES_NOT_EXIST',
      /^Run with id=f+ not found$/,
    ],
    [
      'no id',
      () => 'run_id=nonsense&path=x',
      404,
      'RESOURCE_DOES_NOT_EXIST',
      /^Run with id=nonsense not found$/,
    ],
  ])('fails where there is %s', async (_, query, status, code, message) => {
    const answer = await tracker.get<Failure>(`/get-artifact?${query()}`)
    expect([answer.status, answer.body]).toEqual([
      status,
      { error_code: code, message: expect.stringMatching(message) },
    ])
  })
})

describe('upload-artifact', () => {
  const upload = (
    query: Record<string, string>,
    body: Uint8Array<ArrayBuffer> | ReadableStream,
    length?: number,
  ) =>
    send(tracker, 'POST', `/ajax-api/2.0/mlflow/upload-artifact?${new URLSearchParams(query)}`, {
      body,
      ...(length !== undefined && { length }),
    })

  it('writes a file of a run, of up to 10 MiB', async () => {
    const bytes = noise(10 * MiB)
    expect((await upload({ run_uuid: run, path: 'up/a b.bin' }, bytes, bytes.byteLength)).status).toBe(200)
    expect((await upload({ run_uuid: run, path: 'up/c.bin' }, chunked(bytes))).status).toBe(200)
    for (const name of ['a b.bin', 'c.bin']) {
      expect(digest((await files.get(`${place}/up/${name}`)).bytes)).toBe(digest(bytes))
    }
  })

  it.each([
    ['no run', () => ({ path: 'x' }), 1, 400, 'Request must specify run_uuid.'],
    ['no path', () => ({ run_uuid: run }), 1, 400, 'Request must specify path.'],
    ['no data', () => ({ run_uuid: run, path: 'x' }), 0, 400, 'Request must specify data.'],
    ['a path that leads out', () => ({ run_uuid: run, path: '../x' }), 1, 400, 'Invalid path'],
    [
      'too much',
      () => ({ run_uuid: run, path: 'x' }),
      10 * MiB + 1,
      400,
      'Artifact size is too large. Max size is 10MB.',
    ],
    ['no such run', () => ({ run_uuid: UNKNOWN, path: 'x' }), 1, 404, `Run with id=${UNKNOWN} not found`],
  ])('fails with %s', async (_, query, size, status, message) => {
    const bytes = noise(size)
    for (const answer of [await upload(query(), bytes, size), await upload(query(), chunked(bytes))]) {
      expect([answer.status, failure(answer).message]).toEqual([status, message])
    }
    expect((await files.get(`${place}/x`)).status).toBe(404)
  })
})

describe('models', () => {
  let id: string
  let root: string
  beforeAll(async () => {
    type Created = { model: { info: { model_id: string; artifact_uri: string } } }
    const { body } = await mlflow.post<Created>('/logged-models', { experiment_id: experiment, name: 'm' })
    id = body.model.info.model_id
    root = `${experiment}/models/${id}/artifacts`
    expect(body.model.info.artifact_uri).toBe(`mlflow-artifacts:/${root}`)
    await files.put(`${root}/sub/MLmodel`, 'flavors: {}')
    await mlflow.post('/registered-models/create', { name: 'reg' })
    const source = `mlflow-artifacts:/${root}`
    await mlflow.post('/model-versions/create', { name: 'reg', source, model_id: id })
    await mlflow.post('/model-versions/create', { name: 'reg', source: 's3://bucket/x' })
  })

  it('are listed and read by the id of a logged model', async () => {
    const path = `/logged-models/${id}/artifacts`
    expect((await mlflow.get<Listing>(`${path}/directories`)).body).toEqual({
      root_uri: `mlflow-artifacts:/${root}`,
      files: [{ path: 'sub', is_dir: true }],
    })
    const query = { artifact_directory_path: 'sub' }
    expect((await mlflow.get<Listing>(`${path}/directories`, query)).body.files).toEqual([
      { path: 'sub/MLmodel', is_dir: false, file_size: 11 },
    ])
    expect((await mlflow.get(`${path}/files`, { artifact_file_path: 'sub/MLmodel' })).text).toBe(
      'flavors: {}',
    )
    expect((await mlflow.get(`${path}/files`)).body).toEqual({
      error_code: 'BAD_REQUEST',
      message: 'Request must include the "artifact_file_path" query parameter.',
    })
  })

  it('are not found where there is no logged model', async () => {
    for (const id of [`m-${UNKNOWN}`, 'm-x', UNKNOWN]) {
      for (const path of ['directories', 'files?artifact_file_path=x']) {
        const answer = await tracker.get<Failure>(`/api/2.0/mlflow/logged-models/${id}/artifacts/${path}`)
        expect([answer.status, answer.body.message]).toEqual([404, `Logged model with ID '${id}' not found.`])
      }
    }
  })

  it('are read by name and version from where they were registered', async () => {
    const get = (query: Record<string, string>) =>
      tracker.get<Failure>(`/model-versions/get-artifact?${new URLSearchParams(query)}`)
    expect((await get({ name: 'reg', version: '1', path: 'sub/MLmodel' })).text).toBe('flavors: {}')
    expect((await get({ name: 'reg', version: '9', path: 'x' })).body.message).toBe(
      'Model Version (name=reg, version=9) not found',
    )
    expect((await get({ name: 'reg', version: 'q', path: 'x' })).status).toBe(400)
    expect((await get({ name: 'reg', version: '2', path: 'x' })).body.error_code).toBe('NOT_IMPLEMENTED')
  })
})

describe('a run whose artifacts lie elsewhere', () => {
  it('is told to be read there', async () => {
    const id = await mlflow.createExperiment('elsewhere', { artifact_location: 's3://bucket/deep' })
    const { info } = await mlflow.createRun(id)
    for (const answer of [
      await mlflow.get('/artifacts/list', { run_id: info.run_id }),
      await tracker.get<Failure>(`/get-artifact?run_id=${info.run_id}&path=x`),
    ]) {
      expect([answer.status, answer.body]).toEqual([
        501,
        { error_code: 'NOT_IMPLEMENTED', message: expect.stringContaining(`'${info.artifact_uri}'`) },
      ])
    }
  })

  it('in another place of our store is read here', async () => {
    const id = await mlflow.createExperiment('placed', {
      artifact_location: `mlflow-artifacts:/placed-${experiment}/a%20b/`,
    })
    const { info } = await mlflow.createRun(id)
    await files.put(`placed-${experiment}/a b/${info.run_id}/artifacts/x.txt`, 'x')
    const { body } = await mlflow.get<Listing>('/artifacts/list', { run_id: info.run_id })
    expect(body.files).toEqual([{ path: 'x.txt', is_dir: false, file_size: 1 }])
  })
})

describe('no path leads out of its run', () => {
  const ESCAPES = [
    '..',
    '../x',
    'a/../../x',
    '%2e%2e/x',
    '%252e%252e%252fx',
    '..%2fx',
    '..\\x',
    'a\\..\\..\\x',
    '%5c..%5cx',
    '/x',
    '//x',
    '%2fx',
    'C:/x',
    'C:\\x',
    'file:///x',
    'x\u0000y',
    'x%00y',
    'a#b',
  ]

  it.each(ESCAPES)('%j', async (path) => {
    const before = await files.keys('')
    const encoded = encodeURIComponent(path)
    const body = JSON.stringify({ path: 'x', num_parts: 1 })
    const json = { 'Content-Type': 'application/json' }
    const root = `/api/2.0/mlflow-artifacts`
    const answers: [string, Promise<Received>][] = [
      ['list', send(tracker, 'GET', `/api/2.0/mlflow/artifacts/list?run_id=${run}&path=${encoded}`)],
      ['get', send(tracker, 'GET', `/get-artifact?run_id=${run}&path=${encoded}`)],
      [
        'upload',
        send(tracker, 'POST', `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=${encoded}`, {
          body: chunked(noise(1)),
        }),
      ],
      ['list by place', send(tracker, 'GET', `${root}/artifacts?path=${encoded}`)],
      // What stands in front makes of an absolute path one within the run.
      // And `..` by itself is taken out of a URL before anybody sees it.
      ...(/^(\/|%2f|%5c|C:|file:|\.\.$)/i.test(path)
        ? []
        : ([
            ['GET', send(tracker, 'GET', `${root}/artifacts/${place}/${encoded}`)],
            [
              'PUT',
              send(tracker, 'PUT', `${root}/artifacts/${place}/${encoded}`, { body: chunked(noise(1)) }),
            ],
            ['DELETE', send(tracker, 'DELETE', `${root}/artifacts/${place}/${encoded}`)],
            [
              'create',
              send(tracker, 'POST', `${root}/mpu/create/${place}/${encoded}`, {
                body: new Blob([body]).stream(),
                headers: json,
              }),
            ],
            [
              'part',
              send(tracker, 'PUT', `${root}/mpu/part/${place}/${encoded}?upload_id=a.b&part_number=1`, {
                body: noise(1),
                length: 1,
              }),
            ],
          ] satisfies [string, Promise<Received>][])),
    ]
    for (const [label, answer] of answers) {
      const { status, text } = await answer
      expect([label, status, failure({ text }).message]).toEqual([
        label,
        400,
        expect.stringMatching(/^Invalid path/),
      ])
    }
    expect(await files.keys('')).toEqual(before)
  })
})

it('a tracker without a bucket says so', async () => {
  const { ARTIFACTS: _, ...env } = tracker.env
  const answer = await trackerOn(env).get<Failure>('/api/2.0/mlflow-artifacts/artifacts?path=x')
  expect([answer.status, answer.body.error_code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE'])
  expect(answer.body.message).toContain('ARTIFACTS')
})

it('tells clients that they may send files in parts', async () => {
  const { body } = await tracker.get('/api/3.0/mlflow/server-info')
  expect(body).toMatchObject({ multipart_uploads_enabled: true, multipart_downloads_enabled: false })
})

describe('round trips to the database', () => {
  const none: [method: string, path: () => string][] = [
    ['GET', () => `/api/2.0/mlflow-artifacts/artifacts?path=${place}`],
    ['PUT', () => files.url(`${place}/t`)],
    ['GET', () => files.url(`${place}/t`)],
    ['HEAD', () => files.url(`${place}/t`)],
    ['GET', () => `/api/2.0/mlflow-artifacts/presigned/${place}/t`],
  ]
  it.each(none)('none for %s of a path', async (method, path) => {
    const before = roundTrips()
    const upload = method === 'PUT' ? { body: chunked(noise(1)) } : {}
    const { status } = await send(tracker, method, path(), upload)
    expect([status, roundTrips() - before]).toEqual([200, 0])
  })

  const one: [method: string, path: () => string][] = [
    ['GET', () => `/api/2.0/mlflow/artifacts/list?run_id=${run}`],
    ['GET', () => `/get-artifact?run_id=${run}&path=t`],
    ['POST', () => `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=t`],
    ['GET', () => `/api/2.0/mlflow/logged-models/m-${UNKNOWN}/artifacts/directories`],
    ['GET', () => `/api/2.0/mlflow/logged-models/m-${UNKNOWN}/artifacts/files?artifact_file_path=t`],
    ['GET', () => '/model-versions/get-artifact?name=x&version=1&path=t'],
    // Which is written down.
    ['DELETE', () => files.url(`${place}/t`)],
  ]
  it.each(one)('one for %s of a run or a model, and of what is deleted', async (method, path) => {
    const before = roundTrips()
    await send(tracker, method, path(), method === 'POST' ? { body: chunked(noise(1)) } : {})
    expect(roundTrips() - before).toBe(1)
  })
})

interface Listing {
  root_uri: string
  files?: Entry[]
}

/** FNV-1a: enough to tell files apart, and quick. */
function digest(bytes: Uint8Array): number {
  let hash = 2_166_136_261
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16_777_619)
  return hash
}

/** The order of R2. */
function byBytes(a: string, b: string): number {
  const [x, y] = [a, b].map((text) => new TextEncoder().encode(text))
  for (let i = 0; x && y && i < Math.min(x.byteLength, y.byteLength); i++) {
    if (x[i] !== y[i]) return (x[i] ?? 0) - (y[i] ?? 0)
  }
  return (x?.byteLength ?? 0) - (y?.byteLength ?? 0)
}
