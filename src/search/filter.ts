/**
 * The language of filters and orders, which is that of MLflow and more. Only its form is known here; what the fields
 * of runs or models are, and what can be compared with what, whoever searches knows.
 *
 * ```
 * filter     = and { "OR" and }
 * and        = not { "AND" not }
 * not        = "NOT" not | "(" filter ")" | comparison
 * comparison = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
 *            | field [ "NOT" ] ( "LIKE" | "ILIKE" ) string
 *            | field [ "NOT" ] "IN" "(" string { "," string } ")"
 *            | field "IS" [ "NOT" ] "NULL"
 * field      = name | ( "min" | "max" | "last" ) "(" name ")"
 * name       = part { "." part }, each part a word or quoted: `a b` or "a b"
 * value      = number | string
 * string     = 'text' or "text", its own quote doubled within
 * order      = field [ "ASC" | "DESC" ]
 * ```
 *
 * The part before the first dot of a name is the entity (`metrics`, `params`, …), the rest the key, dots included; a
 * name without a dot is the key of an attribute. Keywords are read in any case. In LIKE and ILIKE `%` is any text, `_`
 * any character, and a backslash takes the next one for what it is.
 */
import { TrackerError } from '../errors.ts'
import type { Limits } from '../limits.ts'

/** A filter or an order that cannot be read, and where. */
export class FilterError extends TrackerError {
  /**
   * @param message what is wrong
   * @param text the filter as it was sent
   * @param at the character, counted from 0, where it is wrong
   */
  constructor(message: string, text: string, at: number, path = 'filter') {
    const here = at < text.length ? `at character ${at + 1}: ${excerpt(text, at)}` : 'at its end'
    const told = `${message} (${here})`
    super('invalid', told, [{ path, message: told }])
    this.name = 'FilterError'
  }
}

const excerpt = (text: string, at: number) =>
  `"${text.slice(at, at + 40)}${text.length > at + 40 ? '…' : ''}"`

/** What of a metric is meant, where it is not the latest value. */
export type Aggregate = 'last' | 'min' | 'max'

export interface Field {
  /** As it was written, in lower case no sooner than whoever searches says so; empty for an attribute. */
  entity: string
  key: string
  aggregate: Aggregate
  /** Where it begins in the text. */
  at: number
}

export type Comparator =
  | '='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'LIKE'
  | 'ILIKE'
  | 'IN'
  | 'NOT IN'
  | 'IS NULL'
  | 'IS NOT NULL'

export type Value =
  | { type: 'number'; value: number; text: string; at: number }
  | { type: 'string'; value: string; text: string; at: number }
  | { type: 'list'; values: string[]; text: string; at: number }
  | { type: 'none'; text: ''; at: number }

export interface Comparison {
  kind: 'comparison'
  field: Field
  comparator: Comparator
  value: Value
}

export type Filter = Comparison | { kind: 'and' | 'or'; parts: Filter[] } | { kind: 'not'; part: Filter }

export interface Order {
  field: Field
  ascending: boolean
}

interface Token {
  type: 'name' | 'string' | 'number' | 'symbol' | 'end'
  /** Of a name each of its parts. */
  parts: string[]
  text: string
  at: number
}

