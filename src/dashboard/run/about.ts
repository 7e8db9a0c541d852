/** What a run's tags say of it, under the names that tools give them. */

export type Scalar = string | number | boolean
export type Named = Record<string, Scalar>

const HOST = ['host', 'hostname', 'mlflow.host']
const COMMIT = ['mlflow.source.git.commit', 'git_commit', 'git.commit', 'commit']
const REPOSITORY = ['mlflow.source.git.repoURL', 'git_repo', 'git.repo']
const USER = ['mlflow.user', 'user']

/** What MLflow's page writes, and what people write by hand. */
const NOTE = ['mlflow.note.content', 'note'] as const

export interface About {
  host: string | undefined
  user: string | undefined
  commit: string | undefined
  /** Where the commit can be looked at, if the tags say so. */
  commitUrl: string | undefined
}

export function aboutRun(tags: Named): About {
  const commit = first(tags, COMMIT)
  const repository = first(tags, REPOSITORY)
  return {
    host: first(tags, HOST),
    user: first(tags, USER),
    commit,
    commitUrl: commit && repository && commitUrl(repository, commit),
  }
}

/** The tag that holds the note: the one there is, else the one that MLflow's page writes. */
export const noteTag = (tags: Named): string => NOTE.find((name) => Object.hasOwn(tags, name)) ?? NOTE[0]

function first(tags: Named, names: readonly string[]): string | undefined {
  const name = names.find((name) => Object.hasOwn(tags, name) && tags[name] !== '')
  return name === undefined ? undefined : String(tags[name])
}

/** `git@host:path.git` and `https://host/path.git` lead to the same page. */
function commitUrl(repository: string, commit: string): string | undefined {
  const web = repository.replace(/^git@([^:]+):/, 'https://$1/').replace(/\.git$/, '')
  if (!/^[0-9a-f]{7,40}$/i.test(commit) || !/^https?:\/\//.test(web)) return undefined
  const url = URL.parse(web)
  // A token that somebody cloned with is nobody's business.
  return url ? `${url.origin}${url.pathname.replace(/\/$/, '')}/commit/${commit}` : undefined
}

/**
 * What a text stands for that was typed in the place of a value: a number stays a number and a truth value one, where
 * the text still is such; else it is text.
 */
export function typedValue(text: string, before: Scalar | undefined): Scalar {
  if (typeof before === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  if (typeof before === 'number' && text.trim() !== '') {
    const number = Number(text)
    if (Number.isFinite(number) && Math.abs(number) <= Number.MAX_SAFE_INTEGER) return number
  }
  return text
}

/** Whether a name or its value contains what is searched for, in any case. */
export const isLike = (search: string, ...texts: readonly Scalar[]): boolean =>
  texts.some((text) => String(text).toLowerCase().includes(search.trim().toLowerCase()))

/** `a2` before `a10`. */
export const byName = new Intl.Collator('en', { numeric: true }).compare

/** Whether more may still come of a run. */
export const isLive = ({ status }: { status: string }): boolean =>
  status === 'running' || status === 'scheduled'
