import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { migrate } from '../../tools/db/migrate.ts'
import { startGateway } from '../../tools/local/gateway.ts'
import { startPostgres } from '../../tools/local/postgres.ts'

const TEMPLATE = 'template_edgerun'

/** Starts Postgres and the gateway for all Worker tests, and migrates the database that they clone. */
export default async function setup(project: TestProject) {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'edgerun-test-'))
  // As root, Postgres runs as a user of its own, which has to get in here.
  await chmod(dataDir, 0o755)
  const postgres = await startPostgres({ dataDir, durable: false })
  const admin = new pg.Client({ connectionString: postgres.url })
  await admin.connect()
  await admin.query(`create database ${TEMPLATE}`)
  await admin.end()
  const templateUrl = new URL(postgres.url)
  templateUrl.pathname = `/${TEMPLATE}`
  await migrate(templateUrl.href)
  const gateway = await startGateway({ upstream: postgres.url })

  project.provide('gateway', gateway.url)
  project.provide('adminUrl', postgres.url)
  project.provide('template', TEMPLATE)

  return async () => {
    await gateway.close()
    await postgres.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}
