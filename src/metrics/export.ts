import { log } from '../http/log.ts'
import type { PlacedPoint } from './columns.ts'
import { isoTime, pointText, textOf } from './wire.ts'

/** Points held in memory at a time while a history streams. */
export const EXPORT_PAGE = 20_000

/** The media types in which a whole history comes as one stream. */
export const EXPORTS = ['text/csv', 'application/x-ndjson']

/** How a history is written: what stands before, for each point, and after. */
export interface Format {
  head: string
  line: (point: PlacedPoint) => string
  /** Whether each line begins with a comma, the first of which is left out. */
  commas: boolean
  tail: string
}

const csvLine = ({ step, value, time }: PlacedPoint) =>
  `${step},${Object.is(value, -0) ? '-0.0' : value},${isoTime(time)}\n`

const jsonLine = (point: PlacedPoint) => `${pointText(point)}\n`

/** The form that a media type of EXPORTS stands for. */
export const formatOf = (type: string): Format =>
  type === 'text/csv'
    ? { head: 'step,value,timestamp\n', line: csvLine, commas: false, tail: '' }
    : { head: '', line: jsonLine, commas: false, tail: '' }

/**
 * Streams a history page by page, so that memory does not grow with it. A failure on the way breaks the stream off:
 * the client sees a transfer that did not end, never a short history that looks whole.
 *
 * @param points the first page, with one point more than `size` when another follows
 * @param next the page that follows a point, in the same way
 * @returns the body, and a promise that settles when it has been sent, broken off or left
 */
export function exportPoints(
  { head, line, commas, tail }: Format,
  points: PlacedPoint[],
  size: number,
  next: (after: PlacedPoint) => Promise<PlacedPoint[]>,
) {
  const encoder = new TextEncoder()
  let page = points
  let isFirst = true
  const { promise: finished, resolve } = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (head !== '') controller.enqueue(encoder.encode(head))
    },
    async pull(controller) {
      const kept = page.slice(0, size)
      const text = textOf(kept, line)
      if (kept.length > 0) controller.enqueue(encoder.encode(commas && isFirst ? text.slice(1) : text))
      isFirst = false
      const last = kept.at(-1)
      if (last === undefined || page.length <= size) {
        if (tail !== '') controller.enqueue(encoder.encode(tail))
        controller.close()
        resolve()
        return
      }
      try {
        page = await next(last)
      } catch (error) {
        log('error', { error: 'an export broke off' })
        controller.error(error)
        resolve()
      }
    },
    cancel: () => resolve(),
  })
  return { body, finished }
}
