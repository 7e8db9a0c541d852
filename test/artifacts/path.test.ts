import { describe, expect, it } from 'vitest'
import { attachment, rangeOf } from '../../src/artifacts/download.ts'
import { ownKey, ownUri } from '../../src/artifacts/location.ts'
import { mediaTypeOf } from '../../src/artifacts/media-type.ts'
import { newFilePath, safePath } from '../../src/artifacts/path.ts'

describe('a path', () => {
  it.each([
    ['a', 'a'],
    ['a/b.txt', 'a/b.txt'],
    ['', ''],
    ['.', ''],
    ['a/', 'a'],
    ['a//b', 'a/b'],
    ['./a/./b', 'a/b'],
    ['a%20b', 'a b'],
    ['a%2520b', 'a b'],
    ['a%2Fb', 'a/b'],
    ['100%', '100%'],
    ['100%25', '100%'],
    ['50%zz', '50%zz'],
    ['%E5%80%A4/%e5%ae%9f', '値/実'],
    ['🧪', '🧪'],
    ['...', '...'],
    ['a..b/..c/d..', 'a..b/..c/d..'],
    ['~/x', '~/x'],
    ['a:b', 'a:b'],
    // How MLflow of before 3.4 named images of a step: not to be taken for codes, but kept.
    ['dog%step%100', 'dog%step%100'],
    ['loss%ab', 'loss\ufffd'],
    ['a\tb\nc', 'abc'],
    ['\u0001', '%01'],
  ])('%j is %j', (path, safe) => {
    expect(safePath(path)).toBe(safe)
    expect(safePath(safe)).toBe(safe)
  })

  it.each([
    '..',
    '../x',
    'a/..',
    'a/../../x',
    '%2e%2e/x',
    '%2E%2e',
    '.%2e/x',
    '%252e%252e/x',
    '%25252e%25252e%25252fx',
    '..%2fx',
    '.\t./x',
    '%2\te%2e/x',
    '/',
    '/etc/passwd',
    '//host/x',
    '%2fetc',
    '%252fetc',
    '..\\x',
    'a\\..\\..\\x',
    'a%5c..%5cx',
    'a%255cb',
    '\\\\host\\x',
    'C:',
    'C:/x',
    'C:\\x',
    'c%3a/x',
    'file:///x',
    'FILE:x',
    'a\u0000b',
    'a%00',
    'a%2500',
    'a#b',
    'a%23b',
    '\ud800',
    'x'.repeat(1_025),
    'ü'.repeat(513),
    `%${'25'.repeat(20)}2e`,
  ])('%j is refused', (path) => {
    expect(() => safePath(path)).toThrow(/^Invalid path/)
    expect(() => newFilePath(path)).toThrow(/^Invalid path/)
  })

  it.each(['', '.', 'a/', 'a//b', './a', 'a/./b'])('%j names no new file', (path) => {
    expect(() => newFilePath(path)).toThrow(/^(Artifact path must include a filename|Invalid artifact path)/)
  })

  it('names a new file whatever it is encoded in', () => {
    expect(newFilePath('a%20b/%E5%80%A4.txt')).toBe('a b/値.txt')
  })
})

describe('a location', () => {
  const HOST = 'tracker.test:8787'

  it.each([
    ['mlflow-artifacts:/0/run/artifacts', '0/run/artifacts'],
    ['mlflow-artifacts:0/run', '0/run'],
    ['mlflow-artifacts:///0/run', '0/run'],
    ['mlflow-artifacts://elsewhere:5000/0/run/', '0/run'],
    ['mlflow-artifacts:/a%20b/c', 'a b/c'],
    [`http://${HOST}/api/2.0/mlflow-artifacts/artifacts/0/run`, '0/run'],
    [`https://${HOST}/ajax-api/2.0/mlflow-artifacts/artifacts/0/run`, '0/run'],
    ['https://elsewhere/api/2.0/mlflow-artifacts/artifacts/0/run', undefined],
    [`http://${HOST}/api/2.0/mlflow-artifacts/artifacts-not/0`, undefined],
    [`http://tracker-test:8787/api/2.0/mlflow-artifacts/artifacts/0/run`, undefined],
    ['s3://bucket/0/run', undefined],
    ['/some/folder', undefined],
    ['file:///some/folder', undefined],
    ['', undefined],
  ])('%s is at %s of our store', (uri, key) => {
    expect(ownKey(uri, HOST)).toBe(key)
  })

  it('does not lead out of the store', () => {
    expect(() => ownKey('mlflow-artifacts:/../x', HOST)).toThrow('Invalid path')
  })

  it('takes the host for what it is', () => {
    expect(ownUri('a.b')).toContain('a\\.b')
  })
})

it.each([
  ['a.txt', 'text/plain'],
  ['a.csv', 'text/plain'],
  ['MLmodel', 'text/plain'],
  ['conda.yaml', 'text/plain'],
  ['page.html', 'text/html'],
  ['picture.svg', 'image/svg+xml'],
  ['picture.PNG', 'image/png'],
  ['model.pkl', 'application/octet-stream'],
  ['none', 'application/octet-stream'],
  ['値', 'application/octet-stream'],
])('%s is %s', (name, type) => {
  expect(mediaTypeOf(name)).toBe(type)
})

it.each([
  ['a.txt', 'attachment; filename=a.txt'],
  ['a b.txt', 'attachment; filename="a b.txt"'],
  ['a"b\\.txt', 'attachment; filename="a\\"b\\\\.txt"'],
  ['ünï.txt', "attachment; filename=uni.txt; filename*=UTF-8''%C3%BCn%C3%AF.txt"],
  ['値', "attachment; filename=download; filename*=UTF-8''%E5%80%A4"],
  ["値'(1)*.txt", "attachment; filename=\"'(1)*.txt\"; filename*=UTF-8''%E5%80%A4%27%281%29%2A.txt"],
])('the file %s is told as %s', (name, header) => {
  expect(attachment(name)).toBe(header)
})

it.each([
  ['bytes=0-0', { offset: 0, length: 1 }],
  ['bytes=2-4', { offset: 2, length: 3 }],
  ['bytes=7-', { offset: 7 }],
  ['bytes=-3', { suffix: 3 }],
  ['bytes=4-2', undefined],
  ['bytes=0-1,3-4', undefined],
  ['bytes=-', undefined],
  ['bytes=a-b', undefined],
  ['lines=1-2', undefined],
  ['', undefined],
  [undefined, undefined],
])('the range %s is %j', (header, range) => {
  expect(rangeOf(header)).toEqual(range)
})
