import { neonConfig } from '@neondatabase/serverless'
import { afterEach } from 'vitest'

type Fault = (send: () => Promise<Response>) => Promise<Response>

/** Undoes `interfere` after each test of a file. */
export function stopInterfering() {
  const real = neonConfig.fetchFunction
  afterEach(() => {
    neonConfig.fetchFunction = real
  })
}

/**
 * Lets the next fetches of the driver end otherwise than the gateway ends them, one fault each; undefined for none.
 *
 * @returns how many fetches there were since
 */
export function interfere(...faults: (Fault | undefined)[]): () => number {
  let sent = 0
  neonConfig.fetchFunction = (...args: Parameters<typeof fetch>) => {
    const fault = faults[sent++]
    return fault ? fault(() => fetch(...args)) : fetch(...args)
  }
  return () => sent
}

/** Postgres has done it, and nobody hears of it. */
export const lostAnswer: Fault = async (send) => {
  await send()
  throw new TypeError('connection lost')
}

/** Postgres has not heard of it. */
export const lostRequest: Fault = () => Promise.reject(new TypeError('connection refused'))
