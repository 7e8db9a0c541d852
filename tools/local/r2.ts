/**
 * Makes Miniflare's R2, in which `npm start` keeps artifacts, fit for large ones. As it comes, every 4 KiB pass through
 * JavaScript by themselves, and what was uploaded in parts is read into memory whole while a client takes its time.
 * Measured with 1 GiB on two busy cores, with all of workerd's memory at most:
 *
 *     as it comes      upload 10 s, 274 MiB    download of parts 13 s    by a slow client 1,018 MiB
 *     with this        upload  3 s, 131 MiB    download of parts  3 s    by a slow client   143 MiB
 *
 * Miniflare reads the program of its R2 from a file when it starts, and has no option for another one. Where the file is
 * not as expected it stays as it is, and `test/tools/r2.test.ts` fails. `npm run dev` has R2 as it comes.
 */
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** The file, of the one Miniflare that is installed. */
export const PROGRAM = path.join(
  path.dirname(createRequire(import.meta.url).resolve('miniflare')),
  'workers/r2/bucket.worker.js',
)

const CHANGES: [from: string, to: string][] = [
  ['value.pipeThrough(digesting)', 'inLargePieces(value).pipeThrough(digesting)'],
  ['value.pipeTo(identity2.writable', 'inLargePieces(value).pipeTo(identity2.writable'],
  ['class extends TransformStream {', 'class extends Through {'],
  ['let identity2 = new TransformStream();', 'let identity2 = new Through();'],
  // MD5 takes more time than all the rest, and nobody compares it: an ETag has to be another one for each upload.
  ['for (let hash of hashes) await hash.writer.write(chunk);', ''],
  [
    'await hashes[i].writer.close()',
    'await hashes[i].writer.write(crypto.getRandomValues(new Uint8Array(16))), await hashes[i].writer.close()',
  ],
]

const ADDED = `
function inLargePieces(stream) {
  const reader = stream.getReader({ mode: 'byob' })
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.readAtLeast(262_144, new Uint8Array(262_144))
      if (value !== undefined && value.byteLength > 0) controller.enqueue(value)
      if (done) controller.close()
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 })
}

// A TransformStream that takes nothing before it is asked for something; workerd's takes all that comes.
class Through {
  constructor({ transform, flush } = {}) {
    let controller
    let asked
    const ask = () => {
      asked = Promise.withResolvers()
      asked.promise.catch(() => {})
    }
    ask()
    this.readable = new ReadableStream({
      start: (given) => void (controller = given),
      pull: () => asked.resolve(),
      cancel: (reason) => asked.reject(reason),
    }, { highWaterMark: 0 })
    this.writable = new WritableStream({
      async write(chunk) {
        await asked.promise
        ask()
        await (transform ? transform(chunk, controller) : controller.enqueue(chunk))
      },
      async close() {
        await flush?.()
        controller.close()
      },
      abort: (reason) => controller.error(reason),
    })
  }
}
`

/** The program with the changes; undefined where it is not as expected. */
export function changed(program: string): string | undefined {
  let text = program
  for (const [from, to] of CHANGES) {
    if (!text.includes(from)) return undefined
    text = text.replaceAll(from, to)
  }
  // In front, because a class has to be there before another one extends it.
  return ADDED + text
}

/**
 * From now on Miniflare reads the changed program.
 *
 * @returns what ends that, once Miniflare has started
 */
export function improveR2(): () => void {
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
