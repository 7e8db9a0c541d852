import { v5, v7 } from 'uuid'

/** Namespace of ids that are derived from another id, so that a retry derives the same one. */
const DERIVED = '0192f0c8-6f0b-7c57-9a51-3d0c1e0f6a55'

/** A new UUIDv7: sortable by time, and in order within an isolate. */
export const newId = () => v7()

/** The id that always goes with `id` in the given role. */
export const derivedId = (id: string, role: string) => v5(`${role}:${id}`, DERIVED)

/**
 * SHA-256, in hexadecimal, of what a create request said, whatever the order of its keys. Two creates with one id
 * are the same request when this is the same.
 */
export async function creationHash(content: unknown): Promise<string> {
  const canonical = JSON.stringify(content, (_key, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonical))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The id of the experiment that MLflow's clients take where none is named. */
export const DEFAULT_EXPERIMENT = '00000000-0000-0000-0000-000000000000'

/** A UUID without dashes: as MLflow's API and the places of artifacts have it. */
export const hexId = (id: string) => id.replaceAll('-', '')

/** The UUID that 32 hexadecimal digits, with dashes or without, stand for; else undefined. */
export function uuidOf(text: string): string | undefined {
  const digits = hexId(text).toLowerCase()
  if (!/^[0-9a-f]{32}$/.test(digits)) return undefined
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** An experiment's id in the same form, but for the default one, which is "0". */
export const experimentId = (id: string) => (id === DEFAULT_EXPERIMENT ? '0' : hexId(id))

/** The UUID of an experiment by its id in any form; undefined for what can be none. */
export const experimentUuid = (text: string) => (text === '0' ? DEFAULT_EXPERIMENT : uuidOf(text))
