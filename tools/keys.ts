/** `npm run keys`: makes, lists and revokes API keys of a tracker, and makes and lists workspaces. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { bootstrapSecret } from './local/access.ts'
import { readOptions } from './local/options.ts'
import { Sentence } from './local/sentence.ts'

const USAGE = `npm run keys -- COMMAND

  make --name NAME --scope read|write|admin [--expires DATE]
  make --name NAME --scope ingest (--experiment ID | --run ID) [--expires DATE]
  list
  revoke ID
  workspaces
  make-workspace NAME

  --workspace NAME   which workspace, for the bootstrap secret; else \`default\`

Where: EDGERUN_URL, and EDGERUN_KEY with a key of scope admin or the bootstrap secret. Without them it is the tracker that
runs on this machine.`

interface Tracker {
  url: string
  key: string
}

/** The tracker of the environment, or the one that runs here. */
async function trackerOf(env: NodeJS.ProcessEnv): Promise<Tracker> {
  const { EDGERUN_URL: url, EDGERUN_KEY: key } = env
  if (url && key) return { url: url.replace(/\/+$/, ''), key }
  if (url) throw new Sentence('EDGERUN_KEY is not set: a key of scope admin, or the bootstrap secret.')
  const { dataFolder } = readOptions(env)
  const text = await readFile(path.join(dataFolder, 'running.json'), 'utf8').catch(() => {
    throw new Sentence('No tracker runs here: start one, or set EDGERUN_URL and EDGERUN_KEY.')
  })
  const { tracker }: { tracker: string } = JSON.parse(text)
  return { url: tracker, key: await bootstrapSecret(dataFolder) }
}

async function ask(method: string, target: string, body?: unknown): Promise<unknown> {
  const { url, key } = await trackerOf(process.env)
  const response = await fetch(url + target, {
    method,
    headers: {
      Authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Sentence(`Nothing answers at ${url}.`)
  })
  const text = await response.text()
  try {
    const answer: unknown = text === '' ? undefined : JSON.parse(text)
    if (response.ok) return answer
    throw new Sentence(explain(answer))
  } catch (error) {
    if (error instanceof Sentence) throw error
    throw new Sentence(`What answers at ${url} is no tracker (${response.status}).`)
  }
}

function explain(problem: unknown): string {
  const { detail, errors = [] } = problem as { detail: string; errors?: { path: string; message: string }[] }
  return [detail, ...errors.map(({ path, message }) => `${path} ${message}`)].join('\n')
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: 'string' },
    scope: { type: 'string' },
    experiment: { type: 'string' },
    run: { type: 'string' },
    expires: { type: 'string' },
    workspace: { type: 'string' },
  },
})
const [command, subject] = positionals
const query = values.workspace === undefined ? '' : `?${new URLSearchParams({ workspace: values.workspace })}`

async function run(): Promise<void> {
  switch (command) {
    case 'make': {
      const made = await ask('POST', `/keys${query}`, {
        name: values.name,
        scope: values.scope,
        experiment_id: values.experiment,
        run_id: values.run,
        expires_at: values.expires,
      })
      // Alone on its line, for a shell to take it.
      console.log((made as { key: string }).key)
      return
    }
    case 'list':
      console.table(await ask('GET', `/keys${query}`))
      return
    case 'revoke':
      await ask('DELETE', `/keys/${encodeURIComponent(subject ?? '')}${query}`)
      return
    case 'workspaces':
      console.table(await ask('GET', '/workspaces'))
      return
    case 'make-workspace':
      await ask('POST', '/workspaces', { name: subject })
      return
    default:
      throw new Sentence(USAGE)
  }
}

try {
  await run()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
