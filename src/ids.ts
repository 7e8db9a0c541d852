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
