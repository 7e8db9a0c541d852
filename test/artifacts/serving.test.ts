import { beforeAll, describe, expect, it } from 'vitest'
import { Files, send } from '../support/artifacts.ts'
import { LoggedModels } from '../support/logged-models.ts'
import { MlflowClient } from '../support/mlflow.ts'
import { Registry } from '../support/registry.ts'
import { newTracker, type Tracker } from '../support/tracker.ts'

/** What a browser might run or show, and as what it is served. */
const TYPES: Record<string, string> = {
  'page.html': 'text/html',
  'page.HTM': 'text/html',
  'page.xhtml': 'application/xhtml+xml',
  'picture.svg': 'image/svg+xml',
  'paper.pdf': 'application/pdf',
  'config.yaml': 'text/plain',
  'feed.xml': 'text/plain',
  'script.js': 'text/plain',
  // Scripts by other names: a page of ours may take scripts from our origin.
  'script.JS': 'text/plain',
  'module.mjs': 'text/plain',
  'script.ecma': 'text/plain',
  'style.css': 'text/css',
  'page.unknown': 'application/octet-stream',
  page: 'application/octet-stream',
  'page.html;.txt': 'text/plain',
  MLmodel: 'text/plain',
}

let tracker: Tracker
let run: string
let model: string
let place: string
const mlflow = new MlflowClient(() => tracker)
const registry = new Registry(mlflow)
const files = new Files(() => tracker)
beforeAll(async () => {
  tracker = await newTracker()
  const experiment = await mlflow.createExperiment('serving')
  run = (await mlflow.createRun(experiment)).info.run_id
  place = `${experiment}/${run}/artifacts`
  const { info } = await new LoggedModels(mlflow).create(experiment)
  model = info.model_id
  await registry.model('served')
  await registry.version('served', { source: `mlflow-artifacts:/${place}`, run_id: run })
  const ofModel = info.artifact_uri.replace('mlflow-artifacts:/', '')
  for (const name of Object.keys(TYPES)) {
    for (const folder of [place, ofModel]) await files.put(`${folder}/${name}`, '<script>alert(1)</script>')
  }
})

const ROUTES: Record<string, (name: string) => string> = {
  'its place in the store': (name) => files.url(`${place}/${name}`),
  'the same, as a page asks': (name) => files.url(`${place}/${name}`).replace('/api/', '/ajax-api/'),
  'its run': (name) => `/get-artifact?${new URLSearchParams({ run_id: run, path: name })}`,
  'its run, as a page asks': (name) =>
    `/ajax-api/2.0/mlflow/get-artifact?${new URLSearchParams({ run_id: run, path: name })}`,
  'a version of a model': (name) =>
    `/model-versions/get-artifact?${new URLSearchParams({ name: 'served', version: '1', path: name })}`,
  'a logged model': (name) =>
    `/ajax-api/2.0/mlflow/logged-models/${model}/artifacts/files?${new URLSearchParams({ artifact_file_path: name })}`,
}

const POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

/** What keeps a browser from running an answer, or showing it in a page. */
const guards = ({ headers }: { headers: Headers }) => [
  headers.get('X-Content-Type-Options'),
  headers.get('Content-Security-Policy'),
  headers.get('Cross-Origin-Resource-Policy'),
  headers.get('X-Frame-Options'),
]
const GUARDS = ['nosniff', POLICY, 'same-origin', 'DENY']

describe.each(Object.entries(ROUTES))('a file by %s', (_, url) => {
  it.each(Object.entries(TYPES))('is an attachment that runs nowhere: %s as %s', async (name, type) => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await send(tracker, method, url(name))
      expect(answer.status).toBe(200)
      expect(answer.headers.get('Content-Type')).toBe(type)
      expect(answer.headers.get('Content-Disposition')).toMatch(/^attachment; filename=/)
      expect(guards(answer)).toEqual(GUARDS)
      expect(answer.headers.get('Cache-Control')).toBe('private, no-cache')
    }
  })

  it('is so in part too, and where there is nothing new or nothing there', async () => {
    const whole = await send(tracker, 'GET', url('page.html'))
    const etag = whole.headers.get('ETag') ?? ''
    for (const [status, name, headers] of [
      [206, 'page.html', { Range: 'bytes=0-3' }],
      [304, 'page.html', { 'If-None-Match': etag }],
      [416, 'page.html', { Range: 'bytes=999-' }],
      [404, '<script>alert(1)</script>.html', {}],
    ] as const) {
      const answer = await send(tracker, 'GET', url(name), { headers })
      expect([answer.status, ...guards(answer)]).toEqual([status, ...GUARDS])
      if (status !== 206 && status !== 304)
        expect(answer.headers.get('Content-Type') ?? '').not.toMatch(/html|svg/)
    }
  })
})
