/** The API page: asks for a key where one is needed, then shows the description and sends requests with the session. */
const find = (id) => document.getElementById(id)
const signIn = find('sign-in')
const signOut = find('sign-out')

const dark = matchMedia('(prefers-color-scheme: dark)')
const followTheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', followTheme)
followTheme()

/** Asks the tracker about the session of this browser. */
async function session(method, body) {
  const json = body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch('/session', { method, ...json })
  const said = response.status === 204 ? {} : await response.json()
  if (!response.ok) throw Object.assign(new Error(said.detail), { status: response.status })
  return said
}

/** Shows the API to whoever was let in; without a key to an open tracker, which there is no way out of. */
function showApi({ key_id, name, scope, workspace }) {
  signIn.hidden = true
  signOut.hidden = key_id === null
  find('who').textContent = `Signed in with the key ${name}: ${scope} in the workspace ${workspace}`
  window.SwaggerUIBundle({
    url: '/openapi.json',
    dom_id: '#swagger-ui',
    deepLinking: true,
    validatorUrl: null,
  })
}

function askForKey(refusal = '') {
  signIn.hidden = false
  find('refusal').textContent = refusal
  find('key').focus()
}

signIn.addEventListener('submit', async (event) => {
  event.preventDefault()
  try {
    const opened = await session('POST', { key: find('key').value.trim() })
    signIn.reset()
    showApi(opened)
  } catch ({ message }) {
    askForKey(message)
  }
})

signOut.addEventListener('submit', async (event) => {
  event.preventDefault()
  // Refused is who was signed out elsewhere.
  await session('DELETE').catch(() => {})
  location.reload()
})

try {
  showApi(await session('GET'))
} catch ({ message, status }) {
  askForKey(status === 401 ? '' : message)
}
