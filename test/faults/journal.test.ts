import { describe, expect, it } from 'vitest'
import { betweenWorkerAndDatabase } from './fault.ts'
import { Journal } from './journal.ts'
import { draw } from './seed.ts'

/** A journal of three calls of two items, of which the first was acknowledged. */
function journal(): Journal {
  const journal = new Journal()
  const calls = ['a', 'b', 'c'].map((name) => ({ name, items: [`${name}1`, `${name}2`] }))
  for (const call of calls) journal.sent(call)
  if (calls[0]) journal.acknowledge(calls[0])
  return journal
}

describe('the journal', () => {
  it.each([
    ['what was acknowledged alone', ['a1', 'a2'], []],
    ['what was sent and not acknowledged', ['b2', 'a1', 'b1', 'a2'], []],
    [
      'a call that was acknowledged and is gone',
      [],
      [/^2 of 2 items are missing of a, which was acknowledged/],
    ],
    [
      'a call that was acknowledged and is half there',
      ['a2'],
      [/^1 of 2 items are missing of a, which was ack/],
    ],
    [
      'half a call of which nobody knows',
      ['a1', 'a2', 'c1'],
      [/^1 of 2 items are missing of c, .* in part$/],
    ],
    ['something twice', ['a1', 'a2', 'a1'], [/^stored twice: a1, by a$/]],
    ['something that nobody has sent', ['a1', 'a2', 'd1'], [/^nobody has sent d1$/]],
  ])('judges %s', (_, stored, findings) => {
    expect(journal().findings(stored)).toEqual(findings.map((finding) => expect.stringMatching(finding)))
  })
})

describe('a plan', () => {
  it('is the same for the same seed, and another one for somebody else', () => {
    const plan = (who: number) => draw(betweenWorkerAndDatabase, 500, who)
    expect(plan(1)).toEqual(plan(1))
    expect(plan(1)).not.toEqual(plan(2))
  })
})
