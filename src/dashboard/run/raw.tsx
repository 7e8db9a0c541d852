/** A run as the API tells it, and how a shell asks for it. */
import { useMemo } from 'preact/hooks'
import type { Run } from '../api.ts'
import { session } from '../session.ts'
import { Copy } from '../ui/parts.tsx'
import { curl } from './curl.ts'

export function Raw({ run }: { run: Run }) {
  const command = curl(`${location.origin}/runs/${run.id}`, session.value?.key_id !== null)
  const json = useMemo(() => JSON.stringify(run, null, 2), [run])
  return (
    <div class="raw">
      <Lines title="In a shell" text={command} />
      <Lines title="Its answer" text={json} />
    </div>
  )
}

export function Lines({ title, text }: { title: string; text: string }) {
  return (
    <section>
      <div class="bar">
        <h2>{title}</h2>
        <Copy text={text} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <pre tabIndex={0}>{text}</pre>
    </section>
  )
}
