import { randomUUID } from 'node:crypto'
import type { Scene } from './call.ts'
import { type Request, send, withJson } from './client.ts'
import { item, type Journal } from './journal.ts'

/** An experiment with runs, to write to. */
export async function newScene(url: string, journal: Journal, runs: number, writers: number): Promise<Scene> {
  const create = async (request: Request, items: string[]) => {
    const entry = { name: request.path, items }
    journal.sent(entry)
    const { status, text } = await send(url, request)
    if (status !== 201) throw new Error(`${request.path}: ${status} ${text}`)
    journal.acknowledge(entry)
  }
  const experiment = randomUUID()
  const body = { id: experiment, name: 'scene', owner: 'writer' }
  await create(withJson('POST', '/experiments', body), [item.experiment(experiment)])
  const scene: Scene = { experiment, runs: [], writers }
  for (let i = 0; i < runs; i++) {
    const id = randomUUID()
    const name = `scene${i}`
    await create(withJson('POST', `/experiments/${experiment}/runs`, { id, name }), [
      item.run(experiment, name),
    ])
    scene.runs.push(id)
  }
  return scene
}
