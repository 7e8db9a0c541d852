/** What people write about a run: a tag, read as Markdown. */
import type { Run } from '../api.ts'
import { mayWrite } from '../session.ts'
import { focused } from '../ui/parts.tsx'
import { Scrolls } from '../ui/scrolls.tsx'
import { noteTag } from './about.ts'
import { Editor, useDraft } from './editing.tsx'
import { SafeMarkdown } from './safe-markdown.tsx'

const MAX_LENGTH = 8_000

export function Note({ run }: { run: Run }) {
  const name = noteTag(run.tags)
  const draft = useDraft(run, name, (text) => (text.trim() === '' ? null : text))
  const stored = String(run.tags[name] ?? '')
  return (
    <section class="note" aria-label="Note">
      {draft.text === undefined ? (
        <>
          {stored && (
            <Scrolls>
              <SafeMarkdown text={stored} run={run.id} />
            </Scrolls>
          )}
          {mayWrite() && (
            <button ref={draft.opener} type="button" class="quiet" onClick={draft.open}>
              {stored ? 'Edit the note' : 'Write a note'}
            </button>
          )}
        </>
      ) : (
        <Editor
          draft={draft}
          hasEscape={!draft.isChanged}
          hint={`Markdown, up to ${MAX_LENGTH.toLocaleString('en')} characters`}
        >
          <textarea
            ref={focused}
            aria-label="Note, in Markdown"
            rows={8}
            maxLength={MAX_LENGTH}
            value={draft.text}
            onInput={({ currentTarget: { value } }) => draft.change(value)}
          />
        </Editor>
      )}
    </section>
  )
}
