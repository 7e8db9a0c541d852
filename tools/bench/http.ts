/** The client with which Edgerun and MLflow are both driven. */
import { Agent, type OutgoingHttpHeaders, request } from 'node:http'
import { systemCode } from '../local/sentence.ts'

/** No call may take longer than this, in milliseconds. */
const TIMEOUT = 120_000

export interface Answer {
  body: string
  /** The next page, as the `Link` header says. */
  next: string | undefined
}

type Method = 'GET' | 'POST' | 'DELETE' | 'PATCH'

/** A client of one server, over kept connections or over a new one for each call. */
export class Http {
  readonly url: string
  readonly #agent: Agent
  readonly #headers: OutgoingHttpHeaders

  /** @param headers sent with every call */
  constructor(
    url: string,
    { keepAlive, headers = {} }: { keepAlive: boolean; headers?: OutgoingHttpHeaders },
  ) {
    this.url = url
    this.#headers = headers
    this.#agent = new Agent({ keepAlive })
  }

  /** @throws Error on any answer but 200, 201 and 204 */
  send(
    method: Method,
    path: string,
    body?: string | Buffer,
    headers: OutgoingHttpHeaders = {},
  ): Promise<Answer> {
    const content =
      body === undefined
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
    const options = {
      method,
      agent: this.#agent,
      headers: { ...this.#headers, ...content, ...headers },
      timeout: TIMEOUT,
    }
    return new Promise((resolve, reject) => {
      const sent = request(this.url + path, options, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('error', reject)
        response.on('end', () => {
          const body = Buffer.concat(pieces).toString()
          const link = String(response.headers.link ?? '')
          if ([200, 201, 204].includes(response.statusCode ?? 0)) {
            resolve({ body, next: /<([^>]*)>; rel="next"/.exec(link)?.[1] })
          } else reject(new Error(`${method} ${path}: ${response.statusCode} ${body.slice(0, 500)}`))
        })
      })
      sent.on('error', (error) => {
        // The server has closed an idle connection, and we were too busy preparing data to notice.
        if (sent.reusedSocket && systemCode(error) === 'ECONNRESET') {
          resolve(this.send(method, path, body, headers))
        } else reject(error)
      })
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer in time`)))
      sent.end(body)
    })
  }

  /** Sends a value as JSON and reads one. */
  async json<T>(method: Method, path: string, value?: unknown): Promise<T> {
    const { body } = await this.send(method, path, value === undefined ? undefined : JSON.stringify(value))
    return JSON.parse(body)
  }
}