/** A part of a name that needs no quotes. */
const WORD = /[\p{L}_][\p{L}\p{N}_/:@-]*/uy
const NUMBER = /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/y
const QUOTED = /`([^`]*)`|"((?:[^"]|"")*)"|'((?:[^']|'')*)'/y
const SYMBOL = /<=|>=|!=|<>|==|[=<>(),]/y
const BLANK = /\s+/y

/** What is longer or deeper would take more of the database, or of the stack here, than it is worth. */
export type FilterLimits = Pick<Limits, 'MAX_FILTER_LENGTH' | 'MAX_FILTER_DEPTH' | 'MAX_FILTER_COMPARISONS'>

/**
 * Reads a filter; undefined for one that is empty.
 *
 * @throws FilterError with the place where it cannot be read
 */
export function parseFilter(text: string, limits: FilterLimits): Filter | undefined {
  const parser = new Parser(text, 'filter', limits)
  if (parser.peek().type === 'end') return undefined
  const filter = parser.filter()
  parser.end()
  return filter
}

/**
 * Reads one clause of an order.
 *
 * @throws FilterError with the place where it cannot be read
 */
export function parseOrder(text: string, limits: FilterLimits): Order {
  const parser = new Parser(text, 'order_by', limits)
  const order = parser.order()
  parser.end()
  return order
}

/**
 * Reads the name of a field alone, as in `params.lr`.
 *
 * @param path the query parameter that it came in
 * @throws FilterError with the place where it cannot be read
 */
export function parseField(text: string, path: string, limits: FilterLimits): Field {
  const parser = new Parser(text, path, limits)
  const field = parser.field()
  parser.end()
  return field
}

class Parser {
  readonly #text: string
  readonly #path: string
  readonly #tokens: Token[]
  readonly #limits: FilterLimits
  #next = 0
  #depth = 0
  #comparisons = 0

  constructor(text: string, path: string, limits: FilterLimits) {
    this.#text = text
    this.#path = path
    this.#limits = limits
    const { MAX_FILTER_LENGTH: longest } = limits
    if (text.length > longest) {
      throw this.#fault(`Has ${text.length} characters; at most ${longest} are read`, longest)
    }
    this.#tokens = [...this.#read()]
  }

  peek(ahead = 0): Token {
    const token = this.#tokens[this.#next + ahead]
    return token ?? { type: 'end', parts: [], text: '', at: this.#text.length }
  }

  end() {
    const { type, at, text } = this.peek()
    if (type === 'end') return
    if (this.#path === 'order_by') throw this.#unordered()
    throw this.#invalid(text, at, `expected ${this.#path === 'filter' ? 'AND, OR or ' : ''}the end`)
  }

  filter(): Filter {
    return this.#list('or', 'OR', () => this.#list('and', 'AND', () => this.#not()))
  }

  order(): Order {
    if (this.peek().type === 'end') throw this.#unordered()
    const field = this.field()
    const direction = this.peek().text.toUpperCase()
    if (this.peek().type === 'end') return { field, ascending: true }
    if (direction !== 'ASC' && direction !== 'DESC') {
      throw this.#fault(`Invalid ordering key in order_by clause '${this.#text}'.`, this.peek().at)
    }
    this.#next += 1
    return { field, ascending: direction === 'ASC' }
  }

  #list(kind: 'and' | 'or', word: string, part: () => Filter): Filter {
    const first = part()
    const parts = [first]
    while (this.#takeWord(word)) parts.push(part())
    return parts.length === 1 ? first : { kind, parts }
  }

  #not(): Filter {
    this.#depth += 1
    const { MAX_FILTER_DEPTH: deepest } = this.#limits
    if (this.#depth > deepest) throw this.#fault(`Is nested more than ${deepest} deep`, this.peek().at)
    try {
      if (this.#isNot()) {
        this.#next += 1
        return { kind: 'not', part: this.#not() }
      }
      if (this.#takeSymbol('(')) {
        const filter = this.filter()
        if (!this.#takeSymbol(')')) throw this.#expected("')'")
        return filter
      }
      return this.#comparison()
    } finally {
      this.#depth -= 1
    }
  }

  /** NOT begins a negation unless it is the name of a field. */
  #isNot() {
    const { type } = this.peek(1)
    return isWord(this.peek(), 'NOT') && (type === 'name' || this.peek(1).text === '(')
  }

  #comparison(): Filter {
    this.#comparisons += 1
    const { MAX_FILTER_COMPARISONS: most } = this.#limits
    if (this.#comparisons > most) throw this.#fault(`Has more than ${most} comparisons`, this.peek().at)
    const field = this.field()
    const { type, text, at } = this.peek()
    if (type === 'symbol') {
      const comparator = SYMBOLS[text]
      if (comparator === undefined) throw this.#expected('a comparison')
      this.#next += 1
      return { kind: 'comparison', field, comparator, value: this.#value() }
    }
    const negated = this.#takeWord('NOT')
    if (this.#takeWord('IN')) {
      return { kind: 'comparison', field, comparator: negated ? 'NOT IN' : 'IN', value: this.#strings() }
    }
    if (this.#takeWord('LIKE')) return negate(negated, this.#like(field, 'LIKE'))
    if (this.#takeWord('ILIKE')) return negate(negated, this.#like(field, 'ILIKE'))
    if (!negated && this.#takeWord('IS')) {
      const comparator = this.#takeWord('NOT') ? 'IS NOT NULL' : 'IS NULL'
      if (!this.#takeWord('NULL')) throw this.#expected('NULL')
      return { kind: 'comparison', field, comparator, value: { type: 'none', text: '', at } }
    }
    throw this.#expected('a comparison')
  }

  #like(field: Field, comparator: 'LIKE' | 'ILIKE'): Filter {
    return { kind: 'comparison', field, comparator, value: this.#value() }
  }

  field(): Field {
    const token = this.peek()
    const aggregate = AGGREGATES.find((word) => word === token.text.toLowerCase())
    if (aggregate !== undefined && this.peek(1).text === '(') {
      this.#next += 2
      const field = this.#name()
      if (!this.#takeSymbol(')')) throw this.#expected("')'")
      return { ...field, aggregate }
    }
    return this.#name()
  }

  #name(): Field {
    const { type, parts, at } = this.peek()
    if (type !== 'name') throw this.#expected('a field')
    this.#next += 1
    // MLflow's orders may quote a name as a whole.
    const [first = '', ...rest] =
      this.#path === 'order_by' && parts.length === 1 ? splitAtDot(parts[0] ?? '') : parts
    return rest.length === 0
      ? { entity: '', key: first, aggregate: 'last', at }
      : { entity: first, key: rest.join('.'), aggregate: 'last', at }
  }

  #value(): Value {
    const token = this.peek()
    const { text, at } = token
    if (token.type === 'number') {
      this.#next += 1
      return { type: 'number', value: Number(text), text, at }
    }
    const value = this.#string()
    if (value === undefined) {
      throw this.#fault(
        `Parameter value is either not quoted or unidentified quote types used for string value ${text}. Use either single or double quotes.`,
        at,
      )
    }
    return { type: 'string', value, text, at }
  }

  /** A string; in double quotes it looks like a name. */
  #string(): string | undefined {
    const { type, parts, text } = this.peek()
    const isString = type === 'string' || (type === 'name' && parts.length === 1 && text.startsWith('"'))
    if (!isString) return undefined
    this.#next += 1
    return parts[0]
  }

  #strings(): Value {
    const { at } = this.peek()
    if (!this.#takeSymbol('(')) throw this.#expected('a list of strings in parentheses')
    const values: string[] = []
    do {
      const value = this.#string()
      if (value === undefined) {
        throw this.#fault(
          'While parsing a list in the query, expected string value, punctuation, or whitespace, but got different type in list',
          this.peek().at,
        )
      }
      values.push(value)
    } while (this.#takeSymbol(','))
    if (!this.#takeSymbol(')')) throw this.#expected("',' or ')'")
    return { type: 'list', values, text: this.#text.slice(at, this.peek().at).trim(), at }
  }

  #takeWord(word: string): boolean {
    if (!isWord(this.peek(), word)) return false
    this.#next += 1
    return true
  }

  #takeSymbol(symbol: string): boolean {
    const { type, text } = this.peek()
    if (type !== 'symbol' || text !== symbol) return false
    this.#next += 1
    return true
  }

  #expected(what: string): FilterError {
    if (this.#path === 'order_by') return this.#unordered()
    const { text, at } = this.peek()
    return this.#invalid(text, at, `expected ${what}`)
  }

  #invalid(text: string, at: number, why: string) {
    const what = this.#path === 'filter' ? 'clause(s) in filter string' : 'field'
    return this.#fault(`Invalid ${what}: '${text}': ${why}`, at)
  }

  #unordered() {
    return this.#fault(`Invalid order_by clause '${this.#text}'. Could not be parsed.`, this.peek().at)
  }

  #fault(message: string, at: number) {
    return new FilterError(message, this.#text, at, this.#path)
  }

  *#read(): Generator<Token> {
    let at = 0
    const match = (pattern: RegExp) => {
      pattern.lastIndex = at
      return pattern.exec(this.#text)
    }
    while (at < this.#text.length) {
      const blank = match(BLANK)
      if (blank) {
        at += blank[0].length
        continue
      }
      const start = at
      const parts: string[] = []
      let single = false
      for (;;) {
        const found = match(WORD) ?? match(QUOTED)
        if (!found) break
        at += found[0].length
        single ||= found[0].startsWith("'")
        parts.push(unquoted(found))
        // Behind a dot a part may begin with a digit.
        if (this.#text[at] !== '.' || single) break
        at += 1
        const digits = match(/[\p{N}][\p{L}\p{N}_/:@-]*/uy)
        if (digits) {
          at += digits[0].length
          parts.push(digits[0])
          if (this.#text[at] !== '.') break
          at += 1
        }
      }
      const text = () => this.#text.slice(start, at)
      if (parts.length > 0) {
        yield { type: single && parts.length === 1 ? 'string' : 'name', parts, text: text(), at: start }
        continue
      }
      const number = match(NUMBER)
      const symbol = number ? null : match(SYMBOL)
      const found = number ?? symbol
      if (!found) throw this.#invalid(this.#text.slice(at, at + 1), at, 'this cannot be read')
      at += found[0].length
      yield { type: number ? 'number' : 'symbol', parts: [], text: text(), at: start }
    }
  }
}

const SYMBOLS: Record<string, Comparator | undefined> = {
  '=': '=',
  '==': '=',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
}

const AGGREGATES: readonly Aggregate[] = ['last', 'min', 'max']

const isWord = ({ type, text }: Token, word: string) => type === 'name' && text.toUpperCase() === word

const negate = (negated: boolean, part: Filter): Filter => (negated ? { kind: 'not', part } : part)

function splitAtDot(name: string): string[] {
  const dot = name.indexOf('.')
  return dot < 0 ? [name] : [name.slice(0, dot), name.slice(dot + 1)]
}

function unquoted(found: RegExpExecArray): string {
  const [whole, backticks, double, single] = found
  return backticks ?? double?.replaceAll('""', '"') ?? single?.replaceAll("''", "'") ?? whole
}
