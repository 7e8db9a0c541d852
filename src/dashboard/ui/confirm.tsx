/** The one thing that is modal: asking before something is gone for good. */
import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'

interface Question {
  title: string
  text: string
  /** What the button says that does it. */
  action: string
  answer: (yes: boolean) => void
}

const question = signal<Question | undefined>(undefined)

/** Asks, and says what the answer was. */
export const confirm = (asked: Omit<Question, 'answer'>): Promise<boolean> =>
  new Promise((answer) => {
    question.value = { ...asked, answer }
  })

/** Where the question appears; the page has one. */
export function Confirmation() {
  const dialog = useRef<HTMLDialogElement>(null)
  const asked = question.value
  useEffect(() => {
    if (asked) dialog.current?.showModal()
  }, [asked])
  if (!asked) return null
  const end = (yes: boolean) => {
    question.value = undefined
    asked.answer(yes)
  }
  return (
    <dialog ref={dialog} aria-labelledby="question" onCancel={() => end(false)}>
      <h2 id="question">{asked.title}</h2>
      <p>{asked.text}</p>
      <div class="row end">
        <button type="button" onClick={() => end(false)}>
          Cancel
        </button>
        <button type="button" class="danger" onClick={() => end(true)}>
          {asked.action}
        </button>
      </div>
    </dialog>
  )
}
