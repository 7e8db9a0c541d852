/** What is typed into the search box: a filter, or a part of a name; and where there is a fault in it. */
import { FilterError, parseFilter } from '../../search/filter.ts'
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

/** As a message of the tracker's says it; what it says to whoever does not see the filter is left out. */
function faultIn(said: string, text: string): Fault {
  const [, whole = said, place] = /^(.*) \((?:at character (\d+): .*|at its end)\)$/s.exec(said) ?? []
  const [, why = whole] = /^Invalid clause\(s\) in filter string: '.*': (.*)$/s.exec(whole) ?? []
  return {
    message: why.charAt(0).toUpperCase() + why.slice(1),
    at: place === undefined ? text.length : Math.min(Number(place) - 1, text.length),
  }
}

/** How much is too much the tracker knows. */
const NO_LIMITS = {
  MAX_FILTER_LENGTH: Number.POSITIVE_INFINITY,
  MAX_FILTER_DEPTH: 200,
  MAX_FILTER_COMPARISONS: Number.POSITIVE_INFINITY,
}

/** The fault in the form of a filter: the tracker need not be asked for it, and so it is there at once. */
export function faultOfForm(filter: string): Fault | undefined {
  try {
    parseFilter(filter, NO_LIMITS)
  } catch (error) {
    if (error instanceof FilterError) return faultIn(error.message, filter)
    throw error
  }
  return undefined
}

/** The fault that the tracker found in a filter, if it is one that has a place. */
export function faultOf(error: unknown, text: string): Fault | undefined {
  if (!(error instanceof Problem)) return undefined
  const said = error.findings.find(({ path }) => path === 'filter')?.message
  return said === undefined ? undefined : faultIn(said, text)
}

/** Both filters together. */
export const both = (one: string, other: string): string => (one ? `(${one}) AND ${other}` : other)
