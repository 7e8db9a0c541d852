/** Tags of a run, changed in place. */
import { useState } from 'preact/hooks'
import type { Run } from '../api.ts'
import { mayWrite } from '../session.ts'
import { useFocusBack } from '../ui/focus.ts'
import { focused } from '../ui/parts.tsx'
import { type Scalar, typedValue } from './about.ts'
import { Editor, InPlace, Trouble, useDraft, useTag } from './editing.tsx'

const MAX_NAME = 250
const MAX_VALUE = 8_000

export function TagRow({ run, name, value }: { run: Run; name: string; value: Scalar }) {
  const draft = useDraft(run, name, typedValue)
  const { tag } = draft
  return (
    <tr>
      <th scope="row">{name}</th>
      {draft.text === undefined ? (
        <>
          <td class="value">
            {String(value)}
            <Trouble tag={tag} overwrite={() => tag.set(name, null, value, true)} keep={tag.forget} />
          </td>
          <td class="actions">
            {mayWrite() && (
              <>
                <button
                  ref={draft.opener}
                  type="button"
                  class="quiet"
                  aria-label={`Edit ${name}`}
                  onClick={draft.open}
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
      ) : (
        <td colSpan={2}>
          <Editor draft={draft}>
            <input
              aria-label={`Value of ${name}`}
              value={draft.text}
              maxLength={MAX_VALUE}
              ref={focused}
              onInput={({ currentTarget: { value: text } }) => draft.change(text)}
            />
          </Editor>
        </td>
      )}
    </tr>
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
      <InPlace class="new-tag" action="Add" isBusy={tag.isBusy} onSave={() => save(false)} onClose={close}>
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
      </InPlace>
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
