import { describe, expect, it } from 'vitest'
import { app } from '../../src/app.ts'
import { checkNeeds, isHandler, NEEDS, needOf } from '../../src/keys/scopes.ts'
import { ghost } from './fixture.ts'
import { callOf, ROUTES } from './requests.ts'

describe('the table of what routes need', () => {
  it('has each route of the router, and no other', () => {
    expect(() => checkNeeds(app.routes)).not.toThrow()
    expect([...NEEDS.keys()].sort()).toEqual([...ROUTES].sort())
  })

  it('lets no router start that has a route of which it says nothing', () => {
    const routes = [...app.routes, { method: 'POST', path: '/new' }]
    expect(() => checkNeeds(routes)).toThrow('Routes without a scope: POST /new')
    // Of another method than one that it has.
    expect(() => checkNeeds([...app.routes, { method: 'PUT', path: '/runs/:id' }])).toThrow('PUT /runs/:id')
  })

  it('lets no router start that lacks a route which it names', () => {
    const routes = app.routes.filter(({ path }) => path !== '/charts')
    expect(() => checkNeeds(routes)).toThrow('scopes without a route: GET /charts')
  })

  it('asks a key of whoever calls what there is not', () => {
    expect(needOf(undefined)).toBe('any')
    expect(needOf({ method: 'GET', path: '/nothing' })).toBe('any')
  })

  it('asks one thing of a request, also where it matches several routes', () => {
    for (const route of ROUTES) {
      const { method, path } = callOf(route, ghost())
      const [matched] = app.router.match(method, path.replace(/\?.*/, ''))
      const needs = matched
        .map(([[, { path, method }]]) => ({ path, method }))
        .filter(isHandler)
        .map(needOf)
      expect([route, new Set(needs).size]).toEqual([route, 1])
      expect(needs).toContain(NEEDS.get(route))
    }
  })
})

describe('the suites of keys', () => {
  it('say what to add for a route that they cannot call', () => {
    expect(() => callOf('GET /new', ghost())).toThrow('Say in test/keys/requests.ts how `GET /new` is called')
  })
})
