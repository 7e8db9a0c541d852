/** Requests of which one field is bad, for every field of every route that takes a body. */
import { expect } from 'vitest'
import { type AtStage, type Case, noLarger, refused } from './group.ts'
import { BODY_ROUTES, type BodyRoute } from './routes.ts'
import { BAD_VALUES } from './values.ts'

/** Stands in a body for what is written there as JSON later: no JSON of JavaScript's own has 1e400. */
const HERE = '@here@'

/** JSON text of a body with other JSON at a path. */
export function bodyWith(body: unknown, path: string, json: string): string {
  const copy: unknown = structuredClone(body)
  const keys = path.split('.')
  let at = copy as Record<string, unknown>
  for (const key of keys.slice(0, -1)) {
    at[key] ??= {}
    at = at[key] as Record<string, unknown>
  }
  at[keys.at(-1) ?? ''] = HERE
  return JSON.stringify(copy).replace(`"${HERE}"`, () => json)
}

export function fields(at: AtStage): void {
  for (const route of BODY_ROUTES) {
    const { method, target, fields } = route
    const cases = Object.entries(fields).flatMap(([path, kind]) =>
      BAD_VALUES[kind].map(({ name, json }) => caseOf(at, route, path, name, json)),
    )
    refused(at, `${method} ${target} with a bad field`, cases)
  }
}

const caseOf = (
  at: AtStage,
  { method, target, body, door }: BodyRoute,
  path: string,
  name: string,
  json: () => string,
): Case => ({
  name: `${path}: ${name}`,
  request: () => ({
    method,
    target,
    headers: { 'Content-Type': 'application/json' },
    body: at().fill(bodyWith(body, path, json())),
  }),
  check: (answer, sent) => {
    noLarger(answer, sent)
    // Says where: natively by a path that begins as that of the field.
    if (door !== 'native' || answer.status !== 422) return
    const { errors = [] }: { errors?: { path: string }[] } = JSON.parse(String(answer.body))
    const [first = ''] = path.split('.')
    expect(errors.map(({ path }) => path.split(/[.[]/)[0])).toContain(first)
  },
})
