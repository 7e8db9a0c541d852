/** Bad values of a field, by what the field is; each as the JSON that is sent. */

export interface BadValue {
  name: string
  /** JSON text, made when it is sent: some are long. */
  json: () => string
}

const of = (name: string, json: string | (() => string)): BadValue => ({
  name,
  json: typeof json === 'string' ? () => json : json,
})
/** Its own JSON is its name. */
const plain = (...values: string[]) => values.map((json) => of(json, json))
const text = (name: string, make: () => string) => of(name, () => JSON.stringify(make()))

const deep = (name: string, open: string, close: string, depth = 100_000) =>
  of(name, () => open.repeat(depth) + close.repeat(depth))

const NESTED = [
  deep('100,000 arrays in each other', '[', ']'),
  of('100,000 objects in each other', () => `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
]
const NO_OBJECT = [...plain('"x"', '1', 'true'), ...NESTED.slice(0, 1)]
const NO_STRING = [...plain('0', '1.5', '1e400', 'true', '[]', '{}', '["x"]'), ...NESTED]
const UNSTORABLE = [
  of('NUL', '"\\u0000"'),
  of('NUL within', '"a\\u0000b"'),
  of('half a surrogate pair', '"\\ud800"'),
  of('the other half', '"a\\udfffb"'),
  of('halves the wrong way round', '"\\udc00\\ud800"'),
]
const tooLong = (max: number) => [
  text(`${max + 1} characters`, () => 'x'.repeat(max + 1)),
  text(`${max + 1} characters of two units`, () => '😀'.repeat(max + 1)),
  text('1 MiB', () => 'x'.repeat(1024 ** 2)),
]
const name = (max: number) => [...NO_STRING, of('nothing', '""'), ...UNSTORABLE, ...tooLong(max)]
const required = [...NO_STRING, ...plain('null', '""'), ...UNSTORABLE]

/** MLflow's names of params, tags and metrics may be paths, but to nowhere else. */
const PATHS = plain(
  '"../x"',
  '"/x"',
  '"a//b"',
  '"a/../b"',
  '"a/./b"',
  '"."',
  '".."',
  '"a/"',
  '"a\\\\b"',
  '"a;b"',
  '"<b>"',
  '"a\\nb"',
  '"%2e%2e"',
  '"😀"',
  '"a\\u202eb"',
)
const key = [...PATHS, ...UNSTORABLE]

const MAP = [
  ...plain('"x"', '1', 'true', '[]', '[["a","b"]]'),
  of('an empty name', '{"": 1}'),
  of('a name with NUL', '{"a\\u0000": 1}'),
  of('a name that is half a character', '{"\\ud800": 1}'),
  of('a name of 251 characters', () => JSON.stringify({ ['x'.repeat(251)]: 1 })),
  of('__proto__', '{"__proto__": {"a": 1}}'),
  of('an object as value', '{"a": {}}'),
  of('a list as value', '{"a": [1]}'),
  of('1e400 as value', '{"a": 1e400}'),
  of('2^53 as value', '{"a": 9007199254740992}'),
  of('NUL as value', '{"a": "\\u0000"}'),
  of('8,001 characters as value', () => JSON.stringify({ a: 'x'.repeat(8_001) })),
  of('1,001 names', () =>
    JSON.stringify(Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`a${i}`, 1]))),
  ),
  of('200,000 names', () =>
    JSON.stringify(Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`a${i}`, 1]))),
  ),
  of('more than 1 MiB of values', () =>
    JSON.stringify(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`a${i}`, '"'.repeat(5_000)]))),
  ),
  ...NESTED,
]

const NO_WHOLE_NUMBER = [
  ...plain('"x"', '""', '1.5', '"1.5"', '1e400', '-1e400', 'true', '[]', '{}', '"NaN"', '"0x10"', '" 1"'),
  ...NESTED,
]
const BEYOND_INT64 = plain(
  '9223372036854775808',
  '-9223372036854775809',
  '"9223372036854775808"',
  '"-9223372036854775809"',
  '1e19',
)
/** Whole numbers that a double does not hold: as a number they may have lost digits on their way. */
const BEYOND_DOUBLE = plain('9007199254740992', '-9007199254740992', '9223372036854775807')

const MOMENT = plain(
  '"yesterday"',
  '""',
  '"2026-13-01T00:00:00Z"',
  '"2026-02-30T00:00:00Z"',
  '"2026-01-01"',
  '"2026-01-01T25:00:00Z"',
  '"0000-01-01T00:00:00Z"',
  '"10000-01-01T00:00:00Z"',
  '"-000001-01-01T00:00:00Z"',
  '"2026-01-01T00:00:00+99:99"',
  '"1700000000000"',
  '1e20',
  '-1e20',
  '1e400',
  'true',
  '[]',
  '{}',
  '"\\u0000"',
)

const FILTERS = [
  ...NO_STRING,
  ...plain(
    '"="',
    '"name"',
    '"name ="',
    '"name = "',
    '"name = \'"',
    '"name = \'a\' AND"',
    '"name IN ()"',
    '"name IN (1)"',
    '"name = name"',
    '"nothing.x = 1"',
    '"; drop table runs"',
    '"name = \'a\'; drop table runs; --"',
    '"name = \'a\\u0000\'"',
    '"😀"',
    '"\\ud800"',
  ),
  text('5,000 parentheses', () => '('.repeat(5_000)),
  text('2,000 times NOT', () => `${'NOT '.repeat(2_000)}name = 'a'`),
  text('10,001 characters', () => `name = '${'x'.repeat(10_001)}'`),
  text('1 MiB of parentheses', () => '('.repeat(1024 ** 2)),
]

const STRINGS = [...plain('"x"', '1', 'true', '{}', '[1]', '[null]', '[[]]', '[{}]'), ...NESTED]
const LIST = [...plain('"x"', '1', 'true', '{}', '[[]]', '[true]'), ...NESTED]

/** Bad values of each kind of field. */
export const BAD_VALUES = {
  unknown: [
    ...plain('1', 'null', '"x"', '{}'),
    deep('10,000 arrays in each other', '[', ']', 10_000),
    of('1e400', '1e400'),
  ],
  uuid: [
    ...NO_STRING,
    ...plain('"x"', '""', '"01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b1"', '"../../etc/passwd"', '"\\u0000"'),
    text('a UUID and more', () => `${crypto.randomUUID()}' or 1=1`),
    text('a UUID in full-width digits', () => '０1990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b10'),
  ],
  name50: name(50),
  name100: name(100),
  name250: name(250),
  text: [...NO_STRING, ...UNSTORABLE, text('1,000,001 characters', () => 'x'.repeat(1_000_001))],
  object: NO_OBJECT,
  safeInteger: [...NO_WHOLE_NUMBER, ...BEYOND_INT64, ...BEYOND_DOUBLE],
  params: [...MAP, of('null as value', '{"a": null}')],
  tags: [...MAP, of('null as value', '{"a": null}')],
  tagsOrNull: MAP,
  enum: [
    ...plain('"nope"', '""', '"RUNNING\\u0000"', '99', '-1', '1.5', '1e400', 'true', '[]', '{}'),
    ...NESTED,
  ],
  // Another number than those that have a name is taken for none, as in MLflow.
  viewType: [...plain('"nope"', '""', '1.5', '1e400', 'true', '[]', '{}'), ...NESTED],
  moment: MOMENT,
  metric: [
    ...NO_STRING,
    ...plain('null', '""', '"."', '".."', '"a\\nb"', '"a\\u2028b"', '"\\u007f"'),
    ...UNSTORABLE,
    ...tooLong(250),
  ],
  step: [...NO_WHOLE_NUMBER, ...plain('null'), ...BEYOND_INT64, ...BEYOND_DOUBLE],
  double: [
    ...plain('null', '"x"', '""', '"1"', '"nan"', '"inf"', '"-inf"', '1e400', '-1e400', 'true', '[]', '{}'),
    ...NESTED,
  ],
  rank: [...plain('-1', '1.5', '"0"', '2147483648', '1e400', 'null', 'true', '[]', '{}'), ...NESTED],
  columnOfTwo: [
    ...plain('"x"', '1', '{}', 'null', '[]', '[1]', '[1,2,3]', '[null,null]', '[[],[]]'),
    ...NESTED,
  ],
  timesOfTwo: [...plain('"x"', '1', '{}', 'null', '[]', '[1]', '[1,2,3]', '[[],[]]', '[1,"x"]'), ...NESTED],
  list: LIST,
  strings: STRINGS,
  string: [...NO_STRING, ...UNSTORABLE],
  required,
  requiredKey: [...required, ...key],
  key,
  pair: [
    ...plain(
      '1',
      '"x"',
      'true',
      '[]',
      '{"key": 1, "value": "x"}',
      '{"key": "x", "value": {}}',
      '{"key": ["x"]}',
    ),
    of('NUL in the value', '{"key": "x", "value": "\\u0000"}'),
    of('NUL in the key', '{"key": "\\u0000", "value": "x"}'),
    ...NESTED.slice(0, 1),
  ],
  id: [
    ...NO_STRING.filter(({ name }) => name !== '0' && name !== '1.5'),
    ...plain(
      '""',
      '"x"',
      '"-1"',
      '"99999999999999999999"',
      '"../.."',
      '"0123456789abcdef0123456789abcdef"',
      '"0123456789abcdef0123456789abcdef\' or 1=1"',
      '"＀"',
    ),
    ...UNSTORABLE,
    text('1 MiB', () => 'a'.repeat(1024 ** 2)),
  ],
  // Of what there is not, there is nothing to be found.
  idOfMany: [
    ...plain('1.5', '1e400', 'true', '[]', '{}', '""', '"x"', '"../.."', '"＀"'),
    ...UNSTORABLE,
    ...NESTED,
  ],
  idOrNone: [...NO_STRING, ...plain('"x"', '"-1"', '"99999999999999999999"'), ...UNSTORABLE],
  count: [...NO_WHOLE_NUMBER, ...BEYOND_INT64, ...plain('0', '-1', '9223372036854775807')],
  whole: [...NO_WHOLE_NUMBER, ...BEYOND_INT64],
  int64: [...NO_WHOLE_NUMBER, ...BEYOND_INT64],
  milliseconds: [
    ...NO_WHOLE_NUMBER,
    ...BEYOND_INT64,
    ...plain('9223372036854775807', '-9223372036854775808'),
  ],
  time: [...NO_WHOLE_NUMBER, ...BEYOND_INT64, ...plain('-1', '9223372036854775807', '1e18')],
  mlflowStep: [...NO_WHOLE_NUMBER.filter(({ name }) => name !== '""'), ...BEYOND_INT64],
  pythonDouble: [...plain('null', '"x"', '""', '"1_0"', '"0x1"', 'true', '[]', '{}'), ...NESTED],
  boolean: [...plain('"x"', '1', '[]', '{}', '"TRUE"'), ...NESTED],
  filter: FILTERS,
  token: [
    ...NO_STRING,
    ...plain('"x"', '"bnVsbA"', '"W10"', '"WzEsMl0"', '"eyJhIjoxfQ"', '"\\u0000"', '"😀"', '"%00"', '"===="'),
    text('1 MiB', () => 'A'.repeat(1024 ** 2)),
    text('a list of 100,000', () => btoa(JSON.stringify(new Array(100_000).fill('x')))),
    text('lists in each other', () => btoa('['.repeat(100_000) + ']'.repeat(100_000))),
  ],
  modelName: [...required, ...plain('" "', '"a/b"', '"a:b"', '".."', '"."', '"../x"')],
  alias: [
    ...required,
    ...plain('"a b"', '"a/b"', '"😀"', '"a\\nb"'),
    text('256 characters', () => 'x'.repeat(256)),
  ],
  version: [
    ...NO_STRING,
    ...plain('null', '""', '"x"', '"1.5"', '"1e3"', '"0"', '"-1"', '"2147483648"', '"９"', '"1\\u0000"'),
    text('100,000 digits', () => '9'.repeat(100_000)),
  ],
} satisfies Record<string, BadValue[]>

export type Kind = keyof typeof BAD_VALUES
