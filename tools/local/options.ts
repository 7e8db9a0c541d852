/** What a person sets in the environment of `npm start` and `npm run dev`. */
import path from 'node:path'
import { Sentence } from './sentence.ts'

/** The folder of the project. */
export const PROJECT = path.resolve(import.meta.dirname, '../..')

export interface Options {
  /** Where the Worker listens, on 127.0.0.1. */
  port: number
  /** Holds everything that is kept. */
  dataFolder: string
  /** A Postgres to use instead of the embedded one. */
  databaseUrl: URL | undefined
  /** Whether whoever calls needs a key; else everybody on this machine gets in. */
  keys: boolean
  /** How often the cron trigger of the Worker fires. */
  cronSeconds: number
  /** Variables of the Worker that were set, for it to read. */
  variables: Record<string, string>
}

/** Variables of `src/env.ts` that mean the same on this machine. */
const VARIABLES = ['HOSTS', 'ALLOWED_ORIGINS']

/** @throws Sentence about the first variable that makes no sense */
export function readOptions(env: NodeJS.ProcessEnv): Options {
  const {
    PORT = '8787',
    EDGERUN_DATA = '.edgerun',
    DATABASE_URL = '',
    EDGERUN_CRON_SECONDS = '60',
    EDGERUN_KEYS = '',
  } = env
  const port = Number(PORT)
  if (!/^\d+$/.test(PORT) || port < 1 || port > 65_535) {
    throw new Sentence(`PORT is ${PORT}, which is no port: set it to a number from 1 to 65535.`)
  }
  const cronSeconds = Number(EDGERUN_CRON_SECONDS)
  if (!/^\d+$/.test(EDGERUN_CRON_SECONDS) || cronSeconds < 1 || cronSeconds > 86_400) {
    throw new Sentence(
      `EDGERUN_CRON_SECONDS is ${EDGERUN_CRON_SECONDS}, which is no number of seconds: set it to one from 1 to 86400.`,
    )
  }
  if (!['', 'on', 'off'].includes(EDGERUN_KEYS)) {
    throw new Sentence(`EDGERUN_KEYS is ${EDGERUN_KEYS}: set it to on, or to off.`)
  }
  return {
    port,
    keys: EDGERUN_KEYS === 'on',
    dataFolder: path.resolve(PROJECT, EDGERUN_DATA || '.edgerun'),
    databaseUrl: DATABASE_URL === '' ? undefined : readDatabaseUrl(DATABASE_URL),
    cronSeconds,
    variables: Object.fromEntries(
      VARIABLES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
    ),
  }
}

function readDatabaseUrl(text: string): URL {
  // What is wrong with it is said without repeating it: it holds a password.
  const form = 'set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters as %XX'
  let url: URL
  try {
    url = new URL(text)
    decodeURIComponent(url.password)
  } catch {
    throw new Sentence(`DATABASE_URL is no URL: ${form}.`)
  }
  if (!/^postgres(ql)?:$/.test(url.protocol)) {
    throw new Sentence(`DATABASE_URL does not begin with postgres:// or postgresql://: ${form}.`)
  }
  const parts = { user: url.username, host: url.hostname, database: url.pathname.slice(1) }
  for (const [name, value] of Object.entries(parts)) {
    if (value === '') throw new Sentence(`DATABASE_URL names no ${name}: ${form}.`)
  }
  return url
}

/** Whether a database is Neon's own, which the driver reaches without a gateway. */
export const isNeon = (url: URL) => /\.neon\.(tech|build)$/.test(url.hostname)
