/** Bodies that are no request at all, to every route that takes one. */
import { gzipSync } from 'node:zlib'
import { type AtStage, answered, type Case, noLarger, refused } from './group.ts'
import { BODY_ROUTES, type BodyRoute } from './routes.ts'

interface BadBody {
  name: string
  body: () => Uint8Array | string
  headers?: Record<string, string>
}

const JSON_TYPE = { 'Content-Type': 'application/json' }
const GZIP = { ...JSON_TYPE, 'Content-Encoding': 'gzip' }

/** What is less than 8 MiB by itself, and more when it is inflated. */
const BOMB = gzipSync(Buffer.alloc(64 * 1024 ** 2, ' '), { level: 9 })
const SMALL = gzipSync('{}')

const wrong = (bytes: Buffer, at: number) => {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] ?? 0) ^ 0xff
  return changed
}

const text = (name: string, body: string | (() => string)): BadBody => ({
  name,
  body: typeof body === 'string' ? () => body : body,
})
const bytes = (name: string, ...body: number[]): BadBody => ({ name, body: () => new Uint8Array(body) })

/** What says nothing; a body of no bytes is an empty message to MLflow, and no JSON to the native API. */
const EMPTY: BadBody[] = [
  text('nothing', ''),
  text('blanks', ' \r\n\t '),
  bytes('a byte order mark alone', 0xef, 0xbb, 0xbf),
]
const EMPTY_OBJECT = text('an empty object', '{}')

const BAD_BODIES: BadBody[] = [
  ...['null', 'true', '1', '1e400', '[]', '[{}]', '"text"', '{', '{"a":', '{"a":1,}', "{'a':1}", '{a:1}'].map(
    (body) => text(body, body),
  ),
  ...['{}{}', '{} x', '// x', 'NaN', '-Infinity', '<xml/>', 'a=b&c=d', '{"a":01}', '{"a":"\t"}'].map((body) =>
    text(JSON.stringify(body), body),
  ),
  text('an escape that is none', '{"a":"\\x"}'),
  text('half an escape', '{"a":"\\u12'),
  text('a NUL behind it', '{}\u0000'),
  bytes('UTF-16', 0xff, 0xfe, 0x7b, 0, 0x7d, 0),
  bytes('a byte of no UTF-8', 0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d),
  bytes('an overlong slash', 0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d),
  bytes('half a surrogate pair as bytes', 0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d),
  bytes('UTF-8 that is cut', 0x7b, 0x22, 0xf0, 0x9f, 0x98),
]

/** As `BAD_BODIES`, of those that take long to send. Who reads bodies of a door is the same for all of its routes. */
const LARGE_BODIES: BadBody[] = [
  text('a million arrays that do not end', () => '['.repeat(1024 ** 2)),
  text('a million arrays in each other', () => '['.repeat(1024 ** 2) + ']'.repeat(1024 ** 2)),
  text('a million objects that do not end', () => '{"a":'.repeat(1024 ** 2)),
  text(
    'a string of quotes that does not end, behind a NaN',
    () => `{"a": NaN, "b": "${'\\"'.repeat(200_000)}`,
  ),
  text('a string of backslashes that does not end', () => `{"a": NaN, "b": "${'\\'.repeat(400_001)}`),
  text('9 MiB', () => `{"a":"${'x'.repeat(9 * 1024 ** 2)}"}`),
  text('9 MiB of blanks', () => ' '.repeat(9 * 1024 ** 2)),
  { name: '64 KB of gzip that hold 64 MiB', body: () => BOMB, headers: GZIP },
]

const BAD_GZIP: BadBody[] = [
  { name: 'plain text that says it is gzip', body: () => '{}', headers: GZIP },
  { name: 'nothing that says it is gzip', body: () => '', headers: GZIP },
  { name: 'gzip that is cut', body: () => SMALL.subarray(0, -6), headers: GZIP },
  { name: 'the head of a gzip alone', body: () => SMALL.subarray(0, 10), headers: GZIP },
  { name: 'gzip with a wrong checksum', body: () => wrong(SMALL, SMALL.length - 8), headers: GZIP },
  { name: 'gzip with a wrong length', body: () => wrong(SMALL, SMALL.length - 1), headers: GZIP },
  { name: 'gzip of a method that is none', body: () => wrong(SMALL, 2), headers: GZIP },
  {
    name: 'gzip with something behind it',
    body: () => Buffer.concat([SMALL, Buffer.from('x')]),
    headers: GZIP,
  },
  { name: 'gzip within gzip', body: () => gzipSync(SMALL), headers: GZIP },
]

