/** The Python client where the tracker asks for keys. */
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bootstrapSecret } from '../../tools/local/access.ts'
import { cleanUp, Tracker, temporaryFolder } from '../system/support.ts'
import { runPython, SCRIPTS, startPython } from './python-support.ts'

let tracker: Tracker
let bootstrap: string
let admin: string

async function request<T>(method: string, target: string, key: string, body?: object): Promise<T> {
  const response = await fetch(tracker.url + target, {
    method,
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` },
    ...(body && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(await response.text())
  return response.json() as Promise<T>
}

const newKey = async (scope: string, rest: object = {}) =>
  (
    await request<{ key: string }>('POST', '/keys?workspace=default', bootstrap, {
      name: scope,
      scope,
      ...rest,
    })
  ).key

beforeAll(async () => {
  tracker = await Tracker.start({ env: { EDGERUN_KEYS: 'on' } })
  bootstrap = await bootstrapSecret(tracker.data)
  admin = await newKey('admin')
})
afterAll(cleanUp, 60_000)

interface Run {
  id: string
  status: string
  params: object
  metrics: { name: string; count: number }[]
}

const newExperiment = async () =>
  (await request<{ id: string }>('POST', '/experiments', admin, { name: 'of jobs', owner: 'alice' })).id
const losses = (run: Run) => run.metrics.find(({ name }) => name === 'loss')?.count

const log = (spool: string, key: string, experiment: string, id: string) => {
  const job = startPython([path.join(SCRIPTS, 'keyed.py'), experiment, id], {
    EDGERUN_URI: tracker.url,
    EDGERUN_KEY: key,
    EDGERUN_SPOOL: spool,
    EDGERUN_FINISH_TIMEOUT: '5',
  })
  return job.ended.then((ended) => ({ ended, ...job.said }))
}

it('creates runs in the experiment that its key is for, and logs to them', async () => {
  const experiment = await newExperiment()
  const key = await newKey('ingest', { experiment_id: experiment })
  const id = randomUUID()
  const said = await log(await temporaryFolder(), key, experiment, id)
  expect(said).toEqual({ ended: { code: 0, signal: null }, out: '', err: '' })
  const run = await request<Run>('GET', `/runs/${id}`, admin)
  expect([run.status, run.params, losses(run)]).toEqual(['completed', { lr: 0.1 }, 100])
})

it('logs to the run that its key is for', async () => {
  const experiment = await newExperiment()
  const { id } = await request<Run>('POST', `/experiments/${experiment}/runs`, admin, {})
  const key = await newKey('ingest', { run_id: id })
  const said = await log(await temporaryFolder(), key, experiment, id)
  expect(said).toEqual({ ended: { code: 0, signal: null }, out: '', err: '' })
  const run = await request<Run>('GET', `/runs/${id}`, admin)
  expect([run.status, run.params, losses(run)]).toEqual(['completed', { lr: 0.1 }, 100])
})

it('keeps what a wrong key may not send until it is sent with a right one', async () => {
  const experiment = await newExperiment()
  const id = randomUUID()
  const spool = await temporaryFolder()
  const said = await log(spool, await newKey('read'), experiment, id)
  expect(said.ended).toEqual({ code: 0, signal: null })
  expect(said.err).toContain('This API key may not do that')
  expect(said.err).toContain('edgerun sync')
  expect(await readdir(spool)).toEqual([id])
  const key = await newKey('write')
  const out = await runPython(['-m', 'edgerun.cli', 'sync', '--uri', tracker.url, spool], {
    EDGERUN_KEY: key,
  })
  expect(out).toContain('100 points sent')
  expect(losses(await request<Run>('GET', `/runs/${id}`, admin))).toBe(100)
})
