/** A tag of a run while it is edited: as text, and not over what somebody else has made of it meanwhile. */
import { useQueryClient } from '@tanstack/react-query'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Run } from '../api.ts'
import { useFocusBack } from '../ui/focus.ts'
import { onEscape } from '../ui/parts.tsx'
import type { Scalar } from './about.ts'
import { changeAndSay, currentTag, inverse } from './changes.ts'

/** What somebody else has made of a tag while it was being edited here. */
type Conflict = { theirs: Scalar | undefined }

/** Sets a tag unless somebody else has changed it since it was `before`, or changes it all the same. */
export function useTag(run: Run, name: string) {
  const queries = useQueryClient()
  const [conflict, show] = useState<Conflict>()
  const [error, fail] = useState<string>()
  const [isBusy, busy] = useState(false)
  /** @returns whether it is done */
  const set = async (name: string, value: Scalar | null, before: Scalar | undefined, anyway: boolean) => {
    busy(true)
    fail(undefined)
    show(undefined)
    try {
      const theirs = await currentTag(queries, run.id, name)
      if (!anyway && theirs !== before) {
        show({ theirs })
        return false
      }
      const done =
        value === null
          ? `Deleted the tag ${name}`
          : before === undefined
            ? `Added ${name}`
            : `Changed ${name}`
      const change = { [name]: value }
      const undo = inverse(theirs === undefined ? {} : { [name]: theirs }, change)
      return await changeAndSay(queries, run.id, { tags: change }, { done, undo: { tags: undo } })
    } catch (error) {
      fail((error as Error).message)
      return false
    } finally {
      busy(false)
    }
  }
  return { set, conflict, error, isBusy, forget: () => show(undefined), name }
}

interface Draft {
  text: string
  before: Scalar | undefined
}

/** What has been typed and not saved, by run and tag: it is there again after other tabs, and after signing in again. */
const drafts = new Map<string, Draft>()

/** Edits a tag as text. @param read what a text stands for, where it was `before`; null for no tag */
export function useDraft(
  run: Run,
  name: string,
  read: (text: string, before: Scalar | undefined) => Scalar | null,
) {
  const tag = useTag(run, name)
  const stored: Scalar | undefined = run.tags[name]
  const key = `${run.id} ${name}`
  const [draft, setDraft] = useState(() => drafts.get(key))
  const edit = (draft: Draft | undefined) => {
    if (draft) drafts.set(key, draft)
    else drafts.delete(key)
    setDraft(draft)
  }
  const opener = useFocusBack(draft !== undefined)
  const close = () => {
    edit(undefined)
    tag.forget()
  }
  const save = async (anyway: boolean) => {
    if (!draft) return
    const to = read(draft.text, draft.before)
    if (to === (stored ?? null) && !anyway) return close()
    if (await tag.set(name, to, draft.before, anyway)) close()
  }
  return {
    tag,
    /** Undefined while it is not edited. */
    text: draft?.text,
    isChanged: draft !== undefined && draft.text !== String(stored ?? ''),
    /** What opens it, and has the focus when it is closed. */
    opener,
    open: () => edit({ text: String(stored ?? ''), before: stored }),
    change: (text: string) => edit(draft && { ...draft, text }),
    close,
    save,
  }
}

/** The form around fields that are edited in place: Enter saves, Escape gives up. */
export function InPlace({
  action = 'Save',
  isBusy,
  onSave,
  onClose,
  hasEscape = true,
  children,
  hint,
  ...rest
}: {
  /** What the button says that saves. */
  action?: string
  isBusy: boolean
  onSave: () => void
  onClose: () => void
  hasEscape?: boolean | undefined
  children: ComponentChildren
  hint?: string | undefined
  class?: string
}) {
  return (
    <form
      {...rest}
      onSubmit={(event) => {
        event.preventDefault()
        onSave()
      }}
      onKeyDown={hasEscape ? onEscape(onClose) : undefined}
    >
      {children}
      <div class="row">
        <button type="submit" class="primary" disabled={isBusy}>
          {action}
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        {hint && <span class="faint">{hint}</span>}
      </div>
    </form>
  )
}

/** The form around the field of a draft, and what stands in the way of saving it. */
export function Editor({
  draft: { tag, close, save },
  children,
  hint,
  hasEscape,
}: {
  draft: ReturnType<typeof useDraft>
  children: ComponentChildren
  hint?: string
  /** Whether Escape gives up what was typed. */
  hasEscape?: boolean
}) {
  return (
    <>
      <InPlace
        isBusy={tag.isBusy}
        onSave={() => save(false)}
        onClose={close}
        hasEscape={hasEscape}
        hint={hint}
      >
        {children}
      </InPlace>
      <Trouble tag={tag} overwrite={() => save(true)} keep={close} />
    </>
  )
}

export function Trouble({
  tag: { conflict, error },
  overwrite,
  keep,
}: {
  tag: Pick<ReturnType<typeof useTag>, 'conflict' | 'error'>
  overwrite: () => void
  keep: () => void
}) {
  if (error !== undefined) {
    return (
      <p class="failure" role="alert">
        Not saved: {error}
      </p>
    )
  }
  if (!conflict) return null
  return (
    <div class="failure" role="alert">
      <p>
        {conflict.theirs === undefined ? (
          'Somebody has deleted it meanwhile.'
        ) : (
          <>
            Somebody has set it to <q class="theirs">{String(conflict.theirs)}</q> meanwhile.
          </>
        )}
      </p>
      <span class="row">
        <button type="button" onClick={overwrite}>
          Overwrite
        </button>
        <button type="button" onClick={keep}>
          Keep theirs
        </button>
      </span>
    </div>
  )
}
