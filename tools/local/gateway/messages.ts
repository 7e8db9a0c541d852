/**
 * What is said to Postgres, as bytes. `pg` writes each message by itself, and writing to a socket is most of what a
 * call costs here (measured: 60 % of the gateway's time), so all that goes out together is one buffer.
 */

/** A statement as the driver sends it: parameters are text, and Postgres infers their types. */
export interface Statement {
  query: string
  params: (string | null)[]
}

/** Asks for the answers to what was sent, and ends nothing. */
export const FLUSH = Buffer.from('H\0\0\0\x04')

/** Ends an exchange: what is in no explicit transaction is committed, or rolled back when it has failed. */
export const SYNC = Buffer.from('S\0\0\0\x04')

const PARSE = 'P'.charCodeAt(0)
const BIND = 'B'.charCodeAt(0)

/** What Parse holds beside its statement: type and length, an empty name, the end of the text, the number of types. */
const PARSE_SIZE = 1 + 4 + 1 + 1 + 2

/** What Bind holds beside its values: type and length, two empty names, and three numbers. */
const BIND_SIZE = 1 + 4 + 1 + 1 + 2 + 2 + 2

/** Describe and Execute of the unnamed portal, with all its rows. */
const RUN = Buffer.from('D\0\0\0\x06P\0E\0\0\0\x09\0\0\0\0\0')

/** A Query of the simple protocol: statements without parameters, which are one transaction. */
export const simpleQuery = (text: string) => textMessage('Q', text)

/** Refuses the data that a COPY waits for. */
export const copyFail = (reason: string) => textMessage('f', reason)

function textMessage(type: string, text: string): Buffer {
  const message = Buffer.from(`${type}\0\0\0\0${text}\0`)
  message.writeInt32BE(message.length - 1, 1)
  return message
}

/** Parse, Bind, Describe and Execute of each statement, all unnamed, and then what goes out with them. */
export function extendedQueries(statements: Statement[], ...rest: Buffer[]): Buffer {
  // Each string is measured once, for the size of the whole and for the length that stands before it.
  const lengths: number[] = []
  const measure = (text: string | null) => {
    const length = text === null ? -1 : Buffer.byteLength(text)
    lengths.push(length)
    return length
  }
  let size = 0
  for (const { query, params } of statements) {
    size += PARSE_SIZE + measure(query) + BIND_SIZE + RUN.length
    for (const param of params) size += 4 + Math.max(0, measure(param))
  }
  for (const { length } of rest) size += length

  const buffer = Buffer.allocUnsafe(size)
  let measured = 0
  let at = 0
  const put = (bytes: Buffer) => {
    at += bytes.copy(buffer, at)
  }
  for (const { query, params } of statements) {
    const length = lengths[measured++] ?? 0
    buffer[at] = PARSE
    at = buffer.writeInt32BE(PARSE_SIZE - 1 + length, at + 1)
    buffer[at++] = 0
    at += buffer.write(query, at, length)
    buffer[at++] = 0
    // No parameter has a type, so that Postgres infers it.
    at = buffer.writeInt16BE(0, at)

    const start = at
    buffer[at] = BIND
    at = buffer.writeInt16BE(0, at + 5)
    // All parameters are text.
    at = buffer.writeInt16BE(0, at)
    at = buffer.writeUInt16BE(params.length, at)
    for (const param of params) {
      const length = lengths[measured++] ?? -1
      at = buffer.writeInt32BE(length, at)
      if (param !== null) at += buffer.write(param, at, length)
    }
    // And so are all values of the result.
    at = buffer.writeInt16BE(0, at)
    buffer.writeInt32BE(at - start - 1, start + 1)
    put(RUN)
  }
  for (const bytes of rest) put(bytes)
  return buffer
}
