/** What is typed into the search box: a filter, or a part of a name; and where the tracker found a fault in it. */
import { Problem } from '../api.ts'
import { stringOf } from './names.ts'

const FIELDS =
  'id|run_id|name|run_name|status|started_at|start_time|created|ended_at|end_time|seed|parent_run_id|user_id|artifact_uri'
const ENTITIES = 'metrics?|param(?:eter)?s?|tags?|attr(?:ibute)?s?|run|datasets?'

/** Any of these, and the text is meant as a filter, be it whole or not. */
const SIGNS = [
  /[=<>]/,
  new RegExp(`^[\\s(]*(not[\\s(]+)?(${ENTITIES})\\.`, 'i'),
  new RegExp(`(^|[\\s(\`])(${FIELDS})\`?\\s+(not\\s+)?(i?like|in|is)\\b`, 'i'),
  /(^|\s)(min|max|last)\s*\(/i,
]

export const isFilter = (text: string): boolean => SIGNS.some((sign) => sign.test(text))

/** The filter that a text stands for: `resnet` is no filter, and means that the name contains it. */
export function filterOf(text: string): string {
  const meant = text.trim()
  if (meant === '' || isFilter(meant)) return meant === '' ? '' : text
  return `name ILIKE ${stringOf(`%${meant.replace(/[\\%_]/g, '\\$&')}%`)}`
}

export interface Fault {
  message: string
  /** The character where it is, from 0; the length of the text for its end. */
  at: number
}

/** The fault that the tracker found in a filter, if it is one that has a place. */
export function faultOf(error: unknown, text: string): Fault | undefined {
  if (!(error instanceof Problem)) return undefined
  const said = error.findings.find(({ path }) => path === 'filter')?.message
  if (said === undefined) return undefined
  const [, message = said, place] = /^(.*) \((?:at character (\d+): .*|at its end)\)$/s.exec(said) ?? []
  return { message, at: place === undefined ? text.length : Math.min(Number(place) - 1, text.length) }
}

/** Both filters together. */
export const both = (one: string, other: string): string => (one ? `(${one}) AND ${other}` : other)
