/** The colour of a run: the same everywhere. */

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

/** Those that runs were given on this page: they keep them as others come and go. */
const given = new Map<string, Stroke>()

/** The stroke of a run: what it was given among others, else a whole line of the colour that its id gives it. */
export const strokeOf = (id: string): Stroke => given.get(id) ?? ownStrokeOf(id)

function ownStrokeOf(id: string): Stroke {
  // FNV-1a.
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193) >>> 0
  return { colour: COLOURS[hash % COLOURS.length] ?? '#0072b2', dash: [] }
}

/**
 * Strokes for runs that are seen together. Each keeps the one that it was given before, or has the one of its id, unless
 * another one has it; then it has the next colour, and dashes once there is none left.
 */
export function strokesOf(ids: readonly string[]): Map<string, Stroke> {
  const strokes = new Map<string, Stroke>()
  const taken = new Set<string>()
  const take = (id: string, stroke: Stroke): boolean => {
    const text = `${stroke.colour} ${stroke.dash}`
    if (taken.has(text)) return false
    taken.add(text)
    strokes.set(id, stroke)
    // Dashes are for now: among fewer runs it needs none.
    if (stroke.dash.length === 0) given.set(id, stroke)
    return true
  }
  const rest = ids.filter((id) => {
    const before = given.get(id)
    return !before || !take(id, before)
  })
  for (const id of rest) {
    const first = COLOURS.indexOf(ownStrokeOf(id).colour)
    DASHES.flatMap((dash) =>
      COLOURS.map((_, i): Stroke => ({ colour: COLOURS[(first + i) % COLOURS.length] ?? '', dash })),
    ).find((stroke) => take(id, stroke))
  }
  return new Map(ids.map((id) => [id, strokes.get(id) ?? ownStrokeOf(id)]))
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
