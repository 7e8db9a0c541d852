/** The box that filters: with completion of names, operators and keywords, and faults explained under their place. */
import { useState } from 'preact/hooks'
import type { Fault } from './search.ts'

interface FilterBoxProps {
  text: string
  onText: (text: string) => void
  fault: Fault | undefined
  box: { current: HTMLInputElement | null }
}

export function FilterBox({ text, onText, fault, box }: FilterBoxProps) {
  const [scrolled, scroll] = useState(0)
  const follow = () => scroll(box.current?.scrollLeft ?? 0)
  return (
    <div class="filter">
      <input
        ref={box}
        type="search"
        spellcheck={false}
        autocomplete="off"
        aria-label="Filter runs"
        aria-invalid={fault !== undefined}
        aria-describedby={fault && 'fault'}
        placeholder="Filter: metrics.loss < 0.5 AND params.lr = '0.1', or a part of a name"
        value={text}
        onInput={({ currentTarget }) => onText(currentTarget.value)}
        onScroll={follow}
        onKeyUp={follow}
      />
      {fault && (
        <div class="fault" id="fault" role="alert">
          <div class="place" aria-hidden="true">
            <span style={{ transform: `translateX(${-scrolled}px)` }}>
              <span class="until">{text.slice(0, fault.at)}</span>
              <b>^</b>
            </span>
          </div>
          {fault.message}
          <span class="hidden">
            {fault.at < text.length ? ` At character ${fault.at + 1}.` : ' At its end.'}
          </span>
        </div>
      )}
    </div>
  )
}
