import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { completed, type DataName, optionsFor, wantedAt } from '../../src/dashboard/experiment/completion.ts'
import {
  type FieldName,
  fieldOf,
  fieldText,
  splitList,
  stringOf,
} from '../../src/dashboard/experiment/names.ts'
import { runsOf, runsText } from '../../src/dashboard/experiment/selection.ts'
import { type Filter, parseFilter } from '../../src/search/filter.ts'

const LIMITS = { MAX_FILTER_LENGTH: 100_000, MAX_FILTER_DEPTH: 50, MAX_FILTER_COMPARISONS: 100 }
const readAsFilter = (text: string): Filter | undefined => parseFilter(text, LIMITS)

const key = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1 }),
  fc.string({
    unit: fc.constantFrom('a', '.', '/', '`', '"', "'", ',', '~', '1', ' ', '(', ')'),
    minLength: 1,
  }),
)
const field: fc.Arbitrary<FieldName> = fc.oneof(
  fc.record({
    kind: fc.constant('metrics' as const),
    key,
    of: fc.constantFrom('last' as const, 'min' as const, 'max' as const),
  }),
  fc.record({
    kind: fc.constantFrom('params' as const, 'tags' as const),
    key,
    of: fc.constant('last' as const),
  }),
)

describe('names of fields', () => {
  it('are written so that the tracker reads the same, whatever is in them', () => {
    fc.assert(
      fc.property(field, (named) => {
        expect(readAsFilter(`${fieldText(named)} < 1`)).toMatchObject({
          field: { entity: named.kind, key: named.key, aggregate: named.of },
        })
      }),
    )
  })

  it('are read back from an address, alone and in a list', () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const texts = fields.map(fieldText)
        expect(texts.map(fieldOf)).toEqual(fields)
        expect(splitList(texts.join(','))).toEqual(texts)
      }),
    )
  })

  it('and texts are quoted so that they stay what they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(readAsFilter(`name = ${stringOf(text)}`)).toMatchObject({ value: { value: text } })
      }),
    )
  })
})

describe('completion', () => {
  const at = (text: string) => {
    const caret = text.indexOf('|')
    const { what, kind, key, word, isInList } = wantedAt(text.replace('|', ''), caret)
    return { what, kind, key, word, isInList }
  }

  it('knows what is wanted where the caret is', () => {
    expect(at('|')).toMatchObject({ what: 'field', kind: undefined, word: '' })
    expect(at('metr|')).toMatchObject({ what: 'field', kind: undefined, key: 'metr' })
    expect(at('metrics.lo|')).toMatchObject({ what: 'field', kind: 'metrics', key: 'lo' })
    expect(at('params.`learning r|')).toMatchObject({ what: 'field', kind: 'params', key: 'learning r' })
    expect(at('metrics.loss |')).toMatchObject({ what: 'operator', kind: 'metrics', key: 'loss' })
    expect(at('metrics.loss <|')).toMatchObject({ what: 'value', kind: 'metrics' })
    expect(at("params.model = 're|")).toMatchObject({ what: 'value', key: 'model', word: "'re" })
    expect(at("tags.host IN ('a', |")).toMatchObject({ what: 'value', key: 'host', isInList: true })
    expect(at("tags.host IN ('a') |")).toMatchObject({ what: 'keyword' })
    expect(at('params.x IS NOT NULL |')).toMatchObject({ what: 'keyword' })
    expect(at('min(metrics.lo|')).toMatchObject({ what: 'field', kind: 'metrics', key: 'lo' })
    expect(at('NOT (status = 1 AND |')).toMatchObject({ what: 'field' })
    expect(at('metrics.a|bc < 1')).toMatchObject({ what: 'field', key: 'a' })
  })

  it('puts an option in the place of the whole word that the caret is in', () => {
    const text = 'metrics.abc < 1'
    const wanted = wantedAt(text, 9)
    const option = { label: 'loss', text: 'metrics.loss ', detail: '' }
    expect(completed(text, wanted, option)).toEqual({ text: 'metrics.loss < 1', caret: 13 })
  })

  it('makes filters that can be read, whichever options are taken', () => {
    const kinds = fc.constantFrom('metrics' as const, 'params' as const, 'tags' as const)
    const names: fc.Arbitrary<DataName[]> = fc.array(fc.record({ kind: kinds, name: key }))
    fc.assert(
      fc.property(
        names,
        fc.array(fc.string()),
        fc.array(fc.nat(), { maxLength: 20 }),
        (names, values, picks) => {
          let [text, caret] = ['', 0]
          for (const pick of picks) {
            const wanted = wantedAt(text, caret)
            const options = optionsFor(wanted, names, () => values)
            // There is nothing of that kind.
            if (wanted.what === 'field' && options.length === 0) return
            const option = options[pick % options.length] ?? { label: '', text: `'typed' `, detail: '' }
            if (wanted.what === 'keyword') readAsFilter(text)
            ;({ text, caret } = completed(text, wanted, option))
            // What a person types beside.
            if (wanted.isInList && wanted.what === 'value') {
              text += ') '
              caret = text.length
            }
          }
        },
      ),
    )
  })
})

describe('selected runs', () => {
  it('are read back from an address, be they one or as many as can be', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.uuid(), { maxLength: 500 }), (ids) => {
        expect(runsOf(runsText(ids))).toEqual(ids)
      }),
    )
    expect(runsOf(runsText(undefined))).toBeUndefined()
  })
})
