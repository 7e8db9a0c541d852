/**
 * Paths that lead out of where they begin, into everything that takes a path of an artifact: the ways of CVE-2023-1177,
 * CVE-2023-2780, CVE-2023-6909, CVE-2024-1483, CVE-2024-1558, CVE-2024-1560, CVE-2024-1593, CVE-2024-1594, CVE-2024-2928
 * and CVE-2024-3848 of MLflow among them.
 */
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type AtStage, answered, type Case, refused } from './group.ts'
import type { Answer, Request } from './http.ts'
import { judge } from './judge.ts'

const encodings = (text: string, times: number) => {
  let encoded = text.replace(
    /[^\w]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  for (let i = 1; i < times; i++) encoded = encoded.replaceAll('%', '%25')
  return encoded
}

/** Paths that no artifact has, as the text that a client means. */
const ESCAPES = [
  '..',
  '../',
  '../secret',
  '../../../../../../../../etc/passwd',
  'a/../../secret',
  'a/..',
  './../secret',
  '/etc/passwd',
  '//etc/passwd',
  '///etc/passwd',
  '..\\secret',
  '..\\..\\..\\windows\\win.ini',
  'a\\..\\..\\secret',
  '\\\\host\\share',
  '\\etc\\passwd',
  'C:/windows/win.ini',
  'c:\\windows\\win.ini',
  'C:',
  'file:///etc/passwd',
  'file:/etc/passwd',
  'FILE:etc/passwd',
  'file://localhost/etc/passwd',
  'x\u0000.txt',
  '../\u0000x',
  'x#/../../secret',
  '#/../../secret',
  ...[1, 2, 3, 4, 5, 8, 9, 12, 100].map((times) => encodings('../../secret', times)),
  ...[1, 2, 3].map((times) => encodings('/etc/passwd', times)),
  ...[1, 2, 3].map((times) => encodings('..\\secret', times)),
  ...[1, 2, 3].map((times) => encodings('file:///etc/passwd', times)),
  ...[1, 2, 3].map((times) => encodings('c:/secret', times)),
  '..%2fsecret',
  '.%2e/secret',
  '%2e./secret',
  '%2E%2E/secret',
  '..%5csecret',
  '..%255c..%255csecret',
  '..\t/secret',
  '.\n./secret',
  '.%09./secret',
  '%2\n5%32e%252e/secret',
  'a/%2e%2e/%2e%2e/secret',
  `%${'25'.repeat(300)}2e%${'25'.repeat(300)}2e/secret`,
  'x'.repeat(1_025),
  '値'.repeat(342),
]

/** Odd ones that stay where they are, or are no longer odd once they are decoded as UTF-8 has to be. */
const ODD = [
  '...',
  '....//secret',
  '..../secret',
  '..;/secret',
  '..;x=y/secret',
  '.. /secret',
  '~/secret',
  '~root/.ssh/id_rsa',
  '$HOME/secret',
  '%c0%ae%c0%ae/secret',
  '%c0%af..%c0%afsecret',
  '%e0%80%ae%e0%80%ae/secret',
  '%u002e%u002e/secret',
  '．．/secret',
  '․․/secret',
  '‥/secret',
  '..／secret',
  '..∕secret',
  'con',
  'nul.txt',
  'a?b',
  'x?../../secret',
  'a b',
  'a+b',
  '%',
  '%%',
  '%2',
  '100%',
  '%2525'.repeat(200),
  '__proto__',
  'x:y:z',
  'http://127.0.0.1/x',
  's3://bucket/x',
  '‮txt.exe',
  'a\u0001b',
]

interface Sink {
  name: string
  request: (path: string) => Request
  /** Where an empty path, or what is one, lists a folder. */
  lists?: true
}

/** For a URL; of what is not encoded yet only what no request line takes is. */
const inPath = (text: string) =>
  text
    .replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character))
    .replace(/[?#]/g, encodeURIComponent)
/** The text of a query's parameter, every character of it encoded once. */
const inQuery = (text: string) => encodeURIComponent(text)

const ARTIFACTS = '/api/2.0/mlflow-artifacts'
const json = (method: string, target: string, body: unknown): Request => ({
  method,
  target,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
})
const get = (target: string): Request => ({ method: 'GET', target })

/** All that reads by a path. */
const READS: Sink[] = [
  { name: 'GET artifacts/…', request: (path) => get(`${ARTIFACTS}/artifacts/${encodeURIComponent(path)}`) },
  {
    name: 'HEAD artifacts/…',
    request: (path) => ({ ...get(`${ARTIFACTS}/artifacts/${encodeURIComponent(path)}`), method: 'HEAD' }),
  },
  {
    name: 'GET artifacts?path=',
    request: (path) => get(`${ARTIFACTS}/artifacts?path=${inQuery(path)}`),
    lists: true,
  },
  { name: 'GET presigned/…', request: (path) => get(`${ARTIFACTS}/presigned/${encodeURIComponent(path)}`) },
  { name: 'GET get-artifact', request: (path) => get(`/get-artifact?run_id={hexRun}&path=${inQuery(path)}`) },
  {
    name: 'GET ajax-api get-artifact',
    request: (path) => get(`/ajax-api/2.0/mlflow/get-artifact?run_uuid={hexRun}&path=${inQuery(path)}`),
  },
  {
    name: 'GET model-versions/get-artifact',
    request: (path) => get(`/model-versions/get-artifact?name=net&version=2&path=${inQuery(path)}`),
  },
  {
    name: 'GET artifacts/list',
    request: (path) => get(`/api/2.0/mlflow/artifacts/list?run_id={hexRun}&path=${inQuery(path)}`),
    lists: true,
  },
  {
    name: 'GET logged-models/…/artifacts/directories',
    request: (path) =>
      get(
        `/api/2.0/mlflow/logged-models/{model}/artifacts/directories?artifact_directory_path=${inQuery(path)}`,
      ),
    lists: true,
  },
  {
    name: 'GET logged-models/…/artifacts/files',
    request: (path) =>
      get(`/api/2.0/mlflow/logged-models/{model}/artifacts/files?artifact_file_path=${inQuery(path)}`),
  },
]

/** All that writes or deletes by a path. */
const WRITES: Sink[] = [
  {
    name: 'PUT artifacts/…',
    request: (path) => ({
      method: 'PUT',
      target: `${ARTIFACTS}/artifacts/${encodeURIComponent(path)}`,
      body: 'x',
    }),
  },
  {
    name: 'DELETE artifacts/…',
    request: (path) => ({ method: 'DELETE', target: `${ARTIFACTS}/artifacts/${encodeURIComponent(path)}` }),
  },
  {
    name: 'POST upload-artifact',
    request: (path) => ({
      method: 'POST',
      target: `/ajax-api/2.0/mlflow/upload-artifact?run_uuid={hexRun}&path=${inQuery(path)}`,
      body: 'x',
    }),
  },
  {
    name: 'POST mpu/create/…',
    request: (path) => json('POST', `${ARTIFACTS}/mpu/create/${encodeURIComponent(path)}`, { path: 'f' }),
  },
  {
    name: 'PUT mpu/part/…',
    request: (path) => ({
      method: 'PUT',
      target: `${ARTIFACTS}/mpu/part/${encodeURIComponent(path)}?upload_id={upload}&part_number=1`,
      body: 'x',
    }),
  },
  {
    name: 'POST mpu/complete/…',
    request: (path) =>
      json('POST', `${ARTIFACTS}/mpu/complete/${encodeURIComponent(path)}`, {
        path: 'f',
        upload_id: 'x.y',
        parts: [{ part_number: 1, etag: 'x' }],
      }),
  },
  {
    name: 'POST mpu/abort/…',
    request: (path) =>
      json('POST', `${ARTIFACTS}/mpu/abort/${encodeURIComponent(path)}`, { path: 'f', upload_id: 'x.y' }),
  },
]

/** The path as it stands in the request line, for those whose encoding is part of what they try. */
const RAW: Sink[] = ['GET', 'PUT', 'DELETE'].map((method) => ({
  name: `${method} artifacts/… as it is`,
  request: (path: string) => ({
    method,
    target: `${ARTIFACTS}/artifacts/${inPath(path)}`,
    ...(method === 'PUT' && { body: 'x' }),
  }),
}))

const shown = (text: string) =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}… of ${text.length}` : text)

/** What lies where a path must not lead. */
const SECRET = `secret-${randomUUID()}`

const holdsNoSecret = (answer: Answer) => {
  expect(String(answer.body)).not.toContain(SECRET)
  expect(String(answer.body)).not.toMatch(/root:.*:0:0:|\[fonts\]/)
}

const casesOf = (sink: Sink, paths: string[]): Case[] =>
  paths.map((path) => ({ name: shown(path), request: () => sink.request(path), check: holdsNoSecret }))

/** URIs that lead out of our store, or out of what they name, as the source of a version of a model. */
const SOURCES = [
  ...ESCAPES.map((path) => `mlflow-artifacts:/${path}`),
  ...ESCAPES.map((path) => `runs:/{hexRun}/${path}`),
  '../secret',
  '/etc/passwd',
  '/',
  'file:///etc/passwd',
  'file:/etc',
  'file:etc',
  'FILE:///etc/passwd',
  ' file:///etc/passwd',
  '\tfile:///etc/passwd',
  'file://127.0.0.1/etc/passwd',
  'file://host/etc/passwd',
  'file:///proc/self/root',
  'file:%2f%2f%2fetc',
  'C:\\windows',
  'mlflow-artifacts:/',
  'mlflow-artifacts:/x',
  'mlflow-artifacts:/{hexExperiment}/{hexRun}/artifacts/../../other',
  'mlflow-artifacts:/{hexExperiment}/{hexRun}/artifacts/%2e%2e/%2e%2e/other',
  'mlflow-artifacts:/{hexExperiment}/{hexRun}/artifactsx',
  'mlflow-artifacts://host/{hexExperiment}/{hexRun}/artifacts',
  'mlflow-artifacts://user@host:1/x',
  'runs:/',
  'runs:/x/model',
  'runs:/../{hexRun}',
  'runs://host/{hexRun}/model',
  'runs:/{hexRun}/../../x',
  'runs:/{hexRun}/%2e%2e/%252e%252e/x',
  'models:/',
  'models:/../x',
  'models:/net/../x',
  'models:/net/1/../../x',
  'models:/net/%2e%2e',
  'models://host/net/1',
  'models:/nothing/1',
  'models:/net/99',
  'models:/net@nothing',
  'models:/m-00000000000000000000000000000000',
  's3://bucket/../x',
  's3://bucket/a/../../x',
  's3://bucket/%2e%2e/x',
  's3://bucket/%252e%252e/x',
  's3://bucket',
  `s3://bucket/${encodings('../x', 60)}`,
  `s3://bucket/%${'25'.repeat(200_000)}2e`,
  's3://bucket/a;b/../../x',
  'dbfs:../x',
  'gs://bucket/..',
]

