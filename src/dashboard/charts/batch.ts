/** How what charts want is split into requests. */

/** What the API takes at most: runs, names, and buckets of all series together. */
const MAX_RUNS = 100
const MAX_NAMES = 20
const MAX_BUCKETS = 32_000

export interface Wanted {
  name: string
  runs: readonly string[]
}

export interface Batch {
  names: string[]
  runs: string[]
}

/** Names that want the same runs go together, as long as each series keeps its number of buckets. */
export function batches(wanted: readonly Wanted[], buckets: number): Batch[] {
  const groups = new Map<string, Batch>()
  const most = Math.max(1, Math.min(MAX_RUNS, Math.floor(MAX_BUCKETS / buckets)))
  for (const { name, runs } of wanted) {
    for (let i = 0; i < runs.length; i += most) {
      const some = runs.slice(i, i + most)
      const key = some.join()
      const group = groups.get(key)
      if (group) group.names.push(name)
      else groups.set(key, { names: [name], runs: some })
    }
  }
  return [...groups.values()].flatMap(({ names, runs }) => {
    const size = Math.max(1, Math.min(MAX_NAMES, Math.floor(MAX_BUCKETS / (runs.length * buckets))))
    return Array.from({ length: Math.ceil(names.length / size) }, (_, i) => ({
      names: names.slice(i * size, (i + 1) * size),
      runs,
    }))
  })
}

/** Fewer are seen as such. */
const FEWEST = 256

/** How many buckets a series of a chart gets: of many runs fewer, so that they come with one request. */
export const bucketsFor = (runs: number, wanted: number): number =>
  Math.max(FEWEST, Math.min(wanted, Math.floor(MAX_BUCKETS / Math.min(MAX_RUNS, Math.max(1, runs)))))

/** As the tracker chooses it: the shortest bucket, a power of two, of which `buckets` cover the range wherever it lies. */
export const widthFor = (from: number, to: number, buckets: number): number =>
  2 ** Math.max(0, Math.ceil(Math.log2((to - from) / Math.max(1, buckets - 2))))
