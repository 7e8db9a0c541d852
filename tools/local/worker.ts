/** The Worker as it is deployed, on workerd. */
import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import type { Build } from './build.ts'
import { EVERY_MINUTE } from './cron.ts'
import { type Rate, ratesOf } from './limits.ts'
import { listens } from './ports.ts'
import { improveR2 } from './r2.ts'
import { type Bindings, marker, resources } from './stack.ts'

const MODULE_TYPES: Record<string, 'ESModule' | 'CompiledWasm' | 'Text' | 'Data'> = {
  '.js': 'ESModule',
  '.mjs': 'ESModule',
  '.wasm': 'CompiledWasm',
  '.txt': 'Text',
  '.html': 'Text',
  '.sql': 'Text',
  '.bin': 'Data',
}

const WORKER = 'edgerun'

/** What the file that stands before the Worker is called. */
const ENTRY = 'local-entry.js'

/** How often to look whether it listens, in milliseconds, and how often in a row it may not. */
const WATCH_INTERVAL = 500
const MISSES = 6

/** A Worker that runs. */
export interface LocalWorker {
  /** Has it do what is due at a time. */
  scheduled(due: Date): Promise<void>
  stop(): Promise<void>
}

/**
 * Runs a build on workerd, on one port of 127.0.0.1.
 *
 * Miniflare puts two Workers of its own before every call of a Worker with static files: measured, a call then costs
 * six times as much. So calls go straight to the Worker, through a socket that is otherwise for debugging, and only
 * paths that begin like a static file take the way through Cloudflare's asset Worker first, as all do in production.
 */
export async function runWorker(
  build: Build,
  { port, dataFolder, bindings }: { port: number; dataFolder: string; bindings: Bindings },
): Promise<LocalWorker> {
  // Miniflare 5 refuses the rules by which wrangler has told modules apart: the bundle is sorted already.
  const { modulesRules: _, ratelimits: __, assets, ...options } = build.options
  if (assets === undefined) throw new Error('wrangler.toml has no [assets]')
  refuseWhatTheShortcutLacks(assets)
  await writeFile(
    path.join(build.bundle, ENTRY),
    entry(await readdir(build.assets), ratesOf(build, bindings)),
  )

  const start = async (): Promise<Miniflare> => {
    const before = { SIGINT: process.listeners('SIGINT'), SIGTERM: process.listeners('SIGTERM') }
    const improved = improveR2()
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        // A second socket that Miniflare insists on; only the clock uses it.
        host: '127.0.0.1',
        port: 0,
        unsafeTriggerHandlers: true,
        // Where the caller sits: asked of Cloudflare otherwise, which cannot work offline.
        cf: false,
        // Where wrangler has it below the folder that it is given.
        resourcePersistencePath: path.join(resources(dataFolder), 'v3'),
        unsafeRuntimeEnv: marker(dataFolder),
        handleStructuredLogs: ({ message }) => void process.stdout.write(`${message}\n`),
        workers: [
          {
            ...options,
            name: WORKER,
            modulesRoot: build.bundle,
            modules: await modulesOf(build.bundle),
            bindings: { ...options.bindings, ...bindings },
            serviceBindings: { ...options.serviceBindings, ASSETS: 'assets' },
            unsafeDirectSockets: [{ host: '127.0.0.1', port }],
          },
          {
            name: 'assets',
            compatibilityDate: options.compatibilityDate ?? '2026-08-01',
            modules: true,
            script: 'export default { fetch: () => new Response(null, { status: 404 }) }',
            assets: { ...assets, directory: build.assets, routerConfig: { has_user_worker: false } },
          },
        ],
      }),
    )
    // Its own would end this process before the database is stopped. Its exit hook stays.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      for (const listener of process.listeners(signal)) {
        if (!before[signal].includes(listener)) process.off(signal, listener)
      }
    }
    try {
      await miniflare.ready
      return miniflare
    } catch (error) {
      await miniflare.dispose().catch(() => {})
      throw error
    } finally {
      improved()
    }
  }

  let miniflare = await start()
  const unwatch = watch(port, async () => {
    await miniflare.dispose().catch(() => {})
    miniflare = await start()
  })
  return {
    scheduled: async (scheduledTime) => {
      // Not `getWorker`: it halts this process until the Worker answers, and the Worker may be waiting for this process
      // to take what it has logged.
      const query = new URLSearchParams({ cron: EVERY_MINUTE, time: String(scheduledTime.getTime()) })
      const answer = await miniflare.dispatchFetch(`http://localhost/cdn-cgi/local/scheduled?${query}`)
      const outcome = await answer.text()
      if (outcome !== 'ok') throw new Error(`its outcome is ${outcome}`)
    },
    stop: async () => {
      await unwatch()
      await miniflare.dispose()
    },
  }
}

