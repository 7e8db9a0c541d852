/** Tests from tables: one for each case, and one for what all of them must have left alone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, Request } from './http.ts'
import { type Door, doorOf, judge, judgeRefusal } from './judge.ts'
import type { Stage } from './stage.ts'

export interface Case {
  name: string
  /** Made when it is sent: some are large. */
  request: () => Request
  /** What else its answer has to be. */
  check?: (answer: Answer, sent: Request) => void
}

/** The stage, which stands when the tests run. */
export type AtStage = () => Stage

/** Cases that have to be refused, with nothing written by any of them. */
export function refused(at: AtStage, name: string, cases: Case[], door?: Door): void {
  describe(name, () => {
    let before: unknown
    beforeAll(async () => {
      before = await at().stored()
    })
    for (const each of cases) {
      it(`refuses ${each.name}`, async () => {
        const sent = each.request()
        const answer = await at().send(sent)
        const isOfUpload = /\/mpu\/(abort|complete)\//.test(sent.target)
        judgeRefusal(answer, door ?? doorOf(sent.target), at().secrets, isOfUpload)
        each.check?.(answer, sent)
      })
    }
    it('has written nothing of it', async () => expect(await at().stored()).toEqual(before))
  })
}

/** Cases that may be taken or not. */
export function answered(at: AtStage, name: string, cases: Case[], door?: Door): void {
  describe(name, () => {
    for (const each of cases) {
      it(`answers ${each.name}`, async () => {
        const sent = each.request()
        const answer = await at().send(sent)
        judge(answer, door ?? doorOf(sent.target), at().secrets)
        each.check?.(answer, sent)
      })
    }
    afterAll(() => expect(at().tracker.child.exitCode).toBe(null))
  })
}

/** Checks that an answer is no larger than what a request like it costs to send. */
export function noLarger(answer: Answer, { target, body = '' }: Request): void {
  expect(answer.body.length).toBeLessThan(64 * 1024 + 1.1 * (target.length + body.length))
}
