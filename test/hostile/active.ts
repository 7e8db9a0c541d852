/** Stored files that a browser would run, were they shown on our origin. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { AtStage } from './group.ts'

const SCRIPT = '<script>fetch("/experiments", {method: "POST"})</script>'

/** Files by name; what they hold is what a browser would look for that guesses types. */
const FILES: Record<string, string> = {
  'page.html': SCRIPT,
  'page.htm': SCRIPT,
  'page.HTML': SCRIPT,
  'page.xhtml': `<html xmlns="http://www.w3.org/1999/xhtml">${SCRIPT}</html>`,
  'page.shtml': SCRIPT,
  'page.mhtml': SCRIPT,
  'page.hta': SCRIPT,
  'page.xht': SCRIPT,
  'picture.svg': `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">${SCRIPT}</svg>`,
  'picture.SVG': `<svg xmlns="http://www.w3.org/2000/svg">${SCRIPT}</svg>`,
  'picture.svgz': 'x',
  'picture.png': SCRIPT,
  'data.xml': '<?xml-stylesheet href="x.xsl"?><x/>',
  'data.xsl': '<xsl:stylesheet/>',
  'data.rss': '<rss/>',
  'data.atom': '<feed/>',
  'data.rdf': '<rdf/>',
  'script.js': 'alert(1)',
  'script.mjs': 'alert(1)',
  'script.cjs': 'alert(1)',
  'script.ts': 'alert(1)',
  'script.wasm': '\0asm',
  'sw.js': 'self.onfetch = () => {}',
  'style.css': 'body { background: url(/experiments) }',
  'config.yaml': '!!python/object/apply:os.system ["id"]',
  'config.yml': SCRIPT,
  MLmodel: SCRIPT,
  'notes.json': SCRIPT,
  'notes.ipynb': SCRIPT,
  'notes.txt': SCRIPT,
  'notes.md': SCRIPT,
  'notes.csv': '=cmd|calc',
  'notes.pdf': '%PDF-1.4',
  'app.webmanifest': '{}',
  'app.swf': 'FWS',
  'app.jar': 'PK',
  'app.exe': 'MZ',
  'app.appcache': 'CACHE MANIFEST',
  'no-extension': SCRIPT,
  '.htaccess': 'AddType text/html .txt',
  'two.html.txt': SCRIPT,
  'two.txt.html': SCRIPT,
  'dot.html.': SCRIPT,
  'space.html ': SCRIPT,
  'semicolon.txt;.html': SCRIPT,
  'quote".html': SCRIPT,
  "apostrophe'.html": SCRIPT,
  'star*.html': SCRIPT,
  'comma,.html': SCRIPT,
  'filename=x.txt".html': SCRIPT,
  'a%0d%0aSet-Cookie: x=y.html': SCRIPT,
  '値.html': SCRIPT,
  '\u202etxt.html': SCRIPT,
  '😀.svg': SCRIPT,
}

/** Types that a browser runs scripts of, or applies, when it is sent there. */
const ACTIVE = /html|svg|xml|xsl|javascript|ecmascript|multipart|flash|pdf/

const FOLDER = '{hexExperiment}/{hexRun}/artifacts'

const SINKS: [name: string, (file: string) => string][] = [
  ['artifacts/…', (file) => `/api/2.0/mlflow-artifacts/artifacts/${FOLDER}/${file}`],
  ['ajax-api artifacts/…', (file) => `/ajax-api/2.0/mlflow-artifacts/artifacts/${FOLDER}/${file}`],
  ['get-artifact', (file) => `/get-artifact?run_id={hexRun}&path=${file}`],
  ['model-versions/get-artifact', (file) => `/model-versions/get-artifact?name=net&version=2&path=${file}`],
]

export function active(at: AtStage): void {
  describe('a stored file', () => {
    beforeAll(async () => {
      for (const [name, content] of Object.entries(FILES)) {
        await at().send({
          method: 'PUT',
          target: `/api/2.0/mlflow-artifacts/artifacts/${FOLDER}/${encodeURIComponent(name)}`,
          headers: { 'Content-Type': 'text/html' },
          body: content,
        })
      }
    })
    for (const [sink, target] of SINKS) {
      for (const name of Object.keys(FILES)) {
        for (const [method, range] of [
          ['GET', undefined],
          ['HEAD', undefined],
          ['GET', 'bytes=0-1'],
        ] as const) {
          it(`is not run by a browser: ${method} ${JSON.stringify(name)} of ${sink}${range ? ' in part' : ''}`, async () => {
            const { status, headers } = await at().send({
              method,
              target: target(encodeURIComponent(name)),
              headers: {
                // What a browser would like to have changes nothing.
                Accept: 'text/html',
                ...(range && { Range: range }),
              },
            })
            expect(status).toBe(range ? 206 : 200)
            expect(headers['x-content-type-options']).toBe('nosniff')
            expect(headers['content-disposition']).toMatch(/^attachment(;|$)/)
            expect(headers).not.toHaveProperty('set-cookie')
            expect(headers).not.toHaveProperty('access-control-allow-origin')
            expect(headers).not.toHaveProperty('service-worker-allowed')
            if (ACTIVE.test(headers['content-type'] ?? 'text/html')) {
              // Shown all the same, it would belong to no origin and run nothing.
              expect(headers['content-security-policy']).toMatch(/^default-src 'none';.*; sandbox$/)
            }
          })
        }
      }
    }
  })

  describe('an answer that quotes what was sent', () => {
    it.each([
      '/<script>alert(1)</script>',
      '/%3Cscript%3Ealert(1)%3C%2Fscript%3E',
      '/api/2.0/mlflow/%3Cscript%3Ealert(1)%3C%2Fscript%3E',
      '/api/2.0/mlflow/runs/get?run_id=%3Cscript%3Ealert(1)%3C%2Fscript%3E',
      '/get-artifact?run_id={hexRun}&path=%3Csvg%20onload=alert(1)%3E',
      '/experiments?limit=%3Cscript%3E',
    ])('is no page: %s', async (target) => {
      const { status, headers } = await at().send({ method: 'GET', target, headers: { Accept: 'text/html' } })
      expect(status).toBeGreaterThanOrEqual(400)
      expect(headers['content-type']).toMatch(/^application\/(problem\+)?json\b/)
    })
  })
}
