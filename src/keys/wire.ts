import { z } from '@hono/zod-openapi'
import { KEY_SCOPES } from '../db/schema.ts'
import { clientId, isoTimestamp, text, timestamp } from '../http/schemas.ts'
import type { KeyRow } from './repository.ts'
import { KEY_ID } from './token.ts'

const scope = z.enum(KEY_SCOPES).openapi({
  description:
    '`read`; `write`, which reads too; `admin`, which does all of it and makes keys; `ingest`, which logs to one run or ' +
    'to the runs of one experiment, and can do nothing else.',
})

export const NewKey = z
  .strictObject({
    name: text(1, 100),
    scope,
    experiment_id: clientId.optional(),
    run_id: clientId.optional(),
    expires_at: timestamp.optional(),
  })
  .superRefine(({ scope, experiment_id, run_id }, ctx) => {
    const targets = [experiment_id, run_id].filter((id) => id !== undefined).length
    if (scope === 'ingest' && targets !== 1) {
      ctx.addIssue({
        code: 'custom',
        path: ['scope'],
        message: 'ingest needs an experiment_id or a run_id, one of them',
      })
    }
    if (scope !== 'ingest' && targets > 0) {
      ctx.addIssue({
        code: 'custom',
        path: ['scope'],
        message: 'is not for one run or experiment: only ingest is',
      })
    }
  })
  .openapi('NewKey', {
    oneOf: [
      {
        properties: { scope: { enum: ['ingest'] } },
        required: ['experiment_id'],
        not: { required: ['run_id'] },
      },
      {
        properties: { scope: { enum: ['ingest'] } },
        required: ['run_id'],
        not: { required: ['experiment_id'] },
      },
      {
        properties: { scope: { enum: ['read', 'write', 'admin'] } },
        not: { anyOf: [{ required: ['experiment_id'] }, { required: ['run_id'] }] },
      },
    ],
    example: { name: 'cluster', scope: 'write' },
  })

export const Key = z
  .object({
    id: z.string().openapi({ description: 'What stands behind `er_` in the key.', example: '7nUpCfQ2sLx0' }),
    name: z.string(),
    scope,
    experiment_id: z.guid().nullable(),
    run_id: z.guid().nullable(),
    created_at: isoTimestamp,
    created_by: z.string().openapi({ description: 'The id of the key that made it, `bootstrap` or `open`.' }),
    expires_at: isoTimestamp.nullable(),
    last_used_at: isoTimestamp.nullable().openapi({ description: 'To the minute.' }),
    revoked_at: isoTimestamp.nullable(),
  })
  .openapi('Key')

export const KeyMade = Key.extend({
  key: z.string().openapi({ description: 'The key itself. It is told now and never again.' }),
}).openapi('KeyMade')

export const key = (row: KeyRow) => ({
  id: row.id,
  name: row.name,
  scope: row.scope,
  experiment_id: row.experimentId,
  run_id: row.runId,
  created_at: row.createdAt.toISOString(),
  created_by: row.createdBy,
  expires_at: row.expiresAt?.toISOString() ?? null,
  last_used_at: row.lastUsedAt?.toISOString() ?? null,
  revoked_at: row.revokedAt?.toISOString() ?? null,
})

/** A path's id of a key. */
export const keyId = z.string().regex(KEY_ID, { error: 'Key not found' }).openapi({ example: '7nUpCfQ2sLx0' })

export const Session = z
  .object({
    workspace: z.string(),
    scope,
    key_id: z.string().nullable().openapi({ description: 'Null where no key is needed.' }),
    name: z.string().nullable(),
    expires_at: isoTimestamp.nullable(),
  })
  .openapi('Session')

export const NewSession = z
  .strictObject({
    key: z.string().openapi({ description: 'An API key of scope `read`, `write` or `admin`.' }),
  })
  .openapi('NewSession')

export const Workspace = z.object({ name: z.string(), created_at: isoTimestamp }).openapi('Workspace')

export const AuditEntry = z
  .object({
    at: isoTimestamp,
    actor: z.string().openapi({ description: 'The id of a key, `bootstrap` or `open`.' }),
    action: z.string().openapi({ example: 'run.deleted' }),
    subject: z.string().openapi({ description: 'The id, name or path of what it was done to.' }),
  })
  .openapi('AuditEntry')
