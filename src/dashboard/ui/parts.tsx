/** Small parts that all views are made of. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { type ExperimentListed, Problem, type RunStatus, type WireValue } from '../api.ts'
import { ago, exact, short } from '../format.ts'

/** A status, as shape and colour. */
export function Status({
  status,
  reason,
}: {
  status: RunStatus | ExperimentListed['status']
  reason?: string | null
}) {
  return (
    <span class={`status status-${status}`} title={reason ?? undefined}>
      <i aria-hidden="true" />
      {status}
    </span>
  )
}

/** Draws again what speaks of now, each time so many milliseconds have passed; null for never. */
export function useTicks(milliseconds: number | null): void {
  const [, tick] = useState(0)
  useEffect(() => {
    if (milliseconds === null) return
    const timer = setInterval(() => tick((n) => n + 1), milliseconds)
    return () => clearInterval(timer)
  }, [milliseconds])
}

/** A moment relative to now, the exact one on hover. */
export function Ago({ at }: { at: string }) {
  useTicks(30_000)
  return (
    <time dateTime={at} title={exact(at)}>
      {ago(at)}
    </time>
  )
}

/** A number to 4 digits, the whole one on hover and on copy. */
export function Value({ value }: { value: WireValue | null | undefined }) {
  const text = short(value)
  if (value === null || value === undefined) return <span class="faint">–</span>
  return (
    <data class="number" value={String(value)} title={String(value)}>
      {text}
    </data>
  )
}

/** What is here while there is nothing else, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

/** What went wrong, and a way to try again. */
export function Failure({ error, again }: { error: unknown; again?: () => void }) {
  const message = error instanceof Error ? error.message : String(error)
  const findings = error instanceof Problem ? error.findings : []
  return (
    <div class="failure" role="alert">
      <p>{message}</p>
      {findings.length > 0 && (
        <ul>
          {findings.map(({ path, message }) => (
            <li key={path + message}>
              <code>{path}</code> {message}
            </li>
          ))}
        </ul>
      )}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  )
}

/** The place of lines of text that are on their way. */
export function Skeleton({ lines, height }: { lines?: number; height?: number }) {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: lines ?? 1 }, (_, i) => (
        <i
          key={i}
          style={{
            height: height ? `${height}px` : undefined,
            width: height ? '100%' : `${90 - ((i * 37) % 50)}%`,
          }}
        />
      ))}
    </div>
  )
}

/** Copies a text, and says that it has. */
export function Copy({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [said, say] = useState(label)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      say('Copied')
    } catch {
      say('Not allowed')
    }
    setTimeout(() => say(label), 1_500)
  }
  return (
    <button type="button" class="quiet" onClick={copy}>
      {said}
    </button>
  )
}

/**
 * As `ref` of a field that is typed into as soon as it is there, in the place of what is in it: a browser heeds
 * `autofocus` only while it loads a page.
 */
export function focused(element: HTMLElement | null): void {
  element?.focus()
  if (element instanceof HTMLInputElement) element.select()
}

/** Does something when Escape is pressed. */
export const onEscape =
  (action: () => void) =>
  ({ key }: KeyboardEvent) => {
    if (key === 'Escape') action()
  }

/** A value that follows another one once that has stood still. */
export function useSettled<T>(value: T, milliseconds: number): T {
  const [settled, settle] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => settle(value), milliseconds)
    return () => clearTimeout(timer)
  }, [value, milliseconds])
  return settled
}
