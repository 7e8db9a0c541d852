/** Looks at every line that the Worker logs in the tests of a file. */
import { afterAll, expect } from 'vitest'
import { leaks } from './privacy.ts'

const found: string[] = []
for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) {
  const write = console[level].bind(console)
  console[level] = (...parts: unknown[]) => {
    const line = parts.map((part) => (part instanceof Error ? `${part.stack}` : String(part))).join(' ')
    found.push(...leaks(line))
    write(...parts)
  }
}

afterAll(() => expect(found, 'what the Worker has logged').toEqual([]))
