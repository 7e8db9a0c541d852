/** What a person sees when the tracker is up. */
import { derivedId } from '../../src/ids.ts'

/** With an id of its own, a line that is pasted twice gives the same experiment twice. */
const EXPERIMENT = '01990d2c-7a2f-7c0e-b1a7-0c5f3e8a9b00'

/** The address, the docs' address and three lines to paste: a run in an experiment, a point in, and back. */
export function greeting(port: number): string {
  const address = `http://127.0.0.1:${port}`
  const metrics = `${address}/runs/${derivedId(EXPERIMENT, 'first run')}/metrics`
  const json = "-H 'Content-Type: application/json' -d"
  return `
Edgerun is at    ${address}
Its docs are at  ${address}/docs

Paste these: an experiment with a run, a point of its loss, and the point back.

  curl -X POST ${address}/experiments ${json} '{"id": "${EXPERIMENT}", "name": "hello", "owner": "me", "run": {"name": "first"}}'
  curl -X POST ${metrics} ${json} '{"metrics": [{"name": "loss", "step": 1, "value": 0.5}]}'
  curl ${metrics}/loss

Ctrl-C stops it; the data stays.
`
}
