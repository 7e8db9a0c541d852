/** Bytes that are no HTTP, are hardly any, or are read in two ways by two servers. */
import { describe, expect, it } from 'vitest'
import type { AtStage } from './group.ts'
import { type Answer, bytesOf, exchange } from './http.ts'
import { judge } from './judge.ts'

interface Wire {
  name: string
  bytes: (port: number) => Uint8Array | string
  /** Statuses of the answers, in order; none where the server waits for more, or only closes. */
  statuses: number[]
  /** How long to wait for what does not come, in milliseconds. */
  patience?: number
}

const CRLF = '\r\n'
const host = (port: number) => `Host: 127.0.0.1:${port}${CRLF}`

const get = (name: string, target: string, ...statuses: number[]): Wire => ({
  name,
  bytes: (port) => bytesOf(port, { method: 'GET', target }),
  statuses,
})

/** A request line and header lines, with Host where they have none. */
const head = (name: string, lines: string[], ...statuses: number[]): Wire => ({
  name,
  bytes: (port) => {
    const [first = '', ...rest] = lines
    const own = rest.some((line) => /^host\s*:/i.test(line)) ? '' : host(port)
    return `${first}${CRLF}${own}${rest.map((line) => line + CRLF).join('')}${CRLF}`
  },
  statuses,
})

/** A body that is JSON and no experiment, as header lines and bytes have it, and a request behind it. */
const framed = (name: string, lines: string[], body: string, ...statuses: number[]): Wire => ({
  name,
  bytes: (port) =>
    [
      'POST /experiments HTTP/1.1',
      host(port).trim(),
      'Content-Type: application/json',
      ...lines,
      '',
      `${body}GET /behind HTTP/1.1`,
      host(port).trim(),
      '',
      '',
    ].join(CRLF),
  statuses,
})

const chunked = (name: string, body: string, ...statuses: number[]): Wire =>
  framed(name, ['Transfer-Encoding: chunked'], body, ...statuses)

const HEALTH = 'GET /health HTTP/1.1'
const END = `0${CRLF}${CRLF}`

/**
 * workerd answers by itself what it cannot read, before there is a request that the Worker could see: 400, 431, 501 and,
 * for what it finds contradictory only later, 500. In production Cloudflare's network stands before it and refuses all
 * that. It closes the connection, so that nothing of what follows is taken for a request.
 */