export function traversal(at: AtStage): void {
  describe('a secret beside the store', () => {
    it('lies there', async () => {
      const { data } = at().tracker
      for (const place of [data, path.join(data, '..')]) await writeFile(path.join(place, 'secret'), SECRET)
      // And an artifact of another run, which a path within this one must not reach.
      await at().json('PUT', `${ARTIFACTS}/artifacts/secret`, SECRET)
    })
  })
  for (const sink of READS) {
    // A folder is listed empty of what no file is below.
    const outcome = sink.lists ? answered : refused
    refused(at, `${sink.name} with a path that leads out`, casesOf(sink, ESCAPES))
    outcome(at, `${sink.name} with an odd path`, casesOf(sink, ODD))
  }
  for (const sink of WRITES) refused(at, `${sink.name} with a path that leads out`, casesOf(sink, ESCAPES))
  for (const sink of RAW) {
    // The address is made plain before it is routed, so that it may lead elsewhere; then it is not found there.
    const cases = ESCAPES.filter((path) => !/^[a-z0-9]+$/.test(path)).map((path) => ({
      name: shown(path),
      request: () => sink.request(path),
      check: (answer: Answer) => {
        holdsNoSecret(answer)
        expect(answer.status).toBeGreaterThanOrEqual(400)
      },
    }))
    describe(`${sink.name} with a path that leads out`, () => {
      for (const { name, request, check } of cases) {
        it(`refuses ${name}`, async () => {
          const sent = request()
          const answer = await at().send(sent)
          // Which door it ends at is told by the answer itself.
          const isMlflow = answer.headers['content-type'] === 'application/json'
          judge(answer, isMlflow ? 'mlflow' : 'native', at().secrets)
          check(answer)
        })
      }
    })
  }
  const source = (source: string, rest: object): Case => ({
    name: shown(source),
    request: () =>
      json('POST', '/api/2.0/mlflow/model-versions/create', {
        name: 'net',
        source: at().fill(source),
        ...rest,
      }),
    check: holdsNoSecret,
  })
  refused(
    at,
    'a version of a model with a source that leads out',
    SOURCES.map((each) => source(each, {})),
  )
}
