import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { alive, cleanUp, Tracker, until } from './support.ts'

afterEach(cleanUp)

const ROUTE = '/api/2.0/mlflow-artifacts/artifacts'
const MiB = 1024 ** 2

const put = (tracker: Tracker, path: string, body: Uint8Array<ArrayBuffer> | string) =>
  fetch(`${tracker.url}${ROUTE}/${path}`, { method: 'PUT', body })
const get = async (tracker: Tracker, path: string) =>
  Buffer.from(await (await fetch(`${tracker.url}${ROUTE}/${path}`)).arrayBuffer())
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('artifacts', () => {
  it('stay in the data folder, the same ones for npm start and npm run dev', async () => {
    const bytes = Uint8Array.from(randomBytes(20 * MiB))
    const first = await Tracker.start()
    expect((await put(first, 'kept/by start.bin', bytes)).status).toBe(200)
    first.child.kill('SIGTERM')
    await first.ended

    const again = { EDGERUN_DATA: first.data }
    const second = await Tracker.start({ command: 'dev', env: again })
    expect(digest(await get(second, 'kept/by start.bin'))).toBe(digest(bytes))
    expect((await put(second, 'kept/by dev.txt', 'dev')).status).toBe(200)
    const processes = await second.processes()
    second.child.kill('SIGTERM')
    // npm ends before what it has started.
    await until('all of it has ended', () => alive(processes).length === 0)

    const third = await Tracker.start({ env: again })
    const list = await (await fetch(`${third.url}${ROUTE}?path=kept`)).json()
    expect(list).toEqual({
      files: [
        { path: 'by dev.txt', is_dir: false, file_size: 3 },
        { path: 'by start.bin', is_dir: false, file_size: 20 * MiB },
      ],
    })
  })

  it.each([
    ['of known length', 'Content-Length: 50000000', (piece: Buffer) => piece],
    [
      'in chunks',
      'Transfer-Encoding: chunked',
      (piece: Buffer) =>
        Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
    ],
  ])('%s whose sender is gone are not there, and what was there is', async (_, header, framed) => {
    const tracker = await Tracker.start()
    await put(tracker, 'cut/old', 'old')
    for (const name of ['old', 'new']) {
      const socket = connect(tracker.port, '127.0.0.1')
      socket.write(`PUT ${ROUTE}/cut/${name} HTTP/1.1\r\nHost: ${tracker.url.slice(7)}\r\n${header}\r\n\r\n`)
      for (let i = 0; i < 30; i++) if (!socket.write(framed(Buffer.alloc(MiB)))) await once(socket, 'drain')
      socket.destroy()
    }
    await until(
      'both are over',
      () => (tracker.out.match(/"method":"PUT".*"status":503/g) ?? []).length === 2,
    )
    expect(await (await fetch(`${tracker.url}${ROUTE}?path=cut`)).json()).toEqual({
      files: [{ path: 'old', is_dir: false, file_size: 3 }],
    })
    expect(String(await get(tracker, 'cut/old'))).toBe('old')
  })
})
