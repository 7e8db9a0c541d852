import { createMiddleware } from 'hono/factory'
import { secureHeaders } from 'hono/secure-headers'
import type { AppEnv } from './context.ts'

/** No answer of the Worker is a page: what somebody stored is nothing that may run here. Pages are static files. */
const options: Parameters<typeof secureHeaders>[0] = {
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
    sandbox: [],
  },
  xFrameOptions: 'DENY',
  // Not `no-referrer`: with it browsers hide from us where a form was sent from.
  referrerPolicy: 'same-origin',
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
  removePoweredBy: false,
}

const overHttps = secureHeaders({ ...options, strictTransportSecurity: 'max-age=31536000' })
const inTheClear = secureHeaders({ ...options, strictTransportSecurity: false })

/**
 * Tells browsers what they may do with an answer, and that they may not keep it, unless its route says how long.
 * `src/docs/_headers` says the same of static files.
 */
export const browserHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await (c.req.url.startsWith('https:') ? overHttps : inTheClear)(c, next)
  if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store')
  // What is kept was for one key alone, and the next to use this browser may have another.
  else c.header('Vary', 'Authorization, Cookie', { append: true })
})
