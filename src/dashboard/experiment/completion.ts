/** What can follow in a filter that is being typed, and how it is put into the text. */
import { fieldText, type NamedKind, stringOf } from './names.ts'

/** What the place where somebody types wants. */
export interface Wanted {
  what: 'field' | 'operator' | 'value' | 'keyword'
  /** What of it is there already, from `from` to `to` of the text. */
  word: string
  from: number
  to: number
  /** Of a field that is being typed, or of the one that is compared: what it is a name of. */
  kind: NamedKind | undefined
  /** Of a field that is being typed its key so far, of a compared one its key. */
  key: string
  /** Whether the value is one of a list in parentheses. */
  isInList: boolean
}

export interface Option {
  /** What the list shows. */
  label: string
  /** What is put into the text. */
  text: string
  detail: string
}

type TokenType = 'name' | 'string' | 'number' | 'symbol'

interface Token {
  type: TokenType
  text: string
  from: number
  to: number
}

/** As the tracker reads a filter, but what is not closed yet goes on to the end. */
const TOKEN =
  /\s+|(?<name>(?:[\p{L}_][\p{L}\p{N}_/:@-]*|`[^`]*(?:`|$)|"(?:[^"]|"")*(?:"|$))(?:\.(?:[\p{L}\p{N}_][\p{L}\p{N}_/:@-]*|`[^`]*(?:`|$)|"(?:[^"]|"")*(?:"|$))?)*)|(?<string>'(?:[^']|'')*(?:'|$))|(?<number>[-+]?[\d.]+(?:[eE][-+]?\d*)?)|(?<symbol><=|>=|!=|<>|==|.)/guy

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  for (const { 0: found, index, groups = {} } of text.matchAll(TOKEN)) {
    const type = (['name', 'string', 'number', 'symbol'] as const).find((type) => groups[type] !== undefined)
    if (type) tokens.push({ type, text: found, from: index, to: index + found.length })
  }
  return tokens
}

const KINDS: Record<string, NamedKind> = {
  metric: 'metrics',
  metrics: 'metrics',
  param: 'params',
  params: 'params',
  parameter: 'params',
  parameters: 'params',
  tag: 'tags',
  tags: 'tags',
}

function nameOf(text: string): { kind: NamedKind | undefined; key: string } {
  const [, entity = '', rest] = /^([^.`"]*)\.(.*)$/s.exec(text) ?? []
  const kind = KINDS[entity.toLowerCase()]
  const key = kind === undefined ? text : (rest ?? '')
  return { kind, key: key.replace(/^[`"]|[`"]$/g, '') }
}

/** What is wanted where the caret is: the words before it are read like a sentence. */
export function wantedAt(text: string, caret: number): Wanted {
  const tokens = tokensOf(text.slice(0, caret))
  const last = tokens.at(-1)
  // What touches the caret is being typed still, but for what stands by itself.
  const isOpen =
    last !== undefined && last.to === caret && (last.type !== 'symbol' || /[<>=!]/.test(last.text))
  const before = isOpen && last.type !== 'symbol' ? tokens.slice(0, -1) : tokens
  const word = isOpen && last.type !== 'symbol' ? last : undefined

  let what: Wanted['what'] = 'field'
  let compared = ''
  let isInList = false
  for (const [i, { type, text: token }] of before.entries()) {
    const upper = token.toUpperCase()
    if (what === 'field') {
      if (type !== 'name' || upper === 'NOT') continue
      // min(…) and its like are not fields yet.
      if (before[i + 1]?.text === '(') continue
      compared = token
      what = 'operator'
    } else if (what === 'operator') {
      if (token === ')' || upper === 'NOT' || upper === 'IS') continue
      what = upper === 'NULL' ? 'keyword' : 'value'
      isInList = upper === 'IN'
    } else if (what === 'value') {
      if (token === '(' || token === ',') continue
      if (!isInList || token === ')') what = 'keyword'
    } else if (upper === 'AND' || upper === 'OR') what = 'field'
  }
  // The rest of the word behind the caret is replaced with it.
  const whole = tokensOf(text).find(({ from }) => from === word?.from)
  const from = word?.from ?? caret
  const to = word ? Math.max(caret, word.type === 'name' ? (whole?.to ?? caret) : caret) : caret
  const named = nameOf(what === 'field' ? (word?.text ?? '') : compared)
  return { what, word: word?.text ?? '', from, to, isInList, ...named }
}

