import { log } from '../http/log.ts'
import type { PlacedPoint } from './columns.ts'
import { isoTime, pointText, textOf } from './wire.ts'

/** Points held in memory at a time while a history streams. */
export const EXPORT_PAGE = 20_000

/** The media types in which a whole history comes as one stream. */
export const EXPORTS = ['text/csv', 'application/x-ndjson']

const csvLine = ({ step, value, time }: PlacedPoint) =>
  `${step},${Object.is(value, -0) ? '-0.0' : value},${isoTime(time)}\n`

const jsonLine = (point: PlacedPoint) => `${pointText(point)}\n`

/**
 * Streams a history page by page, so that memory does not grow with it. A failure on the way breaks the stream off:
 * the client sees a transfer that did not end, never a short history that looks whole.
 *
 * @param points the first page, with one row more than `EXPORT_PAGE` when another follows
 * @param next the page that follows a point, in the same way
 * @returns the body, and a promise that settles when it has been sent, broken off or left
 */
export function exportPoints(
  type: string,
  points: PlacedPoint[],
  next: (after: PlacedPoint) => Promise<PlacedPoint[]>,
) {
  const line = type === 'text/csv' ? csvLine : jsonLine
  const encoder = new TextEncoder()
  let page = points
  const { promise: finished, resolve } = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (type === 'text/csv') controller.enqueue(encoder.encode('step,value,timestamp\n'))
    },
    async pull(controller) {
      const kept = page.slice(0, EXPORT_PAGE)
      if (kept.length > 0) controller.enqueue(encoder.encode(textOf(kept, line)))
      const last = kept.at(-1)
      if (last === undefined || page.length <= EXPORT_PAGE) {
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