const MALFORMED: Wire[] = [
  { name: 'no HTTP at all', bytes: () => `hello${CRLF}${CRLF}`, statuses: [501] },
  {
    name: 'the hello of TLS',
    bytes: () => Buffer.from('16030100c8010000c40303', 'hex'),
    statuses: [],
    patience: 300,
  },
  {
    name: 'the preface of HTTP/2',
    bytes: () => `PRI * HTTP/2.0${CRLF}${CRLF}SM${CRLF}${CRLF}`,
    statuses: [501],
  },
  { name: 'only blank lines', bytes: () => CRLF.repeat(100), statuses: [501] },
  { name: 'a request without a version', bytes: () => `GET /health${CRLF}${CRLF}`, statuses: [400] },
  head('HTTP/0.9 without a host', ['GET /health HTTP/0.9', 'Host: '], 400),
  head('a method that there is not', ['FOO /health HTTP/1.1'], 501),
  head('a method in lower case', ['get /health HTTP/1.1'], 501),
  head('a method of 10,000 letters', [`${'A'.repeat(10_000)} / HTTP/1.1`], 501),
  head('CONNECT', ['CONNECT 127.0.0.1:80 HTTP/1.1'], 500),
  head('OPTIONS *', ['OPTIONS * HTTP/1.1'], 500),
  head('an absolute target of our own', ['GET http://127.0.0.1/health HTTP/1.1'], 500),
  head('an absolute target elsewhere', ['GET http://169.254.169.254/latest/meta-data HTTP/1.1'], 500),
  head('a target of file:', ['GET file:///etc/passwd HTTP/1.1'], 500),
  head('a target without a slash', ['GET health HTTP/1.1'], 500),
  head('NUL in the target', ['GET /he\u0000alth HTTP/1.1'], 400),
  head('NUL in a header', [HEALTH, 'X-A: a\u0000b'], 400),
  head('a bare carriage return in a header', [HEALTH, 'X-A: a\rb'], 400),
  head('a header without a colon', [HEALTH, 'nonsense'], 400),
  head('a header without a name', [HEALTH, ': x'], 400),
  head('a header with a space in its name', [HEALTH, 'X A: b'], 400),
  head('a header with a space before its colon', [HEALTH, 'X-A : b'], 400),
  head('a header that goes on in the next line', [HEALTH, 'X-A: a', ' b'], 400),
  head('a header of 1 MiB', [HEALTH, `X-A: ${'a'.repeat(1024 ** 2)}`], 431),
  head('a name of a header of 1 MiB', [HEALTH, `${'a'.repeat(1024 ** 2)}: x`], 431),
  head('100,000 headers', [HEALTH, ...Array.from({ length: 100_000 }, (_, i) => `X-${i}: a`)], 431),
  head('a target of 1 MiB', [`GET /${'a'.repeat(1024 ** 2)} HTTP/1.1`], 431),
  head('no host', [HEALTH, 'Host: '], 400),
  head('two hosts', [HEALTH, 'Host: a', 'Host: b'], 500),
  head('a host with a space', [HEALTH, 'Host: a b'], 500),
  head('a host of percents', [HEALTH, 'Host: %zz'], 500),
  head('a host that is an address with a path', [HEALTH, 'Host: a/../b?c#d@e'], 500),
  framed('two lengths', ['Content-Length: 2', 'Content-Length: 3'], '{} ', 500),
  framed('one length twice', ['Content-Length: 2', 'Content-Length: 2'], '{}', 500),
  framed('a list of lengths', ['Content-Length: 2, 2'], '{}', 500),
  framed('a length below zero', ['Content-Length: -1'], '', 500),
  framed('a length with a plus', ['Content-Length: +2'], '{}', 500),
  framed('a length in hexadecimal', ['Content-Length: 0x2'], '{}', 500),
  framed('a length that is a fraction', ['Content-Length: 2.0'], '{}', 500),
  framed('a length that is a word', ['Content-Length: two'], '{}', 500),
  framed('a length with a space before its colon', ['Content-Length : 2'], '{}', 400),
  framed('an encoding that there is not', ['Transfer-Encoding: xchunked'], END, 500),
  framed('an encoding that is only like chunked', ['Transfer-Encoding: "chunked"'], END, 500),
  framed('identity', ['Transfer-Encoding: identity'], '', 500),
  framed('two encodings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], END, 500),
  framed('chunks of gzip', ['Transfer-Encoding: gzip, chunked'], END, 500),
  framed('an encoding with a space before its colon', ['Transfer-Encoding : chunked'], END, 400),
  framed('an encoding behind a vertical tab', ['Transfer-Encoding: \u000bchunked'], END, 500),
  framed('an encoding in a header that goes on', ['X-A: b', ' Transfer-Encoding: chunked'], END, 400),
]

/**
 * What reaches the Worker. What stands behind the body is answered only where it is clear where that ends; of a trailer,
 * and of a line break behind a body, workerd makes no sense, and closes.
 */
const READ: Wire[] = [
  // RFC 9112, 6.3: chunks count, and the length does not.
  framed('a length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked'], END, 400, 404),
  framed('chunks and a length', ['Transfer-Encoding: chunked', 'Content-Length: 100'], END, 400, 404),
  framed('chunks in capitals', ['Transfer-Encoding: CHUNKED'], END, 400, 404),
  framed('chunks behind a tab', ['Transfer-Encoding:\tchunked'], END, 400, 404),
  framed('an empty length', ['Content-Length: '], '', 400, 404),
  framed('a right length', ['Content-Length: 2'], '{}', 422, 404),
  framed('a length of a part of the body', ['Content-Length: 2'], `{}${CRLF}`, 422, 501),
  chunked('no chunk', END, 400, 404),
  chunked('a chunk of a size that is none', `zz${CRLF}{}${CRLF}${END}`, 400),
  chunked('a chunk of a size below zero', `-2${CRLF}{}${CRLF}${END}`, 400),
  chunked('a chunk of a size with 0x', `0x2${CRLF}{}${CRLF}${END}`, 400),
  chunked('a chunk of a size that no number holds', `fffffffffffffffff${CRLF}{}${CRLF}${END}`, 400),
  chunked('a chunk with an extension', `2;x=y${CRLF}{}${CRLF}${END}`, 400),
  chunked('a trailer', `2${CRLF}{}${CRLF}0${CRLF}X-A: b${CRLF}${CRLF}`, 422, 501),
  {
    ...framed('a length that promises what never comes', ['Content-Length: 100000000'], '{}', 413),
    patience: 4_000,
  },
  {
    ...framed('a length beyond int64', ['Content-Length: 99999999999999999999'], '{}', 413),
    patience: 4_000,
  },
  chunked('a chunk that promises 16 EiB', `ffffffffffffffff${CRLF}{}`),
  chunked('a chunk that is longer than it says', `1${CRLF}{}${CRLF}${END}`, 400),
  framed('Expect that nobody knows', ['Expect: 200-maybe', 'Content-Length: 2'], '{}', 422, 404),
  framed('Expect with the body at once', ['Expect: 100-continue', 'Content-Length: 2'], '{}', 422, 404),
  head(
    'an upgrade to a WebSocket',
    [
      'GET /experiments HTTP/1.1',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
    ],
    200,
  ),
  head(
    'an upgrade to HTTP/2',
    [HEALTH, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'],
    200,
  ),
  head('HTTP/1.0', ['GET /health HTTP/1.0'], 200),
  head('bare line feeds', ['GET /health HTTP/1.1\nX-A: b'], 200),
  head('1,000 headers', [HEALTH, ...Array.from({ length: 1_000 }, (_, i) => `X-${i}: a`)], 200),
  head('10,000 headers', [HEALTH, ...Array.from({ length: 10_000 }, (_, i) => `X-${i}: a`)], 200),
  head('1,000 times one header', [HEALTH, ...new Array<string>(1_000).fill('Accept: */*')], 200),
  head('a header of 60 KB', [HEALTH, `X-A: ${'a'.repeat(60_000)}`], 200),
  head(
    'a host in square brackets that do not close',
    ['GET /experiments?limit=1 HTTP/1.1', 'Host: [::1'],
    400,
  ),
  head('a host with a port that is none', ['GET /experiments?limit=1 HTTP/1.1', 'Host: a:99999'], 400),
  get('dots that lead out', '/../../../../etc/passwd', 404),
  get(
    'dots that lead out of the artifacts',
    '/api/2.0/mlflow-artifacts/artifacts/../../../../../etc/passwd',
    404,
  ),
  get('dots that lead out of the docs', '/docs/../../../../etc/passwd', 404),
  get('encoded dots that lead out of the docs', '/docs/%2e%2e/%2e%2e/%2e%2e/etc/passwd', 404),
  get('encoded slashes that lead out of the docs', '/docs/..%2f..%2f..%2fetc/passwd', 404),
  get('backslashes that lead out of the docs', '/docs/..\\..\\..\\etc\\passwd', 404),
  get('NUL in the docs', '/docs/%00', 404),
  get('half an escape in the docs', '/docs/%zz', 404),
  get('two slashes', '//evil.example/', 404),
  get('a slash and a backslash', '/\\evil.example/', 404),
  get('bytes of no UTF-8', '/\u00ff\u00fe', 404),
  get('a fragment', '/health#x', 200),
  get('two question marks', '/experiments??limit=x', 200),
  get('a parameter twice', '/experiments?limit=1&limit=2', 422),
  get('a parameter with brackets', '/experiments?limit[]=1', 200),
  get('a target of 60 KB', `/${'a'.repeat(60_000)}`, 404),
  get(
    '10,000 parameters',
    `/experiments?${Array.from({ length: 10_000 }, (_, i) => `a${i}`).join('&')}`,
    200,
  ),
  {
    name: 'a body behind GET',
    bytes: (port) => bytesOf(port, { method: 'GET', target: '/experiments', body: '{"limit":' }),
    statuses: [200],
  },
  {
    name: '100 requests at once, in their order',
    bytes: (port) =>
      Buffer.concat(
        Array.from({ length: 100 }, (_, i) =>
          bytesOf(port, { method: 'GET', target: i % 2 === 0 ? '/health' : '/nothing' }),
        ),
      ),
    statuses: Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 200 : 404)),
  },
]

