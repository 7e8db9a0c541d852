/** The ways to keep a chart as a file. */
import type { RefObject } from 'preact'
import { useRef } from 'preact/hooks'
import { say } from '../ui/notices.tsx'
import type { Plot } from './plot.ts'
import type { Saved } from './save.ts'

/** @param of what is saved, as it is when it is saved */
export function SaveMenu({ of, plot }: { of: () => Saved; plot: RefObject<Plot | null> }) {
  const menu = useRef<HTMLDetailsElement>(null)
  const save = async (kind: 'PNG' | 'SVG' | 'CSV') => {
    if (menu.current) menu.current.open = false
    try {
      const { savePng, saveSvg, saveCsv } = await import('./save.ts')
      if (kind === 'SVG') saveSvg(of())
      else if (kind === 'CSV') saveCsv(of())
      else if (plot.current) await savePng(of(), plot.current.canvas)
    } catch {
      say(`The ${kind} could not be made`, { failed: true })
    }
  }
  return (
    <details
      ref={menu}
      class="save"
      onKeyDown={(event) => {
        if (event.key === 'Escape' && menu.current) menu.current.open = false
      }}
      onFocusOut={({ relatedTarget }) => {
        const isWithin = relatedTarget instanceof Node && menu.current?.contains(relatedTarget)
        if (menu.current && !isWithin) menu.current.open = false
      }}
    >
      <summary>Save</summary>
      <div>
        {(['PNG', 'SVG', 'CSV'] as const).map((kind) => (
          <button key={kind} type="button" class="quiet" onClick={() => save(kind)}>
            {kind}
          </button>
        ))}
      </div>
    </details>
  )
}