/**
 * Sees to it that something listens. Miniflare starts workerd again when it dies, but gives up, and says nothing, when it
 * dies once more before it is up.
 *
 * @param again makes it listen again
 * @returns ends the watch
 */
function watch(port: number, again: () => Promise<void>): () => Promise<void> {
  const stopping = new AbortController()
  const watching = (async () => {
    let misses = 0
    while (!stopping.signal.aborted) {
      await sleep(WATCH_INTERVAL, undefined, { signal: stopping.signal }).catch(() => {})
      misses = (await listens(port)) ? 0 : misses + 1
      if (misses < MISSES || stopping.signal.aborted) continue
      misses = 0
      // A start that fails is tried again after as many misses.
      await again().catch(() => {})
    }
  })()
  return async () => {
    stopping.abort()
    await watching
  }
}

/** All modules of the bundle, the entry first, which is what makes it the main one. */
async function modulesOf(bundle: string) {
  const files = (await readdir(bundle, { recursive: true })).sort(
    (a, b) => Number(b === ENTRY) - Number(a === ENTRY),
  )
  return files.flatMap((file) => {
    const type = MODULE_TYPES[path.extname(file)]
    return type === undefined ? [] : [{ type, path: path.join(bundle, file) }]
  })
}

/**
 * The module before the Worker: it knows how the paths of static files begin, and counts requests for the rate limits.
 * Miniflare would count them in a Durable Object, on disk: measured, a call of one point then takes twice as long. This
 * is one process, whose memory will do, as that of a machine of Cloudflare's does in production.
 */
function entry(files: string[], rates: Record<string, Rate>): string {
  const names = new Set(files.flatMap((file) => [file, file.replace(/\.html$/, '')]))
  if (names.has('index')) names.add('')
  return `import worker from './index.js'
export * from './index.js'

const STATIC = new Set(${JSON.stringify([...names])})
const RATES = ${JSON.stringify(rates)}
// How long to wait for the rest of a body that nobody has read, in milliseconds.
const PATIENCE = 2_000

class RateLimit {
  counts = new Map()

  constructor({ limit, period }) {
    this.most = limit
    this.period = period * 1000
  }

  async limit({ key }) {
    const window = Math.floor(Date.now() / this.period)
    if (window !== this.window) this.counts.clear()
    this.window = window
    const count = (this.counts.get(key) ?? 0) + 1
    this.counts.set(key, count)
    return { success: count <= this.most }
  }
}

let counting
function withRates(env) {
  counting ??= Object.assign({ ...env }, ...Object.keys(RATES).map((name) => ({ [name]: new RateLimit(RATES[name]) })))
  return counting
}

// Whoever calls hears only that it has failed.
async function scheduled(controller, env, context) {
  try {
    await worker.scheduled(controller, withRates(env), context)
  } catch (error) {
    console.error(JSON.stringify({ level: 'error', error: error.message }))
    throw error
  }
}

// workerd cuts a connection on which a body was left unread, and with it the answer, or the request that comes next.
// Cloudflare reads it before the Worker does.
async function readRest({ body, bodyUsed }) {
  if (body === null || bodyUsed) return
  // A sender that is gone, or that pauses, has no use for the answer.
  await Promise.race([body.pipeTo(new WritableStream()), scheduler.wait(PATIENCE)]).catch(() => {})
}

function first(url) {
  const start = url.indexOf('/', url.indexOf('//') + 2) + 1
  const length = url.slice(start).search(/[/?#]/)
  return length < 0 ? url.slice(start) : url.slice(start, start + length)
}

export default {
  ...worker,
  ...(worker.scheduled && { scheduled }),
  async fetch(request, env, context) {
    if ((request.method === 'GET' || request.method === 'HEAD') && STATIC.has(first(request.url))) {
      const response = await env.ASSETS.fetch(request)
      if (response.status !== 404) return response
    }
    const response = await worker.fetch(request, withRates(env), context)
    await readRest(request)
    return response
  },
}
`
}

/** Settings of static files that would make production and the short way differ. */
function refuseWhatTheShortcutLacks(assets: object): void {
  const text = JSON.stringify(assets)
  for (const setting of ['static_routing', 'invoke_user_worker_ahead_of_assets', 'not_found_handling']) {
    if (text.includes(`"${setting}"`))
      throw new Error(`tools/local/worker.ts does not do ${setting} of [assets] yet`)
  }
}