/** What a body may be encoded in; gzip alone is. */
const BAD_ENCODINGS: BadBody[] = ['br', 'deflate', 'zstd', 'compress', 'gzip, gzip', 'gzip,', ';', 'x'].map(
  (encoding) => ({
    name: `a Content-Encoding of ${encoding}`,
    body: () => '{}',
    headers: { ...JSON_TYPE, 'Content-Encoding': encoding },
  }),
)

const BAD_TYPES: BadBody[] = [
  'text/plain',
  'text/json',
  'application/xml',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/octet-stream',
  'application/jsonx',
  'application/json, text/plain',
  'json',
  '*/*',
  ';',
  'a'.repeat(10_000),
].map((type) => ({
  name: `a Content-Type of ${type.slice(0, 40)}`,
  body: () => '{}',
  headers: { 'Content-Type': type },
}))

/** Behind MLflow's door the type counts for POST and PUT alone, as in MLflow. */
const checksType = ({ door, method }: BodyRoute) => door === 'native' || method === 'POST'

const caseOf =
  ({ method, target }: BodyRoute) =>
  ({ name, body, headers = JSON_TYPE }: BadBody): Case => ({
    name,
    request: () => ({ method, target, headers, body: body() }),
    check: noLarger,
  })

/** Bodies that say more than they should, and may yet be read. */
const odd = ({ body }: BodyRoute): BadBody[] => {
  const inner = JSON.stringify(body).slice(1, -1)
  const and = inner === '' ? '' : ','
  return [
    text('a field __proto__', `{"__proto__":{"name":"p","toString":1}${and}${inner}}`),
    text('a field constructor', `{"constructor":{"prototype":{"x":1}}${and}${inner}}`),
    text('100,000 fields that nobody knows', () => {
      const many = Array.from({ length: 100_000 }, (_, i) => `"f${i}":${i}`)
      return `{${many.join(',')}${and}${inner}}`
    }),
    text('a field that nobody knows, of 1e400', `{"unknown":1e400${and}${inner}}`),
    text(
      'a field that nobody knows, of 10,000 digits',
      () => `{"unknown":${'9'.repeat(10_000)}${and}${inner}}`,
    ),
    text('a field that nobody knows, of 1,000 arrays in each other', () => {
      return `{"unknown":${'['.repeat(1_000)}${']'.repeat(1_000)}${and}${inner}}`
    }),
    text(
      'a field that nobody knows, with a name of 1 MiB',
      () => `{"${'n'.repeat(1024 ** 2)}":1${and}${inner}}`,
    ),
    text('JSON that is encoded twice', () => JSON.stringify(`{${inner}}`)),
  ]
}

/** Where odd bodies may be read, and then do something: only reading routes, and those that find nothing, take them. */
const isHarmless = ({ method, target }: BodyRoute) =>
  method === 'DELETE' || /(search|search-datasets|get-latest-versions|mpu\/abort\/x)$/.test(target)

export function bodies(at: AtStage): void {
  const seen = new Set<string>()
  for (const route of BODY_ROUTES) {
    const { method, target, takesNothing, door } = route
    const large = seen.has(`${door} ${method}`) ? [] : LARGE_BODIES
    seen.add(`${door} ${method}`)
    const types = checksType(route) ? BAD_TYPES : []
    const bad = [...BAD_BODIES, ...large, ...BAD_GZIP, ...BAD_ENCODINGS, ...types]
    const empty = [
      ...(takesNothing && door === 'mlflow' ? [] : EMPTY),
      ...(takesNothing ? [] : [EMPTY_OBJECT]),
    ]
    refused(at, `${method} ${target} with a bad body`, [...empty, ...bad].map(caseOf(route)))
    const oddities = odd(route).map(({ name, body }) => ({ name, body: () => at().fill(String(body())) }))
    if (isHarmless(route)) answered(at, `${method} ${target} with an odd body`, oddities.map(caseOf(route)))
    if (door === 'native') refused(at, `${method} ${target} with an odd body`, oddities.map(caseOf(route)))
  }
}
