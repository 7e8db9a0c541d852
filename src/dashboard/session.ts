/** Who looks at the page: the session that the browser holds for a key, which no script can read. */
import { signal } from '@preact/signals'
import { api, read } from './api.ts'

export type Session = Awaited<ReturnType<typeof readSession>>

/** Undefined until the tracker has said who it is, null where it asks for a key. */
export const session = signal<Session | null | undefined>(undefined)

/** Whether whoever looks may change something. */
export const mayWrite = (): boolean => session.value?.scope === 'write' || session.value?.scope === 'admin'

const readSession = () => read(api.session.$get())

/**
 * Asks the tracker who looks.
 *
 * @throws Problem when it does not say; where it asks for a key that is in `session`
 */
export async function findSession(): Promise<void> {
  try {
    session.value = await readSession()
  } catch (error) {
    if (session.value === null) return
    throw error
  }
}

/** @throws Problem where the key is none that may read */
export async function signIn(key: string): Promise<void> {
  session.value = await read(api.session.$post({ json: { key } }))
}

export async function signOut(): Promise<void> {
  // Refused is who was signed out elsewhere.
  await api.session.$delete().catch(() => {})
  location.assign('/')
}
