import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { type Filter, FilterError, parseFilter, parseOrder } from '../../src/search/filter.ts'

/** A filter as one line with all its parentheses. */
function show(filter: Filter | undefined): string {
  if (filter === undefined) return ''
  switch (filter.kind) {
    case 'not':
      return `not(${show(filter.part)})`
    case 'comparison': {
      const { field, comparator, value } = filter
      const name = field.aggregate === 'last' ? field.key : `${field.aggregate}:${field.key}`
      const of = value.type === 'list' ? `[${value.values}]` : value.type === 'none' ? '' : value.value
      return `${field.entity}:${name} ${comparator} ${of}`.trim()
    }
    default:
      return `${filter.kind}(${filter.parts.map(show).join(', ')})`
  }
}

function fault(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    if (error instanceof FilterError) return error.message
    throw error
  }
  return 'none'
}

describe('a filter', () => {
  it.each([
    ['', ''],
    ['  ', ''],
    ['metrics.loss < 0.5', 'metrics:loss < 0.5'],
    ['metrics.loss<=-1e-3', 'metrics:loss <= -0.001'],
    ['metrics.loss == .5', 'metrics:loss = 0.5'],
    ['metrics.loss <> 5.', 'metrics:loss != 5'],
    ['a = 1 and b = 2 AND c = 3', 'and(:a = 1, :b = 2, :c = 3)'],
    ['a = 1 or b = 2 and c = 3', 'or(:a = 1, and(:b = 2, :c = 3))'],
    ['(a = 1 or b = 2) and c = 3', 'and(or(:a = 1, :b = 2), :c = 3)'],
    ['not a = 1 and b = 2', 'and(not(:a = 1), :b = 2)'],
    ['not (a = 1 or not b = 2)', 'not(or(:a = 1, not(:b = 2)))'],
    ['not = 1', ':not = 1'],
    ["params.x = 'it''s'", "params:x = it's"],
    ['params.x = "say ""hi"""', 'params:x = say "hi"'],
    ["tags.mlflow.parentRunId = 'x'", 'tags:mlflow.parentRunId = x'],
    ['params.`a b`.c = "x"', 'params:a b.c = x'],
    ['metrics."val loss" > 1', 'metrics:val loss > 1'],
    ['metrics.train/loss-1 > 1', 'metrics:train/loss-1 > 1'],
    ['metrics.top.5 > 1', 'metrics:top.5 > 1'],
    ["params.x LIKE '%a_'", 'params:x LIKE %a_'],
    ["params.x not ilike '%'", 'not(params:x ILIKE %)'],
    ['run_id IN (\'a\', "b")', ':run_id IN [a,b]'],
    ["run_id not in ('a')", ':run_id NOT IN [a]'],
    ['tags.x IS NULL', 'tags:x IS NULL'],
    ['tags.x is not null', 'tags:x IS NOT NULL'],
    ['min(metrics.loss) < 1', 'metrics:min:loss < 1'],
    ['min > 1', ':min > 1'],
    ["params.größe = 'ä'", 'params:größe = ä'],
  ])('%s', (text, shown) => {
    expect(show(parseFilter(text, DEFAULT_LIMITS))).toBe(shown)
  })

  it.each([
    ['metrics.loss', 'at its end'],
    ['metrics.loss <', 'at its end'],
    ['metrics.loss < 1 metrics.x > 2', 'at character 18: "metrics.x > 2"'],
    ['(a = 1', 'at its end'],
    ['a = 1)', 'at character 6: ")"'],
    ['a = 1 and', 'at its end'],
    ['and a = 1', 'at character 5: "a = 1"'],
    ["a = 'x", 'at character 5: "\'x"'],
    ['params.x = y', 'at character 12: "y"'],
    ['a IN (1)', 'at character 7: "1)"'],
    ["a IN ('x' 'y')", 'at character 11: "\'y\')"'],
    ['a IS 5', 'at character 6: "5"'],
    ['a ; b', 'at character 3: "; b"'],
    ['1 = 1', 'at character 1: "1 = 1"'],
  ])('%s is refused with its place', (text, place) => {
    expect(fault(() => parseFilter(text, DEFAULT_LIMITS))).toContain(`(${place})`)
  })

  it('is refused when it is too long or too deep, without taking the stack', () => {
    expect(fault(() => parseFilter(`${'('.repeat(60)}a = 1${')'.repeat(60)}`, DEFAULT_LIMITS))).toContain(
      'nested more than 50 deep',
    )
    expect(fault(() => parseFilter(`a = '${'x'.repeat(10_000)}'`, DEFAULT_LIMITS))).toContain(
      'at most 10000 are read',
    )
    expect(fault(() => parseFilter(`${'not '.repeat(2_000)}a = 1`, DEFAULT_LIMITS))).toContain(
      'nested more than 50 deep',
    )
  })
})

describe('an order', () => {
  it.each([
    ['metrics.loss', 'metrics', 'loss', true],
    ['metrics.loss DESC', 'metrics', 'loss', false],
    ['`metrics.val loss` asc', 'metrics', 'val loss', true],
    ['metrics.`val loss` desc', 'metrics', 'val loss', false],
    ['start_time DESC', '', 'start_time', false],
    ['attributes."Run Name"', 'attributes', 'Run Name', true],
  ])('%s', (text, entity, key, ascending) => {
    expect(parseOrder(text, DEFAULT_LIMITS)).toMatchObject({ field: { entity, key }, ascending })
  })

  it.each(['', 'metrics.loss down', 'metrics.loss asc desc', '5', "'x'"])('%s is refused', (text) => {
    expect(fault(() => parseOrder(text, DEFAULT_LIMITS))).toMatch(/^Invalid order/)
  })
})
