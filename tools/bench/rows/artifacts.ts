/**
 * One large file sent to the server and fetched from it, by the routes that MLflow's client takes for it. MLflow's server
 * keeps it in a folder; Edgerun's Worker in the R2 of Miniflare, which is in the same process and makes a checksum.
 */
import { request } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { type Bench, type Contestant, expect, type Row } from '../bench.ts'
import { peakMemory, settle } from '../cpu.ts'

const MiB = 1024 ** 2
const PLACE = '/api/2.0/mlflow-artifacts/artifacts/0/bench/artifacts'

/** The processes in which a file passes through memory, by what `Bench.memory` calls them. */
const PROCESS = { edgerun: 'workerd', mlflow: 'mlflow' } as const
type Side = keyof typeof PROCESS

export const artifacts: Row = {
  name: 'artifacts',
  async run(bench) {
    const sides = { edgerun: (await bench.edgerun()).http.url, mlflow: (await bench.mlflow()).http.url }
    const size = bench.pick(64, 1_024) * MiB
    const label = size < 1_024 * MiB ? `${size / MiB} MiB` : `${size / 1_024 / MiB} GiB`
    const file = (name: string) => `${PLACE}/${name}.bin`
    const rounds = bench.pick(1, 5)
    for (const [name, what, headers] of [
      ['known', 'artifact upload', { 'Content-Length': `${size}` }],
      ['chunks', 'artifact upload in chunks', { 'Transfer-Encoding': 'chunked' }],
    ] as const) {
      await measure(bench, `${what}, ${label}`, sides, size, rounds, {
        prepare: (url) => remove(url + file(name)),
        transfer: (url) => upload(url + file(name), size, headers),
      })
    }
    for (const [name, what] of [
      ['known', 'artifact download'],
      ['chunks', 'artifact download of what came in chunks'],
    ] as const) {
      await measure(bench, `${what}, ${label}`, sides, size, rounds, {
        transfer: async (url) => expect('bytes of the artifact', await download(url + file(name)), size),
      })
    }
  },
}

/** Measures both sides in turn: how fast they are, and how much memory they hold meanwhile. */
async function measure(
  bench: Bench,
  name: string,
  sides: Record<Side, string>,
  size: number,
  rounds: number,
  {
    prepare,
    transfer,
  }: { prepare?: (url: string) => Promise<void>; transfer: (url: string) => Promise<void> },
): Promise<void> {
  const speeds: Record<Side, number[]> = { edgerun: [], mlflow: [] }
  const held: Record<Side, number[]> = { edgerun: [], mlflow: [] }
  for (let round = 0; round < rounds; round++) {
    // What the one has written goes to the disk while the other one writes: each comes first as often.
    const order = ['edgerun', 'mlflow'] as const
    for (const side of round % 2 === 0 ? order : order.toReversed()) {
      await prepare?.(sides[side])
      // A gigabyte that was removed keeps the file system busy for a while.
      await settle(() => bench.cpu())
      const start = performance.now()
      const peak = await peakMemory(
        () => bench.memory(),
        () => transfer(sides[side]),
      )
      speeds[side].push(size / MiB / ((performance.now() - start) / 1_000))
      held[side].push((peak[PROCESS[side]] ?? 0) / MiB)
    }
  }
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
  const figures = (values: Record<Side, number[]>): Partial<Record<Contestant, number>> => ({
    edgerun: median(values.edgerun),
    mlflow: median(values.mlflow),
  })
  bench.report({ name, unit: 'MiB/s', better: 'more', figures: figures(speeds), samples: speeds })
  // Where there is no /proc.
  if (held.edgerun.every((bytes) => bytes === 0)) return
  const memory = `${name}: peak memory of the server`
  bench.report({ name: memory, unit: 'MiB', better: 'less', figures: figures(held), samples: held })
}

/** Removes a file, so that none has to make room for another one of its name. */
async function remove(url: string): Promise<void> {
  const { status } = await fetch(url, { method: 'DELETE' })
  expect('status of a deletion', status, 200)
}

/** Sends a file of so many bytes, of which this process holds one MiB. */
async function upload(url: string, size: number, headers: Record<string, string>): Promise<void> {
  const piece = Buffer.alloc(MiB, 'artifact')
  const sent = request(url, { method: 'PUT', headers, agent: false })
  const answered = new Promise<number>((resolve, reject) => {
    sent.once('error', reject)
    sent.once('response', (response) =>
      response.resume().once('end', () => resolve(response.statusCode ?? 0)),
    )
  })
  async function* pieces() {
    for (let at = 0; at < size; at += MiB) yield piece
  }
  await pipeline(pieces(), sent)
  expect('status of an upload', await answered, 200)
}

/** Fetches a file; gives the number of its bytes. */
function download(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false }, (response) => {
      let bytes = 0
      response.on('data', (piece: Buffer) => {
        bytes += piece.byteLength
      })
      response.once('error', reject)
      response.once('end', () => resolve(bytes))
    })
    sent.once('error', reject)
    sent.end()
  })
}
