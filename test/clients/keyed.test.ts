import { afterAll, beforeAll, describe, it } from 'vitest'
import { bootstrapSecret } from '../../tools/local/access.ts'
import { cleanUp, Tracker } from '../system/support.ts'
import { install, type Result, runTheme, themes } from './support.ts'

let tracker: Tracker
const env: Record<string, string> = {}
beforeAll(async () => {
  await install()
  tracker = await Tracker.start({ env: { EDGERUN_KEYS: 'on' } })
  const bootstrap = await bootstrapSecret(tracker.data)

  const post = async <T>(target: string, body: unknown, key = bootstrap): Promise<T> => {
    const response = await fetch(tracker.url + target, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(await response.text())
    return response.json() as Promise<T>
  }
  const key = async (scope: string, rest: object = {}, workspace = 'default') =>
    (await post<{ key: string }>(`/keys?workspace=${workspace}`, { name: scope, scope, ...rest })).key

  await post('/workspaces', { name: 'other' })
  env.KEY_WRITE = await key('write')
  env.KEY_READ = await key('read')
  env.KEY_OTHER = await key('write', {}, 'other')
  const { id } = await post<{ id: string }>(
    '/experiments',
    { name: 'of jobs', owner: 'alice' },
    env.KEY_WRITE,
  )
  env.KEY_INGEST = await key('ingest', { experiment_id: id })
  env.INGEST_EXPERIMENT = id.replaceAll('-', '')
}, 600_000)
afterAll(cleanUp, 60_000)

describe.each(await themes('keyed'))('$title', ({ module, sentences }) => {
  let results: Record<string, Result>
  beforeAll(async () => {
    results = await runTheme(module, tracker.url, [], env)
  }, 600_000)
  it.each(sentences)('%s', (sentence) => {
    const { broke } = results[sentence] ?? { broke: 'The scenario did not run' }
    if (broke) throw new Error(broke)
  })
})
