/** Pages by keyset: a cursor is the sort key of the last row seen, so what lies before a page is not read again. */
import { z } from '@hono/zod-openapi'
import type { AppContext } from './context.ts'
import { EARLIEST, LATEST, queryInteger } from './schemas.ts'

/**
 * The query parameter `cursor`: the sort key of the last row of the page before, as its `Link` header gives it.
 *
 * @param pattern what a key of this list looks like, its parts in groups
 * @param read makes the key of the groups; whatever fits the pattern is a place to begin at
 */
export const cursor = <Key>(pattern: RegExp, read: (...groups: string[]) => Key) =>
  z
    .string()
    .regex(pattern, { error: 'is not a cursor of this list: take it from the Link header' })
    .transform((value) => read(...(pattern.exec(value)?.slice(1) ?? [])))
    .optional()
    .openapi({
      description: 'Where the page begins; the `Link` header of the page before has it.',
      pattern: pattern.source,
    })

/** What a cursor of a number and a text of up to `longest` characters looks like; NUL is in no text. */
export const numberAndText = (longest: number) =>
  new RegExp(`^([0-9]{1,15})\\.([^\\u0000]{1,${longest}})$`, 'u')

/** The part of a cursor that is a moment, and its place in a pattern. */
export const CURSOR_TIME = '(-?[0-9]{1,15})'
export const cursorTime = (milliseconds: string) => Math.min(Math.max(Number(milliseconds), EARLIEST), LATEST)

/** A cursor of rows by time and id. */
export const timeCursor = cursor(
  new RegExp(`^${CURSOR_TIME}\\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`),
  (time = '', id = '') => ({ time: new Date(cursorTime(time)), id }),
)

/** A cursor of rows whose order the caller chose; what is in it is read with the order. */
export const orderCursor = z.string().optional().openapi({
  description:
    'Where the page begins; the `Link` header of the page before has it. It goes with that order alone.',
  pattern: '^[A-Za-z0-9_-]+$',
})

/** The query parameter `limit`: how many rows a page has, at most. */
export const limit = (byDefault: number, max: number) =>
  queryInteger(1, max)
    .optional()
    .transform((value) => value ?? byDefault)
    .openapi({ type: 'integer', minimum: 1, maximum: max, default: byDefault })

/** Documents the header that `page` sets. */
export const LinkHeader = {
  Link: {
    description: 'The next page, where there is one: `<…?cursor=…>; rel="next"`.',
    schema: { type: 'string' },
  },
} as const

/**
 * The rows of a page, of which `rows` has one more than `size` when another page follows; then the answer links to
 * it, by the key of the last row kept.
 */
export function page<Row>(
  c: AppContext,
  rows: Row[],
  size: number,
  key: (row: Row) => readonly unknown[],
): Row[] {
  if (rows.length <= size) return rows
  const kept = rows.slice(0, size)
  const last = kept.at(-1)
  if (last !== undefined) linkTo(c, key(last).join('.'))
  return kept
}

/** Links to the next page of a list. */
export function linkTo(c: AppContext, cursor: string) {
  const url = new URL(c.req.url)
  url.searchParams.set('cursor', cursor)
  c.header('Link', `<${url.pathname}${url.search}>; rel="next"`)
}
