/**
 * A gateway that speaks Neon's wire protocols for one fixed Postgres, so that the Worker runs with the driver it has
 * in production: `POST /sql` for statements and batches, a WebSocket at `/v2` for sessions. It serves this machine
 * only, and logs nothing of what passes through.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { AnswerTooLarge } from './gateway/exchange.ts'
import { Caller, Pool } from './gateway/pool.ts'
import { loginReader, Refused, readBody, readJob, writeError, writeResults } from './gateway/request.ts'
import { shut, tunnel } from './gateway/tunnel.ts'
import { parseUpstream } from './gateway/upstream.ts'
import { listen } from './ports.ts'

/** Half of what Postgres allows by default is left to WebSockets and to others. */
const MAX_CONNECTIONS = 32

/** A running gateway. */
export interface Gateway {
  /** `http://127.0.0.1:PORT` */
  url: string
  stats(): GatewayStats
  /** Ends what runs, closes every connection and gives the port back. */
  close(): Promise<void>
}

export interface GatewayStats {
  /** Sessions for statements, those that wait for work, and those being opened. */
  open: number
  idle: number
  connecting: number
  /** Requests that wait for a session, and requests that are being served. */
  waiting: number
  active: number
  /** Sessions through a WebSocket. */
  webSockets: number
}

export interface GatewayOptions {
  /** The Postgres URL whose host, port and TLS are used. Who logs in, each request says for itself. */
  upstream: string
  /** A free one when it is left out. */
  port?: number
  /** The most sessions for statements; as many again may come through WebSockets. */
  maxConnections?: number
  /** How long a request waits for a session before it is told that there is none, in milliseconds. */
  waitTimeout?: number
}

/** Starts a gateway on the loopback interface. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const upstream = parseUpstream(options.upstream)
  const max = options.maxConnections ?? MAX_CONNECTIONS
  const pool = new Pool(upstream, max, options.waitTimeout)
  const readLogin = loginReader(upstream)
  const active = new Set<Caller>()
  const tunnels = new Map<WebSocket, Promise<void>>()
  let closing = false

  const stats = (): GatewayStats => ({ ...pool.stats(), active: active.size, webSockets: tunnels.size })

  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    if (path === '/sql' && request.method === 'POST') void sql(request, response)
    else if (path === '/status' && request.method === 'GET') answer(response, 200, JSON.stringify(stats()))
    else answer(response, 404, JSON.stringify({ message: 'not found' }))
  })
  // Closing an idle connection at the moment in which the Worker reuses it would lose a request.
  server.keepAliveTimeout = 600_000
  server.requestTimeout = 60_000

  async function sql(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const caller = new Caller()
    active.add(caller)
    response.once('close', () => {
      active.delete(caller)
      if (!response.writableFinished) caller.leave()
    })
    try {
      const login = readLogin(request)
      const job = readJob(request, await readBody(request))
      const session = await pool.acquire(login, caller)
      caller.whenGone(() => session.cancel())
      try {
        answer(response, 200, writeResults(job, await session.run(job.statements, job.begin)))
      } catch (error) {
        if (!(error instanceof AnswerTooLarge)) throw error
        await session.cancel()
        throw new Refused(507, error.message)
      } finally {
        caller.whenGone(undefined)
        void pool.release(session)
      }
    } catch (error) {
      const { status, body } = writeError(error)
      answer(response, status, body)
    }
  }

  const webSocketServer = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const [path, query] = request.url?.split('?') ?? []
    const address = new URLSearchParams(query).get('address')
    const own = `${upstream.host}:${upstream.port}`
    if (path !== '/v2') refuse(socket, '404 Not Found')
    else if (address !== null && address !== own) refuse(socket, '403 Forbidden')
    else if (closing || tunnels.size >= max) refuse(socket, '503 Service Unavailable')
    else {
      webSocketServer.handleUpgrade(request, socket, head, (webSocket) => {
        const both = tunnel(webSocket, upstream).finally(() => tunnels.delete(webSocket))
        tunnels.set(webSocket, both)
      })
    }
  })

  const port = await listen(server, options.port ?? 0)

  return {
    url: `http://127.0.0.1:${port}`,
    stats,
    close: async () => {
      closing = true
      const closed = new Promise((resolve) => server.close(resolve))
      for (const caller of active) caller.leave()
      for (const webSocket of tunnels.keys()) shut(webSocket, 1001, 'The gateway is closing')
      await Promise.all([pool.close(), ...tunnels.values()])
      server.closeAllConnections()
      await closed
    },
  }
}

function answer(response: ServerResponse, status: number, body: string): void {
  if (response.destroyed) return
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
  })
  response.end(body)
}

function refuse(socket: Duplex, status: string): void {
  // Without a listener a caller that hangs up now would end this process.
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
