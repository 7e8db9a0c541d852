/** What people write about a run: a tag, read as Markdown. */
import { useState } from 'preact/hooks'
import type { Run } from '../api.ts'
import { mayWrite } from '../session.ts'
import { useFocusBack } from '../ui/focus.ts'
import { focused, onEscape } from '../ui/parts.tsx'
import { Scrolls } from '../ui/scrolls.tsx'
import { noteTag, type Scalar } from './about.ts'
import { SafeMarkdown } from './safe-markdown.tsx'
import { Trouble, useTag } from './tags.tsx'

const MAX_LENGTH = 8_000

export function Note({ run }: { run: Run }) {
  const name = noteTag(run.tags)
  const stored: Scalar | undefined = run.tags[name]
  const text = String(stored ?? '')
  const tag = useTag(run, name)
  const [draft, edit] = useState<{ text: string; before: Scalar | undefined }>()
  const opener = useFocusBack(draft !== undefined)
  const close = () => {
    edit(undefined)
    tag.forget()
  }
  const save = async (anyway: boolean) => {
    if (!draft) return
    const to = draft.text.trim() === '' ? null : draft.text
    if (to === (stored ?? null) && !anyway) return close()
    if (await tag.set(name, to, draft.before, anyway)) close()
  }
  if (!draft) {
    return (
      <section class="note" aria-label="Note">
        {text && (
          <Scrolls>
            <SafeMarkdown text={text} run={run.id} />
          </Scrolls>
        )}
        {mayWrite() && (
          <button ref={opener} type="button" class="quiet" onClick={() => edit({ text, before: stored })}>
            {text ? 'Edit the note' : 'Write a note'}
          </button>
        )}
      </section>
    )
  }
  return (
    <section class="note" aria-label="Note">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void save(false)
        }}
        onKeyDown={onEscape(close)}
      >
        <textarea
          ref={focused}
          aria-label="Note, in Markdown"
          rows={8}
          maxLength={MAX_LENGTH}
          value={draft.text}
          onInput={({ currentTarget: { value } }) => edit({ ...draft, text: value })}
        />
        <div class="row">
          <button type="submit" class="primary" disabled={tag.isBusy}>
            Save
          </button>
          <button type="button" onClick={close}>
            Cancel
          </button>
          <span class="faint">Markdown, up to {MAX_LENGTH.toLocaleString('en')} characters</span>
        </div>
      </form>
      <Trouble tag={tag} overwrite={() => save(true)} keep={close} />
    </section>
  )
}
