import fc from 'fast-check'
import { expect, it } from 'vitest'
import { byteLength, type ChunkRow, readChunk, toChunk, writeChunk } from '../../src/metrics/chunk.ts'
import { type Columns, exact, orderOf, pickPoints } from '../../src/metrics/columns.ts'

/** Steps that lie close to each other, near and beyond where a double is exact, and to the ends of int64. */
const steps = fc
  .record({
    around: fc.constantFrom(
      0n,
      2n ** 31n,
      2n ** 53n,
      -(2n ** 53n),
      2n ** 62n,
      -(2n ** 62n),
      2n ** 63n - 1n,
      -(2n ** 63n),
    ),
    offsets: fc.array(
      fc.oneof(fc.bigInt({ min: -300n, max: 300n }), fc.bigInt({ min: -(2n ** 34n), max: 2n ** 34n })),
      {
        minLength: 1,
        maxLength: 30,
      },
    ),
  })
  .map(({ around, offsets }) => offsets.map((offset) => exact(BigInt.asIntN(64, around + offset))))

const columns: fc.Arbitrary<Columns> = steps.chain((steps) =>
  fc.record({
    steps: fc.constant(steps),
    values: fc.array(fc.double(), { minLength: steps.length, maxLength: steps.length }),
    times: fc.array(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), {
      minLength: steps.length,
      maxLength: steps.length,
    }),
  }),
)

it('a chunk gives back what was written, bit by bit', () => {
  fc.assert(
    fc.property(columns, (points) => {
      const order = orderOf(points)
      const sorted = order === null ? points : pickPoints(points, order)
      const chunk = toChunk(sorted)
      const bytes = new Uint8Array(byteLength(chunk))
      writeChunk(chunk, new DataView(bytes.buffer), 0)
      const { count } = chunk.all
      const cut = (from: number, width: number) =>
        bytes.subarray(from, from + count * width).toBase64() || null
      const row: ChunkRow = {
        count,
        first_step: String(chunk.all.first.step),
        stride: chunk.stride === null ? null : String(chunk.stride),
        earliest: String(chunk.all.earliest),
        latest: String(chunk.all.latest),
        time_stride: chunk.timeStride === null ? null : String(chunk.timeStride),
        steps: cut(0, chunk.stepWidth),
        times: cut(count * chunk.stepWidth, chunk.timeWidth),
        values: cut(count * (chunk.stepWidth + chunk.timeWidth), 8) ?? '',
      }
      expect(readChunk(row)).toEqual(sorted)
    }),
    { numRuns: 2_000 },
  )
})
