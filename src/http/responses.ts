/** The parts of a route's description that many routes share. */
import type { z } from '@hono/zod-openapi'
import { Problem, TITLES } from './problem.ts'

/** Each problem that a route can answer, and an example of what it says. */
const PROBLEMS = {
  400: ['The body cannot be read, or is not JSON.', 'The body is not UTF-8'],
  401: [
    'There is no API key, or none that is good.',
    'There is no such API key: it was revoked, or it has expired',
  ],
  403: ['The API key is good, but not for this.', 'This API key may not do that: it has another scope'],
  404: ['There is nothing with this id.', 'Run not found'],
  409: ['It is there already and says something else.', 'A run with this id was created with other content'],
  413: ['The body is over the limit.', 'The body has more than 8388608 bytes'],
  415: ['The body has another media type or encoding.', 'Content-Encoding must be gzip or left out'],
  422: [
    'Something in the request is not valid; `errors` says what and where.',
    'The request is not valid; errors says what and where',
  ],
  429: [
    'This key has asked too often; `Retry-After` says after how many seconds to ask again.',
    'Too many requests',
  ],
  503: [
    'The database is away; `Retry-After` says after how many seconds to ask again.',
    'The database is away; try again',
  ],
} as const

type ProblemStatus = keyof typeof PROBLEMS

function problem(status: ProblemStatus) {
  const [description, detail] = PROBLEMS[status]
  const example = {
    type: 'about:blank',
    title: TITLES[status],
    status,
    detail,
    request_id: '5b1f3c1e-5c1e-4d56-9e0b-0d3a7d0d1c11',
    ...(status === 422 && { errors: [{ path: 'name', message: 'must not be empty' }] }),
  }
  return {
    description,
    content: { 'application/problem+json': { schema: Problem, example } },
    ...(status === 401 && {
      headers: { 'WWW-Authenticate': { description: '`Bearer`.', schema: { type: 'string' as const } } },
    }),
    ...((status === 503 || status === 429) && {
      headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' as const } } },
    }),
  }
}

/** Answers of whatever needs a key. */
const keyed = { 401: problem(401), 403: problem(403), 429: problem(429), 503: problem(503) }

/** Answers of a route that reads. */
export const reads = { 422: problem(422), ...keyed }

/** Answers of a route that names one thing. */
export const finds = { 404: problem(404), ...keyed }

/** Answers of a route that takes a body. */
export const takesBody = { 400: problem(400), 413: problem(413), 415: problem(415), ...reads }

/** Answer of a route that can meet something that says otherwise. */
export const conflicts = { 409: problem(409) }

/** A JSON answer. */
export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})

/** A JSON request body. */
export const jsonBody = <S extends z.ZodType>(schema: S) => ({
  required: true,
  content: { 'application/json': { schema } },
})
