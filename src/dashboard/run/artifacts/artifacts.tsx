/** The files of a run: a tree whose folders are read when they are opened, and beside it the file that is chosen. */
import { useState } from 'preact/hooks'
import type { Run } from '../../api.ts'
import { bytes } from '../../format.ts'
import { Empty, Failure, Skeleton } from '../../ui/parts.tsx'
import { useUrlState } from '../../url.ts'
import { foldersOf, nameOf } from './kind.ts'
import { Preview } from './preview.tsx'
import type { Entry } from './read.ts'
import { useFolder } from './use-folder.ts'

/** How many entries of a folder are shown, until more are asked for. */
const SHOWN = 500

export function Artifacts({ run }: { run: Run }) {
  const { search, set } = useUrlState()
  const file = search.get('file')
  const root = useFolder(run, '')
  if (root.error) return <Failure error={root.error} again={() => root.refetch()} />
  if (!root.data) return <Skeleton lines={8} />
  if (root.data.length === 0) {
    return (
      <Empty title="This run has no artifacts">
        <p>
          MLflow's clients store them, as with <code>mlflow.log_artifact("model.pt")</code>.
        </p>
      </Empty>
    )
  }
  return (
    <div class="artifacts">
      <nav class="tree" aria-label="Artifacts">
        <Folder run={run} folder="" chosen={file} choose={(path) => set({ file: path })} />
      </nav>
      {file === null ? (
        <p class="faint">Choose a file to look into it.</p>
      ) : (
        <Preview key={file} run={run} path={file} />
      )}
    </div>
  )
}

interface Choosing {
  run: Run
  chosen: string | null
  choose: (path: string) => void
}

function Folder({ folder, ...choosing }: Choosing & { folder: string }) {
  const list = useFolder(choosing.run, folder)
  const [limit, raise] = useState(SHOWN)
  if (list.error) return <Failure error={list.error} again={() => list.refetch()} />
  if (!list.data) return <Skeleton lines={2} />
  return (
    <ul>
      {list.data.slice(0, limit).map((entry) => (
        <li key={entry.path}>
          {entry.isFolder ? (
            <Branch entry={entry} {...choosing} />
          ) : (
            <Leaf entry={entry} isChosen={choosing.chosen === entry.path} choose={choosing.choose} />
          )}
        </li>
      ))}
      {list.data.length > limit && (
        <li>
          <button type="button" class="quiet" onClick={() => raise(limit + SHOWN)}>
            {(list.data.length - limit).toLocaleString('en')} more
          </button>
        </li>
      )}
    </ul>
  )
}

function Branch({ entry, ...choosing }: Choosing & { entry: Entry }) {
  const [isOpen, open] = useState(choosing.chosen !== null && foldersOf(choosing.chosen).includes(entry.path))
  return (
    <>
      <button type="button" class="quiet entry" aria-expanded={isOpen} onClick={() => open(!isOpen)}>
        <span class="twist" aria-hidden="true" />
        {nameOf(entry.path)}/
      </button>
      {isOpen && <Folder folder={entry.path} {...choosing} />}
    </>
  )
}

function Leaf({
  entry: { path, size },
  isChosen,
  choose,
}: {
  entry: Entry
  isChosen: boolean
  choose: (path: string) => void
}) {
  return (
    <button
      type="button"
      class="quiet entry"
      aria-current={isChosen ? 'true' : undefined}
      onClick={() => choose(path)}
    >
      <span class="name">{nameOf(path)}</span>
      <span class="faint number">{bytes(size)}</span>
    </button>
  )
}
