/** Makes the Worker's static files in `dist/assets`: the page, and the interactive API page, which must work without internet. */
import { cp, mkdir, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { build } from 'vite'

const root = path.resolve(import.meta.dirname, '..')
const swagger = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
const target = path.join(root, 'dist/assets/docs')

await rm(path.join(root, 'dist/assets'), { recursive: true, force: true })
await mkdir(target, { recursive: true })
await cp(path.join(root, 'src/docs'), target, { recursive: true })
// Cloudflare reads it at the root.
await rename(path.join(target, '_headers'), path.join(root, 'dist/assets/_headers'))
for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css', 'favicon-32x32.png', 'LICENSE']) {
  await cp(path.join(swagger, file), path.join(target, file))
}
await build({
  configFile: path.join(root, 'src/dashboard/vite.config.ts'),
  // Loaded as it is: bundled, it would be written beside the packages, which may belong to another user.
  configLoader: 'native',
})
