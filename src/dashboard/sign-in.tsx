/** Asks for a key, which the browser then forgets: it keeps a session that no script can read. */
import { useState } from 'preact/hooks'
import { signIn } from './session.ts'

export function SignIn() {
  const [refusal, refuse] = useState('')
  const [isBusy, busy] = useState(false)
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (!(event.target instanceof HTMLFormElement)) return
    const key = String(new FormData(event.target).get('key') ?? '').trim()
    busy(true)
    refuse('')
    await signIn(key).catch((error: Error) => refuse(error.message))
    busy(false)
  }
  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <h1>Edgerun</h1>
        <label for="key">This tracker asks for an API key</label>
        <input
          id="key"
          name="key"
          type="password"
          autocomplete="current-password"
          placeholder="er_…"
          required
          spellcheck={false}
          autofocus
        />
        <button type="submit" class="primary" disabled={isBusy}>
          Sign in
        </button>
        <p role="alert">{refusal}</p>
        <p class="faint">
          A key of scope <code>read</code>, <code>write</code> or <code>admin</code>, as{' '}
          <code>npm run keys -- make</code> prints it. The browser keeps a session that no script can read,
          and not the key.
        </p>
      </form>
    </main>
  )
}
