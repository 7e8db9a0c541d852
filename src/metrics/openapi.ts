/**
 * The bodies of `POST /runs/{id}/metrics` as OpenAPI describes them. Written out, because `points.ts` reads them by
 * hand: a schema that validates would go over every point a second time.
 */
import { EARLIEST, LATEST, NAME_LENGTH } from '../http/schemas.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { MAX_ATTEMPT, MAX_RANK } from './points.ts'

const MAX_SAFE = Number.MAX_SAFE_INTEGER

const step = {
  description: 'An int64; as a string beyond ±(2^53 - 1).',
  anyOf: [
    { type: 'integer' as const, minimum: -MAX_SAFE, maximum: MAX_SAFE },
    { type: 'string' as const, pattern: '^-?[0-9]{1,18}$' },
  ],
}
const value = {
  description: 'A double; as a string where JSON has no number for it.',
  anyOf: [{ type: 'number' as const }, { type: 'string' as const, enum: ['NaN', 'Infinity', '-Infinity'] }],
}
const timestamp = {
  description: 'ISO 8601 or epoch milliseconds; the time of arrival where it is left out.',
  anyOf: [
    { type: 'string' as const, format: 'date-time' },
    { type: 'number' as const, minimum: EARLIEST, maximum: LATEST },
    { type: 'null' as const },
  ],
}
/** The name of a metric. */
export const nameSchema = {
  type: 'string' as const,
  minLength: 1,
  maxLength: NAME_LENGTH,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
  not: { enum: ['.', '..'] },
}
const rank = { type: 'integer' as const, minimum: 0, maximum: MAX_RANK, default: 0 }
const attempt = {
  type: 'integer' as const,
  description:
    'Which time the job was begun. A job that goes on from a checkpoint counts one more, and what it logs again is kept ' +
    'beside what was there.',
  minimum: 0,
  maximum: MAX_ATTEMPT,
  default: 0,
}

const rows = {
  type: 'object' as const,
  required: ['metrics'],
  additionalProperties: false,
  properties: {
    metrics: {
      type: 'array' as const,
      maxItems: DEFAULT_LIMITS.MAX_POINTS_PER_CALL,
      items: {
        type: 'object' as const,
        required: ['name', 'step', 'value'],
        additionalProperties: false,
        properties: { name: nameSchema, step, value, timestamp },
      },
    },
    rank,
    attempt,
  },
}

const columns = {
  type: 'object' as const,
  required: ['series'],
  additionalProperties: false,
  properties: {
    series: {
      type: 'array' as const,
      description: 'The columns of a series have the same length.',
      items: {
        type: 'object' as const,
        required: ['name', 'steps', 'values'],
        additionalProperties: false,
        properties: {
          name: nameSchema,
          steps: { type: 'array' as const, items: step },
          values: { type: 'array' as const, items: value },
          timestamps: { type: 'array' as const, items: timestamp },
        },
      },
    },
    rank,
    attempt,
  },
}

/** Rows or columns. */
export const pointsBody = {
  schema: { oneOf: [rows, columns] },
  examples: {
    rows: { value: { metrics: [{ name: 'loss', step: 1, value: 0.5 }], rank: 0 } },
    columns: {
      value: {
        series: [
          { name: 'loss', steps: [1, 2], values: [0.5, 'NaN'], timestamps: ['2026-11-24T09:30:00Z', null] },
        ],
      },
    },
  },
}

/** A point as a line, which names its rank and attempt itself. */
const pointLine = {
  type: 'object' as const,
  required: ['name', 'step', 'value'],
  additionalProperties: false,
  properties: { name: nameSchema, step, value, timestamp, rank, attempt },
}

/** A row of a training log: all of its fields but four are points, where they are numbers. */
const logRow = {
  type: 'object' as const,
  required: ['step'],
  properties: { step, timestamp, rank, attempt },
  propertyNames: nameSchema,
  not: { required: ['name', 'value'], properties: { name: { type: 'string' as const } } },
}

/** OpenAPI 3.1 has no word for one object a line: an array stands for the lines. */
export const linesBody = {
  schema: {
    type: 'array' as const,
    description:
      'One JSON object a line (not an array): a point, or a log row, whose numeric fields beside `step`, ' +
      '`timestamp`, `rank` and `attempt` are points under their own names.',
    items: { anyOf: [pointLine, logRow] },
  },
  example: '{"step": 1, "loss": 0.5, "accuracy": 0.9}\n{"step": 2, "loss": 0.4, "accuracy": 0.92}\n',
}
