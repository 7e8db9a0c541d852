/** What `GET /charts` takes. */
import { z } from '@hono/zod-openapi'
import { type Finding, invalid, notFound } from '../errors.ts'
import { epochMilliseconds, isInt64, queryInteger, several, TIMESTAMP_FAULT } from '../http/schemas.ts'
import { attemptsQuery } from '../metrics/attempts.ts'
import { nameSchema } from '../metrics/openapi.ts'
import { MAX_RANK, nameFindings, TOLD } from '../metrics/points.ts'
import { AXES, type ChartQuery, MAX_BUCKETS, MAX_JOINED } from './repository.ts'

const MAX_RUNS = 100
const MAX_NAMES = 20

/** How many series a chart may have. */
const MAX_SERIES = MAX_RUNS * MAX_NAMES

/** An end of the range: what it may be depends on the axis, so it is read later. */
const end = (description: string) =>
  z
    .string()
    .optional()
    .openapi({
      description,
      anyOf: [
        { type: 'string', pattern: '^-?[0-9]{1,18}$' },
        { type: 'string', format: 'date-time' },
      ],
    })

export const ChartParameters = z.object({
  runs: several(`Ids of up to ${MAX_RUNS} runs: several times, or with commas between them.`, MAX_RUNS, {
    type: 'string',
  }),
  names: several(
    `Up to ${MAX_NAMES} metrics; several times, because a name may hold a comma.`,
    MAX_NAMES,
    nameSchema,
  ),
  rank: z
    .union([z.enum(['all', 'mean']), queryInteger(0, MAX_RANK)])
    .optional()
    .openapi({
      description:
        'One rank (0 where left out), `all` for a series each, or `mean` for their mean, min and max.',
      type: 'string',
      pattern: '^(all|mean|[0-9]{1,9})$',
    }),
  attempt: attemptsQuery(
    'what stands after all of them: of each step the points of the newest attempt that has reached it. An attempt ends ' +
      'where a later one of the same rank begins',
  ),
  x: z
    .enum(AXES)
    .optional()
    .openapi({ description: '`relative` is the time since the run started.', default: 'step' }),
  buckets: queryInteger(2, 4_096)
    .optional()
    .openapi({
      description:
        `How many buckets a series has at most, 320 where left out; fewer where all series together would have more ` +
        `than ${MAX_BUCKETS.toLocaleString('en')}.`,
    }),
  from: end(
    'Where the chart begins: a step, a moment (as the API takes timestamps) or milliseconds since the run started. ' +
      'It is widened to whole buckets.',
  ),
  to: end('Where it ends, likewise.'),
  since: z
    .string()
    .regex(/^\d{1,2}\.\d{1,15}(\.[0-9a-f]{32})?$/, { error: 'is not what an earlier answer gave as next' })
    .optional()
    .openapi({
      description:
        '`next` of an earlier answer: only the buckets from the first one on that has something new.',
    }),
})

/**
 * @param version the version of the chart that the client has
 * @throws TrackerError 422 with all that is wrong, 404 for an id that can be no run's
 */
export function chartQuery(asked: z.infer<typeof ChartParameters>, version: string | undefined): ChartQuery {
  const { rank = 0, attempt, x = 'step', buckets = 320 } = asked
  const ids = asked.runs.flatMap((runs) => runs.split(',')).map((id) => id.toLowerCase())
  const [runs, names] = [[...new Set(ids)], [...new Set(asked.names)]]
  const findings: Finding[] = []
  if (ids.length > MAX_RUNS) {
    findings.push({ path: 'runs', message: `has ${ids.length} runs; at most ${MAX_RUNS}` })
  }
  findings.push(...nameFindings('names', asked.names, MAX_NAMES))
  const position = (path: 'from' | 'to'): bigint | undefined => {
    const text = asked[path]
    if (text === undefined) return undefined
    const isNumber = /^-?\d{1,19}$/.test(text) && isInt64(BigInt(text))
    if (x !== 'time' && isNumber) return BigInt(text)
    const time = x === 'time' ? epochMilliseconds(isNumber ? Number(text) : text) : undefined
    if (time !== undefined) return BigInt(time)
    findings.push({ path, message: x === 'time' ? TIMESTAMP_FAULT : 'must be an int64' })
    return undefined
  }
  const from = position('from')
  const to = position('to')
  if (from !== undefined && to !== undefined && from > to)
    findings.push({ path: 'to', message: 'lies before from' })
  if (findings.length > 0) throw invalid(findings)
  const unknown = runs.filter((id) => !z.guid().safeParse(id).success)
  if (unknown.length > 0) throw noSuchRuns(unknown)
  return {
    runs,
    names,
    rank: typeof rank === 'number' ? rank : undefined,
    attempt,
    x,
    buckets,
    from,
    to,
    since: sinceOf(asked.since),
    version,
    withTrash: false,
    maxSeries: rank === 'mean' ? MAX_JOINED : MAX_SERIES,
  }
}

function sinceOf(text: string | undefined): ChartQuery['since'] {
  const [bits, arrived, cuts = null] = text?.split('.') ?? []
  return bits === undefined ? undefined : { bits: Number(bits), arrived: Number(arrived), cuts }
}

export const noSuchRuns = (ids: string[]) =>
  notFound(
    'Run',
    ids.map((id) => ({ path: 'runs', message: `there is no run ${id.slice(0, TOLD)}` })),
  )
