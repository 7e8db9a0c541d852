/** How a file is shown, by its name. Whatever it is, it is never run: as text, or in an `<img>`, where no script runs. */

export type Kind = 'image' | 'json' | 'table' | 'markdown' | 'text' | 'other'

const ENDINGS: Record<Exclude<Kind, 'other'>, RegExp> = {
  image: /\.(png|jpe?g|gif|webp|avif|bmp|ico|svg)$/i,
  json: /\.(json|ipynb|geojson)$/i,
  table: /\.(csv|tsv)$/i,
  markdown: /\.(md|markdown)$/i,
  text: /(\.(txt|log|out|err|cfg|conf|ini|properties|toml|ya?ml|xml|html?|xhtml|css|jsonl|ndjson|rst|tex|[cm]?[jt]sx?|py|pyi|r|jl|sh|bash|c|h|cc|cpp|hpp|cu|rs|go|java|kt|scala|swift|rb|lua|sql|diff|patch|env|lock|gitignore|dockerfile)|(^|\/)(MLmodel|MLproject|Dockerfile|Makefile|LICENSE|README|NOTICE))$/i,
}

export function kindOf(path: string): Kind {
  for (const kind of ['image', 'json', 'table', 'markdown', 'text'] as const) {
    if (ENDINGS[kind].test(path)) return kind
  }
  return 'other'
}

/** The folders that a path lies in, the outermost first. */
export function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'))
}

/** The folder that a path lies in; empty where it lies in none. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/**
 * The path that a relative address in a file means, as in a README that shows `plots/loss.png`.
 *
 * @returns undefined for what is no relative address, or leads out of the run's artifacts
 */
export function relativePath(folder: string, address: string): string | undefined {
  const text = address.split(/[?#]/, 1)[0] ?? ''
  if (text === '' || text.startsWith('/') || text.includes('\\') || /^[a-z][a-z0-9+.-]*:/i.test(text)) {
    return undefined
  }
  const parts = folder === '' ? [] : folder.split('/')
  for (const part of text.split('/')) {
    if (part === '.' || part === '') continue
    if (part !== '..') parts.push(decoded(part))
    else if (parts.pop() === undefined) return undefined
  }
  return parts.length === 0 ? undefined : parts.join('/')
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
