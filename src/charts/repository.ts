import { type SQL, sql } from 'drizzle-orm'
import type { Db, Scope } from '../db/database.ts'
import { clampStep } from '../http/schemas.ts'
import { type Attempt, isOfAttempt, UNTIL } from '../metrics/attempts.ts'
import { type ChunkRow, COARSE_BITS } from '../metrics/chunk.ts'
import { NODE_BYTES } from '../metrics/node.ts'
import { CHUNK_COLUMNS } from '../metrics/packing.ts'

/** What the horizontal axis shows; `relative` is the time since the run started. */
export const AXES = ['step', 'time', 'relative'] as const
export type Axis = (typeof AXES)[number]

/** Which points a chart is made of. */
export interface ChartQuery {
  runs: string[]
  names: string[]
  /** Undefined for all. */
  rank: number | undefined
  attempt: Attempt | 'all'
  x: Axis
  /** For each series at most so many, and for all of them at most MAX_BUCKETS. */
  buckets: number
  /** The part of the axis that is shown: steps, or milliseconds. It is widened to whole buckets. */
  from: bigint | undefined
  to: bigint | undefined
  /** Only what came since, where buckets are still as wide and attempts end where they did: bits, when that was, and `cuts`. */
  since: { bits: number; arrived: number; cuts: string | null } | undefined
  /** The version that the client has: nothing is read if it is still the same. */
  version: string | undefined
  /** Whether runs in the trash have curves too. */
  withTrash: boolean
  /** Nothing is read either if there are more series than this. */
  maxSeries: number
}

/** Where the rest of a chart begins that one answer of the database could not hold. */
export interface ChartRest {
  afterSeries: string
  bits: number
  low: string
  high: string
}

/** What holds for the whole chart; it comes with each row. */
export interface ChartHead {
  /** Runs that do not exist, with commas between them. */
  missing: string | null
  /** Changes when a point comes or goes. */
  version: string
  /** How many series the chart has. */
  series: number
  /** How many attempts they are put together of: as many, where each is one. */
  attempts: number
  /** Changes when an attempt ends elsewhere, because of a later one; null where none ends. */
  cuts: string | null
  /** Whether all runs have ended. */
  ended: boolean
  /** The database's clock, in epoch milliseconds. */
  now: string
  /** Whether it is all of the chart, and not what came since. */
  complete: boolean
  /** A bucket is `x >> bits`; shown are those from `low` to `high`. Null where nothing is to be shown. */
  bits: number | null
  low: string | null
  high: string | null
  /** The last series of this answer, if others follow. */
  rest_after: string | null
}

/** The series that a row belongs to; its axis begins at `origin`, which is not 0 where the axis is relative. */
export interface ChartSeries {
  series_id: string
  run_id: string
  name: string
  rank: number
  attempt: number
  /** The step before which it ends. */
  until: string | null
  origin: string
}

/** Nodes of a series, in base64, or the points of a chunk of it; the chunk's key where the axis is time. */
export interface ChartRow extends ChartSeries, ChartHead, ChunkRow {
  last_step: string | null
  id: string | null
  nodes: string | null
}

/** The points of a chunk from place `low` up to, not including, `high`. */
export interface ChunkPart {
  series_id: string
  last_step: string
  id: string
  low: number
  high: number
}

/** More would not fit into the memory of a Worker: each has four points. */
export const MAX_BUCKETS = 32_000

/** Of how many series, ranks and attempts, those of a chart may be put together. */
export const MAX_JOINED = 20_000

/** What one answer of the database may hold of a chart, in bytes; Neon's limit is 10 MiB. */
const MAX_ANSWER = 8 * 1024 * 1024

/** Lazy statements for charts. They read; whatever is told of points comes from `metrics/`. */
export class ChartRepository {
  readonly #scope: Scope
  readonly #db: Db

  constructor(scope: Scope) {
    this.#scope = scope
    this.#db = scope.db
  }

