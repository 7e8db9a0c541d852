/** What a person sees when the tracker is up. */
import { derivedId } from '../../src/ids.ts'
import type { Options } from './options.ts'

/** With an id of its own, a line that is pasted twice gives the same experiment twice. */
const EXPERIMENT = '01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b00'

/** The address, the docs' address and three lines to paste: a run in an experiment, a point in, and back. */
export function greeting({ port, keys }: Pick<Options, 'port' | 'keys'>): string {
  const address = `http://127.0.0.1:${port}`
  const metrics = `${address}/runs/${derivedId(EXPERIMENT, 'first run')}/metrics`
  const key = keys ? ' -H "Authorization: Bearer $EDGERUN_KEY"' : ''
  const json = "-H 'Content-Type: application/json' -d"
  return `
Edgerun is at    ${address}
Its docs are at  ${address}/docs
${keys ? CLOSED : OPEN}

Paste these: an experiment with a run, a point of its loss, and the point back.

  curl -X POST ${address}/experiments${key} ${json} '{"id": "${EXPERIMENT}", "name": "hello", "owner": "me", "run": {"name": "first"}}'
  curl -X POST ${metrics}${key} ${json} '{"metrics": [{"name": "loss", "step": 1, "value": 0.5}]}'
  curl ${metrics}/loss${key}

Ctrl-C stops it; the data stays.
`
}

const OPEN = `
It is open: whoever is on this machine can read and write it, and nobody else can reach it.
EDGERUN_KEYS=on npm start asks for keys.`

const CLOSED = `
It asks for keys. This makes one, where nothing else has to be said:

  export EDGERUN_KEY=$(npm run --silent keys -- make --name me --scope write)`
