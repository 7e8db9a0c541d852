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

/** The stroke of a run, from its id: a whole line. */
export function strokeOf(id: string): Stroke {
  // FNV-1a.
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193) >>> 0
  return { colour: COLOURS[hash % COLOURS.length] ?? '#0072b2', dash: [] }
}

/**
 * Strokes for runs that are seen together: each has the one that its id gives it, unless an earlier one has it already;
 * then it has the next colour, and dashes once there is none left.
 */
export function strokesOf(ids: readonly string[]): Map<string, Stroke> {
  const strokes = new Map<string, Stroke>()
  const taken = new Set<string>()
  for (const id of ids) {
    const own = strokeOf(id)
    let stroke = own
    const first = COLOURS.indexOf(own.colour)
    search: for (const dash of DASHES) {
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

/** A stroke for one of the ranks or attempts of a job, from dark to light. */
export function shaded({ colour, dash }: Stroke, rank: number, ranks: number): Stroke {
  if (ranks === 0) return { colour, dash }
  const shade = (rank / ranks - 0.5) * 0.9
  const channels = [1, 3, 5].map((i) => {
    const value = Number.parseInt(colour.slice(i, i + 2), 16)
    const mixed = shade < 0 ? value * (1 + shade) : value + (255 - value) * shade
    return Math.round(mixed).toString(16).padStart(2, '0')
  })
  return { colour: `#${channels.join('')}`, dash }
}
