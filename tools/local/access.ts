/** Who gets in to a tracker on this machine: everybody on it, or whoever has a key. */
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Options } from './options.ts'
import { systemCode } from './sentence.ts'
import type { Bindings } from './stack.ts'

const secretFile = (dataFolder: string) => path.join(dataFolder, 'bootstrap-secret')

/** The secret with which the first keys of a tracker on this machine are made; it stays the same. */
export async function bootstrapSecret(dataFolder: string): Promise<string> {
  const file = secretFile(dataFolder)
  try {
    await writeFile(file, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  }
  return (await readFile(file, 'utf8')).trim()
}

/** What tells the Worker who gets in. */
export const accessBindings = async ({ dataFolder, keys, variables }: Options): Promise<Bindings> => ({
  ...variables,
  ...(keys ? { BOOTSTRAP_SECRET: await bootstrapSecret(dataFolder) } : { ACCESS: 'open' }),
})
