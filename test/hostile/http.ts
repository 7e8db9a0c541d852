/**
 * HTTP by hand: what `fetch` refuses to send, or would put right on its way, is what has to be sent here. Every request of
 * these tests goes through `request` or `exchange`.
 */
import { connect } from 'node:net'

export interface Answer {
  status: number
  /** Names in lower case. */
  headers: Record<string, string>
  body: Buffer
}

export interface Request {
  method: string
  /** As it stands in the request line; not made valid in any way. */
  target: string
  headers?: Record<string, string>
  body?: Uint8Array | string
}

/**
 * How long an answer may take, on a machine that is busy: what costs more than its request is worth, such as the square
 * of its length, takes longer by far.
 */
const PATIENCE = 60_000

/** How much of a body is read; its sender may be cut off while it sends the rest, and the answer be lost with it. */
const READ = 8 * 1024 ** 2

/** The one place for what every well-formed request carries, such as who asks. */
const credentials = (): Record<string, string> => ({})

/** Sends a request and gives its answer. */
export async function request(port: number, sent: Request): Promise<Answer> {
  const { method, body } = sent
  const mayBeCut = body !== undefined && body.length > READ
  let { answers, end } = await exchange(port, bytesOf(port, sent), { head: method === 'HEAD' })
  for (let i = 0; i < 5 && mayBeCut && answers.length === 0 && end === 'closed'; i++) {
    ;({ answers, end } = await exchange(port, bytesOf(port, sent)))
  }
  const [answer] = answers
  if (answer) return answer
  throw new Error(`No answer to ${method} ${sent.target.slice(0, 200)} (${body?.length ?? 0} bytes): ${end}`)
}

/** A request as bytes; the length of its body is said unless it says something else. */
export function bytesOf(port: number, { method, target, headers = {}, body }: Request): Buffer {
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body)
  const said = { Host: `127.0.0.1:${port}`, ...credentials(), ...headers }
  const framed = Object.keys(said).some((name) => /^(content-length|transfer-encoding)$/i.test(name))
  const length = body === undefined || framed ? {} : { 'Content-Length': `${bytes.length}` }
  const lines = Object.entries({ ...said, ...length }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`), bytes])
}

export interface Exchange {
  answers: Answer[]
  /** What ended it: that many answers, the server, or our patience. */
  end: 'answered' | 'closed' | 'impatient'
}

/**
 * Sends bytes, and reads answers until there are as many as wanted, or the server ends the connection.
 *
 * @param wanted how many answers to wait for
 * @param head whether they have no bodies, whatever their headers say
 * @param patience in milliseconds
 */
export function exchange(
  port: number,
  bytes: Uint8Array,
  { wanted = 1, head = false, patience = PATIENCE } = {},
): Promise<Exchange> {
  const { promise, resolve } = Promise.withResolvers<Exchange>()
  const pieces: Buffer[] = []
  let size = 0
  let due = 0
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
  const finish = (end: Exchange['end']) => {
    clearTimeout(timer)
    socket.destroy()
    const { answers } = readAnswers(Buffer.concat(pieces), head, end === 'closed')
    resolve({ answers, end })
  }
  const timer = setTimeout(() => finish('impatient'), patience)
  socket.on('data', (piece) => {
    pieces.push(piece)
    size += piece.length
    // A long answer is not read from its beginning with every piece of it.
    if (size < due) return
    const { answers, missing } = readAnswers(Buffer.concat(pieces), head, false)
    due = size + missing
    if (answers.length >= wanted) finish('answered')
  })
  socket.on('end', () => finish('closed'))
  // What the server said before it cut the connection counts.
  socket.on('error', () => finish('closed'))
  return promise
}

/** The answers that bytes hold whole, and how many bytes are missing of the next one, at least. */
function readAnswers(bytes: Buffer, head: boolean, closed: boolean): { answers: Answer[]; missing: number } {
  const answers: Answer[] = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n\r\n', at)
    if (end < 0) return { answers, missing: 1 }
    const [statusLine = '', ...lines] = bytes.toString('latin1', at, end).split('\r\n')
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1])
    if (Number.isNaN(status)) throw new Error(`No status line: ${statusLine}`)
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    at = end + 4
    if (status < 200) continue
    const length = head || status === 204 || status === 304 ? '0' : headers['content-length']
    if (length !== undefined) {
      const missing = at + Number(length) - bytes.length
      if (missing > 0) return { answers, missing }
      answers.push({ status, headers, body: bytes.subarray(at, at + Number(length)) })
      at += Number(length)
    } else if (headers['transfer-encoding'] === 'chunked') {
      const chunked = readChunks(bytes, at)
      if (!chunked) return { answers, missing: 1 }
      answers.push({ status, headers, body: chunked.body })
      at = chunked.end
    } else {
      if (closed) answers.push({ status, headers, body: bytes.subarray(at) })
      return { answers, missing: 1 }
    }
  }
}

function readChunks(bytes: Buffer, start: number): { body: Buffer; end: number } | undefined {
  const chunks: Buffer[] = []
  for (let at = start; ; ) {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16)
    const next = end + 2 + size + 2
    if (next > bytes.length) return undefined
    if (size === 0) return { body: Buffer.concat(chunks), end: next }
    chunks.push(bytes.subarray(end + 2, end + 2 + size))
    at = next
  }
}
