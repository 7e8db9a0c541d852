/** A job that logs, over a network that cannot be trusted, and that has little patience itself. */
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { type Call, Caller, type Scene, shapes } from './call.ts'
import { type Answer, faultOfRefusal, send } from './client.ts'
import type { Journal } from './journal.ts'
import { draw } from './seed.ts'

/** How a call is made. */
const manners = fc.record({
  shape: shapes(fc.integer({ min: 1, max: 40 })),
  /** It leaves the first time so many milliseconds after it came. */
  leavesAfter: fc.option(fc.integer({ min: 0, max: 60 }), { freq: 8 }),
  /** How long it waits for an answer otherwise: the Worker gives up after 12 seconds. */
  patience: fc.oneof(
    { weight: 9, arbitrary: fc.constant(2_500) },
    { weight: 1, arbitrary: fc.constant(20_000) },
  ),
  /** Whether it tries until it is told that the call is stored. */
  insists: fc.boolean(),
  /** Whether it sends the call once more when it has been told. */
  doubts: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
})

type Manner = typeof manners extends fc.Arbitrary<infer T> ? T : never

/** How many manners are drawn for a writer before they begin again. */
const PLANNED = 2_000

const PAUSE = 30

export class Writer {
  readonly #url: string
  readonly #journal: Journal
  readonly #caller: Caller
  readonly #manners: Manner[]
  readonly #agent = new Agent({ keepAlive: true })
  stop = false
  /** Attempts that ended without an answer, and with a refusal. */
  lost = 0
  refused = 0

  constructor(url: string, journal: Journal, scene: Scene, number: number) {
    this.#url = url
    this.#journal = journal
    this.#caller = new Caller(scene, number)
    this.#manners = draw(manners, PLANNED, number)
  }

  async write(): Promise<void> {
    for (let i = 0; !this.stop; i++) {
      const manner = this.#manners[i % PLANNED]
      if (manner === undefined) throw new Error('No manners')
      await this.#call(manner)
    }
    this.#agent.destroy()
  }

  async #call(manner: Manner): Promise<void> {
    const call = this.#caller.make(manner.shape)
    this.#journal.sent(call)
    for (let attempt = 0; attempt === 0 || (manner.insists && !this.stop); attempt++) {
      const patience = attempt === 0 ? (manner.leavesAfter ?? manner.patience) : manner.patience
      const answer = await this.#attempt(call, patience)
      if (answer === undefined || answer.status >= 300) {
        await sleep(PAUSE)
        continue
      }
      this.#journal.acknowledge(call)
      this.#checkCounts(call, answer, false)
      if (manner.doubts) {
        const again = await this.#attempt(call, manner.patience)
        if (again !== undefined && again.status < 300) this.#checkCounts(call, again, true)
      }
      return
    }
  }

  /** The same bytes each time. */
  async #attempt(call: Call, patience: number): Promise<Answer | undefined> {
    let answer: Answer
    try {
      answer = await send(this.#url, call.request, {
        agent: this.#agent,
        signal: AbortSignal.timeout(patience),
      })
    } catch {
      this.lost += 1
      return undefined
    }
    if (answer.status >= 300) {
      this.refused += 1
      const fault = faultOfRefusal(answer)
      if (fault !== undefined) this.#journal.faults.push(`${call.name}: ${fault}`)
    }
    return answer
  }

  /** What was acknowledged before is stored no second time. */
  #checkCounts(call: Call, { text }: Answer, again: boolean): void {
    if (call.points === undefined) return
    const { stored, duplicates }: Record<string, unknown> = JSON.parse(text)
    const isRight = Number(stored) + Number(duplicates) === call.points && (!again || stored === 0)
    if (!isRight)
      this.#journal.faults.push(`${call.name}, ${again ? 'again' : 'of'} ${call.points} points: ${text}`)
  }
}
