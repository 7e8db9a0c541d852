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

/** What to tell somebody whose folder cannot be made. */
export function folderProblem(folder: string, error: unknown): unknown {
  const code = systemCode(error)
  if (code === undefined) return error
  const reasons: Record<string, string> = {
    EEXIST: 'a file is in its place',
    ENOTDIR: 'a file is in its place',
    EACCES: 'this user may not write there',
    EROFS: 'the disk is read-only',
    ENOSPC: 'the disk is full',
  }
  return new Sentence(
    `The data folder ${folder} cannot be made (${reasons[code] ?? code}): choose another one with EDGERUN_DATA.`,
  )
}
