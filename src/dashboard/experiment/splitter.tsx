/** The line between table and charts, which can be dragged, or moved with the arrow keys. */
import { useRef, useState } from 'preact/hooks'
import { splitterOf } from './roles.ts'

const LEAST = 15
const MOST = 85
const BY_KEY = 2

/** Half and half. */
export const USUAL_SPLIT = 50

export const splitOf = (text: string | null): number => {
  const percent = Number(text ?? USUAL_SPLIT)
  return Number.isFinite(percent) ? Math.min(MOST, Math.max(LEAST, Math.round(percent))) : USUAL_SPLIT
}

/** @param percent how much of the width is to the left of it */
export function Splitter({ percent, onChange }: { percent: number; onChange: (percent: number) => void }) {
  const line = useRef<HTMLDivElement>(null)
  const [dragged, drag] = useState<number>()
  const now = dragged ?? percent
  /** As long as it is dragged nobody is told: charts would be drawn again each time. */
  const show = (percent: number) => line.current?.parentElement?.style.setProperty('--split', `${percent}%`)
  const at = ({ clientX }: PointerEvent) => {
    const box = line.current?.parentElement?.getBoundingClientRect()
    return box ? splitOf(String(((clientX - box.left) / box.width) * 100)) : percent
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: what it is says `roles.ts`
    <div
      ref={line}
      class="splitter"
      {...splitterOf(now, LEAST, MOST)}
      onPointerDown={(event) => {
        event.preventDefault()
        event.currentTarget.setPointerCapture(event.pointerId)
        drag(at(event))
      }}
      onPointerMove={(event) => {
        if (dragged === undefined) return
        drag(at(event))
        show(at(event))
      }}
      onPointerUp={(event) => {
        if (dragged === undefined) return
        drag(undefined)
        onChange(at(event))
      }}
      onDblClick={() => onChange(USUAL_SPLIT)}
      onKeyDown={({ key }) => {
        const step = { ArrowLeft: -BY_KEY, ArrowRight: BY_KEY }[key]
        if (step !== undefined) onChange(splitOf(String(percent + step)))
      }}
    />
  )
}
