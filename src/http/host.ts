import { createMiddleware } from 'hono/factory'
import { TrackerError } from '../errors.ts'
import type { AppEnv } from './context.ts'
import { hostsOf } from './names.ts'

/** Names of this machine, which nobody's DNS can give to another one. */
const LOOPBACK = /^(127\.0\.0\.1|\[::1\]|(.+\.)?localhost)$/

/** What proxies add. */
const PROXIED = ['Forwarded', 'Via', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Real-IP']

/**
 * Refuses to be called by another's name: a page whose name is pointed at us once it is loaded (DNS rebinding) would
 * read and write a tracker that needs no key as its own. Where keys are needed and `HOSTS` says nothing, any name will
 * do: such a page has neither key nor cookie. A probe asks `/health` by address.
 */
export const checkHost = createMiddleware<AppEnv>(async (c, next) => {
  const hosts = hostsOf(c.env)
  const { hostname, pathname } = new URL(c.req.url)
  const isOpen = c.env.ACCESS === 'open'
  if (pathname === '/health' || hosts.includes(hostname)) return next()
  if (isOpen && PROXIED.some((name) => c.req.header(name) !== undefined)) {
    throw new TrackerError(
      'misdirected',
      'This tracker asks for no keys, so it does not answer through a proxy: start it with EDGERUN_KEYS=on',
    )
  }
  const any = hosts.length === 0 && !isOpen
  if (any || LOOPBACK.test(hostname)) return next()
  throw new TrackerError(
    'misdirected',
    `This tracker does not answer to ${hostname}: if that is its name, add it to the variable HOSTS`,
  )
})
