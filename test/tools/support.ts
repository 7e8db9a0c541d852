import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { neonConfig } from '@neondatabase/serverless'
import pg from 'pg'
import { type Gateway, startGateway } from '../../tools/local/gateway.ts'
import { startPostgres } from '../../tools/local/postgres.ts'

/** A folder for the length of a test, which the user of Postgres may enter. */
export async function temporaryFolder(): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'edgerun-test-'))
  await chmod(folder, 0o711)
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** A Postgres and a gateway before it, with the driver pointed at them as the Worker does it. */
export async function startStack(options: { maxConnections?: number; waitTimeout?: number } = {}) {
  const { folder, remove } = await temporaryFolder()
  const postgres = await startPostgres({ dataDir: folder, durable: false, log: () => {} })
  const gateway = await startGateway({ upstream: postgres.url, ...options })
  pointDriverAt(gateway)
  return {
    postgres,
    gateway,
    /** Asks Postgres itself, past the gateway. */
    direct: async (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> => {
      const client = new pg.Client(postgres.url)
      await client.connect()
      try {
        return (await client.query(text, values)).rows
      } finally {
        await client.end()
      }
    },
    stop: async () => {
      await gateway.close()
      await postgres.stop()
      await remove()
    },
  }
}

export type Stack = Awaited<ReturnType<typeof startStack>>

export function pointDriverAt(gateway: Gateway): void {
  neonConfig.fetchEndpoint = `${gateway.url}/sql`
  neonConfig.wsProxy = (host, port) => `${new URL(gateway.url).host}/v2?address=${host}:${port}`
  neonConfig.useSecureWebSocket = false
  neonConfig.pipelineConnect = false
}

/** Waits until something holds, for at most 20 seconds. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(20)) if (await holds()) return
  throw new Error(`After 20 seconds it does not hold yet that ${what}`)
}

/** The error of a promise that must fail, with all that it carries. */
export async function failure(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Error) return { ...error, name: error.name, message: error.message }
    throw error
  }
  throw new Error('It did not fail')
}
