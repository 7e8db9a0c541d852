import { chmod, chown, copyFile, mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { neonConfig } from '@neondatabase/serverless'
import pg from 'pg'
import { generate } from 'selfsigned'
import { type Gateway, startGateway } from '../../tools/local/gateway.ts'
import { listen } from '../../tools/local/ports.ts'
import { type LocalPostgres, startPostgres } from '../../tools/local/postgres.ts'

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

/** Stands between a gateway and Postgres, and counts how often the gateway says something. */
export async function countingProxy(postgres: LocalPostgres) {
  let said = 0
  const server = createServer((near) => {
    const far = connect(postgres.port, '127.0.0.1')
    near.on('data', () => (said += 1))
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) socket.on('error', () => {})
  })
  const url = new URL(postgres.url)
  url.port = String(await listen(server, 0))
  return {
    url: url.href,
    /** How often the gateway has something to say while `act` runs, and until it has been answered. */
    during: async (act: () => Promise<unknown>) => {
      const before = said
      await act()
      await sleep(50)
      return said - before
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  }
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

/**
 * Makes a Postgres of ours speak TLS, with a certificate that it has signed itself, and none without TLS.
 *
 * @returns the file of the certificate
 */
export async function demandTls(postgres: LocalPostgres, dataDir: string): Promise<string> {
  const folder = await realpath(path.join(dataDir, 'data'))
  const certificate = path.join(dataDir, 'server.crt')
  const key = path.join(folder, 'server.key')
  const made = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  })
  await writeFile(key, made.private)
  await writeFile(certificate, made.cert)
  const { uid, gid } = await stat(folder)
  await copyFile(certificate, path.join(folder, 'server.crt'))
  for (const file of [key, path.join(folder, 'server.crt')]) {
    await chmod(file, 0o600)
    await chown(file, uid, gid)
  }
  await writeFile(path.join(folder, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n')
  const superuser = new URL(postgres.url)
  superuser.username = 'postgres'
  const client = new pg.Client(superuser.href)
  await client.connect()
  await client.query('alter system set ssl = on')
  await client.query('select pg_reload_conf()')
  await client.end()
  return certificate
}
