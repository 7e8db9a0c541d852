/** The colour of a run: the same everywhere, and in everybody's browser. */

/**
 * Okabe and Ito's colours, which the colour-blind can tell apart, without yellow and black, which are hard to see on
 * white and on black, and some between them. The dashes tell apart those that have one colour.
 */
const COLOURS = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#8c6bb1',
  '#a6761d',
  '#7f7f7f',
  '#1b9e9e',
]
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [9, 3, 2, 3]]

export interface Stroke {
  colour: string
  /** Lengths of line and gap in pixels; empty for a whole line. */
  dash: readonly number[]
}

/** The stroke of a run, from its id. */
export function strokeOf(id: string): Stroke {
  // FNV-1a.
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193) >>> 0
  const colour = COLOURS[hash % COLOURS.length] ?? '#0072b2'
  const dash = DASHES[Math.floor(hash / COLOURS.length) % DASHES.length] ?? []
  return { colour, dash }
}

/**
 * Strokes for runs that are seen together: each has the one that its id gives it, unless an earlier one has it already.
 */
export function strokesOf(ids: readonly string[]): Map<string, Stroke> {
  const strokes = new Map<string, Stroke>()
  const taken = new Set<string>()
  for (const id of ids) {
    const own = strokeOf(id)
    let stroke = own
    const first = COLOURS.indexOf(own.colour)
    search: for (const dash of [own.dash, ...DASHES]) {
      for (let i = 0; i < COLOURS.length; i++) {
        const colour = COLOURS[(first + i) % COLOURS.length] ?? own.colour
        if (taken.has(`${colour} ${dash}`)) continue
        stroke = { colour, dash }
        break search
      }
    }
    taken.add(`${stroke.colour} ${stroke.dash}`)
    strokes.set(id, stroke)
  }
  return strokes
}
