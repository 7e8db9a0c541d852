/** Reading, moving and zooming a chart by keyboard. */
import type { Range } from './buckets.ts'
import type { Gestures, Place, Plot } from './plot.ts'
import type { Shared } from './shared.ts'

/** What a key does to a plot; false where it does nothing. */
export function act(
  { key, shiftKey }: KeyboardEvent,
  plot: Plot,
  range: Range,
  shared: Shared,
  place: Place | null,
  read: Gestures['read'],
): boolean {
  const way = key === 'ArrowLeft' ? -1 : key === 'ArrowRight' ? 1 : 0
  const around = place ? place.left / plot.width : 0.5
  if (way !== 0 && shiftKey) shared.pan(plot.moved(range, { by: way * 0.1 }), true)
  else if (way !== 0) read(plot.placeAt((place?.left ?? plot.width / 2) + way * (plot.width / 100)))
  else if (key === '+' || key === '=') shared.zoom(plot.moved(range, { times: 0.5, around }))
  else if (key === '-') shared.zoom(plot.moved(range, { times: 2, around }))
  else if (key === '0' || key === 'Home') shared.zoom(undefined)
  else if (key === 'Escape' && place) read(null)
  else return false
  return true
}
