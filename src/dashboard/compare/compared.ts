/** Runs side by side, as rows of values: what they have, and where they differ. */

export type Scalar = string | number | boolean
export type Of = 'last' | 'min' | 'max'
export const OFS = ['last', 'min', 'max'] as const

export interface Summary {
  last: Scalar
  min: Scalar | null
  max: Scalar | null
}

export interface Compared {
  id: string
  params: Record<string, Scalar>
  tags: Record<string, Scalar>
  metrics?: Record<string, Summary> | undefined
}

export type Section = 'params' | 'metrics' | 'tags'

/** What is compared, under the name that filters have for it: `params.lr`. */
export interface Row {
  field: string
  section: Section
  name: string
  /** One a run; undefined where the run has none. */
  values: (Scalar | undefined)[]
  /** Whether the runs do not all have the same. */
  differs: boolean
}

/** A field of a run, of which a metric is its last, lowest or highest value. */
export function fieldOf(run: Compared, field: string, of: Of): Scalar | undefined {
  const dot = field.indexOf('.')
  const [section, name] = [field.slice(0, dot), field.slice(dot + 1)]
  if (section === 'metrics') return own(run.metrics, name)?.[of] ?? undefined
  return section === 'params' || section === 'tags' ? own(run[section], name) : undefined
}

const own = <T>(named: Record<string, T> | undefined, name: string): T | undefined =>
  named !== undefined && Object.hasOwn(named, name) ? named[name] : undefined

const byName = new Intl.Collator('en', { numeric: true }).compare

/** The names that any of the runs has, sorted. */
export function namesOf(runs: readonly Compared[], section: Section): string[] {
  return [...new Set(runs.flatMap((run) => Object.keys(run[section] ?? {})))].sort(byName)
}

export function rowsOf(runs: readonly Compared[], section: Section, of: Of): Row[] {
  return namesOf(runs, section).map((name) => {
    const field = `${section}.${name}`
    const values = runs.map((run) => fieldOf(run, field, of))
    return { field, section, name, values, differs: values.some((value) => isOther(value, values[0])) }
  })
}

/** Whether two values are not the same; one that was logged as text is that which was logged as a number. */
export const isOther = (a: Scalar | undefined, b: Scalar | undefined): boolean =>
  (a === undefined) !== (b === undefined) || String(a) !== String(b)

export interface Wanted {
  q: string
  onlyDifferences: boolean
}

export const isWanted = ({ name, values, differs }: Row, { q, onlyDifferences }: Wanted): boolean =>
  (differs || !onlyDifferences) &&
  (q === '' ||
    [name, ...values].some((text) =>
      String(text ?? '')
        .toLowerCase()
        .includes(q.toLowerCase()),
    ))

/** The number that a value is, also where it was logged as text; undefined for what is none. */
export function numberOf(value: Scalar | undefined): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.trim() === '') return undefined
  const word = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY }[
    value.trim().toLowerCase().replace('infinity', 'inf')
  ]
  if (word !== undefined) return word
  const number = Number(value)
  return Number.isNaN(number) ? undefined : number
}
