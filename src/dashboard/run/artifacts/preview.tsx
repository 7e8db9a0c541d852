/** A look into a file, of which nothing runs: text is text, and images are shown where no script of theirs runs. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Run } from '../../api.ts'
import { bytes } from '../../format.ts'
import { Copy, Failure, Skeleton } from '../../ui/parts.tsx'
import { SafeMarkdown } from '../safe-markdown.tsx'
import { Cells } from './cells.tsx'
import { Json } from './json-tree.tsx'
import { folderOf, type Kind, kindOf, nameOf } from './kind.ts'
import { addressOf } from './read.ts'
import { useFolder } from './use-folder.ts'
import { useText } from './use-text.ts'

export function Preview({ run, path }: { run: Run; path: string }) {
  const kind = kindOf(path)
  const [asText, show] = useState(false)
  return (
    <section class="preview" aria-label={path}>
      <div class="bar">
        <h2>{path}</h2>
        <Copy text={path} label="Copy path" />
        {kind === 'json' || kind === 'table' || kind === 'markdown' || kind === 'other' ? (
          <button type="button" class="quiet" aria-pressed={asText} onClick={() => show(!asText)}>
            As text
          </button>
        ) : null}
        <a href={addressOf(run.id, path)} download={nameOf(path)}>
          Download
        </a>
      </div>
      {kind === 'image' ? (
        <Image run={run} path={path} />
      ) : kind === 'other' && !asText ? (
        <p class="faint">
          There is no preview of such a file: <a href={addressOf(run.id, path)}>download it</a>, or look at it
          as text.
        </p>
      ) : (
        <Text run={run} path={path} kind={asText ? 'text' : kind} />
      )}
    </section>
  )
}

function Image({ run, path }: { run: Run; path: string }) {
  const [failed, fail] = useState(false)
  const [size, measure] = useState('')
  if (failed) return <Failure error="The browser cannot show this image" again={() => fail(false)} />
  return (
    <figure>
      <img
        src={addressOf(run.id, path)}
        alt={nameOf(path)}
        onError={() => fail(true)}
        onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
          measure(`${naturalWidth} × ${naturalHeight}`)
        }
      />
      <figcaption class="faint number">{size}</figcaption>
    </figure>
  )
}

function Text({ run, path, kind }: { run: Run; path: string; kind: Kind }) {
  const folder = useFolder(run, folderOf(path))
  const isEmpty = folder.data?.some((entry) => entry.path === path && entry.size === 0) ?? false
  const file = useText(run.id, path, folder.isFetched && !isEmpty)
  if (isEmpty) return <p class="faint">The file is empty.</p>
  if (file.error) return <Failure error={file.error} again={() => file.refetch()} />
  if (!file.data) return <Skeleton lines={12} />
  const { text, read, size, isBinary } = file.data
  if (isBinary) return <p class="faint">It is no text: download it to look into it.</p>
  const isWhole = read === size
  const more = !isWhole && (
    <p>
      <span class="faint">
        The first {bytes(read)} of {bytes(size)}.{' '}
      </span>
      <button type="button" disabled={file.isFetchingNextPage} onClick={() => file.fetchNextPage()}>
        {file.isFetchingNextPage ? 'Reading…' : 'Read more'}
      </button>
    </p>
  )
  return (
    <>
      {shown(kind, text, isWhole, run, path)}
      {more}
    </>
  )
}

function shown(kind: Kind, text: string, isWhole: boolean, run: Run, path: string): ComponentChildren {
  switch (kind) {
    case 'json':
      return <Json text={text} isWhole={isWhole} />
    case 'table':
      return (
        <Cells text={text} isWhole={isWhole} separator={path.toLowerCase().endsWith('.tsv') ? '\t' : ','} />
      )
    case 'markdown':
      return <SafeMarkdown text={text} run={run.id} folder={folderOf(path)} />
    default:
      return <Plain text={text} />
  }
}

export const Plain = ({ text }: { text: string }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
  <pre tabIndex={0} class="file">
    {text}
  </pre>
)
