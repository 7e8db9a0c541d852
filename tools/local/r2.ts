/**
 * Makes Miniflare's R2, which `npm start` keeps artifacts in, read and write in large pieces. As it comes, each 4 KiB of
 * an upload, and of a download of what was uploaded in parts, pass through JavaScript one by one. Measured with 1 GB:
 * 24 s and 480 MB of memory to write, 9 s to read; with this 6 s and 120 MB, and 1 s.
 *
 * Miniflare reads the program of its R2 from a file when it starts, and there is no option to give it another. Where the
 * file is not as expected it stays as it is, and `test/tools/r2.test.ts` fails.
 */
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

export const PROGRAM = path.join(
  path.dirname(createRequire(import.meta.url).resolve('miniflare')),
  'workers/r2/bucket.worker.js',
)

const CHANGES: [from: string, to: string][] = [
  ['value.pipeThrough(digesting)', 'inLargePieces(value).pipeThrough(digesting)'],
  // The one of workerd, to which JavaScript sees nothing of what passes.
  ['let identity2 = new TransformStream();', 'let identity2 = new IdentityTransformStream();'],
]

const IN_LARGE_PIECES = `
function inLargePieces(stream) {
  const reader = stream.getReader({ mode: 'byob' })
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.readAtLeast(1_048_576, new Uint8Array(1_048_576))
      if (value !== undefined && value.byteLength > 0) controller.enqueue(value)
      if (done) controller.close()
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 })
}
`

/** The program with the changes; undefined where it is not as expected. */
export function changed(program: string): string | undefined {
  let text = program
  for (const [from, to] of CHANGES) {
    if (!text.includes(from)) return undefined
    text = text.replaceAll(from, to)
  }
  return text + IN_LARGE_PIECES
}

/**
 * From now on Miniflare reads the changed program.
 *
 * @returns what ends that, once Miniflare has started
 */
export function hastenR2(): () => void {
  const { readFileSync } = fs
  const program = changed(readFileSync(PROGRAM, 'utf8'))
  if (program === undefined) return () => {}
  fs.readFileSync = new Proxy(readFileSync, {
    apply: (target, self, args) => (args[0] === PROGRAM ? program : Reflect.apply(target, self, args)),
  })
  return () => {
    fs.readFileSync = readFileSync
  }
}
