/** What each way to compare is given. */
import type { Stroke } from '../colour.ts'
import type { Of } from './compared.ts'

export interface View {
  experiment: string
  ids: readonly string[]
  of: Of
  strokes: ReadonlyMap<string, Stroke>
}
