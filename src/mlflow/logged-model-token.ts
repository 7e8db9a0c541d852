/** Page tokens of searches of logged models, which say of which search they are. */
import { z } from 'zod'
import { invalidParameter } from './errors.ts'
import { pythonRepr } from './wire.ts'

/** What a page belongs to: the next one has to be asked for in the same words. */
const Asked = z.object({
  experiment_ids: z.array(z.string()),
  filter: z.string().nullable(),
  order_by: z.array(z.record(z.string(), z.union([z.string(), z.boolean(), z.null()]))).nullable(),
  after: z.string(),
})
type Asked = z.output<typeof Asked>

/** The token of the page after a row. */
export const writeToken = (asked: Asked): string =>
  new TextEncoder().encode(JSON.stringify(asked)).toBase64({ alphabet: 'base64url', omitPadding: true })

/**
 * The cursor that a token holds.
 *
 * @throws MlflowError when it is none, or one of another search
 */
export function readToken(token: string, asked: Omit<Asked, 'after'>): string {
  const held = Asked.safeParse(decoded(token))
  if (!held.success) throw invalidParameter(`Invalid page token: ${token}.`)
  const compare = (what: string, expected: unknown, found: unknown) => {
    const [wanted, given] = [expected, found].map(told)
    if (wanted !== given) throw invalidParameter(`${what}. Expected: ${wanted}. Found: ${given}`)
  }
  const { experiment_ids, filter, order_by, after } = held.data
  compare(
    'Experiment IDs in the page token do not match the requested experiment IDs',
    asked.experiment_ids,
    experiment_ids,
  )
  compare('Filter string in the page token does not match the requested filter string', asked.filter, filter)
  compare('Order by in the page token does not match the requested order by', asked.order_by, order_by)
  return after
}

const told = (value: unknown) => (typeof value === 'string' ? value : pythonRepr(value))

function decoded(token: string): unknown {
  try {
    return JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(
        Uint8Array.fromBase64(token, { alphabet: 'base64url' }),
      ),
    )
  } catch {
    return undefined
  }
}
