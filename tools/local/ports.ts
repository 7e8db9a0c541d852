/** Ports on the loopback interface. */
import { connect, createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Sentence, systemCode } from './sentence.ts'

/** Opens a server on a port of the loopback interface, 0 for a free one, and gives the port. */
export async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server on a port has no port')
  return address.port
}

/** A port that is free at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server, 0)
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** How long a port may stay taken by a process that is about to end, in milliseconds. */
const PATIENCE = 1_000

/** @throws Sentence when the port cannot be listened on */
export async function checkPort(port: number, until = Date.now() + PATIENCE): Promise<void> {
  const server = createServer()
  try {
    await listen(server, port)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'EADDRINUSE' && Date.now() < until) {
      await sleep(20)
      return checkPort(port, until)
    }
    if (code === 'EADDRINUSE') {
      throw new Sentence(
        `Port ${port} is in use by another program: stop that one, or choose another port, as in PORT=${port + 1} npm start.`,
      )
    }
    if (code === 'EACCES') {
      throw new Sentence(
        `This user may not listen on port ${port}: choose one above 1023, as in PORT=8787 npm start.`,
      )
    }
    throw error
  }
  await new Promise((resolve) => server.close(resolve))
}

/** Whether something listens on a port: what is too busy to take a connection does. */
export const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false)).once('timeout', () => end(true))
  })
