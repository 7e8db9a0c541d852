/** The page for people: a static file, and no route. Which of its views is shown, the browser finds in the address. */
import type { Env } from '../env.ts'

/** Views with an address of their own; that of `/` is a file already. */
const VIEW = /^\/(start|[er]\/.+)$/

/** The page, if that is what a request asks for; `src/docs/_headers` says what browsers may do with it. */
export function pageFor(request: Request, { ASSETS: files }: Env): Promise<Response> | undefined {
  if (files === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return undefined
  const url = URL.parse(request.url)
  return url && VIEW.test(url.pathname) ? files.fetch(new Request(new URL('/', url), request)) : undefined
}
