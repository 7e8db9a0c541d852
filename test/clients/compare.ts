/** Compares what two servers had to say, value by value. */
import { DIFFERENCES, type Difference } from './differences.ts'

/** A place where they are not equal. */
export interface Mismatch {
  path: string
  mlflow: unknown
  edgerun: unknown
}

/** Stands for what one of them does not have. */
export const MISSING = '(nothing)'

/** All places below a path where two values are not equal. */
export function mismatches(mlflow: unknown, edgerun: unknown, path = ''): Mismatch[] {
  if (isObject(mlflow) && isObject(edgerun) && isSameKind(mlflow, edgerun)) {
    const names = new Set([...Object.keys(mlflow), ...Object.keys(edgerun)])
    return [...names].flatMap((name) => {
      const below = path === '' ? name : `${path} › ${name}`
      const has = (value: object) => (name in value ? Reflect.get(value, name) : MISSING)
      return mismatches(has(mlflow), has(edgerun), below)
    })
  }
  // Lists of another length are shown whole: item by item everything behind a gap would differ.
  if (Array.isArray(mlflow) && Array.isArray(edgerun) && mlflow.length === edgerun.length) {
    return mlflow.flatMap((value, i) => mismatches(value, edgerun[i], `${path} › ${i}`))
  }
  return JSON.stringify(mlflow) === JSON.stringify(edgerun) ? [] : [{ path, mlflow, edgerun }]
}

/** An answer and another, or an error, have nothing to be compared piece by piece. */
function isSameKind(mlflow: object, edgerun: object): boolean {
  return ['status', 'error_code', 'exception'].every((name) => {
    const [theirs, ours] = [mlflow, edgerun].map((value) => outcome(value)[name])
    return theirs === ours
  })
}

/** What tells the kinds of answers apart; nothing of what is none. */
function outcome(value: object): Record<string, unknown> {
  const names = Object.keys(value).sort().join()
  return /^(body,status|(error_class,)?error_code,message(,sqlstate)?|exception,message)$/.test(names)
    ? { ...value }
    : {}
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How many values there are below one. */
export function count(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce((sum: number, each) => sum + count(each), 0)
}

/** Whether a difference is one that is allowed there. */
export function allows(difference: Difference, scenario: string, mismatch: Mismatch): boolean {
  const { at, mlflow, edgerun } = difference
  return (
    at.some(([where, path]) => where.test(scenario) && path.test(mismatch.path)) &&
    mlflow.test(JSON.stringify(mismatch.mlflow)) &&
    edgerun.test(JSON.stringify(mismatch.edgerun))
  )
}

/** What of the mismatches nobody allowed. Notes in `seen` which differences have occurred. */
export function unexplained(scenario: string, found: Mismatch[], seen: Set<string>): Mismatch[] {
  return found.filter((mismatch) => {
    const difference = DIFFERENCES.find((each) => allows(each, scenario, mismatch))
    if (difference) seen.add(difference.name)
    return difference === undefined
  })
}

/** A report for people. */
export function report(found: Mismatch[]): string {
  const shown = found.slice(0, 40).map(({ path, mlflow, edgerun }) => {
    return `${path}\n  MLflow:  ${short(mlflow)}\n  Edgerun: ${short(edgerun)}`
  })
  const rest = found.length > shown.length ? [`… and ${found.length - shown.length} more`] : []
  return [`${found.length} differ:`, ...shown, ...rest].join('\n')
}

function short(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length <= 600 ? text : `${text.slice(0, 600)}… (${text.length} characters)`
}
