import { beforeAll, describe, expect, it } from 'vitest'
import { newTracker, type Tracker } from '../support/tracker.ts'

interface Operation {
  summary?: string
  tags?: string[]
  responses: Record<
    string,
    { description: string; content?: Record<string, { schema?: unknown; example?: unknown }> }
  >
}

let tracker: Tracker
let paths: Record<string, Record<string, Operation>>
beforeAll(async () => {
  tracker = await newTracker()
  const { status, body } = await tracker.get<{ openapi: string; paths: typeof paths }>('/openapi.json')
  expect([status, body.openapi]).toEqual([200, '3.1.0'])
  paths = body.paths
})

const operations = () =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method} ${path}`,
      path,
      method,
      operation,
    })),
  )

describe('/openapi.json', () => {
  it('describes every route in a sentence, under a tag', () => {
    for (const { name, operation } of operations()) {
      expect(operation.summary, name).toMatch(/^[A-Z]/)
      expect(operation.tags, name).toHaveLength(1)
    }
  })

  it('says which problems each route can answer', () => {
    for (const { name, path, method, operation } of operations()) {
      if (path === '/health') continue
      const statuses = Object.keys(operation.responses)
      expect(statuses, name).toContain('503')
      if (path.includes('{id}')) expect(statuses, name).toContain('404')
      if (path !== '/runs/{id}/heartbeat' && (method === 'post' || method === 'patch'))
        expect(statuses, name).toEqual(expect.arrayContaining(['400', '413', '415', '422']))
      for (const [status, { content }] of Object.entries(operation.responses)) {
        if (Number(status) >= 400)
          expect(Object.keys(content ?? {}), name).toEqual(['application/problem+json'])
      }
    }
  })
})
