/** Tags of a run, changed in place. */
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'preact/hooks'
import type { Run } from '../api.ts'
import { mayWrite } from '../session.ts'
import { useFocusBack } from '../ui/focus.ts'
import { focused, onEscape } from '../ui/parts.tsx'
import { type Scalar, typedValue } from './about.ts'
import { changeAndSay, currentTag, inverse } from './changes.ts'

const MAX_NAME = 250
const MAX_VALUE = 8_000

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

export function TagRow({ run, name, value }: { run: Run; name: string; value: Scalar }) {
  const tag = useTag(run, name)
  const [draft, edit] = useState<{ text: string; before: Scalar }>()
  const opener = useFocusBack(draft !== undefined)
  const close = () => {
    edit(undefined)
    tag.forget()
  }
  const save = async (anyway: boolean) => {
    if (!draft) return
    const to = typedValue(draft.text, draft.before)
    if (to === value && !anyway) return close()
    if (await tag.set(name, to, draft.before, anyway)) close()
  }
  return (
    <tr>
      <th scope="row">{name}</th>
      {draft ? (
        <td colSpan={2}>
          <form
            onSubmit={(event) => {
              event.preventDefault()
              void save(false)
            }}
            onKeyDown={onEscape(close)}
          >
            <input
              aria-label={`Value of ${name}`}
              value={draft.text}
              maxLength={MAX_VALUE}
              ref={focused}
              onInput={({ currentTarget: { value: text } }) => edit({ ...draft, text })}
            />
            <button type="submit" class="primary" disabled={tag.isBusy}>
              Save
            </button>
            <button type="button" onClick={close}>
              Cancel
            </button>
          </form>
          <Trouble tag={tag} overwrite={() => save(true)} keep={close} />
        </td>
      ) : (
        <>
          <td class="value">
            {String(value)}
            <Trouble tag={tag} overwrite={() => tag.set(name, null, value, true)} keep={tag.forget} />
          </td>
          <td class="actions">
            {mayWrite() && (
              <>
                <button
                  ref={opener}
                  type="button"
                  class="quiet"
                  aria-label={`Edit ${name}`}
                  onClick={() => edit({ text: String(value), before: value })}
                >
                  Edit
                </button>
                <button
                  type="button"
                  class="quiet danger"
                  aria-label={`Delete ${name}`}
                  disabled={tag.isBusy}
                  onClick={() => tag.set(name, null, value, false)}
                >
                  Delete
                </button>
              </>
            )}
          </td>
        </>
      )}
    </tr>
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

export function NewTag({ run }: { run: Run }) {
  const [draft, edit] = useState<{ name: string; value: string }>()
  const opener = useFocusBack(draft !== undefined)
  const name = draft?.name.trim() ?? ''
  const tag = useTag(run, name)
  const close = () => {
    edit(undefined)
    tag.forget()
  }
  const save = async (anyway: boolean) => {
    if (draft && (await tag.set(name, draft.value, undefined, anyway))) close()
  }
  if (!draft) {
    return (
      <button ref={opener} type="button" class="quiet" onClick={() => edit({ name: '', value: '' })}>
        Add a tag
      </button>
    )
  }
  return (
    <>
      <form
        class="new-tag"
        onSubmit={(event) => {
          event.preventDefault()
          void save(false)
        }}
        onKeyDown={onEscape(close)}
      >
        <input
          aria-label="Name of the tag"
          placeholder="Name"
          value={draft.name}
          maxLength={MAX_NAME}
          required
          ref={focused}
          onInput={({ currentTarget: { value } }) => edit({ ...draft, name: value })}
        />
        <input
          aria-label="Value of the tag"
          placeholder="Value"
          value={draft.value}
          maxLength={MAX_VALUE}
          onInput={({ currentTarget: { value } }) => edit({ ...draft, value })}
        />
        <button type="submit" class="primary" disabled={tag.isBusy}>
          Add
        </button>
        <button type="button" onClick={close}>
          Cancel
        </button>
      </form>
      {tag.conflict && name in run.tags ? (
        <div class="failure" role="alert">
          <p>
            There is a tag {name} already: <q class="theirs">{String(tag.conflict.theirs)}</q>
          </p>
          <button type="button" onClick={() => save(true)}>
            Overwrite
          </button>
        </div>
      ) : (
        <Trouble tag={tag} overwrite={() => save(true)} keep={close} />
      )}
    </>
  )
}
