/** The limits that are set in the environment, under the names that they have in wrangler.toml. */
import { TrackerError } from '../../src/errors.ts'
import { LIMITS, limitsOf } from '../../src/limits.ts'
import type { Build } from './build.ts'
import { Sentence } from './sentence.ts'
import type { Bindings } from './stack.ts'

/** @throws Sentence about those that are no limits */
export function limitBindings(env: NodeJS.ProcessEnv): Bindings {
  const set = Object.fromEntries(LIMITS.flatMap((name) => (env[name] ? [[name, env[name]]] : [])))
  try {
    limitsOf(set)
  } catch (error) {
    throw error instanceof TrackerError ? new Sentence(`${error.message}.`) : error
  }
  return set
}

/** What a binding that counts requests allows: so many of each key in so many seconds. */
export interface Rate {
  limit: number
  period: number
}

/** The bindings that count requests, by name, with what the variable says instead of what wrangler.toml does. */
export function ratesOf({ options }: Build, { REQUESTS_PER_MINUTE: set }: Bindings): Record<string, Rate> {
  return Object.fromEntries(
    Object.entries(options.ratelimits ?? {}).map(([name, { simple }]) => [
      name,
      { limit: set === undefined ? simple.limit : Number(set), period: simple.period ?? 60 },
    ]),
  )
}