  /**
   * What a chart is made of, in as little as does it: of a chunk that lies within one bucket its summary, of one whose
   * nodes do its nodes, and else its points. Always at least one row; without series where there is nothing to show.
   *
   * Where the axis is time, whether a chunk's nodes do is known only to who reads them. So they come with the key of
   * their chunk, from sealed chunks alone, which stay: the caller asks `parts` for the points of those that do not.
   */
  rows(query: ChartQuery, rest?: ChartRest) {
    const byStep = query.x === 'step'
    const [low, high] = byStep
      ? [sql`chunks.first_step`, sql`least(chunks.last_step, wanted.until - 1)`]
      : [sql`chunks.earliest - wanted.origin`, sql`chunks.latest - wanted.origin`]
    const since = query.since
    const shown = query.withTrash ? sql`true` : sql`runs.deleted_at is null`
    const own = sql`runs.workspace_id = ${this.#scope.workspace}`
    return this.#db.execute<Partial<ChartRow> & ChartHead>(sql`
      with wanted as materialized (
        select series.id, series.run_id, series.name, series.rank, series.attempt, series.count as points,
          ${query.attempt === 'newest' ? UNTIL : sql`null::bigint`} as until,
          ${query.x === 'relative' ? sql`(extract(epoch from runs.started_at) * 1000)::bigint` : sql`0::bigint`} as origin
        from runs join series on series.workspace_id = runs.workspace_id and series.run_id = runs.id
        where ${own} and ${shown} and runs.id = any(${sql.param(query.runs)}::uuid[]) and series.name = any(${sql.param(query.names)}::text[])
          ${query.rank === undefined ? sql`` : sql`and series.rank = ${query.rank}::int`}
          and ${isOfAttempt(query.attempt)}
      ),
      head as materialized (
        select
          (
            select string_agg(asked.id::text, ',') from unnest(${sql.param(query.runs)}::uuid[]) as asked (id)
            where not exists (select from runs where ${own} and runs.id = asked.id and ${shown})
          ) as missing,
          (select md5(coalesce(string_agg(id || ':' || points, ',' order by id), '')) from wanted) as version,
          (
            select coalesce(bool_and(ended_at is not null), false) from runs
            where ${own} and id = any(${sql.param(query.runs)}::uuid[])
          ) as ended,
          (select count(*)::int from wanted where until is null) as series,
          (select count(*)::int from wanted) as attempts,
          (select md5(string_agg(id || ':' || until, ',' order by id)) from wanted where until is not null) as cuts,
          (extract(epoch from now()) * 1000)::bigint as now,
          greatest(2, least(
            ${query.buckets}::int,
            ${MAX_BUCKETS}::int / greatest((select count(*) from wanted where until is null), 1)
          )) as buckets
      ),
      part as materialized (
        select wanted.id as series_id, wanted.until, chunks.last_step, chunks.id, ${low} as low, ${high} as high, arrived, sealed,
          chunks.count, first_step, stride, earliest, latest, time_stride, steps, times, values, summary, node_bits, nodes
        from wanted join chunks on chunks.series_id = wanted.id
        where (select version from head) is distinct from ${query.version ?? null}::text
          and (select series from head) <= ${query.maxSeries}::int
          and (select attempts from head) <= ${MAX_JOINED}::int
          and (wanted.until is null or chunks.first_step < wanted.until)
          ${rest === undefined ? sql`` : sql`and wanted.id > ${rest.afterSeries}::bigint`}
          ${within(query)}
      ),
      scale as materialized (
        ${
          rest === undefined
            ? sql`
        select bits, not is_news as complete, range.high >> bits as high,
          case when is_news then case when news is not null then greatest(range.low, news) end else range.low end >> bits as low
        from (
          select coalesce(${query.from ?? null}::bigint, min(low)) as low, coalesce(${query.to ?? null}::bigint, max(high)) as high,
            min(low) filter (where arrived > ${since?.arrived ?? 0}::bigint) as news
          from part
        ) as range
        -- As fine as they may be wherever the range begins: panned, it keeps them.
        cross join lateral (
          select coalesce(min(bits), 63) as bits from generate_series(0, 63) as bits
          where trunc((range.high::numeric - range.low) / 2::numeric ^ bits) + 2 <= (select buckets from head)
        ) as finest
        cross join lateral (
          select coalesce(bits = ${since?.bits ?? null}::int, false)
            and (select cuts from head) is not distinct from ${since?.cuts ?? null}::text as is_news
        ) as asked`
            : sql`
        select ${rest.bits}::int as bits, true as complete, ${rest.high}::bigint as high, ${rest.low}::bigint as low`
        }
      ),
      shown as materialized (
        select part.*,
          -- Where an attempt ends within a chunk, some of its points count.
          case when until is null or last_step < until then ${byStep ? NODES_BY_STEP : NODES_BY_TIME} end as chosen
        from part cross join scale
        where part.high >> bits >= scale.low and part.low >> bits <= scale.high
      ),
      sized as (
        select series_id, sum(
          -- What stands in each row, and bytes as base64.
          350 + octet_length(name) + 1.4 * case when chosen is not null then octet_length(chosen)
          else octet_length(values) + coalesce(octet_length(steps), 0) + coalesce(octet_length(times), 0) end
        ) as size
        from shown join wanted on wanted.id = series_id group by series_id
      ),
      -- As many series as fit into an answer, the first in any case. Of each all or nothing: between two answers its
      -- chunks may have been merged.
      fitting as materialized (
        select series_id, sum(size) over (order by series_id) <= ${MAX_ANSWER}::int
          or series_id = min(series_id) over () as fits
        from sized
      ),
      taken as materialized (
        select * from shown where series_id in (select series_id from fitting where fits)
      ),
      piece as (
        select series_id, ${byStep ? sql`null::bigint as last_step, null::bigint as id` : sql`last_step, id`},
          null::int as count, null::bigint as first_step,
          null::bigint as stride, null::bigint as earliest, null::bigint as latest, null::bigint as time_stride,
          null::bytea as steps, null::bytea as times, null::bytea as values,
          string_agg(chosen, '') as nodes
        from taken where chosen is not null
        group by series_id ${byStep ? sql`` : sql`, last_step, id`}
        union all
        select series_id, null, null, count, first_step, stride, earliest, latest, time_stride, steps, times, values, null
        from taken where chosen is null
      )
      select head.missing, head.version, head.series, head.attempts, head.cuts, head.ended, head.now,
        scale.complete, scale.bits, scale.low, scale.high,
        (
          select max(series_id) filter (where fits) from fitting having count(*) filter (where not fits) > 0
        ) as rest_after,
        found.series_id, found.run_id, found.name, found.rank, found.attempt, found.until, found.origin,
        found.last_step, found.id, found.nodes,
        ${sql.raw(
          ['count', 'first_step', 'stride', 'earliest', 'latest', 'time_stride', 'steps', 'times', 'values']
            .map((name) => `found.${name}`)
            .join(', '),
        )}
      from head cross join scale
      left join (
        select wanted.id as series_id, wanted.run_id, wanted.name, wanted.rank, wanted.attempt, wanted.until, wanted.origin,
          piece.last_step, piece.id,
          encode(piece.nodes, 'base64') as nodes, ${CHUNK_COLUMNS}
        from piece join wanted on wanted.id = piece.series_id
      ) as found on true`)
  }

  /** Points of sealed chunks, as rows that `readChunk` reads. */
  parts(parts: ChunkPart[]) {
    const of = <T>(value: (part: ChunkPart) => T) => sql.param(parts.map(value))
    const cut = (bytes: SQL) => {
      const width = sql`(octet_length(${bytes}) / chunks.count)`
      return sql`encode(substr(${bytes}, part.low * ${width} + 1, (part.high - part.low) * ${width}), 'base64')`
    }
    const time = sql`case when time_stride is null then earliest
      else case when time_stride < 0 then latest else earliest end + part.low * time_stride end`
    return this.#db.execute<ChunkRow & { series_id: string }>(sql`
      select series_id, part.high - part.low as count, first_step + part.low * coalesce(stride, 0) as first_step, stride,
        ${time} as earliest, ${time} as latest, time_stride,
        ${cut(sql`steps`)} as steps, ${cut(sql`times`)} as times, ${cut(sql`values`)} as values
      from unnest(
        ${of(({ series_id }) => series_id)}::bigint[], ${of(({ last_step }) => last_step)}::bigint[],
        ${of(({ id }) => id)}::bigint[], ${of(({ low }) => low)}::int[], ${of(({ high }) => high)}::int[]
      ) as part (series_id, last_step, id, low, high)
      join chunks using (series_id, last_step, id)`)
  }
}

/**
 * The nodes that do for a chunk, as few of them as possible: that of the whole chunk where it lies within one bucket,
 * coarse ones or fine ones where no bucket is shorter than their ranges. Null where its points have to be read.
 */
const NODES_BY_STEP = sql`
  case
    when summary is not null and part.low >> bits = part.high >> bits then substr(summary, 1, ${NODE_BYTES}::int)
    when octet_length(summary) > ${NODE_BYTES}::int and node_bits + ${COARSE_BITS}::int <= bits
      then substr(summary, ${NODE_BYTES + 1}::int)
    when node_bits <= bits then nodes
  end`

/** Likewise; nodes are ranges of steps, so some of them may not do, but it takes fewer points to make up for them. */
const NODES_BY_TIME = sql`
  case when sealed then
    case when summary is not null and part.low >> bits = part.high >> bits then substr(summary, 1, ${NODE_BYTES}::int)
    else nodes end
  end`

/**
 * Leaves out chunks that lie nowhere near what is shown: where there are two buckets or more, none is longer than twice
 * the range, and widening reaches no further than one bucket.
 */
function within({ x, from, to }: ChartQuery): SQL {
  if (from === undefined || to === undefined) return sql``
  const span = 2n * (to - from + 1n)
  const [low, high] = [clampStep(from - span), clampStep(to + span)]
  return x === 'step'
    ? sql`and chunks.last_step >= ${low}::bigint and chunks.first_step <= ${high}::bigint`
    : sql`and chunks.latest - wanted.origin >= ${low}::bigint and chunks.earliest - wanted.origin <= ${high}::bigint`
}
