/**
 * A failure that the person at the terminal can do something about: its message is one sentence that says what is
 * wrong and what to do, and is all that is printed.
 */
export class Sentence extends Error {
  override name = 'Sentence'
}

/** The code of a failed system call (`ENOENT`, `EACCES` …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  return typeof code === 'string' ? code : undefined
}
