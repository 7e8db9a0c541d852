/** Stands between a client and a server that speak HTTP, and does to each request what a plan says. */
import { Agent, createServer, type IncomingMessage, request as open, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { listen } from '../../tools/local/ports.ts'
import type { Fault } from './fault.ts'

interface Whole {
  status: number
  headers: IncomingMessage['headers']
  body: Buffer
}

export class Middleman {
  /** Where it leads to; without it every connection is cut. */
  target: string | undefined
  /** No faults, where the plan has some. */
  calm = true
  /** How many requests met which kind of fault. */
  readonly met: Partial<Record<Fault['kind'], number>> = {}
  readonly url: string
  readonly #plan: Fault[]
  readonly #server: ReturnType<typeof createServer>
  readonly #agent = new Agent({ keepAlive: true })
  #next = 0
  #underWay = 0

  private constructor(server: ReturnType<typeof createServer>, port: number, plan: Fault[]) {
    this.#server = server
    this.url = `http://127.0.0.1:${port}`
    this.#plan = plan
    server.on('request', (request, response) => void this.#take(request, response))
  }

  /** @param plan what happens to the first request, the second and so on, and then from the beginning again */
  static async start(plan: Fault[]): Promise<Middleman> {
    const server = createServer({ keepAliveTimeout: 600_000 })
    return new Middleman(server, await listen(server, 0), plan)
  }

  /** Requests that have not been answered, and such as nobody waits for any more. */
  get underWay(): number {
    return this.#underWay
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    this.#agent.destroy()
    await closed
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault: Fault = (this.calm ? undefined : this.#plan[this.#next++ % this.#plan.length]) ?? {
      kind: 'none',
    }
    this.met[fault.kind] = (this.met[fault.kind] ?? 0) + 1
    this.#underWay += 1
    try {
      await this.#serve(fault, request, response)
    } catch {
      // Whatever has failed on one side is a cut connection on the other.
      response.destroy()
    } finally {
      this.#underWay -= 1
    }
  }

  async #serve(fault: Fault, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController()
    response.once('close', () => left.abort())
    const body = await buffer(request)
    switch (fault.kind) {
      case 'none':
        return give(response, await this.#forward(request, body, left.signal))
      case 'stranger':
        response.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>Bad Gateway</h1>')
        return
      case 'twice': {
        const answers = await Promise.all([
          this.#forward(request, body),
          sleep(fault.apart).then(() => this.#forward(request, body)),
        ])
        return give(response, answers[fault.answer])
      }
      case 'late': {
        if (fault.what === 'request') await sleep(fault.milliseconds)
        const answer = await this.#forward(request, body)
        if (fault.what === 'answer') await sleep(fault.milliseconds)
        return give(response, answer)
      }
      case 'cut':
        if (fault.at === 'half request') await this.#forwardHalf(request, body)
        if (fault.at === 'answer' || fault.at === 'half answer') {
          const answer = await this.#forward(request, body)
          if (fault.at === 'half answer') await giveHalf(response, answer)
        }
        response.destroy()
    }
  }

  #open(
    request: IncomingMessage,
    body: Buffer,
    options: { agent?: false; signal?: AbortSignal | undefined },
  ) {
    if (this.target === undefined) throw new Error('There is nothing behind it yet')
    const { connection: _, 'transfer-encoding': chunked, ...headers } = request.headers
    return open(this.target + request.url, {
      agent: this.#agent,
      ...options,
      method: request.method,
      headers: { ...headers, ...(chunked !== undefined && { 'content-length': body.length }) },
    })
  }

  #forward(request: IncomingMessage, body: Buffer, signal?: AbortSignal): Promise<Whole> {
    return new Promise((resolve, reject) => {
      const sent = this.#open(request, body, { signal })
      sent.once('error', reject)
      sent.once('response', (answer) => {
        const { statusCode: status = 0, headers } = answer
        buffer(answer).then((body) => resolve({ status, headers, body }), reject)
      })
      sent.end(body)
    })
  }

  /** The headers promise all of it. */
  #forwardHalf(request: IncomingMessage, body: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const sent = this.#open(request, body, { agent: false })
      sent.once('error', () => {})
      sent.once('close', resolve)
      sent.flushHeaders()
      sent.write(body.subarray(0, body.length / 2), () => sent.destroy())
    })
  }
}

function headersOf({ headers, body }: Whole) {
  const { connection: _, 'transfer-encoding': __, 'keep-alive': ___, ...rest } = headers
  return { ...rest, 'content-length': body.length }
}

function give(response: ServerResponse, answer: Whole): void {
  if (response.destroyed) return
  response.writeHead(answer.status, headersOf(answer)).end(answer.body)
}

function giveHalf(response: ServerResponse, answer: Whole): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve()
    response.once('close', resolve)
    response.writeHead(answer.status, headersOf(answer))
    response.write(answer.body.subarray(0, answer.body.length / 2), () => resolve())
  })
}