/** How long to wait for what must not come, in milliseconds. */
const SHORT = 250

async function check(at: AtStage, { bytes, statuses, patience }: Wire): Promise<Answer[]> {
  const { port } = at().tracker
  const sent = Buffer.from(bytes(port))
  // One answer more than is expected would be one to what is none.
  const { answers } = await exchange(port, sent, {
    wanted: statuses.length + 1,
    patience: patience ?? (statuses.length > 1 ? 2 : 1) * SHORT,
  })
  expect(answers.map(({ status }) => status)).toEqual(statuses)
  for (const answer of answers) {
    if (answer.headers['x-request-id'] !== undefined) judge(answer, 'native', at().secrets)
  }
  expect((await at().send({ method: 'GET', target: '/health' })).status).toBe(200)
  return answers
}

/** All that workerd says by itself. */
const ITS_OWN =
  /^(Bad Request|Internal Server Error|ERROR: (Unrecognized request method|The headers sent by your client are not valid|header too large)\.)$/

export function wire(at: AtStage): void {
  describe.concurrent('what is no HTTP', () => {
    for (const each of MALFORMED) {
      it(`is refused: ${each.name}`, async () => {
        const answers = await check(at, each)
        for (const { headers, body } of answers) {
          expect(headers).not.toHaveProperty('x-request-id')
          expect(String(body)).toMatch(ITS_OWN)
        }
      })
    }
  })
  describe.concurrent('what is hardly HTTP', () => {
    for (const each of READ)
      it(`is read in one way: ${each.name}`, () => check(at, each).then(() => undefined))
  })
}