const OPERATORS: Record<string, readonly string[]> = {
  number: ['<', '<=', '>', '>=', '=', '!='],
  named: ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT LIKE', 'NOT IN', 'IS NULL', 'IS NOT NULL'],
  text: ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT LIKE', 'NOT IN'],
}

const FIELDS: Record<string, { detail: string; operators: 'number' | 'named' | 'text' }> = {
  name: { detail: 'of the run', operators: 'named' },
  status: { detail: 'running, completed …', operators: 'text' },
  started_at: { detail: 'a date', operators: 'number' },
  ended_at: { detail: 'a date', operators: 'number' },
  seed: { detail: 'a number', operators: 'number' },
  id: { detail: 'of the run', operators: 'text' },
  parent_run_id: { detail: 'an id', operators: 'named' },
}

const STATUSES = ['running', 'completed', 'failed', 'killed', 'scheduled']

const DETAIL: Record<NamedKind, string> = { metrics: 'metric', params: 'param', tags: 'tag' }

/** A name of the experiment's data. */
export interface DataName {
  kind: NamedKind
  name: string
}

/** How many options a list has. */
const MOST = 50

const startsFirst = (word: string) => (a: Option, b: Option) =>
  Number(b.label.toLowerCase().startsWith(word)) - Number(a.label.toLowerCase().startsWith(word))

/**
 * What can be put where the caret is.
 *
 * @param names those of the data that contain what is typed
 * @param values what runs have for a field
 */
export function optionsFor(
  wanted: Wanted,
  names: readonly DataName[],
  values: (kind: NamedKind | undefined, key: string) => readonly string[],
): Option[] {
  const word = wanted.word.toLowerCase()
  switch (wanted.what) {
    case 'field': {
      const key = wanted.key.toLowerCase()
      const ofData = names
        .filter(({ kind, name }) => (wanted.kind ?? kind) === kind && name.toLowerCase().includes(key))
        .map(({ kind, name }) => ({
          label: name,
          text: `${fieldText({ kind, key: name, of: 'last' })} `,
          detail: DETAIL[kind],
        }))
      const own = Object.entries(FIELDS)
        .filter(([name]) => wanted.kind === undefined && name.includes(key))
        .map(([name, { detail }]) => ({ label: name, text: `${name} `, detail }))
      const kinds = Object.entries(DETAIL)
        .filter(([kind]) => wanted.kind === undefined && kind.startsWith(key))
        .map(([kind, detail]) => ({ label: `${kind}.`, text: `${kind}.`, detail: `each ${detail}` }))
      return [...own, ...kinds, ...ofData].sort(startsFirst(key)).slice(0, MOST)
    }
    case 'operator': {
      const set = wanted.kind === undefined ? FIELDS[wanted.key]?.operators : undefined
      const operators = OPERATORS[wanted.kind === 'metrics' ? 'number' : (set ?? 'named')] ?? []
      return operators
        .filter((operator) => operator.toLowerCase().startsWith(word))
        .map((operator) => ({
          label: operator,
          text: /NULL$/.test(operator)
            ? `${operator} `
            : operator.endsWith('IN')
              ? `${operator} (`
              : `${operator} `,
          detail: '',
        }))
    }
    case 'value': {
      const isStatus = wanted.kind === undefined && wanted.key === 'status'
      const known = isStatus ? STATUSES : wanted.kind === 'metrics' ? [] : values(wanted.kind, wanted.key)
      const typed = word.replace(/^['"]/, '')
      return known
        .filter((value) => value.toLowerCase().includes(typed))
        .map((value) => ({
          label: value,
          text: wanted.isInList ? stringOf(value) : `${stringOf(value)} `,
          detail: '',
        }))
        .slice(0, MOST)
    }
    case 'keyword':
      return ['AND', 'OR']
        .filter((keyword) => keyword.toLowerCase().startsWith(word))
        .map((keyword) => ({ label: keyword, text: `${keyword} `, detail: '' }))
  }
}

/** The text with an option in it, and where the caret is then. */
export function completed(
  text: string,
  { from, to }: Wanted,
  option: Option,
): { text: string; caret: number } {
  const rest = text.slice(to)
  const put = option.text.endsWith(' ') && rest.startsWith(' ') ? option.text.slice(0, -1) : option.text
  const glue = from > 0 && /\w$/.test(text.slice(0, from)) ? ' ' : ''
  const before = text.slice(0, from) + glue + put
  return { text: before + rest, caret: before.length + (put === option.text ? 0 : 1) }
}
