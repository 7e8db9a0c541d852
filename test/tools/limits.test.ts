import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { unstable_readConfig } from 'wrangler'
import { DEFAULT_LIMITS, LIMITS } from '../../src/limits.ts'
import { CONFIG } from '../../tools/local/build.ts'
import { limitBindings, ratesOf } from '../../tools/local/limits.ts'

describe('limits', () => {
  it('are counted in wrangler.toml as often as they are told', () => {
    const { ratelimits, vars } = unstable_readConfig({ config: CONFIG })
    const told = limitBindings(
      Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, `${value}`])),
    )
    expect(ratelimits.map(({ name, simple }: { name: string; simple: object }) => [name, simple])).toEqual([
      [
        'KEY_RATE',
        { limit: Number(told.REQUESTS_PER_MINUTE ?? DEFAULT_LIMITS.REQUESTS_PER_MINUTE), period: 60 },
      ],
    ])
  })

  it('are all in the table of the docs, with their defaults', async () => {
    const docs = await readFile(path.join(path.dirname(CONFIG), 'docs/limits.md'), 'utf8')
    const table = Object.fromEntries(
      [...docs.matchAll(/^\| `([A-Z_]+)` \| ([\d,]+)/gm)].map(([, name, value]) => [
        name,
        Number(value?.replaceAll(',', '')),
      ]),
    )
    expect(table).toEqual(DEFAULT_LIMITS)
  })

  it('come from the environment of npm start, which refuses what is none', () => {
    expect(limitBindings({ MAX_BODY_BYTES: '2000', PATH: '/bin', MAX_POINTS_PER_CALL: '' })).toEqual({
      MAX_BODY_BYTES: '2000',
    })
    for (const name of LIMITS) {
      expect(() => limitBindings({ [name]: 'many' })).toThrow(`${name} must be a whole number from `)
    }
  })

  it('of requests change what is counted here', () => {
    const ratelimits = { KEY_RATE: { namespace_id: '1', simple: { limit: 7, period: 60 as const } } }
    const build = { options: { ratelimits, modules: [] }, crons: [], bundle: '', assets: '' }
    expect(ratesOf(build, {})).toEqual({ KEY_RATE: { limit: 7, period: 60 } })
    expect(ratesOf(build, { REQUESTS_PER_MINUTE: '9' })).toEqual({ KEY_RATE: { limit: 9, period: 60 } })
  })
})
