/** How chunks go to the database: numbers as one array a column, bytes one after another as base64. */
import { type SQL, sql } from 'drizzle-orm'
import { byteLength, type Chunk, summaryCount, writeChunk } from './chunk.ts'

export const NOTHING = new Uint8Array(0)

/** One value of each item as one array parameter; Drizzle would make a parameter of each element. */
export const column = <Item, T>(items: Item[], value: (item: Item) => T) =>
  sql.param(items.map((item) => value(item) ?? null))

/** What the database has to know of chunks beside their bytes, one array parameter each. */
export const columnsOf = (chunks: Chunk[]) => ({
  counts: column(chunks, ({ all }) => all.count),
  firstSteps: column(chunks, ({ all }) => all.first.step),
  lastSteps: column(chunks, ({ all }) => all.last.step),
  strides: column(chunks, ({ stride }) => stride),
  earliests: column(chunks, ({ all }) => all.earliest),
  latests: column(chunks, ({ all }) => all.latest),
  timeStrides: column(chunks, ({ timeStride }) => timeStride),
  nodeBits: column(chunks, ({ nodeBits }) => nodeBits),
  summaryCounts: column(chunks, summaryCount),
  nodeCounts: column(chunks, ({ nodes }) => nodes.length),
  stepWidths: column(chunks, ({ stepWidth }) => stepWidth),
  timeWidths: column(chunks, ({ timeWidth }) => timeWidth),
})

/**
 * The bytes of chunks one after another, each followed by its tail, as base64; and where each begins, counted from 1
 * as Postgres does.
 */
export function pack(chunks: Chunk[], tails: Uint8Array[] = []): { starts: SQL; packed: string } {
  const lengths = chunks.map((chunk, i) => byteLength(chunk) + (tails[i]?.length ?? 0))
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  const view = new DataView(bytes.buffer)
  const starts: number[] = []
  let start = 0
  for (const [i, chunk] of chunks.entries()) {
    starts.push(start + 1)
    writeChunk(chunk, view, start)
    const tail = tails[i] ?? NOTHING
    start += lengths[i] ?? 0
    bytes.set(tail, start - tail.length)
  }
  return { starts: sql`${sql.param(starts)}`, packed: bytes.toBase64() }
}

/** What `readChunk` reads. */
export const CHUNK_COLUMNS = sql.raw(
  `count, first_step, stride, earliest, latest, time_stride, encode(steps, 'base64') as steps,
   encode(times, 'base64') as times, encode(values, 'base64') as values`,
)
