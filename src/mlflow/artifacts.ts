/** Artifacts, as MLflow's clients and its page write, list and read them through the tracker. */
import { Hono } from 'hono'
import { bodyOf, fill, knownLength } from '../artifacts/body.ts'
import { download } from '../artifacts/download.ts'
import { modelLocation, ownKey, runLocation } from '../artifacts/location.ts'
import { joined, newFilePath, safePath } from '../artifacts/path.ts'
import { ArtifactRepository } from '../artifacts/repository.ts'
import { type Entry, ownStore } from '../artifacts/store.ts'
import type { AppContext, AppEnv } from '../http/context.ts'
import { AuditRepository } from '../keys/audit.ts'
import { ModelVersionRepository } from '../registry/versions.ts'
import { invalidParameter, MlflowError } from './errors.ts'
import { modelOf, noLoggedModel } from './logged-model-wire.ts'
import { message, text } from './message.ts'
import { multipartRoutes, pathBehind } from './multipart.ts'
import { noVersion, versionNumber } from './registry.ts'
import { noRun, ofRun, runOf } from './runs.ts'

/** The largest file that is uploaded by MLflow's page, in bytes. */
const MAX_UPLOAD = 10 * 1024 * 1024

/** Routes that name only a path: they do not ask the database whether there is such a run. */
const proxied = new Hono<AppEnv>()
  .get('/artifacts', async (c) => {
    const files = await (await ownStore(c)).list(safePath(c.req.query('path') ?? ''))
    return c.json(listed(files, ''))
  })
  .get('/artifacts/*', (c) => download(c, safePath(pathBehind(c, '/artifacts/'))))
  .put('/artifacts/*', async (c) => {
    const key = newFilePath(pathBehind(c, '/artifacts/'))
    const { raw } = c.req
    const store = await ownStore(c)
    const written = store.put(key, bodyOf(raw), knownLength(raw))
    // A client that hangs up must not end us before what it has sent is cleared away.
    c.executionCtx.waitUntil(written.catch(() => {}))
    await written
    return c.body(null)
  })
  .delete('/artifacts/*', async (c) => {
    const key = safePath(pathBehind(c, '/artifacts/'))
    if (key === '') throw invalidParameter('Invalid path: name what is to be deleted')
    const store = await ownStore(c)
    if ((await store.head(key)) || (await store.isFolder(key))) {
      await c.var.db.single(new AuditRepository(c.var.db.scope).artifactDeleted(key))
      await store.deleteAll(key)
    }
    return c.json({})
  })
  .route('/', multipartRoutes)

/** Routes that name a run or a model, which one trip to the database finds. */
const ofThings = new Hono<AppEnv>()
  .get('/artifacts/list', async (c) => {
    const { run_id: id, path } = await message(c, ofRun({ path: text }))
    const folder = safePath(path ?? '')
    return list(c, await locationOfRun(c, id), folder)
  })
  .get('/get-artifact', getOfRun)
  .post('/upload-artifact', async (c) => {
    const { run_uuid: id, path } = c.req.query()
    if (!id) throw invalidParameter('Request must specify run_uuid.')
    if (!path) throw invalidParameter('Request must specify path.')
    const file = newFilePath(path)
    const bytes = await readUpload(c.req.raw)
    const root = keyOf(c, await locationOfRun(c, id))
    await (await ownStore(c)).putBytes(joined(root, file), bytes)
    return c.body(null, 200, { 'Content-Type': 'application/json' })
  })
  .get('/logged-models/:id/artifacts/directories', async (c) => {
    const folder = safePath(c.req.query('artifact_directory_path') ?? '')
    return list(c, await locationOfModel(c, c.req.param('id')), folder)
  })
  .get('/logged-models/:id/artifacts/files', async (c) => {
    const path = c.req.query('artifact_file_path')
    if (!path) {
      throw new MlflowError('BAD_REQUEST', 'Request must include the "artifact_file_path" query parameter.')
    }
    const file = safePath(path)
    return download(c, joined(keyOf(c, await locationOfModel(c, c.req.param('id'))), file))
  })

export const artifactRoutes = new Hono<AppEnv>()
for (const prefix of ['/api', '/ajax-api']) {
  artifactRoutes.route(`${prefix}/2.0/mlflow-artifacts`, proxied)
  artifactRoutes.route(`${prefix}/2.0/mlflow`, ofThings)
}
artifactRoutes.get('/get-artifact', getOfRun).get('/model-versions/get-artifact', async (c) => {
  const { name = '', version = '' } = c.req.query()
  const file = safePath(requiredPath(c))
  const { number, told } = versionNumber(version)
  const { rows } = await c.var.db.single(new ModelVersionRepository(c.var.db.scope).location(name, number))
  const [row] = rows
  if (!row) throw noVersion(name, told)
  return download(c, joined(keyOf(c, row.location ?? ''), file))
})

async function getOfRun(c: AppContext): Promise<Response> {
  const { run_id: id } = await message(c, ofRun({}))
  const file = safePath(requiredPath(c))
  return download(c, joined(keyOf(c, await locationOfRun(c, id)), file))
}

function requiredPath(c: AppContext): string {
  const path = c.req.query('path')
  if (path === undefined) throw invalidParameter("Missing value for required parameter 'path'.")
  return path
}

async function locationOfRun(c: AppContext, id: string): Promise<string> {
  const uuid = runOf(id)
  const [row] = await c.var.db.single(new ArtifactRepository(c.var.db.scope).ofRun(uuid))
  if (!row) throw noRun(id)
  return runLocation(row.experimentId, uuid, row.artifactUri)
}

async function locationOfModel(c: AppContext, id: string): Promise<string> {
  const uuid = modelOf(id)
  const [row] = await c.var.db.single(new ArtifactRepository(c.var.db.scope).ofModel(uuid))
  if (!row) throw noLoggedModel(id)
  return modelLocation(row.experimentId, uuid, row.artifactLocation)
}

/** Where in our store a location is. */
function keyOf(c: AppContext, location: string): string {
  const key = ownKey(location, new URL(c.req.url).host)
  if (key !== undefined) return key
  throw new MlflowError(
    'NOT_IMPLEMENTED',
    `These artifacts lie at '${location}', which this tracker does not serve: read and write them there`,
  )
}

/** Lists a folder of a location. */
async function list(c: AppContext, location: string, folder: string) {
  const files = await (await ownStore(c)).list(joined(keyOf(c, location), folder))
  return c.json({ root_uri: location, ...listed(files, folder) })
}

function listed(entries: Entry[], folder: string) {
  const files = entries.map(({ name, size }) => ({
    path: joined(folder, name),
    is_dir: size === undefined,
    // Of an empty one nothing is said, as MLflow says nothing.
    ...(size !== undefined && size > 0 && { file_size: size }),
  }))
  return { ...(files.length > 0 && { files }) }
}

async function readUpload(request: Request): Promise<Uint8Array> {
  const tooLarge = () => invalidParameter('Artifact size is too large. Max size is 10MB.')
  const length = knownLength(request) ?? MAX_UPLOAD
  if (length > MAX_UPLOAD) throw tooLarge()
  const reader = bodyOf(request).getReader({ mode: 'byob' })
  const bytes = await fill(reader, new Uint8Array(length + 1))
  if (bytes.byteLength > MAX_UPLOAD) {
    await reader.cancel()
    throw tooLarge()
  }
  if (bytes.byteLength === 0) throw invalidParameter('Request must specify data.')
  return bytes
}
