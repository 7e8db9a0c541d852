import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp } from '../system/support.ts'
import { active } from './active.ts'
import { bodies } from './bodies.ts'
import { fields } from './fields.ts'
import { load } from './load.ts'
import { outward } from './outward.ts'
import { queries } from './queries.ts'
import { Stage } from './stage.ts'
import { traversal } from './traversal.ts'
import { wire } from './wire.ts'

let stage: Stage
let memory: number
beforeAll(async () => {
  stage = await Stage.start()
  memory = await stage.memory()
})
afterAll(cleanUp)
const at = () => stage

/** What is in memory after many requests, one after the other, beyond what was there before, in MiB. */
const SLACK = 512

/**
 * As `SLACK`, after many large ones at once. Nobody limits the memory of a Worker here, and V8 keeps garbage for as long
 * as it may: round after round of them it has been seen between 500 and 1,350 MiB more than before the first one.
 */
const SLACK_OF_MANY = 1_792

describe('one by one', () => {
  bodies(at)
  fields(at)
  queries(at)
  traversal(at)
  wire(at)
  active(at)
  outward(at)
  isBounded(SLACK)
})

describe('many at once', () => {
  load(at)
  isBounded(SLACK_OF_MANY)
})

function isBounded(slack: number): void {
  it('after all that memory is bounded', async () => {
    expect((await stage.memory()) - memory).toBeLessThan(slack)
  })

  it('after all that the tracker lives, and takes what is right', async () => {
    expect(stage.tracker.child.exitCode).toBe(null)
    const { id } = await stage.json<{ id: string }>('POST', '/experiments', { name: 'after', owner: 'alice' })
    expect(await stage.json('GET', `/experiments/${id}`)).toMatchObject({ name: 'after' })
  })
}
