/** The columns of the table: which there are, in what order, how wide, which stay in sight, and how an address says it. */
import type { RunListed } from '../api.ts'
import { type FieldName, fieldOf, fieldText, splitList } from './names.ts'

/** What a run has of itself, and whether runs can be ordered by it. */
const ATTRIBUTES: Record<string, { label: string; width: number; sorts: boolean }> = {
  name: { label: 'Name', width: 190, sorts: true },
  status: { label: 'Status', width: 132, sorts: true },
  started_at: { label: 'Started', width: 96, sorts: true },
  ended_at: { label: 'Ended', width: 96, sorts: true },
  duration: { label: 'Duration', width: 76, sorts: false },
  seed: { label: 'Seed', width: 72, sorts: true },
  parent_run_id: { label: 'Parent', width: 160, sorts: true },
  id: { label: 'Id', width: 160, sorts: true },
  heartbeat: { label: 'Last sign', width: 110, sorts: false },
}

export const ATTRIBUTE_KEYS = Object.keys(ATTRIBUTES)

const USUAL_WIDTH = 88
/** Groups show a mean and how far values are from it. */
const METRIC_WIDTH = 120

/** The narrowest and the widest that a column can be, in pixels. */
const NARROWEST = 48
const WIDEST = 800

export interface Column extends FieldName {
  /** As `fieldText`. */
  id: string
  width: number
  isPinned: boolean
}

export function column(id: string, { width, isPinned = false }: Partial<Column> = {}): Column {
  const field = fieldOf(id)
  const usual =
    field.kind === undefined
      ? (ATTRIBUTES[field.key]?.width ?? USUAL_WIDTH)
      : field.kind === 'metrics'
        ? METRIC_WIDTH
        : USUAL_WIDTH
  return {
    ...field,
    id: fieldText(field),
    width: Math.round(Math.min(WIDEST, Math.max(NARROWEST, width ?? usual))),
    isPinned,
  }
}

const usualWidth = (id: string) => column(id).width

/** What the head of a column says. */
export function labelOf({ kind, key, of }: FieldName): string {
  if (kind === undefined) return ATTRIBUTES[key]?.label ?? key
  return of === 'last' ? key : `${of} ${key}`
}

export const sorts = ({ kind, key }: FieldName): boolean => kind !== undefined || !!ATTRIBUTES[key]?.sorts

/** Whether its values are numbers, which stand to the right. */
export const isNumeric = ({ kind, key }: FieldName): boolean => kind === 'metrics' || key === 'seed'

/** Pinned ones first, and before all the name, which is always there. */
export function arranged(columns: readonly Column[]): Column[] {
  const seen = new Set<string>()
  const once = columns.filter(({ id }) => !seen.has(id) && seen.add(id))
  const name = { ...(once.find(({ id }) => id === 'name') ?? column('name')), isPinned: true }
  const rest = once.filter(({ id }) => id !== 'name')
  return [name, ...rest.filter(({ isPinned }) => isPinned), ...rest.filter(({ isPinned }) => !isPinned)]
}

/** What an address says of them. */
export function columnsText(columns: readonly Column[]): { cols: string; pin: string | null } {
  const cols = columns.map(({ id, width }) => (width === usualWidth(id) ? id : `${id}~${width}`))
  const pinned = columns.filter(({ id, isPinned }) => isPinned && id !== 'name').map(({ id }) => id)
  return { cols: cols.join(','), pin: pinned.join(',') || null }
}

/** The columns that an address asks for; what is none is left out. */
export function columnsOf(cols: string, pin: string | null): Column[] {
  const pinned = new Set(splitList(pin))
  const columns = splitList(cols).map((text) => {
    const [, id = text, width] = /^(.*)~(\d+)$/s.exec(text) ?? []
    const made = column(id, { ...(width !== undefined && { width: Number(width) }) })
    return { ...made, isPinned: pinned.has(made.id) }
  })
  return arranged(
    columns.filter(({ kind, key }) => (kind === undefined ? Object.hasOwn(ATTRIBUTES, key) : key !== '')),
  )
}

/** Puts a column before or behind another one; over to pinned ones it becomes one of them. */
export function moved(columns: readonly Column[], id: string, to: number): Column[] {
  const from = columns.findIndex((one) => one.id === id)
  const one = columns[from]
  const place = Math.max(1, Math.min(columns.length - 1, to))
  if (!one || from === 0 || place === from) return [...columns]
  const rest = columns.filter((other) => other.id !== id)
  const before = rest[place - 1]
  const behind = rest[place]
  const isPinned = behind?.isPinned ?? (before?.id !== 'name' && before?.isPinned === true && one.isPinned)
  return arranged([...rest.slice(0, place), { ...one, isPinned }, ...rest.slice(place)])
}

export const resized = (columns: readonly Column[], id: string, width: number): Column[] =>
  columns.map((one) => (one.id === id ? column(id, { width, isPinned: one.isPinned }) : one))

export const pinned = (columns: readonly Column[], id: string, isPinned: boolean): Column[] =>
  arranged(columns.map((one) => (one.id === id ? { ...one, isPinned } : one)))

export const without = (columns: readonly Column[], id: string): Column[] =>
  arranged(columns.filter((one) => one.id !== id))

/** How many params and metrics a table shows of which nobody has said anything yet. */
const USUAL_PARAMS = 3
const USUAL_METRICS = 4

/** What most look at first. */
const TELLING = /loss|acc|error|f1|auc|reward|score|bleu|perplexity|ppl|mse|mae/i

/** Columns to begin with: params that differ between runs, and metrics whose names sound like results. */
export function usualColumns(
  runs: readonly Pick<RunListed, 'params'>[],
  metrics: readonly string[],
): Column[] {
  const values = new Map<string, Set<unknown>>()
  for (const { params } of runs) {
    for (const [name, value] of Object.entries(params)) {
      const known = values.get(name)
      if (known) known.add(value)
      else values.set(name, new Set([value]))
    }
  }
  const differing = [...values].filter(([, { size }]) => size > 1).map(([name]) => name)
  const chosen = [
    ...metrics.filter((name) => TELLING.test(name)),
    ...metrics.filter((name) => !TELLING.test(name)),
  ]
  const ids = [
    ...['name', 'status', 'started_at', 'duration'],
    ...differing.slice(0, USUAL_PARAMS).map((key) => fieldText({ kind: 'params', key, of: 'last' })),
    ...chosen.slice(0, USUAL_METRICS).map((key) => fieldText({ kind: 'metrics', key, of: 'last' })),
  ]
  return arranged(ids.map((id) => column(id)))
}
