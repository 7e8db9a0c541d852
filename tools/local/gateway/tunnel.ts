/** A WebSocket as a byte tunnel to Postgres, for the driver's Pool and Client. */
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { type CancelKey, cancel, openSocket, type Upstream } from './upstream.ts'

/** How often to look whether the other end is still there, in milliseconds. */
const PROBE_INTERVAL = 1_000

/** A WebSocket that has not answered a ping after so many looks has vanished without a word. */
const PATIENCE = 15

/** How much may lie unsent towards the WebSocket before Postgres is not read any further, in bytes. */
const HIGH_WATER = 1024 * 1024

/** ReadyForQuery, the last that Postgres says before it waits for its client. */
const READY = ['I', 'T', 'E'].map((status) => `Z\0\0\0\x05${status}`)

/** How long the other end has to answer a closing handshake, in milliseconds. */
const CLOSE_TIMEOUT = 2_000

/**
 * Joins a WebSocket with a connection to Postgres until either ends. When the WebSocket goes away, what its session
 * is doing is cancelled and rolled back.
 *
 * @returns settles when both ends are closed
 */
export async function tunnel(webSocket: WebSocket, upstream: Upstream): Promise<void> {
  const closed = new Promise<void>((resolve) => webSocket.once('close', () => resolve()))
  // A broken frame or a reset; `close` follows.
  webSocket.on('error', () => {})
  // What arrives before Postgres is reached waits in the socket.
  webSocket.pause()
  let socket: Socket
  try {
    socket = await openSocket(upstream)
  } catch {
    webSocket.resume()
    shut(webSocket, 1011, 'Postgres cannot be reached')
    return closed
  }
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const cancelKey = watchForKey(socket)
  let open = true
  let idle = false

  webSocket.on('message', (data: Buffer) => {
    idle = false
    if (socket.writable && !socket.write(data)) webSocket.pause()
  })
  socket.on('drain', () => webSocket.resume())
  socket.on('data', (data: Buffer) => {
    idle = READY.includes(data.subarray(-6).toString('latin1'))
    webSocket.send(data, () => {
      if (socket.isPaused() && webSocket.bufferedAmount < HIGH_WATER) socket.resume()
    })
    if (webSocket.bufferedAmount >= HIGH_WATER) socket.pause()
  })
  socket.on('error', () => {})
  void ended.then(() => {
    if (open) shut(webSocket, 1000, 'Postgres closed the connection')
  })
  webSocket.resume()

  let unanswered = 0
  webSocket.on('pong', () => {
    unanswered = 0
  })
  const heartbeat = setInterval(() => {
    // While Postgres does not take what has come, nothing is read, neither an answer nor the end of the connection.
    // But sending to somebody who is gone fails.
    if (webSocket.isPaused) return webSocket.ping()
    if (unanswered > PATIENCE) return webSocket.terminate()
    if (unanswered === 0) webSocket.ping()
    unanswered += 1
  }, PROBE_INTERVAL)

  await closed
  open = false
  clearInterval(heartbeat)
  if (!socket.destroyed) {
    // A session at work would not notice that its client is gone until it has something to say.
    const key = idle ? undefined : cancelKey()
    if (key !== undefined) await cancel(upstream, key)
    socket.end()
    setTimeout(() => socket.destroy(), CLOSE_TIMEOUT).unref()
  }
  await ended
}

/** Closes with a handshake, and without one when the other end does not answer. */
export function shut(webSocket: WebSocket, code: number, reason: string): void {
  webSocket.close(code, reason)
  const timer = setTimeout(() => webSocket.terminate(), CLOSE_TIMEOUT)
  webSocket.once('close', () => clearTimeout(timer))
}

/** Picks the key for cancelling out of what Postgres says at the start of a session, and then stops looking. */
function watchForKey(socket: Socket): () => CancelKey | undefined {
  let key: CancelKey | undefined
  let seen = Buffer.alloc(0)
  const look = (data: Buffer) => {
    seen = Buffer.concat([seen, data])
    for (let at = 0; at + 5 <= seen.length; ) {
      const end = at + 1 + seen.readUInt32BE(at + 1)
      if (end > seen.length) return
      const type = String.fromCharCode(seen[at] ?? 0)
      if (type === 'K') key = { processID: seen.readInt32BE(at + 5), secretKey: seen.readInt32BE(at + 9) }
      if (type === 'K' || type === 'Z') {
        socket.off('data', look)
        return
      }
      at = end
    }
  }
  socket.on('data', look)
  return () => key
}
