/** The one Postgres that a gateway leads to. */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

export interface Upstream {
  host: string
  port: number
  /** Options for TLS, or undefined for none. */
  tls: ConnectionOptions | undefined
}

/** What Postgres wants to hear from whoever cancels the statement of a session. */
export interface CancelKey {
  processID: number
  secretKey: number
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/** How long an attempt to connect may take, in milliseconds. */
export const CONNECT_TIMEOUT = 10_000

/** The server that a connection string names: host and port, with Postgres' default port. */
export function addressOf(url: URL): { host: string; port: number } {
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 5432) }
}

/**
 * Reads a Postgres URL. Its `sslmode` means what it means to libpq: no TLS up to `prefer`, encryption alone for
 * `require`, a valid certificate for `verify-ca` and the host's own for `verify-full`; `sslrootcert` names who signs.
 *
 * @throws TypeError when it is no URL
 */
export function parseUpstream(connectionString: string): Upstream {
  const url = new URL(connectionString)
  const mode = url.searchParams.get('sslmode') ?? 'prefer'
  const authority = url.searchParams.get('sslrootcert')
  const ca = authority === null || authority === 'system' ? {} : { ca: readFileSync(authority) }
  const modes: Record<string, ConnectionOptions | undefined> = {
    disable: undefined,
    allow: undefined,
    prefer: undefined,
    require: { rejectUnauthorized: false },
    'verify-ca': { ...ca, checkServerIdentity: () => undefined },
    'verify-full': ca,
  }
  if (!(mode in modes)) throw new TypeError(`sslmode=${mode} is not one of ${Object.keys(modes).join(', ')}`)
  return { ...addressOf(url), tls: modes[mode] }
}

/** Opens a connection that is ready for Postgres' start-up message, behind TLS where the upstream asks for it. */
export function openSocket(upstream: Upstream): Promise<Socket> {
  const { host, port, tls } = upstream
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 })
    const timer = setTimeout(() => socket.destroy(new Error('Connecting took too long')), CONNECT_TIMEOUT)
    const fail = (error: Error) => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    const done = (opened: Socket) => {
      clearTimeout(timer)
      opened.off('error', fail)
      resolve(opened)
    }
    socket.once('error', fail)
    socket.once('connect', () => {
      if (tls === undefined) return done(socket)
      socket.write(SSL_REQUEST)
      socket.once('data', (answer) => {
        if (answer.toString() !== 'S') return fail(new Error('The server does not offer TLS'))
        const secure = connectTls({ ...tls, socket, host })
        secure.once('error', fail)
        secure.once('secureConnect', () => done(secure))
      })
    })
  })
}

/** Asks Postgres to stop what a session is doing; it answers nothing, and does nothing when the session is idle. */
export async function cancel(upstream: Upstream, key: CancelKey): Promise<void> {
  const request = Buffer.alloc(16)
  request.writeInt32BE(16, 0)
  request.writeInt32BE(80_877_102, 4)
  request.writeInt32BE(key.processID, 8)
  request.writeInt32BE(key.secretKey, 12)
  try {
    const socket = await openSocket(upstream)
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
      // Postgres closes without an answer, sometimes before it has read everything.
      socket.once('error', () => {})
      socket.resume()
      socket.end(request)
      socket.setTimeout(CONNECT_TIMEOUT, () => socket.destroy())
    })
  } catch {
    // Without a server there is nothing to cancel.
  }
}
