import { createMiddleware } from 'hono/factory'
import { TrackerError } from '../errors.ts'

/** Refuses a request whose `Host` makes no address of it, such as one with a port that is none: answers may link to it. */
export const validAddress = createMiddleware(async (c, next) => {
  if (!URL.canParse(c.req.url))
    throw new TrackerError('bad_request', 'The Host header is not that of an address')
  await next()
})
