/** The parts of a route's description that many routes share. */
import type { z } from '@hono/zod-openapi'
import { Problem } from './problem.ts'

const PROBLEMS = {
  400: 'The body cannot be read, or is not JSON.',
  404: 'There is nothing with this id.',
  409: 'It is there already and says something else.',
  413: 'The body is over the limit.',
  415: 'The body has another media type or encoding.',
  422: 'Something in the request is not valid; `errors` says what and where.',
  503: 'The database is away; `Retry-After` says when to ask again.',
} as const

type ProblemStatus = keyof typeof PROBLEMS

const problem = (status: ProblemStatus) => ({
  description: PROBLEMS[status],
  content: { 'application/problem+json': { schema: Problem } },
})

/** Answers of a route that reads. */
export const reads = { 422: problem(422), 503: problem(503) }

/** Answers of a route that names one thing. */
export const finds = { 404: problem(404), 503: problem(503) }

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
